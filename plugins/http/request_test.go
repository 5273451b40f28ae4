package main

import (
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

func TestRequest(t *testing.T) {
	for _, test := range []struct{ name, parameters, want, reply, row string }{
		{"a read", `{"Uri":"/v1.0/users","Method":"GET","ContentType":"application/json"}`,
			`{"op":"http","method":"GET","uri":"/v1.0/users"}`,
			`{"status":200,"headers":{"Content-Type":"application/json","request-id":"r"},"body":{"value":[]}}`,
			`{"statusCode":200,"headers":{"content-type":"application/json","request-id":"r"},"body":{"value":[]}}`},
		{"headers and JSON", `{"Uri":"/v1.0/users/a/sendMail","Method":"POST","ContentType":"application/json; charset=UTF-8","Body":"{\"message\": {}}","CustomHeader1":"Prefer: x:y ","CustomHeader5":"If-Match:*"}`,
			`{"op":"http","method":"POST","uri":"/v1.0/users/a/sendMail","headers":{"If-Match":"*","Prefer":"x:y"},"body":{"message":{}}}`,
			`{"status":202}`, `{"statusCode":202,"headers":{},"body":null}`},
		{"MIME source", `{"Uri":"/v1.0/users/a/sendMail","Method":"POST","ContentType":"text/plain","Body":"VG86IGE="}`,
			`{"op":"http","method":"POST","uri":"/v1.0/users/a/sendMail","body":"VG86IGE=","content_type":"text/plain"}`,
			`{"status":202}`, `{"statusCode":202,"headers":{},"body":null}`},
		{"a refusal", `{"Uri":"/v1.0/users/x","Method":"GET"}`, `{"op":"http","method":"GET","uri":"/v1.0/users/x"}`,
			`{"status":404,"body":{"error":{"code":"Request_ResourceNotFound"}}}`,
			`{"statusCode":404,"headers":{},"body":{"error":{"code":"Request_ResourceNotFound"}},"errorCode":"Request_ResourceNotFound"}`},
		{"a page", `{"Uri":"/v1.0/users","Method":"GET"}`, `{"op":"http","method":"GET","uri":"/v1.0/users"}`,
			`{"status":200,"body":{},"next":"sealed"}`, `{"statusCode":200,"headers":{},"body":{},"next":"link:sealed"}`},
		{"the next page", `{"Uri":"link:sealed","Method":"GET"}`, `{"op":"graph","link":"sealed"}`, `{"status":200,"body":{}}`, `{"statusCode":200,"headers":{},"body":{}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			plugintest.Run(t, plugin, "graph.request", test.parameters, plugintest.Exchange{Want: test.want, Reply: test.reply}).WantRows(t, test.row)
		})
	}
}

func TestRequestRefusesInput(t *testing.T) {
	for _, test := range []struct{ name, parameters, parameter string }{
		{"a header without a colon", `{"Uri":"/v1.0/users","CustomHeader2":"Prefer"}`, "CustomHeader2"},
		{"a header without a name", `{"Uri":"/v1.0/users","CustomHeader3":": x"}`, "CustomHeader3"},
		{"a header twice", `{"Uri":"/v1.0/users","CustomHeader1":"Prefer: a","CustomHeader4":"prefer: b"}`, "CustomHeader4"},
		{"a body that is no JSON", `{"Uri":"/v1.0/users","Body":"{","ContentType":"application/json"}`, "Body"},
		{"a key twice", `{"Uri":"/v1.0/users","Body":"{\"a\":1,\"a\":2}","ContentType":"application/json"}`, "Body"},
		{"a content type that is none", `{"Uri":"/v1.0/users","Body":"x","ContentType":"?"}`, "ContentType"},
		{"another character set", `{"Uri":"/v1.0/users","Body":"x","ContentType":"text/plain; charset=utf-16"}`, "ContentType"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := plugintest.Run(t, plugin, "graph.request", test.parameters).WantError(t, abi.InvalidInput)
			if err.Detail.Parameter != test.parameter {
				t.Errorf("parameter is %q: %v", err.Detail.Parameter, err)
			}
		})
	}
}

func TestRequestPassesOnWhatTheHostRefuses(t *testing.T) {
	plugintest.Run(t, plugin, "graph.request", `{"Uri":"/v1.0/users","Method":"GET"}`,
		plugintest.Exchange{Want: `{"op":"http","method":"GET","uri":"/v1.0/users"}`, Reply: `{"error":{"code":"policy_denied","message":"no"}}`}).WantError(t, abi.PolicyDenied)
}
