package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/postern-dev/postern/abi"
)

// report shows why a command failed, with all that helps to go on.
func (c *cli) report(err error) {
	var failure *abi.Error
	if errors.As(err, &failure) {
		writeFailure(c.err, failure)
		return
	}
	for i, line := range printableLines(err.Error()) {
		prefix := "postern: "
		if i > 0 {
			prefix = "         "
		}
		fmt.Fprintln(c.err, prefix+line)
	}
}

// writeFailure writes a coded failure: code and message, then the details that are known, and last the lines of TOML
// that would allow what was denied.
func writeFailure(w io.Writer, failure *abi.Error) {
	fmt.Fprintf(w, "postern: %s: %s\n", printable(string(failure.Code)), strings.Join(printableLines(failure.Message), "\n  "))
	for _, line := range details(failure) {
		fmt.Fprintf(w, "  %-17s  %s\n", line.name, line.value)
	}
	if failure.Detail.Allow != "" {
		fmt.Fprintln(w, "  "+howToAllow(failure.Detail.Allow))
		fmt.Fprintln(w)
		writeIndented(w, failure.Detail.Allow)
	}
}

// howToAllow introduces lines of TOML that would allow what was denied. They are a whole grant: where the file has one
// of that name, both together would be refused.
func howToAllow(allow string) string {
	heading, _, _ := strings.Cut(allow, "\n")
	return "To allow it, put this into postern.toml, in place of " + oneLine(heading) + " if that is there:"
}

// writeIndented writes lines of TOML.
func writeIndented(w io.Writer, text string) {
	for _, line := range printableLines(text) {
		fmt.Fprintln(w, strings.TrimRight("    "+line, " "))
	}
}

// fact is one line of what is known about something.
type fact struct{ name, value string }

func details(failure *abi.Error) []fact {
	d := &failure.Detail
	var all []fact
	add := func(name, value string) {
		if value != "" {
			all = append(all, fact{name, oneLine(value)})
		}
	}
	add("asked", d.Asked)
	add("rule", d.Rule)
	add("parameter", d.Parameter)
	if near := strings.Join(d.Near, ", "); !strings.Contains(failure.Message, near) {
		add("there is", near)
	}
	if d.Status != 0 {
		add("HTTP status", strconv.Itoa(d.Status))
	}
	add("Graph code", d.GraphCode)
	add("inner code", d.InnerCode)
	add("request id", d.RequestID)
	add("client request id", d.ClientRequestID)
	if !d.Time.IsZero() {
		add("time", d.Time.UTC().Format(time.RFC3339))
	}
	if d.RetryAfter > 0 {
		add("try again after", d.RetryAfter.String())
	}
	return all
}
