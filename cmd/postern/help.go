package main

import "github.com/spf13/cobra"

// helpTopics are read with "postern help TOPIC". They are commands that cannot run.
func helpTopics() []*cobra.Command {
	return []*cobra.Command{
		{Use: "exit-codes", Short: "What the exit status of a command means", Long: "Exit statuses, and the error codes that each stands for:\n\n" + exitTable()},
		{Use: "parameters", Short: "How the parameters of an action are written", Long: parametersHelp},
		{Use: "configuration", Short: "How to write postern.toml", Long: configurationHelp},
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
  client_secret = { file = "client-secret" }    # or { env = "POSTERN_CLIENT_SECRET" }

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
  state = "state"              # what outlives a process: the keys of sealed links and of the cache
  cache = "cache"              # compiled modules; may be removed at any time

"postern explain ACTION" tells whether an action is allowed, and the lines that would allow
it. Ready-made policies are in examples/policies.`
