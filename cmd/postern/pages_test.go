package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/manifests"
)

// The pages of the actions are what the manifests say now.
func TestActionPagesAreFresh(t *testing.T) {
	root := repository(t)
	want, err := actionPages(filepath.Join(root, "plugins"))
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(root, "docs", "actions")
	if *update {
		if err := writePages(folder, want); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]string{}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		page, err := os.ReadFile(filepath.Join(folder, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[file.Name()] = string(page)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("docs/actions is not what the manifests say; run go generate ./cmd/postern (-page +manifest):\n%s", diff)
	}
}

// The codes that a manifest describes are those that a failure can have.
func TestDescribedFailuresHaveKnownCodes(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(repository(t), "plugins", "*", "plugin.toml"))
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		plugin, err := manifests.LoadPlugin(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, action := range plugin.Actions {
			for code := range action.Errors {
				if !abi.Code(code).Known() {
					t.Errorf("%s: %s describes a failure of the unknown code %s", path, action.ID, code)
				}
			}
		}
	}
}

// The command line of each page works on the emulated tenant, with the words in capitals replaced; where only a
// signed-in user may, it says so.
func TestCommandsOfTheActionPagesWork(t *testing.T) {
	root := repository(t)
	r := newReader(t)
	r.emulate(strings.Fields("--sample --dir try --plugins dist/plugins"))
	r.env = append(r.env, "POSTERN_CONFIG=try/postern.toml")
	if err := approveAll(filepath.Join(r.dir, "dist", "plugins"), filepath.Join(r.dir, "try", "postern.lock")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "mail.eml"), []byte("Subject: Hello\r\n\r\nhttps://contoso.example\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	id := func(line string) string {
		out, status := r.run(line)
		found := regexp.MustCompile(`"id": "([^"]+)"`).FindStringSubmatch(out)
		if status != 0 || found == nil {
			t.Fatalf("$ %s\n%s", line, out)
		}
		return found[1]
	}
	words := map[string]string{"USER_ID": "dana@contoso.example", "SUBJECT": "Hello", "BODY": "Hello"}
	words["GROUPID"] = id("postern run group.pick")
	words["CONVERSATIONID"] = id("postern run group.conversation.list groupId=" + words["GROUPID"])
	words["THREADID"] = id("postern run group.conversation.list_threads groupId=" + words["GROUPID"] + " conversationId=" + words["CONVERSATIONID"])
	words["POSTID"] = id("postern run group.post.list groupId=" + words["GROUPID"] + " threadId=" + words["THREADID"])
	words["GROUP_ID"] = words["GROUPID"]
	words["EVENT_ID"] = id("postern run event.list user_id=dana@contoso.example")
	words["RULE_ID"] = id("postern run rule.list user_id=dana@contoso.example")
	words["ID"] = id("postern run mail.search email_address=dana@contoso.example limit=1")
	words["MESSAGE_ID"] = words["ID"]
	pages, err := actionPages(filepath.Join(root, "plugins"))
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(pages))
	// What is deleted cannot be read afterwards.
	slices.SortStableFunc(names, func(a, b string) int { return strings.Count(a, "delete") - strings.Count(b, "delete") })
	placeholder := regexp.MustCompile(`=[A-Z_]+\b`)
	for _, name := range names {
		for _, command := range documented(pages[name]) {
			line := placeholder.ReplaceAllStringFunc(command.line, func(word string) string {
				value, ok := words[word[1:]]
				if !ok {
					t.Errorf("%s: nothing is known to put in place of %s; give the parameter an example", name, word[1:])
				}
				return "=" + value
			})
			out, status := r.run(line)
			forUsers := strings.Contains(pages[name], "| tokens | a signed-in user's only |")
			if refused := strings.Contains(out, "not_supported: ") && strings.Contains(out, "needs a signed-in user"); forUsers != refused || !refused && status != 0 {
				t.Errorf("%s:\n$ %s\n%sexit status %d", name, line, out, status)
			}
		}
	}
}
