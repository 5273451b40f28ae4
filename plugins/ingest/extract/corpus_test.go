package extract_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jhillyerd/enmime/v2"

	"github.com/postern-dev/postern/plugins/ingest/extract"
)

var (
	update = flag.Bool("update", false, "write the golden file anew")
	corpus = flag.String("corpus", "", "a folder of messages for the tests and benchmarks of many, instead of those of the project")
)

// messages reads the messages of the corpus by their names.
func messages(t testing.TB) map[string][]byte {
	t.Helper()
	folders := []string{"testdata", "../../../host/graphtest/samples"}
	if *corpus != "" {
		folders = []string{*corpus}
	}
	all := map[string][]byte{}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".eml" {
				return err
			}
			all[path], err = os.ReadFile(path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(all) == 0 {
		t.Fatal("there are no messages")
	}
	return all
}

// TestMalformedMessagesGiveWhatTheyHold compares the reports of real messages, most of them broken, with a golden file.
func TestMalformedMessagesGiveWhatTheyHold(t *testing.T) {
	files, err := filepath.Glob("testdata/*.eml")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		report := read(t, string(source))
		fmt.Fprintf(&b, "== %s\nfrom %s\nsubject %s\n", filepath.Base(name), report.First("from"), report.First("subject"))
		for _, p := range report.Parts {
			fmt.Fprintf(&b, "part %s, %s, %d bytes, file %v\n", p.Where(), p.Charset, p.Size, p.IsFile)
		}
		for _, f := range report.Findings {
			if f.Kind == extract.URL || f.Kind == extract.Email || f.Kind == extract.IPv4 {
				fmt.Fprintf(&b, "%s %s, %s in %s\n", f.Kind, f.Value, f.Role, f.Where)
			}
		}
		for _, problem := range report.Problems {
			fmt.Fprintf(&b, "problem: %s\n", problem)
		}
	}
	const golden = "testdata/reports.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (-want +got; go test -update writes it anew):\n%s", golden, diff)
	}
}

// TestNoFileIsMissedThatAnotherParserFinds holds the files of each message against those of a parser for malformed mail. What that one cannot
// read at all is passed over.
func TestNoFileIsMissedThatAnotherParserFinds(t *testing.T) {
	read := 0
	for name, source := range messages(t) {
		report, err := extract.Message(bytes.NewReader(source), extract.Options{})
		if err != nil {
			t.Fatal(name, err)
		}
		own := map[string]bool{}
		for _, p := range report.Parts {
			own[p.SHA256] = true
		}
		root, err := enmime.NewParser(enmime.MultipartWOBoundaryAsSinglePart(true)).ReadParts(bytes.NewReader(source))
		if err != nil {
			continue
		}
		read++
		for _, p := range root.DepthMatchAll(func(p *enmime.Part) bool {
			// It decodes text by its charset, so that its bytes are gone.
			return p.FirstChild == nil && p.FileName != "" && len(p.Errors) == 0 && !strings.HasPrefix(p.ContentType, "text/")
		}) {
			sum := sha256.Sum256(p.Content)
			if len(p.Content) > 0 && !own[hex.EncodeToString(sum[:])] {
				t.Errorf("%s: %s, %d bytes, is not found", name, p.FileName, len(p.Content))
			}
		}
	}
	if read == 0 {
		t.Error("the other parser read nothing")
	}
}

// BenchmarkMessages reads the messages of the corpus on one processor.
func BenchmarkMessages(b *testing.B) {
	all := messages(b)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // of which the collector of garbage has its share
	for b.Loop() {
		for _, source := range all {
			if _, err := extract.Message(bytes.NewReader(source), extract.Options{}); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(len(all)*b.N), "ns/message")
	b.ReportMetric(0, "ns/op") // it would be that of all of them
}
