package host_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/blob"
	"github.com/postern-dev/postern/host/catalog"
)

// openLocal opens a plugin of the project on files alone.
func openLocal(tb testing.TB, name string) *host.Local {
	tb.Helper()
	dir := tb.TempDir()
	install(tb, "../plugins/"+name, dir)
	l, err := host.OpenLocal(tb.Context(), host.LocalConfig{Plugins: dir, Plugin: name, Sandbox: runtime(tb)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
	})
	return l
}

// extracted is what the tests look at of a row of message.extract.
type extracted struct {
	Subject  string
	Size     int64
	SHA256   string
	Findings []struct{ Kind, Value, Role, Where string }

	Attachments []struct {
		Name, Blob, SHA256 string
		Bytes              int64
	}
	Bodies   []struct{ Text string }
	Problems []string
}

// extractFrom runs message.extract.
func extractFrom(tb testing.TB, l *host.Local, source string, store *blob.Store, parameters map[string]any) (extracted, *host.Result, host.Usage) {
	tb.Helper()
	given := map[string]any{"source": "m"}
	for name, value := range parameters {
		given[name] = value
	}
	result, usage, err := l.Invoke(context.Background(), host.LocalInvocation{
		Action: "message.extract", Parameters: given, Files: map[string]io.ReadSeeker{"m": strings.NewReader(source)}, Store: store,
	})
	if err != nil {
		tb.Fatal(err)
	}
	var r extracted
	if err := json.Unmarshal(result.Data[0], &r); err != nil {
		tb.Fatal(err)
	}
	return r, result, usage
}

const attachedMail = "Subject: =?utf-8?Q?K=C3=B6ln?=\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nhttps://evil.example.com/a and 192.0.2.1\n--b\n" +
	"Content-Disposition: attachment; filename=\"../a.bin\"\nContent-Transfer-Encoding: base64\n\nAP8=\n--b--\n"

func TestAMessageIsTakenApartOnItsOwn(t *testing.T) {
	l := openLocal(t, "ingest")
	r, result, usage := extractFrom(t, l, attachedMail, nil, nil)
	if r.Subject != "Köln" || r.Size != int64(len(attachedMail)) || len(r.Bodies) != 1 || r.Attachments[0].Name != "a.bin" || r.Attachments[0].Bytes != 2 ||
		result.Status != host.Success || result.Plugin != "ingest@1.0.0" {
		t.Errorf("%+v, %+v", r, result)
	}
	if usage.Memory > 32<<20 {
		t.Errorf("a small message takes %d bytes of memory", usage.Memory)
	}
	r, _, _ = extractFrom(t, l, attachedMail, nil, map[string]any{"kinds": []string{"ipv4"}, "bodies": false})
	if len(r.Findings) != 1 || r.Findings[0].Value != "192.0.2.1" || r.Findings[0].Where != "1 text/plain" || len(r.Bodies) != 0 {
		t.Errorf("addresses alone: %+v", r)
	}
}

func TestFilesOfMessagesBecomeBlobs(t *testing.T) {
	store, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // four pieces, while the message that it is in is being made too
	inner := "Content-Type: application/octet-stream; name=large.bin\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString(large)
	source := "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n" + inner + "\n--b--\n"
	r, result, _ := extractFrom(t, openLocal(t, "ingest"), source, store, map[string]any{"save": true})
	if len(result.Blobs) != 2 || len(r.Attachments) != 2 || len(r.Problems) != 0 {
		t.Fatalf("%+v, %+v", result.Blobs, r)
	}
	for i, want := range []string{inner, string(large)} {
		content, size, err := store.Open(r.Attachments[i].Blob)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(content)
		if err != nil || string(got) != want || size != r.Attachments[i].Bytes || r.Attachments[i].Blob != "sha256:"+r.Attachments[i].SHA256 {
			t.Errorf("%s has %d bytes, %v", r.Attachments[i].Name, len(got), err)
		}
		content.Close()
	}
}

func TestALargeMessagePassesThroughALittleMemory(t *testing.T) {
	const size = 40 << 20
	source := "Content-Type: application/octet-stream; name=a.bin\nContent-Transfer-Encoding: base64\n\n" + strings.Repeat(strings.Repeat("A", 76)+"\n", size/77)
	r, _, usage := extractFrom(t, openLocal(t, "ingest"), source, nil, nil)
	if usage.Memory > 64<<20 || r.Size != int64(len(source)) || r.Attachments[0].Bytes != size/77*57 {
		t.Errorf("%d MiB of memory for %+v", usage.Memory>>20, r)
	}
}

func TestWhatActsOnFilesReachesNothingElse(t *testing.T) {
	l := openLocal(t, "ingest")
	invoke := func(l *host.Local, action string, parameters map[string]any) error {
		result, _, err := l.Invoke(t.Context(), host.LocalInvocation{Action: action, Parameters: parameters})
		if err != nil && (result.Status != host.Failed || result.Error == nil || len(result.Data) != 0) {
			t.Errorf("%s: %+v", action, result)
		}
		return err
	}
	for _, test := range []struct {
		name       string
		local      *host.Local
		action     string
		parameters map[string]any
		want       abi.Code
	}{
		{"an action that uses a capability", openLocal(t, "rules"), "rule.list", map[string]any{"user_id": "dana@contoso.example"}, abi.PolicyDenied},
		{"an action that is not there", l, "message.destroy", nil, abi.UnknownAction},
		{"a parameter that is not there", l, "message.extract", map[string]any{"source": "m", "nonsense": 1}, abi.InvalidInput},
		{"a file that was not given", l, "message.extract", map[string]any{"source": "other"}, abi.NotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := invoke(test.local, test.action, test.parameters); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestALocalNeedsItsPluginAndItsApproval(t *testing.T) {
	dir := t.TempDir()
	if _, err := host.OpenLocal(t.Context(), host.LocalConfig{Plugins: dir, Plugin: "ingest"}); !errors.Is(err, abi.NotFound) {
		t.Errorf("without the plugin: %v", err)
	}
	install(t, "../plugins/ingest", dir)
	if _, err := host.OpenLocal(t.Context(), host.LocalConfig{Plugins: dir, Plugin: "ingest", Lock: filepath.Join(dir, "postern.lock")}); !errors.Is(err, abi.PolicyDenied) {
		t.Errorf("without an approval: %v", err)
	}
	module := filepath.Join(dir, "ingest", "1.0.0", catalog.ModuleFile)
	if err := os.WriteFile(module, []byte("no module"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := host.OpenLocal(t.Context(), host.LocalConfig{Plugins: dir, Plugin: "ingest"}); !errors.Is(err, abi.PluginFailed) {
		t.Errorf("with something else than a module: %v", err)
	}
}

func TestTheSameComesOfABlobOfTheHost(t *testing.T) {
	h := furnish(t, furnishing{inProcess: true, plugins: []string{"../plugins/ingest"}, grants: `
[grant.ingest]
version = "^1"
connections = ["contoso"]
capabilities = []
actions = ["message.extract"]
`})
	store, err := h.Blobs()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := store.NewSet(1<<20).Create(t.Context(), strings.NewReader(attachedMail), "")
	if err != nil {
		t.Fatal(err)
	}
	result := h.must(t, "message.extract", map[string]any{"source": kept.Name, "save": true})
	alone, _, _ := extractFrom(t, openLocal(t, "ingest"), attachedMail, nil, nil)
	var r extracted
	if err := json.Unmarshal(result.Data[0], &r); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(alone.Findings, r.Findings); diff != "" || len(result.Blobs) != 1 || r.Attachments[0].Blob != result.Blobs[0].Name {
		t.Errorf("%+v (-alone +with a host) %s", result.Blobs, diff)
	}
	if n := len(h.graph.Journal()); n != 0 {
		t.Errorf("%d requests went to Graph", n)
	}
	if _, err := h.run(t, "message.extract", map[string]any{"source": "sha256:" + strings.Repeat("0", 64)}); !errors.Is(err, abi.InvalidInput) {
		t.Errorf("a blob that is not there: %v", err)
	}
}

// BenchmarkExtract reads messages through the sandbox, on one processor. The same ones natively are in package extract.
func BenchmarkExtract(b *testing.B) {
	l := openLocal(b, "ingest")
	var sources []string
	for _, folder := range []string{"../plugins/ingest/extract/testdata", "graphtest/samples"} {
		files, err := filepath.Glob(folder + "/*.eml")
		if err != nil {
			b.Fatal(err)
		}
		for _, name := range files {
			source, err := os.ReadFile(name)
			if err != nil {
				b.Fatal(err)
			}
			sources = append(sources, string(source))
		}
	}
	most := uint64(0)
	defer goruntime.GOMAXPROCS(goruntime.GOMAXPROCS(1)) // of which the collector of garbage has its share
	for b.Loop() {
		for _, source := range sources {
			_, usage, err := l.Invoke(b.Context(), host.LocalInvocation{
				Action: "message.extract", Parameters: map[string]any{"source": "m"}, Files: map[string]io.ReadSeeker{"m": strings.NewReader(source)},
			})
			if err != nil {
				b.Fatal(err)
			}
			most = max(most, usage.Memory)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(len(sources)*b.N), "ns/message")
	b.ReportMetric(float64(most), "B/guest")
	b.ReportMetric(0, "ns/op") // it would be that of all of them
}
