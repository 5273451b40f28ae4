package main

import "github.com/spf13/cobra"

// helpTopics are read with "postern help TOPIC". They are commands that cannot run.
func helpTopics() []*cobra.Command {
	return []*cobra.Command{
		{Use: "exit-codes", Short: "What the exit status of a command means", Long: "Exit statuses, and the error codes that each stands for:\n\n" + exitTable()},
		{Use: "parameters", Short: "How the parameters of an action are written", Long: parametersHelp},
		{Use: "configuration", Short: "How to write postern.toml", Long: configurationHelp},
		{Use: "secrets", Short: "Where secrets, certificates and the tokens of users are kept", Long: secretsHelp},
	}
}

const parametersHelp = `Parameters of "postern run" are written as name=value, with the type that the plugin's
manifest states; "postern describe ACTION" lists them.

  subject=invoice              text
  limit=10                     numeric
  get_headers=false            boolean: true or false
  to=a@x.example to=b@x.example  a list: one value after the other
  body=@body.txt               the content of a file
  ContentBytes=@report.pdf     the content of a file as base64, for the type byte
  body=@@home                  a text that starts with an @
  source=@mail.eml             the content of a file, for the type blob
  attachments=@list.json       a list of objects, as JSON
  Name=a.txt ContentBytes=@a.txt Name=b.txt ContentBytes=@b.txt
                               the same from values: the first Name with the first
                               ContentBytes, the second with the second
  --params FILE                all of them as a JSON object; - is standard input

Values of name=value win over those of --params. JSON is read strictly: a key that stands
twice is an error.`

const configurationHelp = `The operator's file is the one of --config, else of $POSTERN_CONFIG, else ./postern.toml,
else postern/postern.toml in $XDG_CONFIG_HOME (~/.config). Nothing runs without a grant:

  [connection.contoso]
  tenant = "contoso.onmicrosoft.com"
  client_id = "00000000-0000-0000-0000-000000000000"
  client_secret = { file = "client-secret" }    # see "postern help secrets"

  [grant.mail]
  version = "^1"
  connections = ["contoso"]
  capabilities = ["mail.read", "mail.search"]
  actions = ["mail.get", "mail.search"]
  [grant.mail.only]
  user = ["soc@contoso.com"]

Files of the host, relative to the folder of postern.toml, with their defaults:

  [host]
  plugins = "plugins"          # NAME/VERSION/plugin.toml and plugin.wasm
  lock = "postern.lock"        # digests of the approved plugins
  audit = "audit.jsonl"        # the record of every exchange
  blobs = "blobs"              # attachments and messages that actions saved
  state = "state"              # what outlives a process: keys, triggers, blobs of their records
  keep = "168h"                # how long those blobs are kept at least
  cache = "cache"              # compiled modules; may be removed at any time

What is sent can be capped and held, see docs/policy.md:

  [grant.mail]
  internal = ["*@contoso.com"]     # your own addresses
  mark = true                      # a header x-postern-action on messages
  beta = true                      # requests of Graph's beta version
  [grant.mail.only]
  recipients = ["*@contoso.com"]   # who may receive at all
  hold = ["external"]              # what waits for "postern held release"
  [grant.mail.limits]
  sends = "30/1h"                  # what is sent to anybody
  external_recipients = 5          # outside internal, of one body

What is polled, and where its records go, see docs/triggers.md:

  [trigger.soc-inbox]
  action = "mail.poll"             # of the kind trigger or poll, and granted
  every = "90s"
  sinks = ["siem"]                 # none: the standard output of "postern poll"
  [trigger.soc-inbox.parameters]
  email_address = "soc@contoso.com"

  [sink.siem]
  kind = "webhook"                 # or jsonl, directory, nats
  url = "https://siem.contoso.com/postern"
  secret = { env = "SIEM_SECRET" }

"postern explain ACTION" tells whether an action is allowed, and the lines that would allow
it. Ready-made policies are in examples/policies.`

const secretsHelp = `A secret is never written into postern.toml. It names the place:

  client_secret = { file = "contoso.secret" }   # a file, relative to postern.toml
  client_secret = { env = "CONTOSO_SECRET" }    # an environment variable
  client_secret = { keyring = "contoso" }       # the keyring of the operating system
  client_secret = { provider = "vault", item = "kv/contoso" }  # a program of yours

The same holds for certificate, certificate_password, private_key, federated_token, and
token_key of [host].

The entry of a keyring is looked for under the service "postern"; for example:

  secret-tool store --label=Postern service postern username contoso
  security add-generic-password -s postern -a contoso -w

A machine without a desktop has no keyring: use a file or a variable there. A provider is
trusted with the secret, so its program is named by its digest:

  [provider.vault]
  command = ["/usr/local/bin/postern-vault"]
  sha256 = "..."                # sha256sum /usr/local/bin/postern-vault
  env = ["VAULT_ADDR"]          # beside PATH, HOME and TMPDIR it gets no other variable
  timeout = "10s"

What "postern auth login" gets of a user is kept in the state folder, encrypted with
AES-256-GCM. The key is state/tokens.key, made when first needed; to keep it elsewhere:

  [host]
  token_key = { keyring = "postern-tokens" }    # made there at the first sign-in
  token_key = { env = "POSTERN_TOKEN_KEY" }     # openssl rand -base64 32`
