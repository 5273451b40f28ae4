package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/blob"
	"github.com/postern-dev/postern/host/catalog"
	"github.com/postern-dev/postern/manifests"
)

const (
	// ingestPlugin has the action that takes messages apart.
	ingestPlugin  = "ingest"
	extractAction = "message.extract"
	// messageFile is what the guest knows the message by.
	messageFile = "message"
)

// findingKinds are the kinds of findings that the plugin's manifest lists.
func findingKinds(plugin *manifests.Plugin) []string {
	action, ok := plugin.Action(extractAction)
	if !ok {
		return nil
	}
	i := slices.IndexFunc(action.Parameters, func(p manifests.Parameter) bool { return p.Name == "kinds" })
	if i < 0 {
		return nil
	}
	return action.Parameters[i].OneOf
}

// completeKinds completes the kinds of findings of the plugin that would be run.
func (c *cli) completeKinds(flags *extractFlags) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		const no = cobra.ShellCompDirectiveNoFileComp
		config, err := c.localConfig(flags)
		if err != nil {
			return nil, no
		}
		versions, err := catalog.New(config.Plugins, config.Lock).Versions(ingestPlugin)
		if err != nil || len(versions) == 0 || versions[0].Problem != nil {
			return nil, no
		}
		return findingKinds(versions[0].Plugin), no
	}
}

// extractFlags are those of the command extract.
type extractFlags struct {
	host    *hostFlags
	output  *format
	plugins string
	kinds   []string
	save    string
	bodies  bool
}

func (c *cli) extractCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "extract FILE...",
		Short: "List the indicators, attachments and texts of mail in files",
		Long: `List the indicators, attachments and texts of messages in their MIME source (.eml), each with
where it stands and what for. The plugin "ingest" reads them in its sandbox, without a connection
and without a network; nothing has to be granted. A FILE may be a mailbox file (mbox), a folder,
of which the messages are read, and - for standard input.

Results go to standard output: a table on a terminal, and in a pipe one line of JSON for each
message, also for one that fails. What is malformed is read as well as it can be. The exit status
is not 0 only if a file could not be read.

The plugin is taken from the folder of --plugins; else from that of postern.toml, if there is
one, and then it has to be approved; else from dist/plugins or plugins beside this program.`,
		Example: `  postern extract phish.eml
  postern extract --kind url,ipv4 reported/ | jq -r '.findings[] | select(.role=="link").value'
  postern extract --save out - < phish.eml`,
		Args: some("name a file, a folder, or - for standard input"),
	}
	flags := &extractFlags{host: c.hostFlags(cmd), output: c.outputFlag(cmd)}
	cmd.Flags().StringVar(&flags.plugins, "plugins", "", "the folder of the plugins, such as dist/plugins after \"make plugins\"")
	cmd.Flags().StringSliceVar(&flags.kinds, "kind", nil, "list findings of these kinds only, such as url,ipv4")
	cmd.Flags().StringVar(&flags.save, "save", "", "copy attachments and attached messages into this folder")
	cmd.Flags().BoolVar(&flags.bodies, "bodies", true, "also give the header and the texts of messages, in JSON and YAML")
	must(cmd.MarkFlagDirname("plugins"))
	must(cmd.MarkFlagDirname("save"))
	must(cmd.RegisterFlagCompletionFunc("kind", c.completeKinds(flags)))
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return c.extract(cmd.Context(), flags, args) }
	return cmd
}

func (c *cli) extract(ctx context.Context, flags *extractFlags, args []string) (err error) {
	e := &extraction{cli: c, flags: flags, format: *flags.output}
	if e.format == formatAuto {
		e.format = formatJSON
		if c.width > 0 {
			e.format = formatTable
		}
	}
	config, err := c.localConfig(flags)
	if err != nil {
		return err
	}
	if e.local, err = host.OpenLocal(ctx, config); err != nil {
		return err
	}
	defer closeAfter(&err, e.local.Close)
	for _, kind := range flags.kinds {
		if kinds := findingKinds(e.local.Plugin()); !slices.Contains(kinds, kind) {
			return usagef("%q is no kind of finding; --kind takes %s", kind, strings.Join(kinds, ", "))
		}
	}
	if flags.save != "" {
		closeFolder, err := e.openSave()
		if err != nil {
			return err
		}
		defer closeAfter(&err, closeFolder)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return e.run(ctx, args)
}

// localConfig says where the plugin is, by the flags, the operator's file or this program's own place.
func (c *cli) localConfig(flags *extractFlags) (host.LocalConfig, error) {
	level := slog.LevelWarn
	if flags.host.verbose {
		level = slog.LevelDebug
	}
	config := host.LocalConfig{
		Plugin: ingestPlugin, Plugins: flags.plugins, Admitting: c.announceAdmission,
		Logger: slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: level})),
	}
	if folder := c.cacheFolder(); folder != "" {
		config.CacheDir, config.CacheKey = filepath.Join(folder, "modules"), filepath.Join(folder, "cache.key")
	}
	_, problem := c.findConfig(flags.host.config)
	switch {
	case flags.plugins != "":
	case problem == nil:
		_, operator, err := c.loadConfig(flags.host)
		if err != nil {
			return config, err
		}
		config.Plugins, config.Lock = operator.PluginsDir(), operator.LockFile()
	case flags.host.config != "":
		return config, &configError{problem}
	default:
		config.Plugins = besideProgram()
	}
	if config.Plugins == "" {
		return config, usagef("the plugin %s is not beside this program; name the folder of the plugins with --plugins, such as dist/plugins after \"make plugins\"", ingestPlugin)
	}
	return config, nil
}

// besideProgram is the folder of plugins that was built or installed with this program, or "".
func besideProgram() string {
	program, err := os.Executable()
	if err != nil {
		return ""
	}
	for _, folder := range []string{"plugins", filepath.Join("..", "dist", "plugins"), filepath.Join("dist", "plugins")} {
		folder = filepath.Join(filepath.Dir(program), folder)
		if _, err := os.Stat(filepath.Join(folder, ingestPlugin)); err == nil {
			return folder
		}
	}
	return ""
}

// cacheFolder follows the XDG Base Directory Specification; empty if there is no home.
func (c *cli) cacheFolder() string {
	folder := c.getenv("XDG_CACHE_HOME")
	if !filepath.IsAbs(folder) {
		home := c.getenv("HOME")
		if home == "" {
			return ""
		}
		folder = filepath.Join(home, ".cache")
	}
	return filepath.Join(folder, "postern")
}

// extraction is one run of the command.
type extraction struct {
	*cli
	flags  *extractFlags
	format format
	local  *host.Local
	// store and folder are those of --save.
	store  *blob.Store
	folder *os.Root
	// unreadable are the files that could not be read.
	unreadable int
	progress   progress
}

// openSave opens what --save needs.
func (e *extraction) openSave() (closeAll func() error, err error) {
	if e.folder, err = openSaveFolder(e.flags.save); err != nil {
		return nil, err
	}
	temporary, err := os.MkdirTemp("", "postern-extract-")
	if err != nil {
		return nil, errors.Join(err, e.folder.Close())
	}
	if e.store, err = blob.Open(temporary); err != nil {
		return nil, errors.Join(err, e.folder.Close(), os.RemoveAll(temporary))
	}
	return func() error { return errors.Join(e.store.Close(), os.RemoveAll(temporary), e.folder.Close()) }, nil
}

// extracted is one message and what became of it.
type extracted struct {
	message message
	row     json.RawMessage // nil if it failed
	blobs   []host.Blob
	err     error
}

// run extracts from all messages, as many at once as there are processors, and shows them in their order.
func (e *extraction) run(ctx context.Context, args []string) error {
	workers := runtime.GOMAXPROCS(0)
	queue := make(chan chan extracted, 4*workers)
	slots := make(chan struct{}, workers)
	go func() {
		defer close(queue)
		for m := range messages(args, e.in) {
			done := make(chan extracted, 1)
			select {
			case queue <- done:
			case <-ctx.Done():
				return
			}
			slots <- struct{}{}
			go func() {
				defer func() { <-slots }()
				done <- e.one(ctx, m)
			}()
		}
	}()
	stop := e.progress.start(e.cli, e.format != formatTable || e.width == 0)
	defer stop()
	for done := range queue {
		x := <-done
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := e.show(&x); err != nil {
			return err
		}
		e.progress.count()
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case e.unreadable > 0:
		return fmt.Errorf("%s could not be read", count(e.unreadable, "file"))
	}
	return nil
}

// one extracts from one message.
func (e *extraction) one(ctx context.Context, m message) extracted {
	x := extracted{message: m, err: m.err}
	if m.err != nil {
		return x
	}
	content, closeContent, err := m.open()
	if err != nil {
		x.err = &unreadableError{err}
		return x
	}
	parameters := map[string]any{"source": messageFile, "bodies": e.flags.bodies && e.format != formatTable, "save": e.store != nil}
	if len(e.flags.kinds) > 0 {
		parameters["kinds"] = e.flags.kinds
	}
	result, _, err := e.local.Invoke(ctx, host.LocalInvocation{
		Action: extractAction, Parameters: parameters, Files: map[string]io.ReadSeeker{messageFile: content}, Store: e.store,
	})
	x.err = errors.Join(err, closeContent())
	if err == nil && len(result.Data) == 1 {
		x.row, x.blobs = result.Data[0], result.Blobs
	}
	return x
}

// unreadableError is why a file could not be read.
type unreadableError struct{ err error }

func (e *unreadableError) Error() string {
	if path := (*fs.PathError)(nil); errors.As(e.err, &path) { // whose path is named beside it
		return path.Err.Error()
	}
	return e.err.Error()
}
func (e *unreadableError) Unwrap() error { return e.err }

// show shows what became of one message, and copies its files.
func (e *extraction) show(x *extracted) error {
	if errors.As(x.err, new(*unreadableError)) {
		e.unreadable++
	}
	if x.err != nil {
		e.progress.clear()
		fmt.Fprintf(e.err, "postern: %s: %s\n", printable(x.message.name), oneLine(x.err.Error()))
	}
	if x.err == nil && e.store != nil {
		if err := e.saveAll(x); err != nil {
			return err
		}
	}
	if e.format == formatTable {
		if x.err == nil {
			var b strings.Builder
			e.writeExtracted(&b, x)
			_, err := io.WriteString(e.out, b.String())
			return err
		}
		return nil
	}
	line := e.line(x)
	if e.format == formatYAML {
		document, err := toYAML(line)
		if err != nil {
			return err
		}
		line = append([]byte("---\n"), document...)
	}
	_, err := e.out.Write(escapeUnprintable(line))
	return err
}

// line is one message as a line of JSON.
func (e *extraction) line(x *extracted) []byte {
	line := []byte(`{"file":`)
	line = abi.AppendString(line, strings.ToValidUTF8(x.message.name, "\uFFFD"))
	if x.message.number > 0 {
		line = fmt.Appendf(line, `,"message":%d`, x.message.number)
	}
	if x.err != nil {
		failure := &abi.Error{Code: abi.NotFound, Message: oneLine(x.err.Error())}
		if !errors.As(x.err, &failure) && !errors.As(x.err, new(*unreadableError)) {
			failure.Code = abi.Internal
		}
		line = append(line, `,"status":"failed","error":`...)
		line = failure.AppendJSON(line)
		return append(line, "}\n"...)
	}
	line = append(line, `,"status":"success",`...)
	line = append(line, x.row[1:]...)
	return append(line, '\n')
}

// saveAll copies the files of a message into the folder of --save, with the endings of what they were detected to be.
func (e *extraction) saveAll(x *extracted) error {
	kinds := map[string]string{}
	row, err := abi.Parse(new(fastjson.Parser), x.row, len(x.row))
	if err != nil {
		return err
	}
	for _, a := range row.GetArray("attachments") {
		kind := string(a.GetStringBytes("detected"))
		if a.GetBool("message") {
			kind = "message/rfc822"
		}
		kinds[string(a.GetStringBytes("blob"))] = kind
	}
	for _, kept := range x.blobs {
		kept.ContentType = kinds[kept.Name]
		e.progress.clear()
		if err := e.saveBlob(e.folder, e.store, kept); err != nil {
			return err
		}
	}
	return nil
}

// writeExtracted writes what a person wants to see of a message.
func (e *extraction) writeExtracted(b *strings.Builder, x *extracted) {
	row, err := abi.Parse(new(fastjson.Parser), x.row, len(x.row))
	if err != nil {
		return // the host wrote it
	}
	text := func(v *fastjson.Value, name string) string { return string(v.GetStringBytes(name)) }
	name := x.message.name
	if x.message.number > 0 {
		name = fmt.Sprintf("%s, message %d", name, x.message.number)
	}
	facts := []fact{{"file", name}}
	for _, member := range []string{"from", "to", "subject", "date"} {
		if value := text(row, member); value != "" {
			facts = append(facts, fact{member, shorten(value, maxValue)})
		}
	}
	for _, a := range row.GetArray("attachments") {
		kind := text(a, "detected")
		if kind == "" {
			kind = text(a, "type")
		}
		facts = append(facts, fact{"attachment", fmt.Sprintf("%s, %s, %d bytes, sha256 %s", text(a, "name"), kind, a.GetInt64("bytes"), text(a, "sha256"))})
	}
	for _, member := range []string{"problems", "cut"} {
		for _, v := range row.GetArray(member) {
			facts = append(facts, fact{strings.TrimSuffix(member, "s"), string(v.GetStringBytes())})
		}
	}
	writeFacts(b, facts)
	var lines [][]string
	for _, f := range row.GetArray("findings") {
		if text(f, "role") == "attachment" && (text(f, "kind") == "file" || text(f, "value") != "" && len(e.flags.kinds) == 0 && isHash(text(f, "kind"))) {
			continue // stands above
		}
		lines = append(lines, []string{text(f, "kind"), text(f, "value"), text(f, "role"), text(f, "where")})
	}
	if len(lines) > 0 {
		fmt.Fprintln(b)
		writeTable(b, e.width, wrap, []string{"kind", "value", "role", "where"}, lines)
	}
	fmt.Fprintln(b)
}

func isHash(kind string) bool { return kind == "md5" || kind == "sha1" || kind == "sha256" }
