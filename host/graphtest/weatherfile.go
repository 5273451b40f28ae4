package graphtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// scenario is a scenario file as it is written.
type scenario struct {
	Seed             int64           `toml:"seed"`
	Limits           bool            `toml:"limits"`
	LimitsRetryAfter RetryAfterForm  `toml:"limits_retry_after"`
	InnerError       innerErrorName  `toml:"inner_error"`
	NestedErrors     bool            `toml:"nested_errors"`
	ClockStart       instant         `toml:"clock_start"`
	ClockStep        span            `toml:"clock_step"`
	Faults           []scenarioFault `toml:"fault"`
	Delays           []scenarioDelay `toml:"delay"`
}

type scenarioFault struct {
	Method         string            `toml:"method"`
	Path           string            `toml:"path"`
	Mailbox        string            `toml:"mailbox"`
	App            string            `toml:"app"`
	Nth            *int              `toml:"nth"`
	Skip           int               `toml:"skip"`
	Every          int               `toml:"every"`
	Probability    float64           `toml:"probability"`
	Times          *int              `toml:"times"`
	Kind           FaultKind         `toml:"kind"`
	When           moment            `toml:"when"`
	Close          bool              `toml:"close"`
	Status         int               `toml:"status"`
	Code           string            `toml:"code"`
	Message        string            `toml:"message"`
	Body           bodyForm          `toml:"body"`
	Text           string            `toml:"text"`
	Headers        map[string]string `toml:"headers"`
	RetryAfter     span              `toml:"retry_after"`
	RetryAfterForm RetryAfterForm    `toml:"retry_after_form"`
	Latency        span              `toml:"latency"`
}

type scenarioDelay struct {
	Mailbox string `toml:"mailbox"`
	By      span   `toml:"by"`
	UpTo    span   `toml:"up_to"`
}

// span is a duration as Go writes it.
type span time.Duration

// UnmarshalText reads a duration such as 1m30s.
func (s *span) UnmarshalText(text []byte) error {
	const longest = 32 // bytes; enough for every unit once
	d, err := time.ParseDuration(string(text))
	if err != nil || len(text) > longest {
		return fmt.Errorf("%q is no duration: write for example \"1m30s\"", shorten(string(text)))
	}
	*s = span(d)
	return nil
}

// instant is a time in UTC.
type instant time.Time

// UnmarshalText reads a time as RFC 3339 writes it.
func (i *instant) UnmarshalText(text []byte) error {
	at, err := time.Parse(time.RFC3339, string(text))
	if err != nil || at.Year() < 1970 {
		return fmt.Errorf("%q is no time since 1970: write for example \"2026-03-02T12:00:00Z\"", shorten(string(text)))
	}
	*i = instant(at.UTC())
	return nil
}

// innerErrorName tells whether the inner error is in lower case.
type innerErrorName bool

// UnmarshalText reads innerError or innererror.
func (n *innerErrorName) UnmarshalText(text []byte) error {
	i, err := choice(text, []string{"innerError", "innererror"})
	*n = i == 1
	return err
}

// moment tells whether a fault comes after the effect of a request.
type moment bool

// UnmarshalText reads before or after.
func (m *moment) UnmarshalText(text []byte) error {
	i, err := choice(text, []string{"before", "after"})
	*m = i == 1
	return err
}

// bodyForm is what stands in the body of a fault's answer.
type bodyForm uint8

const (
	envelopeBody bodyForm = iota
	htmlBody
	emptyBody
)

// UnmarshalText reads envelope, html or empty.
func (f *bodyForm) UnmarshalText(text []byte) error {
	i, err := choice(text, []string{"envelope", "html", "empty"})
	*f = bodyForm(i)
	return err
}

// LoadWeather reads a scenario file, of at most 64 KB. See [ParseWeather].
func LoadWeather(path string) (Weather, error) {
	file, err := os.Open(path)
	if err != nil {
		return Weather{}, fmt.Errorf("read the weather: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	source, err := io.ReadAll(io.LimitReader(file, maxWeatherFile+1))
	if err != nil {
		return Weather{}, fmt.Errorf("read the weather: %w", err)
	}
	return ParseWeather(path, source)
}

// ParseWeather reads a scenario file; its keys are explained in docs/emulate.md. The file is accepted whole or refused whole: unknown keys,
// keys in another case and values that are out of bounds are errors, which name the file and the key. A fault of a file strikes every
// request that matches, unless it says how often.
func ParseWeather(name string, source []byte) (Weather, error) {
	w, err := parseWeather(source)
	if err != nil {
		return Weather{}, fmt.Errorf("%s: %w", name, err)
	}
	return w, nil
}

func parseWeather(source []byte) (Weather, error) {
	if len(source) > maxWeatherFile {
		return Weather{}, fmt.Errorf("the file is longer than %d bytes: shorten it", maxWeatherFile)
	}
	number := 0
	for line := range bytes.Lines(source) {
		if number++; len(line) > maxWeatherLine {
			return Weather{}, fmt.Errorf("line %d is longer than %d bytes: break it", number, maxWeatherLine)
		}
	}
	var file scenario
	meta, err := toml.Decode(string(source), &file)
	if err != nil {
		return Weather{}, errors.New(strings.TrimPrefix(err.Error(), "toml: "))
	}
	// The decoder finds keys without regard to case.
	for _, key := range meta.Keys() {
		if last := key[len(key)-1]; last != strings.ToLower(last) && (len(key) < 2 || key[len(key)-2] != "headers") {
			return Weather{}, fmt.Errorf("%s: keys are written in lower case", shorten(key.String()))
		}
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return Weather{}, fmt.Errorf("%s: unknown key", shorten(unknown[0].String()))
	}
	w := Weather{
		Seed:             uint64(file.Seed),
		Limits:           file.Limits,
		LimitsRetryAfter: file.LimitsRetryAfter,
		Errors:           ErrorStyle{LowerCase: bool(file.InnerError), Nested: file.NestedErrors},
		ClockStart:       time.Time(file.ClockStart),
		ClockStep:        time.Duration(file.ClockStep),
	}
	for i, f := range file.Faults {
		fault, err := f.fault()
		if err != nil {
			return Weather{}, fmt.Errorf("fault[%d].%w", i, err)
		}
		w.Faults = append(w.Faults, fault)
	}
	for _, d := range file.Delays {
		w.Delays = append(w.Delays, Delay{Mailbox: d.Mailbox, By: time.Duration(d.By), UpTo: time.Duration(d.UpTo)})
	}
	return w, w.check()
}

func (f *scenarioFault) fault() (Fault, error) {
	fault := Fault{
		Method:         f.Method,
		Path:           f.Path,
		Mailbox:        f.Mailbox,
		App:            f.App,
		Skip:           f.Skip,
		Every:          f.Every,
		Probability:    f.Probability,
		Times:          -1,
		Kind:           f.Kind,
		Status:         f.Status,
		Code:           f.Code,
		Message:        f.Message,
		Header:         http.Header{},
		Body:           f.Text,
		HTML:           f.Body == htmlBody,
		Empty:          f.Body == emptyBody,
		RetryAfter:     time.Duration(f.RetryAfter),
		RetryAfterForm: f.RetryAfterForm,
		Close:          f.Close,
		Latency:        time.Duration(f.Latency),
		AfterEffect:    bool(f.When),
	}
	if f.Nth != nil {
		if *f.Nth < 1 || *f.Nth > maxCount || f.Skip != 0 || f.Every != 0 {
			return Fault{}, fmt.Errorf("nth: write a number from 1 to %d, and neither skip nor every beside it", maxCount)
		}
		fault.Skip, fault.Times = *f.Nth-1, 1
	}
	if f.Times != nil {
		if *f.Times < 1 {
			return Fault{}, errors.New("times: write how often the fault strikes, from 1, or leave it out for always")
		}
		fault.Times = *f.Times
	}
	if f.Method != strings.ToUpper(f.Method) || strings.ContainsFunc(f.Method, func(r rune) bool { return r < 'A' || r > 'Z' }) {
		return Fault{}, fmt.Errorf("method: %q is no method: write for example \"GET\"", shorten(f.Method))
	}
	for name, value := range f.Headers {
		if !isToken(name) || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return Fault{}, fmt.Errorf("headers.%s: it is no header of plain text", shorten(name))
		}
		fault.Header.Set(name, value)
	}
	return fault, nil
}

// isToken reports whether a text can be the name of a header: RFC 9110, section 5.6.2.
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}
