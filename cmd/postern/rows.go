package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
)

const (
	// maxColumns is how many columns a table shows that nobody has chosen columns for.
	maxColumns = 6
	// maxCell is how many characters of a value a table with chosen columns shows.
	maxCell = 60
	// maxValue is how many characters of a value the list of one row shows.
	maxValue = 400
)

// showResult shows the envelope, or what of it a person wants to see. Why an invocation failed is for report.
func (c *cli) showResult(result *host.Result, action host.Action, flags *runFlags) error {
	if *flags.output == formatSOAR {
		return c.show(formatJSON, result.SOAR(action), nil)
	}
	return c.show(*flags.output, result, func(b *strings.Builder) {
		if result.Status == host.Success {
			c.writeResult(b, result, flags.columns)
		}
	})
}

func (c *cli) writeResult(b *strings.Builder, result *host.Result, columns []string) {
	rows := parseRows(result.Data)
	hint := ""
	switch {
	case len(columns) > 0:
		writeColumns(b, 0, rows, columns, len(rows)*maxValue)
	case len(rows) == 1:
		if text := rows[0].GetStringBytes("message"); string(text) == result.Message {
			rows[0].Del("message") // it stands below
		}
		writeRow(b, rows[0])
	case len(rows) > 1:
		chosen := chooseColumns(rows, c.width)
		writeColumns(b, c.width, rows, chosen, maxCell)
		if rows[0].Exists("id") && !slices.Contains(chosen, "id") {
			hint = "; --columns id shows the ids"
		}
	}
	if len(rows) > 0 {
		fmt.Fprintln(b)
	}
	for _, blob := range result.Blobs {
		fmt.Fprintf(b, "kept %s, %d bytes, %s\n", printable(blob.Name), blob.Size, printable(blob.ContentType))
	}
	if result.Message != "" {
		fmt.Fprintln(b, oneLine(result.Message))
	}
	more := ""
	if result.Truncated {
		more = "; there are more than were asked for or could be read"
	}
	fmt.Fprintf(b, "%s%s%s; invocation %s\n", count(len(rows), "row"), more, hint, result.Invocation)
}

func count(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return fmt.Sprintf("%d %s", n, word)
}

// parseRows reads the rows, which the host wrote.
func parseRows(data []json.RawMessage) []*fastjson.Value {
	rows := make([]*fastjson.Value, 0, len(data))
	for _, text := range data {
		if v, err := abi.Parse(new(fastjson.Parser), text, len(text)); err == nil {
			rows = append(rows, v)
		}
	}
	return rows
}

// writeRow writes the members of one row below each other.
func writeRow(b *strings.Builder, row *fastjson.Value) {
	var facts []fact
	row.GetObject().Visit(func(key []byte, v *fastjson.Value) {
		if value := cellText(v); value != "" {
			facts = append(facts, fact{string(key), shorten(value, maxValue)})
		}
	})
	writeFacts(b, facts)
}

func writeColumns(b *strings.Builder, width int, rows []*fastjson.Value, columns []string, most int) {
	lines := make([][]string, 0, len(rows))
	for _, row := range rows {
		line := make([]string, len(columns))
		for i, name := range columns {
			line[i] = shorten(cellText(row.Get(name)), most)
		}
		lines = append(lines, line)
	}
	writeTable(b, width, cut, columns, lines)
}

// shorten cuts a text that is over most characters.
func shorten(s string, most int) string {
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}

// chooseColumns chooses what tells rows apart at a glance: the first members that hold something and find room within
// width, without ids, which are as wide as a terminal, and without those that repeat another.
func chooseColumns(rows []*fastjson.Value, width int) []string {
	var names, chosen []string
	for _, row := range rows {
		row.GetObject().Visit(func(key []byte, _ *fastjson.Value) {
			if name := string(key); !slices.Contains(names, name) {
				names = append(names, name)
			}
		})
	}
	var shown []string
	taken := 0
	for _, name := range names {
		widest := len(name)
		var column strings.Builder
		for _, row := range rows {
			text := cellText(row.Get(name))
			widest = max(widest, len(text))
			column.WriteString(text + "\n")
		}
		content := column.String()
		if isID(name) || strings.TrimSpace(content) == "" || slices.Contains(shown, content) {
			continue
		}
		taken += min(widest, enough) + columnGap
		if len(chosen) == maxColumns || width > 0 && taken > width+columnGap && len(chosen) > 0 {
			break
		}
		chosen, shown = append(chosen, name), append(shown, content)
	}
	if len(chosen) == 0 {
		return names[:min(len(names), maxColumns)]
	}
	return chosen
}

func isID(name string) bool {
	return name == "id" || strings.HasSuffix(name, "Id") || strings.HasPrefix(name, "@")
}

// cellText writes a value in one line: an address for who it belongs to, a text for what it is the content of, and
// JSON for what has no shorter form.
func cellText(v *fastjson.Value) string {
	if v == nil {
		return ""
	}
	switch v.Type() {
	case fastjson.TypeNull:
		return ""
	case fastjson.TypeString:
		return string(v.GetStringBytes())
	case fastjson.TypeArray:
		var items []string
		for _, item := range v.GetArray() {
			items = append(items, cellText(item))
		}
		return strings.Join(items, ", ")
	case fastjson.TypeObject:
		for _, path := range [][]string{
			{"emailAddress", "address"}, {"emailAddress", "name"}, {"dateTime"}, {"displayName"}, {"content"}, {"address"},
		} {
			if text := v.GetStringBytes(path...); len(text) > 0 {
				return string(text)
			}
		}
	}
	return string(abi.AppendValue(nil, v))
}
