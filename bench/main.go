// Command bench runs the project's benchmarks, holds them against their peers
// measured in the same run, and writes the rows of the README's table.
//
//	go run ./bench -o bench/results.json
//
// A row has the median of all counts and its spread, half the distance between
// the quartiles relative to the median. Of fewer than two counts there is no spread.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"golang.org/x/perf/benchfmt"
)

func main() {
	out := flag.String("o", "bench/results.json", "`file` for the rows")
	count := flag.Int("count", 6, "how often each benchmark is run")
	readme := flag.String("readme", "", "`file` whose table of measurements is written anew from the rows")
	flag.Parse()
	if err := run(*out, *count, *readme); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// row is one claim as measured. What does not apply is null: a peer for what stands
// alone, a reach for a baseline.
type row struct {
	Name      string   `json:"name"`
	Value     float64  `json:"value"`
	Unit      string   `json:"unit"`
	Spread    *float64 `json:"spread"` // null if there was one sample only
	Peer      *string  `json:"peer"`
	PeerValue *float64 `json:"peer_value"`
	Ratio     *float64 `json:"ratio"`
	Reach     *float64 `json:"reach"`
	Holds     *bool    `json:"holds"`
}

func run(path string, count int, readme string) error {
	var output bytes.Buffer
	for _, args := range [][]string{
		append([]string{"-bench", ".", "-skip", once, "-benchmem", "-count", strconv.Itoa(count)}, packages()...),
		{"-bench", once, "-benchtime", "1x", "-timeout", onceTimeout, oncePackage},
	} {
		command := exec.Command("go", append([]string{"test", "-run", "^$"}, args...)...)
		command.Stdout = io.MultiWriter(&output, os.Stderr)
		command.Stderr = os.Stderr
		if err := command.Run(); err != nil {
			return fmt.Errorf("go test: %w", err)
		}
	}
	samples, err := read(&output)
	if err != nil {
		return err
	}
	rows, err := judge(claims(), samples)
	if err != nil {
		return err
	}
	document, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(document, '\n'), 0o644); err != nil {
		return err
	}
	if readme != "" {
		if err := rewrite(readme, rows); err != nil {
			return err
		}
	}
	return table(os.Stdout, rows)
}

// key is a benchmark and one of its units.
type key struct{ benchmark, unit string }

// read collects the samples of every benchmark.
func read(r io.Reader) (map[key][]float64, error) {
	samples := make(map[key][]float64)
	reader := benchfmt.NewReader(r, "go test")
	for reader.Scan() {
		result, ok := reader.Result().(*benchfmt.Result)
		if !ok {
			continue
		}
		name := string(result.Name.Full())
		if _, parts := result.Name.Parts(); len(parts) > 0 {
			if last := parts[len(parts)-1]; last[0] == '-' { // the number of processors
				name = name[:len(name)-len(last)]
			}
		}
		for _, v := range result.Values {
			samples[key{name, v.Unit}] = append(samples[key{name, v.Unit}], v.Value)
		}
	}
	return samples, reader.Err()
}

// judge holds each claim against the samples. A claim without samples is an error:
// a benchmark that was renamed must not vanish from the table.
func judge(claims []claim, samples map[key][]float64) ([]row, error) {
	var rows []row
	var errs []error
	for _, c := range claims {
		own := samples[key{c.Benchmark, c.Unit}]
		peer := samples[key{c.Peer, c.Unit}]
		if len(own) == 0 || c.Peer != "" && len(peer) == 0 {
			errs = append(errs, fmt.Errorf("%s: no samples of %s", c.Name, c.Benchmark))
			continue
		}
		r := row{Name: c.Name, Unit: c.Unit}
		r.Value, r.Spread = median(own)
		judged := r.Value
		if c.Peer != "" {
			value, _ := median(peer)
			judged = r.Value / value
			r.Peer, r.PeerValue, r.Ratio = &c.PeerName, &value, &judged
		}
		if c.Reach > 0 {
			holds := judged <= c.Reach
			r.Reach, r.Holds = &c.Reach, &holds
		}
		rows = append(rows, r)
	}
	return rows, errors.Join(errs...)
}

// median returns the median and half the distance between the quartiles, relative
// to it; nil where one sample tells nothing of it.
func median(samples []float64) (value float64, spread *float64) {
	s := slices.Sorted(slices.Values(samples))
	at := func(q float64) float64 {
		i := q * float64(len(s)-1)
		low := int(i)
		high := min(low+1, len(s)-1)
		return s[low] + (i-float64(low))*(s[high]-s[low])
	}
	value = at(0.5)
	if value == 0 || len(s) < 2 {
		return value, nil
	}
	relative := (at(0.75) - at(0.25)) / 2 / math.Abs(value)
	return value, &relative
}

// spreadText is empty where there is no spread.
func spreadText(spread *float64) string {
	if spread == nil {
		return ""
	}
	return fmt.Sprintf("±%.0f%%", 100**spread)
}

func table(w io.Writer, rows []row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "what\tmeasured\tspread\tpeer\tratio\treach\tholds")
	for _, r := range rows {
		peer, ratio, reach, holds := "", "", "baseline", ""
		if r.Peer != nil {
			peer, ratio = quantity(*r.PeerValue, r.Unit), strconv.FormatFloat(*r.Ratio, 'f', 2, 64)
		}
		if r.Reach != nil {
			reach, holds = strconv.FormatFloat(*r.Reach, 'g', -1, 64), strconv.FormatBool(*r.Holds)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, quantity(r.Value, r.Unit), spreadText(r.Spread), peer, ratio, reach, holds)
	}
	return t.Flush()
}

// The table of a document stands between these lines.
const (
	tableBegins = "<!-- measurements: go run ./bench -readme README.md -->\n"
	tableEnds   = "<!-- end of measurements -->\n"
)

// rewrite replaces the table in the document at path.
func rewrite(path string, rows []row) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(document), tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return fmt.Errorf("%s has no lines %q and %q", path, tableBegins, tableEnds)
	}
	var b strings.Builder
	b.WriteString(before + tableBegins + "| what | measured | spread | beside it | ratio |\n|---|---|---|---|---|\n")
	for _, r := range rows {
		peer, ratio := "", ""
		if r.Peer != nil {
			peer, ratio = *r.Peer+": "+quantity(*r.PeerValue, r.Unit), strconv.FormatFloat(*r.Ratio, 'f', 2, 64)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.Name, quantity(r.Value, r.Unit), spreadText(r.Spread), peer, ratio)
	}
	b.WriteString(tableEnds + after)
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// quantity writes a value in a unit that suits its size.
func quantity(v float64, unit string) string {
	base, _, _ := strings.Cut(unit, "/")
	base = base[strings.LastIndexByte(base, '-')+1:] // p50-sec/op
	size := math.Abs(v)
	switch {
	case base == "sec" && size > 0 && size < 1e-7:
		return fmt.Sprintf("%.1f ns", v*1e9)
	case base == "sec" && size < 1e-3:
		return fmt.Sprintf("%.1f µs", v*1e6)
	case base == "sec" && size < 1:
		return fmt.Sprintf("%.2f ms", v*1e3)
	case base == "sec":
		return fmt.Sprintf("%.2f s", v)
	case base == "B" && size >= 1<<20:
		return fmt.Sprintf("%.1f MiB", v/(1<<20))
	case base == "B":
		return fmt.Sprintf("%.1f KiB", v/(1<<10))
	case base == "bytes": // its row says so
		return fmt.Sprintf("%.0f", v)
	default:
		return fmt.Sprintf("%.4g %s", v, unit)
	}
}
