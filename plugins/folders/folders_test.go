package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

const (
	ann        = `"user":"ann@contoso.example"`
	lookUp     = `"$select":"id,displayName,parentFolderId,childFolderCount"`
	rowMembers = `"$select":"id,displayName,parentFolderId,childFolderCount,totalItemCount"`
	notFound   = `{"error":{"code":"not_found","message":"gone"}}`
	unknown    = `{"error":{"code":"outcome_unknown","message":"no answer"}}`
	conflict   = `{"error":{"code":"conflict","message":"there"}}`
	none       = `{"status":200,"body":{"value":[]}}`
)

// text is a JSON string.
func text(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// read is the exchange for one folder.
func read(capability, id, query, reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"` + capability + `","method":"GET","path":"/users/{user}/mailFolders/{folder}",
			"params":{` + ann + `,"folder":` + text(id) + `},"query":{` + query + `}}`,
		Reply: reply,
	}
}

// below is the path and the parameters for the folders below another.
func below(parent string) string {
	if parent == "" {
		return `"path":"/users/{user}/mailFolders","params":{` + ann + `}`
	}
	return `"path":"/users/{user}/mailFolders/{folder}/childFolders","params":{` + ann + `,"folder":` + text(parent) + `}`
}

// named asks Graph for a folder by its name, all for all of them.
func named(capability, parent, name, reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"` + capability + `","method":"GET",` + below(parent) + `,"query":{` + lookUp + `,
			"$filter":` + text("displayName eq '"+name+"'") + `,"$top":"2","includeHiddenFolders":"true"},"page":{"limit":2}}`,
		Reply: reply,
	}
}

func all(capability, parent, reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"` + capability + `","method":"GET",` + below(parent) + `,"query":{` + lookUp + `,
			"$top":"100","includeHiddenFolders":"true"},"page":{"limit":5000}}`,
		Reply: reply,
	}
}

func folders(list ...string) string {
	return `{"status":200,"body":{"value":[` + strings.Join(list, ",") + `]}}`
}

func body(folder string) string { return `{"status":200,"body":` + folder + `}` }

func TestResolve(t *testing.T) {
	result := plugintest.Run(t, plugin, "folder.resolve", `{"user_id":"ann@contoso.example","folder":"posteingang/A\\/B"}`,
		named("folder.read", "", "posteingang", folders(`{"id":"I","displayName":"Posteingang","parentFolderId":"R"}`)),
		named("folder.read", "I", "A/B", folders(`{"id":"P","displayName":"A/B","parentFolderId":"I"}`)))
	result.WantRows(t, `{"folder_id":"P","folder_name":"posteingang/A\\/B","display_name":"A/B","parent_folder_id":"I",
		"path":[{"id":"I","name":"Posteingang"},{"id":"P","name":"A/B"}]}`)
	plugintest.Run(t, plugin, "folder.resolve", `{"user_id":"ann@contoso.example","folder":" / "}`).WantError(t, abi.InvalidInput)
}

const listSelect = `"$select":"id,displayName,parentFolderId,childFolderCount,unreadItemCount,totalItemCount,isHidden","$top":"100"`

func listed(parent, more, reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want:  `{"op":"graph","capability":"folder.read","method":"GET",` + below(parent) + `,"query":{` + listSelect + more + `}}`,
		Reply: reply,
	}
}

// row is a row of folder.list of which Graph told the name and how many children there are.
func row(id, name, children, path string) string {
	return `{"id":"` + id + `","displayName":` + text(name) + `,"parentFolderId":null,"childFolderCount":` + children +
		`,"unreadItemCount":null,"totalItemCount":null,"isHidden":null,"path":` + path + `,"isSearchFolder":false}`
}

func folder(id, name, children string) string {
	return `{"id":"` + id + `","displayName":` + text(name) + `,"childFolderCount":` + children + `}`
}

func TestListOneLevel(t *testing.T) {
	plugintest.Run(t, plugin, "folder.list", `{"user_id":"ann@contoso.example","folder_id":""}`,
		listed("", ``, `{"status":200,"next":"n","body":{"value":[`+folder("1", "A/B", "3")+`]}}`),
		plugintest.Exchange{Want: `{"op":"graph","link":"n"}`, Reply: folders(`{"@odata.type":"#microsoft.graph.mailSearchFolder","id":"2","displayName":"Unread","childFolderCount":0}`)},
	).WantRows(t, row("1", "A/B", "3", `"A\\/B"`), strings.Replace(row("2", "Unread", "0", `"Unread"`), `"isSearchFolder":false`, `"isSearchFolder":true`, 1))
	plugintest.Run(t, plugin, "folder.list", `{"user_id":"ann@contoso.example","folder_id":"Sent Items","include_hidden":true}`,
		listed("sentitems", `,"includeHiddenFolders":"true"`, folders(folder("1", "A", "0")))).WantRows(t, row("1", "A", "0", "null"))
}

func TestListAllLevels(t *testing.T) {
	plugintest.Run(t, plugin, "folder.list", `{"user_id":"ann@contoso.example","folder_id":"","recursive":true}`,
		listed("", ``, `{"status":200,"next":"n","body":{"value":[`+folder("1", "A", "1")+`,`+folder("2", "B", "0")+`]}}`),
		listed("1", ``, folders(folder("11", "x", "1"))),
		listed("11", ``, folders(folder("111", "y", "0"))),
		plugintest.Exchange{Want: `{"op":"graph","link":"n"}`, Reply: folders(folder("3", "C", "0"))},
	).WantRows(t, row("1", "A", "1", `"A"`), row("11", "x", "1", `"A/x"`), row("111", "y", "0", `"A/x/y"`), row("2", "B", "0", `"B"`), row("3", "C", "0", `"C"`))
}

func TestListBelowAFolderTellsItsPath(t *testing.T) {
	plugintest.Run(t, plugin, "folder.list", `{"user_id":"ann@contoso.example","folder_id":"AAMk/+=","recursive":true}`,
		read("folder.read", "msgfolderroot", lookUp, body(`{"id":"R"}`)),
		read("folder.read", "AAMk/+=", lookUp, body(`{"id":"AAMk/+=","displayName":"B","parentFolderId":"A"}`)),
		read("folder.read", "A", lookUp, body(`{"id":"A","displayName":"A","parentFolderId":"R"}`)),
		read("folder.read", "R", lookUp, body(`{"id":"R"}`)),
		listed("AAMk/+=", ``, folders(folder("1", "C", "0")))).WantRows(t, row("1", "C", "0", `"A/B/C"`))
}

func TestListEnds(t *testing.T) {
	// A mailbox whose folders lead down for ever.
	script := []plugintest.Exchange{listed("", ``, folders(folder("1", "A", "1")))}
	for range maxDepth - 1 {
		script = append(script, listed("1", ``, folders(folder("1", "A", "1"))))
	}
	result := plugintest.Run(t, plugin, "folder.list", `{"user_id":"ann@contoso.example","recursive":true}`, script...)
	if result.Error != nil || !result.Truncated || len(result.Data) != maxDepth {
		t.Errorf("%d rows, truncated %t, %v", len(result.Data), result.Truncated, result.Error)
	}
	// One whose folders lead up for ever.
	script = []plugintest.Exchange{read("folder.read", "msgfolderroot", lookUp, body(`{"id":"R"}`))}
	for range maxDepth {
		script = append(script, read("folder.read", "1", lookUp, body(`{"id":"1","parentFolderId":"1"}`)))
	}
	plugintest.Run(t, plugin, "folder.list", `{"user_id":"ann@contoso.example","folder_id":"1","recursive":true}`, script...).WantError(t, abi.TooLarge)
}

func creating(more string) string { return `{"email_address":"ann@contoso.example",` + more + `}` }

func made(parent, name, reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want:  `{"op":"graph","capability":"folder.create","method":"POST",` + below(parent) + `,"body":{"displayName":` + text(name) + `,"isHidden":false}}`,
		Reply: reply,
	}
}

const (
	newFolder  = `{"status":201,"body":{"id":"N","displayName":"N","parentFolderId":"P","childFolderCount":0,"totalItemCount":0}}`
	createdRow = `{"id":"N","displayName":"N","parentFolderId":"P","childFolderCount":0,"totalItemCount":0,"created":true,"createdParents":[]}`
)

func TestCreate(t *testing.T) {
	const there = `{"id":"N","displayName":"N","parentFolderId":"P","childFolderCount":0,"totalItemCount":0}`
	for _, test := range []struct {
		name, more string
		script     []plugintest.Exchange
		row        string
	}{
		{"on the top level", `"folder":"A/B \\/ 'ä' 日本","parent_folder":"","get_folder_id":true`,
			[]plugintest.Exchange{made("", `A/B \/ 'ä' 日本`, newFolder)}, createdRow},
		{"below an id", `"folder":"N","parent_folder":"AAMk/+=","get_folder_id":false`, []plugintest.Exchange{made("AAMk/+=", "N", newFolder)}, createdRow},
		{"below a path", `"folder":"N","parent_folder":"Inbox/Cases","get_folder_id":true`, []plugintest.Exchange{
			read("folder.create", "inbox", lookUp, body(`{"id":"I"}`)), named("folder.create", "I", "Cases", folders(`{"id":"C"}`)),
			made("C", "N", newFolder)}, createdRow},
		{"with the path", `"folder":"N","parent_folder":"Inbox/Cases/07","get_folder_id":true,"create_parents":true`, []plugintest.Exchange{
			read("folder.create", "inbox", lookUp, body(`{"id":"I"}`)),
			named("folder.create", "I", "Cases", none), all("folder.create", "I", none),
			made("I", "Cases", `{"status":201,"body":{"id":"C"}}`), made("C", "07", `{"status":201,"body":{"id":"D"}}`), made("D", "N", newFolder)},
			strings.Replace(createdRow, `"createdParents":[]`, `"createdParents":["Cases","07"]`, 1)},
		{"with a path that somebody makes meanwhile", `"folder":"N","parent_folder":"Cases","get_folder_id":true,"create_parents":true`, []plugintest.Exchange{
			named("folder.create", "", "Cases", none), all("folder.create", "", none), made("", "Cases", conflict),
			named("folder.create", "", "Cases", folders(`{"id":"C"}`)), made("C", "N", newFolder)}, createdRow},
		{"that is there", `"folder":"N","parent_folder":"","get_folder_id":true,"if_exists":"return"`, []plugintest.Exchange{
			made("", "N", conflict), named("folder.create", "", "N", folders(`{"id":"N"}`)), read("folder.create", "N", rowMembers, body(there))},
			strings.Replace(createdRow, `"created":true`, `"created":false`, 1)},
		{"that got no answer", `"folder":"N","parent_folder":"","get_folder_id":true`, []plugintest.Exchange{
			made("", "N", unknown), named("folder.create", "", "N", folders(`{"id":"N"}`)), read("folder.create", "N", rowMembers, body(there))},
			strings.Replace(createdRow, `"created":true`, `"created":null`, 1)},
	} {
		t.Run(test.name, func(t *testing.T) {
			plugintest.Run(t, plugin, "folder.create", creating(test.more), test.script...).WantRows(t, test.row)
		})
	}
}

func TestCreateFails(t *testing.T) {
	for _, test := range []struct {
		name, more string
		script     []plugintest.Exchange
		code       abi.Code
		parameter  string
	}{
		{"without a name", `"folder":" \t"`, nil, abi.InvalidInput, "folder"},
		{"with a control character", `"folder":"a\u0007b"`, nil, abi.InvalidInput, "folder"},
		{"with a path of ids", `"folder":"N","parent_folder":"AAMk","get_folder_id":false,"create_parents":true`, nil, abi.InvalidInput, "create_parents"},
		{"below what is missing, and nowhere else", `"folder":"N","parent_folder":"Nope","get_folder_id":true`, []plugintest.Exchange{
			named("folder.create", "", "Nope", none), all("folder.create", "", folders(`{"id":"1","displayName":"Near"}`))}, abi.NotFound, "parent_folder"},
		{"where it is", `"folder":"N","get_folder_id":true,"if_exists":"fail"`, []plugintest.Exchange{made("", "N", conflict)}, abi.Conflict, ""},
		{"when it is not there afterwards", `"folder":"N","get_folder_id":true`, []plugintest.Exchange{
			made("", "N", unknown), named("folder.create", "", "N", none), all("folder.create", "", none)}, abi.OutcomeUnknown, ""},
		{"when a parent is not there afterwards", `"folder":"N","parent_folder":"C","get_folder_id":true,"create_parents":true`, []plugintest.Exchange{
			named("folder.create", "", "C", none), all("folder.create", "", none), made("", "C", unknown),
			named("folder.create", "", "C", none), all("folder.create", "", none)}, abi.OutcomeUnknown, ""},
		{"when the parent is gone", `"folder":"N","parent_folder":"AAMk","get_folder_id":false`, []plugintest.Exchange{made("AAMk", "N", notFound)}, abi.NotFound, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := plugintest.Run(t, plugin, "folder.create", creating(test.more), test.script...).WantError(t, test.code)
			if diff := cmp.Diff(test.parameter, err.Detail.Parameter); diff != "" {
				t.Error(diff)
			}
		})
	}
}
