package codecache_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/postern-dev/postern/host/sandbox/codecache"
)

// processEnv makes the test's own program a process that shares the cache of a test: what it does, where the cache is
// and where the key is, in lines.
const processEnv = "CODECACHE_TEST_PROCESS"

func TestMain(m *testing.M) {
	if task, ok := os.LookupEnv(processEnv); ok {
		if err := process(task); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func process(task string) error {
	lines := strings.Split(task, "\n")
	c, err := codecache.Open(lines[1], lines[2])
	if err != nil {
		return err
	}
	defer c.Close()
	switch lines[0] {
	case "share":
		return share(c)
	case "write":
		for i := 0; ; i++ {
			if err := c.Save(keyOf("mail"), large(i)...); err != nil {
				return err
			}
			fmt.Println(i)
		}
	}
	return fmt.Errorf("nothing does %q", lines[0])
}

// share saves and loads few keys often, so that processes meet.
func share(c *codecache.Cache) error {
	for i := range 60 {
		key := keyOf(strconv.Itoa(i % 3))
		if err := c.Save(key, large(i)...); err != nil {
			return err
		}
		if err := whole(c, key); err != nil && (errors.Is(err, codecache.ErrTampered) || !errors.Is(err, codecache.ErrMiss)) {
			return err
		}
		if i%20 == 0 {
			if err := c.Remove(key); err != nil {
				return err
			}
		}
	}
	return nil
}

// large are parts that are the same text all over.
func large(i int) []codecache.Part {
	text := bytes.Repeat(fmt.Appendf(nil, "%08d", i), 50_000)
	return []codecache.Part{{"woven", text}, {"native", text}}
}

// whole checks that an entry is what one writer saved.
func whole(c *codecache.Cache, key codecache.Key) error {
	woven, native, err := load(c, key)
	if err == nil && (woven != native || len(woven) != 8*50_000 || strings.Count(woven, woven[:8]) != 50_000) {
		err = errors.New("the entry is of two writers")
	}
	return err
}

func (p place) start(t *testing.T, what string) (*exec.Cmd, io.Reader) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), processEnv+"="+strings.Join([]string{what, p.dir, p.key}, "\n"))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

func TestProcessesShareACacheFromTheFirst(t *testing.T) {
	p := newPlace(t)
	var all []*exec.Cmd
	for range 6 {
		cmd, _ := p.start(t, "share") // each makes the folder and the key, if it is the first
		all = append(all, cmd)
	}
	for _, cmd := range all {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	c := p.open(t)
	for i := range 3 {
		if err := whole(c, keyOf(strconv.Itoa(i))); err != nil && !errors.Is(err, codecache.ErrMiss) {
			t.Error(err)
		}
	}
	keys, err := filepath.Glob(filepath.Join(filepath.Dir(p.key), "*"))
	if err != nil || len(keys) != 1 {
		t.Errorf("beside the key there is %v, %v", keys, err)
	}
	if drafts, err := filepath.Glob(p.file("*.draft")); err != nil || len(drafts) != 0 {
		t.Errorf("left over: %v, %v", drafts, err)
	}
}

func TestAWriterThatIsKilledLeavesAWholeEntry(t *testing.T) {
	p := newPlace(t)
	c := p.open(t)
	for range 10 {
		cmd, out := p.start(t, "write")
		if _, err := io.ReadFull(out, make([]byte, 4)); err != nil { // it has saved twice and is at it
			t.Fatal(err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if cmd.Wait() == nil {
			t.Fatal("the writer ended before it was killed")
		}
		if err := whole(c, keyOf("mail")); err != nil {
			t.Error(err)
		}
	}
}
