package manifests

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one problem of a file.
type Error struct {
	File    string // as it was given to the parser
	Line    int    // from 1; 0 when the problem belongs to no line
	Key     string // the key as a path, "grant.mail.version" or "action[mail.get].title"; empty for the file as a whole
	Problem string // what is wrong
	Remedy  string // what to write instead; may be empty
}

// Error returns "file:line: key: problem; remedy", without the parts that are empty.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	b.WriteString(": ")
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Problem)
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	return b.String()
}

// Errors is every problem that was found in a file, in the order of their lines; at most [MaxProblems], at least one.
type Errors []*Error

// Error returns one line for each problem.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, problem := range e {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find the first *[Error].
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i, problem := range e {
		list[i] = problem
	}
	return list
}

// flaw is what is wrong with one value, before it is known where the value stands.
type flaw struct{ problem, remedy string }

func (f *flaw) Error() string {
	if f.remedy == "" {
		return f.problem
	}
	return f.problem + "; " + f.remedy
}

// flawf formats the problem.
func flawf(remedy, format string, args ...any) *flaw {
	return &flaw{fmt.Sprintf(format, args...), remedy}
}

// report collects the problems of one file.
type report struct {
	file     string
	lines    lines
	problems Errors
}

func (r *report) add(at, key string, f *flaw) {
	if len(r.problems) < MaxProblems {
		r.problems = append(r.problems, &Error{r.file, r.lines.of(at), key, f.problem, f.remedy})
	}
}

// err returns nil when there was no problem.
func (r *report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
	return r.problems
}
