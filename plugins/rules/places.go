package main

import (
	"errors"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

// maxFolders is how many folders of the top level are looked at.
const maxFolders = 1000

// places are the folders, by id, into which a rule moves mail so that nobody sees it or that it is as good as deleted.
type places struct {
	outOfSight map[string]bool
	deleted    map[string]bool
}

// findPlaces looks those folders up, if it is asked to. RSS feeds have no well-known name, so they are known by theirs.
func findPlaces(call *sdk.Call) (places, error) {
	found := places{outOfSight: map[string]bool{}, deleted: map[string]bool{}}
	if !call.Bool("check_folders") {
		return found, nil
	}
	top, err := call.Graph(sdk.Request{
		Capability: "folder.read",
		Path:       "/users/{user}/mailFolders",
		Params:     sdk.Params{"user": call.String("user_id")},
		Query:      sdk.Query{"$select": "id,displayName", "$top": "100", "includeHiddenFolders": "true"},
		PageLimit:  maxFolders,
	})
	if err != nil {
		return found, err
	}
	for _, folder := range top.Items() {
		if strings.Contains(strings.ToUpper(string(folder.GetStringBytes("displayName"))), "RSS") {
			found.outOfSight[string(folder.GetStringBytes("id"))] = true
		}
	}
	for _, place := range []struct {
		name string
		ids  map[string]bool
	}{{"archive", found.outOfSight}, {"conversationhistory", found.outOfSight}, {"deleteditems", found.deleted}} {
		folder, err := call.Graph(sdk.Request{
			Capability: "folder.read",
			Path:       "/users/{user}/mailFolders/{folder}",
			Params:     sdk.Params{"user": call.String("user_id"), "folder": place.name},
			Query:      sdk.Query{"$select": "id"},
		})
		switch {
		case errors.Is(err, abi.NotFound): // not every mailbox has it
		case err != nil:
			return found, err
		default:
			place.ids[string(folder.Body.GetStringBytes("id"))] = true
		}
	}
	return found, nil
}
