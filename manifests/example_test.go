package manifests_test

import (
	"fmt"

	"github.com/postern-dev/postern/manifests"
)

func ExampleParseConfig() {
	_, err := manifests.ParseConfig("postern.toml", []byte(`
[connection.contoso]
tenant = "contoso.onmicrosoft.com"
client_id = "11111111-2222-3333-4444-555555555555"
client_secret = { env = "CONTOSO_SECRET" }

[grant.mail]
version = "1.0.0.0"
connections = ["contoso"]
capabilities = ["mail.read"]
action = ["mail.get"]
`))
	fmt.Println(err)
	// Output:
	// postern.toml:7: grant.mail.actions: without actions the grant allows nothing; write for example actions = ["mail.get"]
	// postern.toml:8: grant.mail.version: "1.0.0.0" is not a version constraint; write for example "^1"
	// postern.toml:11: grant.mail.action: unknown key; did you mean actions?
}

func ExamplePattern_Match() {
	p, err := manifests.ParsePattern("*@contoso.com")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Match("soc@contoso.com"))
	fmt.Println(p.Match("soc@contoso.com.evil.example"))
	fmt.Println(p.Match("mallory@evil.example, soc@contoso.com"))
	// Output:
	// true
	// false
	// false
}

func ExampleLimits_Lower() {
	plugin := manifests.Limits{Memory: 32 << 20, Exchanges: 500}
	grant := manifests.Limits{Memory: 64 << 20, Exchanges: 100}
	effective := plugin.Lower(grant)
	fmt.Println(effective.Memory, effective.Exchanges)
	// Output: 32MiB 100
}
