package postern_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"strings"
	"testing"
)

const module = "github.com/postern-dev/postern"

// layer is a part of the house and what it may import of the project.
type layer struct {
	// folder and everything below it, unless a later layer is more exact.
	folder string
	// may import these folders and what is below them, besides its own.
	may []string
}

// layers is the direction of the design: cmd → host → host/* → manifests, abi, and
// plugins → sdk → abi. The last layer that matches a package is its own.
func layers() []layer {
	return []layer{
		{"abi", nil},
		{"sdk", []string{"abi"}},
		{"plugins", []string{"sdk", "abi"}},
		{"manifests", nil},
		{"internal/durable", nil},
		{"host/state", []string{"host/trigger", "host/dial", "internal/durable", "manifests", "abi"}}, // it keeps what the trigger says
		{"host/", []string{"host/dial", "internal/durable", "manifests", "abi"}},                      // the packages below host know of each other only the way out
		{"host", []string{"host", "manifests", "abi"}},
		{"cmd", []string{"host", "internal/durable", "manifests", "abi"}},
		{"examples/embed", []string{"host", "manifests", "abi"}},
		{"examples/triggers", []string{"host", "manifests", "abi"}},
		{"examples/internal", []string{"host", "manifests"}},
		{"examples/secret-provider", []string{"host/connection/provider"}},
		{"bench", nil},
		{"conformance", []string{"host/sandbox/wasm"}}, // the opcodes; the kit knows no more of this host
	}
}

// reserved are imports that one layer alone may have; "host." is the package itself, without those below it.
func reserved() map[string][]string {
	return map[string][]string{
		"github.com/Azure/azure-sdk-for-go/sdk/azidentity":           {"host/connection"},
		"github.com/Azure/azure-sdk-for-go/sdk/azcore":               {"host/connection"},
		"github.com/AzureAD/microsoft-authentication-library-for-go": {"host/connection", "host/graphtest"},
		"github.com/hashicorp/go-plugin":                             {"host/connection/provider"},
		"github.com/zalando/go-keyring":                              {"host/connection"},
		"github.com/tetratelabs/wazero":                              {"host/sandbox"},
		"github.com/extism/go-sdk":                                   {"host/sandbox/extism"},
		"github.com/prometheus":                                      {"host.", "host/metrics"},
		"go.opentelemetry.io":                                        {"host."},
		"modernc.org/sqlite":                                         {"host/state/sqlite"},
		"github.com/nats-io/nats.go":                                 {"host/dial/bus", "host/state/jetstream", "host/trigger/sink"},
		"github.com/nats-io/nats-server":                             {"host/dial/bus/bustest"},
		"crypto/tls":                                                 {"host/dial", "host/connection", "host/graph", "host/graphtest", "host/notify"},
		"net":                                                        {"host/dial", "host/connection", "host/graph", "host/graphtest", "host/notify", "manifests", "cmd/postern"},
	}
}

// complaint tells why the package importer must not import imported, or "".
func complaint(importer, imported string) string {
	for prefix, owners := range reserved() {
		if imported != prefix && !strings.HasPrefix(imported, prefix+"/") || prefix == "net" && imported != "net" {
			continue
		}
		for _, owner := range owners {
			alone, only := strings.CutSuffix(owner, ".")
			if only && importer == module+"/"+alone || !only && within(importer, module+"/"+owner) {
				return ""
			}
		}
		return "only " + strings.Join(owners, ", ") + " may import " + prefix
	}
	if !within(imported, module) {
		return ""
	}
	own := layerOf(importer)
	if own == nil {
		return "no layer of the design has this package"
	}
	if own.folder == "host/" {
		if family(importer) == family(imported) {
			return ""
		}
	} else if within(imported, module+"/"+own.folder) {
		return ""
	}
	for _, folder := range own.may {
		if within(imported, module+"/"+folder) {
			return ""
		}
	}
	return own.folder + " may import of the project only: " + strings.Join(own.may, ", ")
}

// within reports whether p is folder or below it.
func within(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }

// family is the package directly below host that p belongs to: host/graphtest for
// host/graphtest/internal/odata.
func family(p string) string {
	rest := strings.TrimPrefix(p, module+"/host/")
	name, _, _ := strings.Cut(rest, "/")
	return path.Join(module, "host", name)
}

func layerOf(p string) *layer {
	for _, l := range layers() {
		exact := strings.TrimSuffix(l.folder, "/")
		below := strings.HasPrefix(p, module+"/"+exact+"/")
		if strings.HasSuffix(l.folder, "/") && below || !strings.HasSuffix(l.folder, "/") && (p == module+"/"+exact || below) {
			return &l
		}
	}
	return nil
}

func TestImportsPointOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := 0
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; packages++ {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for _, imported := range p.Imports {
			if problem := complaint(p.ImportPath, imported); problem != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, problem)
			}
		}
	}
	if packages < 15 {
		t.Errorf("go list named %d packages; the walk does not see the house", packages)
	}
}

func TestImportsAgainstTheDirectionAreSeen(t *testing.T) {
	for _, broken := range [][2]string{
		{"abi", "manifests"},
		{"sdk", "host"},
		{"sdk", "manifests"},
		{"plugins/mail", "host/graph"},
		{"plugins/mail", "manifests"},
		{"manifests", "host"},
		{"manifests/permissions", "abi"},
		{"host", "sdk"},
		{"host", "plugins/mail"},
		{"host/policy", "sdk"},
		{"host/policy", "host/graph"},
		{"host/graph", "host"},
		{"host/graphtest/internal/odata", "host/graph"},
		{"host/trigger", "host/state"},
		{"host/state/sqlite", "host/graph"},
		{"cmd/postern", "sdk"},
		{"cmd/postern", "plugins/mail"},
		{"util", "abi"},
	} {
		if complaint(module+"/"+broken[0], module+"/"+broken[1]) == "" {
			t.Errorf("%s may import %s", broken[0], broken[1])
		}
	}
	for _, below := range []string{"host/graph", "host/sandbox", "host/connection"} {
		for _, watching := range []string{"github.com/prometheus/client_golang/prometheus", "go.opentelemetry.io/otel/trace"} {
			if complaint(module+"/"+below, watching) == "" {
				t.Errorf("%s may import %s", below, watching)
			}
		}
	}
	for _, secret := range []string{"host", "host/graph", "host/policy", "cmd/postern", "sdk"} {
		if complaint(module+"/"+secret, "github.com/Azure/azure-sdk-for-go/sdk/azidentity") == "" {
			t.Errorf("%s may import azidentity", secret)
		}
	}
	for _, right := range [][2]string{
		{"sdk/plugintest", "sdk"},
		{"plugins/mail", "sdk"},
		{"host", "host/graph"},
		{"host/graph", "manifests"},
		{"host/state/sqlite", "host/trigger"},
		{"host/trigger/sink", "host/trigger"},
		{"host/graphtest", "host/graphtest/internal/odata"},
		{"host/graphtest", "manifests/permissions"},
		{"cmd/postern", "host/graphtest"},
	} {
		if problem := complaint(module+"/"+right[0], module+"/"+right[1]); problem != "" {
			t.Errorf("%s may not import %s: %s", right[0], right[1], problem)
		}
	}
}
