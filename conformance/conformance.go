package conformance

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/postern-dev/postern/conformance/wat"
)

//go:embed guests/*.wat
var guests embed.FS

//go:embed cases.json
var cases string

// Document returns cases.json, for a host that reads it by itself.
func Document() []byte { return []byte(cases) }

// Held is the outcome of an invocation whose guest gave the result [Result], which it
// does when all was as it should be. Other outcomes are error codes of postern/1.
const Held = "held"

// Result is the whole result of an invocation that ends with [Held].
const Result = `{"data":[],"message":"held"}`

// Reply is what the host answers every exchange of a guest with.
const Reply = `{"status":200,"body":{}}`

// What holds for a case that does not say otherwise.
const (
	defaultAdmission        = 2 * time.Second
	defaultMemory           = 256 << 20
	defaultKept             = 32 << 20
	defaultLinear           = 1 << 20
	defaultFuel             = 100_000_000
	defaultTimeout          = 10 * time.Second
	defaultLateness         = 50 * time.Millisecond
	mebibyte         uint64 = 1 << 20
)

// Admission says what the host may do with a module before it runs.
type Admission string

const (
	// Admit: the module is sound, and must be admitted.
	Admit Admission = "admit"
	// Refuse: the host must say no, with plugin_failed.
	Refuse Admission = "refuse"
	// Either: both are right. If the host admits the module, the steps hold.
	Either Admission = "either"
)

// Case is one guest and what must happen to it.
type Case struct {
	// Name is unique: the guest's name, and what sets this case of it apart.
	Name string
	// Guest is the name of the file in guests, without its extension.
	Guest string
	// Attack is what the guest says at its top: what it attacks, and what the host must do.
	Attack string
	// Row is the row of the project's table of attacks, 0 for one that is not in it.
	Row int
	// Admission is what the host may do with the module, within AdmissionTime.
	Admission     Admission
	AdmissionTime time.Duration
	// Memory is how many bytes of memory the host may take for all of the case.
	Memory uint64
	// Kept is how many bytes of memory the host may hold after the steps more than before
	// the case, once garbage was collected, while the module is still there to be invoked.
	Kept uint64
	// Limits are those of each invocation.
	Limits Limits
	// Parallel is how many invocations are made of each step at the same time.
	Parallel int
	// Steps are made one after another, with the same module.
	Steps []Step
}

// Limits bounds an invocation.
type Limits struct {
	// Memory is how much linear memory the guest may have, in bytes.
	Memory uint64
	// Fuel is how much computing it may do: one unit for a simple instruction. Hosts
	// that count otherwise give about as much.
	Fuel uint64
	// Timeout is how long it may take.
	Timeout time.Duration
}

// Step is an invocation, made Times times.
type Step struct {
	// Select chooses what the guest does, by the length of the invocation.
	Select int
	Times  int
	// Outcomes are those that are allowed: [Held], or codes of postern/1.
	Outcomes []string
	// Within is how long one may take, from call to return.
	Within time.Duration
}

// Invocation returns the bytes that wait for the guest: an empty JSON object with as
// many spaces in it as Select says.
func (s Step) Invocation() []byte { return []byte("{" + strings.Repeat(" ", s.Select) + "}") }

// Module assembles the guest.
func (c Case) Module() ([]byte, error) {
	text, err := guests.ReadFile("guests/" + c.Guest + ".wat")
	if err != nil {
		return nil, fmt.Errorf("conformance: %w", err)
	}
	binary, err := wat.Assemble(text)
	if err != nil {
		return nil, fmt.Errorf("conformance: guests/%s.wat:%w", c.Guest, err)
	}
	return binary, nil
}

// document is the form of cases.json, which README.md explains.
type document struct {
	Cases []struct {
		Guest       string    `json:"guest"`
		Name        string    `json:"name"`
		Row         int       `json:"row"`
		Admission   Admission `json:"admission"`
		AdmissionMS int       `json:"admission_ms"`
		MemoryMiB   uint64    `json:"memory_mib"`
		KeptMiB     uint64    `json:"kept_mib"`
		Limits      struct {
			MemoryMiB uint64 `json:"memory_mib"`
			Fuel      uint64 `json:"fuel"`
			TimeoutMS int    `json:"timeout_ms"`
		} `json:"limits"`
		Parallel int `json:"parallel"`
		Steps    []struct {
			Select   int      `json:"select"`
			Times    int      `json:"times"`
			Outcomes []string `json:"outcomes"`
			WithinMS int      `json:"within_ms"`
		} `json:"steps"`
	} `json:"cases"`
}

// Cases returns the cases of the kit, in the order of cases.json.
func Cases() ([]Case, error) {
	var doc document
	decoder := json.NewDecoder(strings.NewReader(cases))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&doc); err != nil {
		return nil, fmt.Errorf("conformance: cases.json: %w", err)
	}
	all := make([]Case, 0, len(doc.Cases))
	for _, d := range doc.Cases {
		c := Case{
			Name: d.Guest, Guest: d.Guest, Row: d.Row,
			Admission:     or(d.Admission, Admit),
			AdmissionTime: milliseconds(d.AdmissionMS, defaultAdmission),
			Memory:        or(d.MemoryMiB*mebibyte, defaultMemory),
			Kept:          or(d.KeptMiB*mebibyte, defaultKept),
			Limits: Limits{
				Memory:  or(d.Limits.MemoryMiB*mebibyte, defaultLinear),
				Fuel:    or(d.Limits.Fuel, defaultFuel),
				Timeout: milliseconds(d.Limits.TimeoutMS, defaultTimeout),
			},
			Parallel: or(d.Parallel, 1),
		}
		if d.Name != "" {
			c.Name += "/" + d.Name
		}
		for _, s := range d.Steps {
			c.Steps = append(c.Steps, Step{
				Select: s.Select, Times: or(s.Times, 1), Outcomes: s.Outcomes,
				Within: milliseconds(s.WithinMS, c.Limits.Timeout+defaultLateness),
			})
		}
		text, err := guests.ReadFile("guests/" + c.Guest + ".wat")
		if err != nil {
			return nil, fmt.Errorf("conformance: case %s: %w", c.Name, err)
		}
		c.Attack = comment(string(text))
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("conformance: case %s: %w", c.Name, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// check tells what makes no sense in a case.
func (c Case) check() error {
	switch {
	case c.Admission != Admit && c.Admission != Refuse && c.Admission != Either:
		return fmt.Errorf("%q is not an admission", c.Admission)
	case c.Admission == Refuse && len(c.Steps) > 0:
		return errors.New("a module that is refused has no steps")
	case c.Admission == Admit && len(c.Steps) == 0:
		return errors.New("a module that is admitted has steps")
	case c.Attack == "":
		return errors.New("the guest does not say what it attacks")
	}
	for _, s := range c.Steps {
		if len(s.Outcomes) == 0 {
			return errors.New("a step allows no outcome")
		}
	}
	return nil
}

// comment returns the comment that a text begins with.
func comment(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		said, ok := strings.CutPrefix(line, ";;")
		if !ok {
			break
		}
		b.WriteString(strings.TrimPrefix(said, " "))
	}
	return b.String()
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

func milliseconds(n int, otherwise time.Duration) time.Duration {
	return or(time.Duration(n)*time.Millisecond, otherwise)
}
