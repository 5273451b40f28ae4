package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

const (
	// columnGap is the room between two columns.
	columnGap = 2
	// enough is the width at which a column still says something; one that is wider by nature gives room first.
	enough = 24
	// leastWide and leastColumn are how narrow a column becomes at worst that is wide by nature, and that is not.
	leastWide   = 14
	leastColumn = 8
)

// overflow makes a cell fit a width.
type overflow func(cell string, width int) string

// cut loses the end of a cell, for glances; wrap loses nothing, for what an operator decides by.
func cut(cell string, width int) string  { return text.Snip(cell, width, "…") }
func wrap(cell string, width int) string { return text.WrapSoft(cell, width) }

// writeTable writes rows under a header. Cells are untrusted. With a width, in columns of a terminal, the widest
// columns are made narrower until the table fits; 0 is no bound.
func writeTable(b *strings.Builder, width int, narrow overflow, header []string, rows [][]string) {
	cells := make([][]string, 0, len(rows)+1)
	for _, row := range append([][]string{header}, rows...) {
		line := make([]string, len(header))
		for i := range header {
			line[i] = oneLine(row[i])
		}
		cells = append(cells, line)
	}
	t := table.NewWriter()
	t.SetStyle(plainStyle())
	t.SuppressTrailingSpaces()
	var columns []table.ColumnConfig
	for i, most := range fit(cells, width) {
		columns = append(columns, table.ColumnConfig{Number: i + 1, WidthMax: most, WidthMaxEnforcer: table.WidthEnforcer(narrow)})
	}
	t.SetColumnConfigs(columns)
	for i, line := range cells {
		row := make(table.Row, len(line))
		for j, cell := range line {
			row[j] = cell
		}
		if i == 0 {
			t.AppendHeader(row)
			continue
		}
		t.AppendRow(row)
	}
	fmt.Fprintln(b, t.Render())
}

func plainStyle() table.Style {
	style := table.StyleDefault
	style.Box = table.BoxStyle{PaddingRight: strings.Repeat(" ", columnGap)}
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatUpper
	return style
}

// fit returns the width of each column so that the table is no wider than width.
func fit(cells [][]string, width int) []int {
	widths := make([]int, len(cells[0]))
	total := -columnGap
	for i := range widths {
		for _, line := range cells {
			widths[i] = max(widths[i], text.StringWidthWithoutEscSequences(line[i]))
		}
		total += widths[i] + columnGap
	}
	natural := slices.Clone(widths)
	for _, step := range []struct{ natural, least int }{{enough + 1, enough}, {enough + 1, leastWide}, {0, leastColumn}} {
		for width > 0 && total > width {
			widest := -1
			for i := range widths {
				if natural[i] >= step.natural && widths[i] > step.least && (widest < 0 || widths[i] > widths[widest]) {
					widest = i
				}
			}
			if widest < 0 {
				break
			}
			widths[widest]--
			total--
		}
	}
	return widths
}

// writeFacts writes one fact to a line, the values below each other. Values are untrusted.
func writeFacts(b *strings.Builder, facts []fact) {
	widest := 0
	for _, f := range facts {
		widest = max(widest, text.StringWidthWithoutEscSequences(f.name))
	}
	for _, f := range facts {
		fmt.Fprintf(b, "%s  %s\n", text.Pad(oneLine(f.name), widest, ' '), oneLine(f.value))
	}
}
