package manifests_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-dev/postern/manifests"
)

// What the documentation shows as TOML is read as its reader would use it. Scenarios of the emulator's weather
// are read by its own tests.
func TestDocumentedFilesAreAccepted(t *testing.T) {
	var pages []string
	for _, pattern := range []string{"../docs/*.md", "../docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	read := 0
	for _, path := range pages {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		plugin := ""
		for _, block := range strings.Split(string(page), "```toml\n")[1:] {
			block, _, _ = strings.Cut(block, "```")
			if strings.Contains(block, "[[fault]]") {
				continue
			}
			read++
			if strings.HasPrefix(block, "[[action]]") { // it goes on with the page's first manifest
				block = plugin + block
			}
			if strings.Contains(block, "[plugin]") {
				plugin = block
				_, err = manifests.ParsePlugin(path, []byte(block))
			} else {
				if !strings.Contains(block, "[connection.") {
					block += "\n[connection.contoso]\ntenant = \"contoso.com\"\nclient_id = \"3fa85f64-5717-4562-b3fc-2c963f66afa6\"\nclient_secret = { env = \"SECRET\" }\n"
				}
				_, err = manifests.ParseConfig(path, []byte(block))
			}
			if err != nil {
				t.Errorf("%v\n%s", err, block)
			}
		}
	}
	if read < 3 {
		t.Errorf("only %d blocks were read", read)
	}
}
