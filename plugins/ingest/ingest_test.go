package main

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

const source = "Subject: s\nContent-Type: text/plain; name=a.txt\n\nhttps://a.example.com"

// reading is the exchange that reads the source.
func reading() plugintest.Exchange {
	return plugintest.Exchange{
		Want:  `{"op":"blob","name":"sha256:1","length":131072}`,
		Reply: fmt.Sprintf(`{"data":%q,"size":%d}`, base64.StdEncoding.EncodeToString([]byte(source)), len(source)),
	}
}

func TestMessageBecomesARow(t *testing.T) {
	plugintest.Run(t, plugin, "message.extract", `{"source":"sha256:1","kinds":["url"],"save":true,"bodies":false}`, reading(), plugintest.Exchange{
		Want:  `{"op":"blob","data":"aHR0cHM6Ly9hLmV4YW1wbGUuY29t"}`,
		Reply: `{"blob":{"name":"sha256:2"}}`,
	}).WantRows(t, `{"subject":"s","from":"","to":"","date":"","message_id":"","size":70,"md5":"5b8a728b24700b9a45fdb2cfb3b0590f",
		"sha1":"87ef9fa7ff85722e053b8985f20141b15dbf8a90","sha256":"a933c8853471a1d36fcd7e5ed30da4e7ccb21334d0544097d355e8238686ddad","findings":[{"kind":"url","value":"https://a.example.com","role":"attachment","where":"1 text/plain a.txt"}],
		"attachments":[{"name":"a.txt","part":"1","type":"text/plain","detected":"text/plain","inline":false,"message":false,"bytes":21,
		"md5":"fe1a44bcfa0d4e0e33ef8475c4c22680","sha1":"fe58c311cda2abf635f36825baf42304825705c6",
		"sha256":"93d446a9d8ca42b500faf019713f245eaf0377bd89add0676ece0b22d3ebfb02","blob":"sha256:2"}],"problems":[],"cut":[]}`)
}

func TestASourceThatCannotBeReadFailsTheAction(t *testing.T) {
	plugintest.Run(t, plugin, "message.extract", `{"source":"sha256:1"}`, plugintest.Exchange{
		Want:  `{"op":"blob","name":"sha256:1","length":131072}`,
		Reply: `{"error":{"code":"not_found","message":"no such blob"}}`,
	}).WantError(t, abi.NotFound)
}
