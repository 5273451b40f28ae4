package main

import (
	"strconv"
	"strings"
	"unicode"
)

// printable returns s as it may go to a terminal. What comes from Microsoft Graph or a guest is written by strangers:
// control characters, which move the cursor or forge lines, and invisible ones, which reorder text so that it reads
// as something else, are written as escapes.
func printable(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, string(unicode.ReplacementChar)) {
		if r == ' ' || unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// oneLine is printable with every run of white space as one blank, for cells of tables.
func oneLine(s string) string { return printable(strings.Join(strings.Fields(s), " ")) }

// printableLines is printable with line breaks kept.
func printableLines(s string) []string {
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(s, "\r\n", "\n"), "\n"), "\n")
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return lines
}
