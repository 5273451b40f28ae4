package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// format is how a command shows what it found.
type format string

const (
	formatAuto  format = ""
	formatTable format = "table"
	formatJSON  format = "json"
	formatYAML  format = "yaml"
	formatSOAR  format = "soar" // of a result only
)

// formatFlag is a flag's value that is one of the formats which the command knows.
type formatFlag struct {
	*format
	known []string
}

// Set takes one of the formats.
func (f *formatFlag) Set(s string) error {
	if !slices.Contains(f.known, s) {
		return errors.New("write " + alternatives(f.known))
	}
	*f.format = format(s)
	return nil
}

func (f *formatFlag) String() string { return string(*f.format) }

// Type is the word that the help shows for a value.
func (*formatFlag) Type() string { return "FORMAT" }

// alternatives writes a list of words as a sentence does.
func alternatives(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// outputFlag adds -o to a command and returns where its value will be. Besides those of every command, more are formats of this one.
func (c *cli) outputFlag(cmd *cobra.Command, more ...format) *format {
	f := &formatFlag{format: new(format)}
	for _, known := range append([]format{formatTable, formatJSON, formatYAML}, more...) {
		f.known = append(f.known, string(known))
	}
	cmd.Flags().VarP(f, "output", "o", alternatives(f.known)+"; a table on a terminal and JSON in a pipe if not given")
	must(cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(f.known, cobra.ShellCompDirectiveNoFileComp)))
	return f.format
}

// must is for errors that only a fault of this package can cause.
func must(err error) {
	if err != nil {
		panic("postern: " + err.Error())
	}
}

// show writes a value as JSON or YAML, or else what text makes of it.
func (c *cli) show(f format, value any, text func(*strings.Builder)) error {
	if f == formatAuto {
		f = formatJSON
		if c.width > 0 {
			f = formatTable
		}
	}
	if f == formatTable {
		var b strings.Builder
		text(&b)
		_, err := io.WriteString(c.out, b.String())
		return err
	}
	document, err := encodeJSON(value)
	if err != nil {
		return err
	}
	if f == formatYAML {
		if document, err = toYAML(document); err != nil {
			return err
		}
	}
	_, err = c.out.Write(document)
	return err
}

// encodeJSON writes one indented document that is safe on a terminal: characters that are not printable stand as
// escapes, which mean the same to whoever reads the JSON.
func encodeJSON(value any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("write the result as JSON: %w", err)
	}
	return escapeUnprintable(b.Bytes()), nil
}

// escapeUnprintable writes what is not printable in a JSON document as \u escapes. Such characters stand in strings
// only, but for the line breaks between members.
func escapeUnprintable(document []byte) []byte {
	out := make([]byte, 0, len(document))
	for len(document) > 0 {
		r, size := utf8.DecodeRune(document)
		switch {
		case r == '\n' || r == ' ' || unicode.IsPrint(r):
			out = append(out, document[:size]...)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		document = document[size:]
	}
	return out
}
