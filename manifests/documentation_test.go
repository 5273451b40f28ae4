package manifests_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern-dev/postern/manifests"
)

// What the documentation shows as TOML is read as its reader would use it. Scenarios of the emulator's weather
// are read by its own tests. What grants and triggers name of the plugins in this repository, those have.
func TestDocumentedFilesAreAccepted(t *testing.T) {
	var pages []string
	for _, pattern := range []string{"../docs/*.md", "../docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	read, plugins := 0, ownPlugins(t)
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
				var config *manifests.Config
				if config, err = manifests.ParseConfig(path, []byte(block)); err == nil {
					err = checkAll(config, plugins)
				}
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

// ownPlugins are the plugins of this repository.
func ownPlugins(t *testing.T) (plugins []*manifests.Plugin) {
	paths, err := filepath.Glob("../plugins/*/plugin.toml")
	if err != nil || len(paths) == 0 {
		t.Fatal("there are no plugins", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		plugin, err := manifests.ParsePlugin(path, text)
		if err != nil {
			t.Fatal(err)
		}
		plugins = append(plugins, plugin)
	}
	return plugins
}

func checkAll(config *manifests.Config, plugins []*manifests.Plugin) error {
	var errs []error
	for _, plugin := range plugins {
		errs = append(errs, config.Check(plugin))
	}
	return errors.Join(errs...)
}

// The front page lists every action there is, so that nobody misses one.
func TestReadmeListsAllActions(t *testing.T) {
	page, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, plugin := range ownPlugins(t) {
		_, row, _ := strings.Cut(string(page), "\n| `"+plugin.Name+"` | ")
		row, _, _ = strings.Cut(row, "\n")
		for _, action := range plugin.Actions {
			if !strings.Contains(row, "`"+action.ID+"`") {
				t.Errorf("README.md does not list %s in the row of %s", action.ID, plugin.Name)
			}
		}
	}
}
