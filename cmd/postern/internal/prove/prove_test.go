package prove_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/cmd/postern/internal/prove"
)

// mails is how many the days of these tests have: enough for each kind of trouble to meet some.
const mails = 250

// plugins is the folder of the plugins that are put to the proof, and cache that of their compiled modules.
var plugins, cache string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "postern-prove-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		plugins, cache = filepath.Join(dir, "plugins"), os.Getenv("POSTERN_TEST_CACHE") // which make test has filled
		if cache == "" {
			cache = filepath.Join(dir, "cache")
		}
		for _, name := range []string{"ingest", "groups"} {
			if err := build(filepath.Join("..", "..", "..", "..", "plugins", name), filepath.Join(plugins, name, "1.0.0")); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		return m.Run()
	}())
}

// build builds a plugin by the command that its author would use.
func build(source, folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	manifest, err := os.ReadFile(filepath.Join(source, "plugin.toml"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "plugin.toml"), manifest, 0o600); err != nil {
		return err
	}
	command := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(folder, "plugin.wasm"), ".")
	command.Dir, command.Env = source, append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", source, err, strings.TrimSpace(string(output)))
	}
	return nil
}

func options(t *testing.T, scenario string, seed uint64) prove.Options {
	return prove.Options{Seed: seed, Mails: mails, Scenario: scenario, Plugins: plugins, Dir: t.TempDir(), Cache: cache}
}

func TestNothingIsLostAndNothingComesTwice(t *testing.T) {
	late, naive, crashes := 0, prove.Naive{}, 0
	for _, scenario := range prove.Scenarios() {
		for seed := range uint64(2) {
			t.Run(fmt.Sprintf("%s %d", scenario, seed), func(t *testing.T) {
				r, err := prove.Run(t.Context(), options(t, scenario, seed))
				if err != nil {
					t.Fatal(err)
				}
				if r.Lost != 0 || r.Repeated != 0 || r.Seed != seed || r.Mails != mails {
					t.Errorf("got %+v", r)
				}
				if r.Unseen > mails/20 || r.Runs < 1000 || r.Requests < r.Runs || r.GreatestLateness < 10 {
					t.Errorf("the day proves little: %+v", r)
				}
				late += r.Late
				crashes += r.Crashes
				naive.Lost += r.Naive.Lost
				naive.Repeated += r.Naive.Repeated
			})
		}
	}
	if late == 0 || crashes == 0 || naive.Lost == 0 {
		t.Errorf("in all days %d mails were late, %d hosts died, and the plain cursor lost %d", late, crashes, naive.Lost)
	}
}

func TestTheSameSeedMakesTheSameDay(t *testing.T) {
	var days []prove.Result
	for range 2 {
		o, passed := options(t, "mail", 3), time.Duration(0)
		o.Mails, o.Passed = 30, func(of time.Duration) { passed = of }
		r, err := prove.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if passed < prove.Length-time.Hour || passed > prove.Length {
			t.Errorf("the day ended after %v", passed)
		}
		r.Seconds = 0 // how long it took in truth
		days = append(days, r)
	}
	if days[0] != days[1] {
		t.Errorf("%+v\n%+v", days[0], days[1])
	}
}

func TestADayIsRefused(t *testing.T) {
	for name, change := range map[string]func(*prove.Options){
		"without mails":              func(o *prove.Options) { o.Mails = 0 },
		"with too many":              func(o *prove.Options) { o.Mails = prove.MaxMails + 1 },
		"of a scenario that is none": func(o *prove.Options) { o.Scenario = "weather" },
		"without the plugin":         func(o *prove.Options) { o.Plugins = t.TempDir() },
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, "mail", 1)
			change(&o)
			if _, err := prove.Run(t.Context(), o); !errors.Is(err, abi.InvalidInput) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestADayEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := prove.Run(ctx, options(t, "mail", 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
