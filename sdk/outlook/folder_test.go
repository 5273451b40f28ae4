package outlook

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/plugintest"
)

// plugin has one action, which looks a folder up.
func plugin() sdk.Plugin {
	return sdk.Plugin{"folder.find": func(call *sdk.Call) error {
		folders := Folders{Call: call, Capability: "folder.read", User: "ann@contoso.example", Parameter: call.String("parameter")}
		id, err := folders.Resolve(call.String("folder"), call.Bool("get_folder_id"))
		call.Row(sdk.NewObject().Text("id", id).Value)
		return err
	}}
}

// text is a JSON string.
func text(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// folders is the reply with a list of folders.
func folders(list ...string) string {
	return `{"status":200,"body":{"value":[` + strings.Join(list, ",") + `]}}`
}

const (
	notFound  = `{"error":{"code":"not_found","message":"gone"}}`
	invalidID = `{"error":{"code":"invalid_id","message":"damaged"}}`
	denied    = `{"error":{"code":"access_denied","message":"no"}}`
)

const folderSelect = `"$select":"id,displayName,parentFolderId,childFolderCount"`

// folderByID is the exchange for one folder.
func folderByID(id, reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"folder.read","method":"GET","path":"/users/{user}/mailFolders/{folder}",
			"params":{"user":"ann@contoso.example","folder":` + text(id) + `},"query":{` + folderSelect + `}}`,
		Reply: reply,
	}
}

// folderList is the exchange for the folders below parent.
func folderList(parent, query, limit, reply string) plugintest.Exchange {
	path, params := "/users/{user}/mailFolders", `{"user":"ann@contoso.example"}`
	if parent != "" {
		path, params = path+"/{folder}/childFolders", `{"user":"ann@contoso.example","folder":`+text(parent)+`}`
	}
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"folder.read","method":"GET","path":"` + path + `","params":` + params + `,
			"query":{` + folderSelect + `,"includeHiddenFolders":"true",` + query + `},"page":{"limit":` + limit + `}}`,
		Reply: reply,
	}
}

// named asks Graph for a name; all asks for all folders.
func named(parent, name, reply string) plugintest.Exchange {
	return folderList(parent, `"$top":"2","$filter":`+text("displayName eq '"+name+"'"), "2", reply)
}

func all(parent, reply string) plugintest.Exchange {
	return folderList(parent, `"$top":"100"`, "5000", reply)
}

func folder(id, name string) string {
	return `{"id":` + text(id) + `,"displayName":` + text(name) + `}`
}

func found(id, name string) string { return `{"status":200,"body":` + folder(id, name) + `}` }

func TestFolderIsResolved(t *testing.T) {
	long := strings.Repeat("AAMkAD", 11)
	for _, test := range []struct {
		name, folder, lookUp string
		script               []plugintest.Exchange
		id                   string
	}{
		{"raw id", "AAMk/+=", "false", nil, "AAMk/+="},
		{"raw well-known name", "SentItems", "false", nil, "sentitems"},
		{"well-known name", "Sent Items", "true", []plugintest.Exchange{folderByID("sentitems", found("S", "Gesendet"))}, "S"},
		{"path below a well-known name", " Inbox / phish'ing/", "true", []plugintest.Exchange{
			folderByID("inbox", found("I", "Posteingang")),
			named("I", "phish''ing", folders(folder("P", "phish'ing"))),
		}, "P"},
		{"own folder on the top level", "Fälle", "true", []plugintest.Exchange{named("", "Fälle", folders(folder("F", "Fälle")))}, "F"},
		{"well-known name further down", "Fälle/Archive", "true", []plugintest.Exchange{
			named("", "Fälle", folders(folder("F", "Fälle"))),
			named("F", "Archive", folders(folder("A", "Archive"))),
		}, "A"},
		{"slash and backslash in names", `A\/B\\C`, "true", []plugintest.Exchange{named("", `A/B\C`, folders(folder("X", `A/B\C`)))}, "X"},
		{"two that differ in case", "Cases", "true", []plugintest.Exchange{
			named("", "Cases", folders(folder("1", "cases"), folder("2", "Cases"))),
		}, "2"},
		{"Unicode form and case differ", "FÄLLE", "true", []plugintest.Exchange{
			named("", "FÄLLE", folders()),
			all("", folders(folder("1", "Other"), folder("2", "Fa\u0308lle"))),
		}, "2"},
		{"long id", long, "true", []plugintest.Exchange{
			named("", long, folders()),
			all("", folders(folder("1", "Other"))),
			folderByID(long, found(long, "X")),
		}, long},
	} {
		t.Run(test.name, func(t *testing.T) {
			plugintest.Run(t, plugin(), "folder.find", `{"folder":`+text(test.folder)+`,"get_folder_id":`+test.lookUp+`}`, test.script...).
				WantRows(t, `{"id":`+text(test.id)+`}`)
		})
	}
}

func TestFolderIsNotResolved(t *testing.T) {
	long := strings.Repeat("AAMkAD", 11)
	siblings := make([]string, 30)
	for i := range siblings {
		siblings[i] = folder("x", "Sibling")
	}
	for _, test := range []struct {
		name, folder string
		script       []plugintest.Exchange
		code         abi.Code
		near         int
	}{
		{"missing", "Nope", []plugintest.Exchange{named("", "Nope", folders()), all("", folders(folder("1", "A"), folder("2", "B")))}, abi.NotFound, 2},
		{"missing among many", "Inbox/Nope", []plugintest.Exchange{
			folderByID("inbox", found("I", "Inbox")), named("I", "Nope", folders()), all("I", folders(siblings...)),
		}, abi.NotFound, 20},
		{"well-known but not there", "archive", []plugintest.Exchange{folderByID("archive", notFound)}, abi.NotFound, 0},
		{"ambiguous", "cAsEs", []plugintest.Exchange{named("", "cAsEs", folders(folder("1", "cases"), folder("2", "Cases")))}, abi.Ambiguous, 2},
		{"no id either", long, []plugintest.Exchange{
			named("", long, folders()), all("", folders()), folderByID(long, invalidID),
		}, abi.NotFound, 0},
		{"no access", "Cases", []plugintest.Exchange{named("", "Cases", denied)}, abi.AccessDenied, 0},
		{"no access to all", "Cases", []plugintest.Exchange{named("", "Cases", folders()), all("", denied)}, abi.AccessDenied, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := plugintest.Run(t, plugin(), "folder.find", `{"folder":`+text(test.folder)+`,"get_folder_id":true}`, test.script...).
				WantError(t, test.code)
			if len(err.Detail.Near) != test.near {
				t.Errorf("near are %q", err.Detail.Near)
			}
		})
	}
}

func TestFolderIsNotNamed(t *testing.T) {
	for _, lookUp := range []string{"true", "false"} {
		err := plugintest.Run(t, plugin(), "folder.find", `{"folder":"  ","get_folder_id":`+lookUp+`,"parameter":"parent_folder"}`).
			WantError(t, abi.InvalidInput)
		if err.Detail.Parameter != "parent_folder" {
			t.Errorf("parameter is %q", err.Detail.Parameter)
		}
	}
}

func TestAmbiguousFoldersAreToldWithTheirIDs(t *testing.T) {
	err := plugintest.Run(t, plugin(), "folder.find", `{"folder":"cAsEs","get_folder_id":true}`,
		named("", "cAsEs", folders(folder("1", "cases"), folder("2", "Cases")))).WantError(t, abi.Ambiguous)
	if diff := cmp.Diff([]string{"cases = 1", "Cases = 2"}, err.Detail.Near); diff != "" {
		t.Error(diff)
	}
}

func TestSplitPath(t *testing.T) {
	for path, want := range map[string][]string{
		"":              nil,
		" / / ":         nil,
		"Inbox":         {"Inbox"},
		"Inbox/a b/":    {"Inbox", "a b"},
		`a\/b/c\\d\e`:   {"a/b", `c\d\e`},
		`trailing\`:     {`trailing\`},
		"/Inbox//x":     {"Inbox", "x"},
		`\/`:            {"/"},
		"Ünïcode/日本語/🙂": {"Ünïcode", "日本語", "🙂"},
	} {
		if diff := cmp.Diff(want, SplitPath(path)); diff != "" {
			t.Errorf("%q: %s", path, diff)
		}
	}
}

// FuzzSplitPath checks that a name survives being escaped and split.
func FuzzSplitPath(f *testing.F) {
	for _, seed := range []string{"Inbox", `a/b\c`, `\`, " x ", "/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		want := []string{"top", strings.TrimSpace(name)}
		if want[1] == "" {
			want = want[:1]
		}
		if diff := cmp.Diff(want, SplitPath(JoinPath("top", name))); diff != "" {
			t.Error(diff)
		}
	})
}
