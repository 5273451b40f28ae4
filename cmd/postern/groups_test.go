package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/graphtest"
)

// What the commands print of an action is its description as the host gives it, which host's tests hold against the connector's catalogue:
// the list has all of the connector's, and each alone is the same.
func TestActionsOfTheConnectorAreDescribedByBothCommands(t *testing.T) {
	dir := t.TempDir()
	canaryServer(t, dir, "x")
	read := func(into any, args ...string) {
		t.Helper()
		var out, complaint strings.Builder
		c := &cli{in: strings.NewReader(""), out: &out, err: &complaint, getenv: func(name string) string {
			return map[string]string{configEnv: filepath.Join(dir, configFile)}[name]
		}}
		if got := c.run(context.Background(), append(args, "-o", "json")); got != 0 {
			t.Fatalf("postern %s: exit status %d\n%s", strings.Join(args, " "), got, &complaint)
		}
		if err := json.Unmarshal([]byte(out.String()), into); err != nil {
			t.Fatal(err)
		}
	}
	var listed []host.Action
	read(&listed, "actions")
	listed = slices.DeleteFunc(listed, func(a host.Action) bool { return a.Plugin != "groups" && a.Plugin != "http" })
	if want := 17 + 2; len(listed) != want { // and group.pick, and the trigger
		t.Errorf("%d actions are listed; want %d", len(listed), want)
	}
	for _, want := range listed {
		var got host.Action
		read(&got, "describe", want.ID)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(host.Action{})); diff != "" {
			t.Errorf("%s (-listed +described):\n%s", want.ID, diff)
		}
	}
}

// A signed-in user picks one of the groups that are the user's own by completion, and posts files to it.
func TestSignedInUserPicksAGroupAndAttachesFiles(t *testing.T) {
	const alex = "alex@contoso.example"
	dir := t.TempDir()
	server := canaryServer(t, dir, "x")
	if _, err := server.AddGroup("Board", graphtest.Members("dana@contoso.example")); err != nil {
		t.Fatal(err)
	}
	app := graphtest.App{
		ClientID: emulatedClient, PublicClient: true, RedirectURIs: []string{"http://localhost"},
		Scopes: []string{"Group.ReadBasic.All", "Group-Conversation.Read.All", "Group-Conversation.ReadWrite.All"},
	}
	if err := server.AddApp(app); err != nil {
		t.Fatal(err)
	}
	if err := server.SignInAs(alex); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, configFile)
	config, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	connection, _, _ := strings.Cut(string(config), "[grant.mail]")
	user := strings.Replace(connection, `client_secret = { file = "client-secret" }`, `auth = "authorization_code"`, 1) + `
[grant.groups]
version = "^1"
connections = ["emulated"]
capabilities = ["group.find", "group.own", "group.read", "group.conversation.create", "group.attachment.read"]
actions = ["group.pick", "group.thread.list", "group.thread.create", "group.post.list_attachments"]
`
	for name, content := range map[string]string{configFile: user, "a.txt": "first", "b.bin": "\x00\xff"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	person := &browser{t: t, server: server}
	run := func(args ...string) string {
		t.Helper()
		var out strings.Builder
		person.said.Reset()
		c := &cli{in: strings.NewReader(""), out: &out, err: person, getenv: func(name string) string { return map[string]string{configEnv: file}[name] }}
		if got := c.run(context.Background(), args); got != 0 {
			t.Fatalf("postern %s: exit status %d\n%s%s", strings.Join(args, " "), got, &out, &person.said)
		}
		return out.String()
	}
	run("auth", "login", "emulated", "--no-browser")

	run("run", "group.pick") // has the module compiled: what a shell waits for has no time for that under the race detector
	offered := run("__complete", "run", "group.thread.create", "groupId=")
	picked := regexp.MustCompile(`(?m)^(groupId=[0-9a-f-]{36})\tIncident Response$`).FindStringSubmatch(offered)
	if picked == nil || strings.Contains(offered, "Board") {
		t.Fatalf("completion offers\n%s", offered)
	}
	if files := run("__complete", "run", "group.thread.create", picked[1], "ContentBytes=@"); !strings.HasSuffix(files, ":0\n") {
		t.Errorf("completion of a file says\n%s", files) // 0 leaves it to the shell
	}
	made := run("run", "group.thread.create", picked[1], "topic=Files", "content=See the files",
		"Name=a.txt", "ContentBytes=@"+filepath.Join(dir, "a.txt"), "Name=b.bin", "ContentBytes=@"+filepath.Join(dir, "b.bin"))
	member := func(name string) string {
		found := regexp.MustCompile(`"` + name + `": "([^"]+)"`).FindStringSubmatch(made)
		if found == nil {
			t.Fatalf("no %s in\n%s", name, made)
		}
		return found[1]
	}
	attached := run("run", "group.post.list_attachments", picked[1], "threadId="+member("id"), "postId="+member("postId"))
	for _, want := range []string{`"name": "a.txt"`, `"contentBytes": "Zmlyc3Q="`, `"name": "b.bin"`, `"contentBytes": "AP8="`} {
		if !strings.Contains(attached, want) {
			t.Errorf("no %s in\n%s", want, attached)
		}
	}
}
