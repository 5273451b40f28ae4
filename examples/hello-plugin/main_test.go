package main

import (
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

const (
	parameters = `{"user":"ann@contoso.example","folder":"inbox"}`
	asked      = `{"op":"graph","capability":"hello.folder.read","method":"GET","path":"/users/{user}/mailFolders/{folder}",
		"params":{"user":"ann@contoso.example","folder":"inbox"},"query":{"$select":"displayName,unreadItemCount"}}`
)

func TestUnreadCounts(t *testing.T) {
	plugintest.Run(t, plugin, "hello.unread", parameters, plugintest.Exchange{
		Want:  asked,
		Reply: `{"status":200,"body":{"id":"AAMk","displayName":"Inbox","unreadItemCount":3}}`,
	}).WantRows(t, `{"displayName":"Inbox","unreadItemCount":3}`)
}

func TestUnreadTellsThatThereIsNoFolder(t *testing.T) {
	plugintest.Run(t, plugin, "hello.unread", parameters, plugintest.Exchange{
		Want:  asked,
		Reply: `{"error":{"code":"not_found","message":"no such folder"}}`,
	}).WantError(t, abi.NotFound)
}
