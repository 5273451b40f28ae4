package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/host/state/sqlite"
	"github.com/postern-dev/postern/host/trigger"
)

// child names the file that this test binary, started anew, works on until it is killed.
const child = "POSTERN_TEST_STORE"

func TestMain(m *testing.M) {
	if path := os.Getenv(child); path != "" {
		if err := work(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// work polls a source that gives 5 numbers at a time, up to 200, and delivers them to a file of lines, which can be asked what it has.
func work(path string) error {
	const total, page = 200, 5
	ctx := context.Background()
	step := func() { os.Stdout.Write([]byte{'.'}) } // where the parent may kill
	s, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return err
	}
	step()
	l, err := s.Lease(ctx, name, fmt.Sprint(os.Getpid()), trigger.MaxTTL)
	if err != nil {
		return fmt.Errorf("the lease of a process that was killed is not free: %w", err)
	}
	for {
		step()
		snapshot, err := s.Load(ctx, name)
		if err != nil {
			return err
		}
		at, _ := strconv.Atoi(string(snapshot.State)) // nothing is 0
		if at < total {
			var records []trigger.Record
			for i := max(at-2, 0); i < at+page; i++ { // with an overlap
				records = append(records, trigger.Record{Key: fmt.Sprint(i), Content: []byte(`{}`)})
			}
			if _, err := s.Commit(ctx, l, trigger.Commit{State: fmt.Append(nil, at+page), Records: records, Sinks: []string{"file"}, Retain: time.Hour}); err != nil {
				return err
			}
			step()
		}
		left, err := deliver(ctx, s, l, path+".sink", step)
		if err != nil || left == 0 && at == total {
			return errors.Join(err, s.Close())
		}
	}
}

func deliver(ctx context.Context, s trigger.Store, l trigger.Lease, sink string, step func()) (int, error) {
	pending, err := s.Pending(ctx, name, "file", 3)
	if err != nil {
		return 0, err
	}
	had, err := os.ReadFile(sink)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, err
	}
	f, err := os.OpenFile(sink, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for _, d := range pending {
		if !d.InDoubt || !strings.Contains("\n"+string(had), "\n"+d.Key+"\n") {
			if err := s.Begin(ctx, l, "file", []uint64{d.Seq}); err != nil {
				return 0, err
			}
			step()
			if _, err := f.WriteString(d.Key + "\n"); err != nil {
				return 0, err
			}
			step()
		}
		if err := s.Settle(ctx, l, "file", []trigger.Outcome{{Seq: d.Seq, Result: trigger.Acknowledged}}); err != nil {
			return 0, err
		}
		step()
	}
	return len(pending), nil
}

func TestAProcessThatIsKilledAtAnyTimeLosesAndRepeatsNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	chance := rand.New(rand.NewPCG(1, 2))
	kills := 0
	for ended := false; !ended; kills++ {
		ended = start(t, path, chance.Int64N(40))
	}
	text, err := os.ReadFile(path + ".sink")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for i := range 200 {
		fmt.Fprintln(&want, i)
	}
	if string(text) != want.String() {
		t.Errorf("after %d kills the sink has %q", kills, text)
	}
	if kills < 10 {
		t.Errorf("%d kills prove nothing", kills)
	}
	entries, err := os.ReadDir(path + ".holders")
	if err != nil || len(entries) != 0 {
		t.Errorf("%d presences are left, %v", len(entries), err)
	}
}

// start runs a process and kills it after so many steps. It reports whether the process had ended by itself.
func start(t *testing.T, path string, steps int64) (ended bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), child+"="+path)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n, _ := io.CopyN(io.Discard, bufio.NewReaderSize(out, 1), steps)
	if n < steps {
		err := cmd.Wait()
		if err != nil {
			t.Fatalf("%v: %s", err, complaint.String())
		}
		return true
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	if complaint.Len() > 0 {
		t.Fatal(complaint.String())
	}
	return false
}
