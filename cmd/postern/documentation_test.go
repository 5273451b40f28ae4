package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestDocumentedCommands runs what the documentation shows: every line that starts with "$ " in a block marked console,
// one page after the other in a folder of its own. The lines below a command are what it must print, on both outputs;
// … stands for any text, and alone on a line for any lines. Without such lines only success is asked for.
//
// Commands that make or fetch the checkout (git, cd, make, go) are about where the test runs already.
func TestDocumentedCommands(t *testing.T) {
	root := repository(t)
	var pages []string
	for _, pattern := range []string{"README.md", "docs/*.md", "examples/*/README.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	for _, path := range pages {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		if commands := documented(string(page)); len(commands) > 0 {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				newReader(t).follow(commands)
			})
		}
	}
}

// documentedCommand is a command of a page and what the page says it prints.
type documentedCommand struct {
	line    string
	printed []string
}

func documented(page string) []documentedCommand {
	var commands []documentedCommand
	inside := false
	for line := range strings.Lines(page) {
		line = strings.TrimRight(line, "\n")
		switch command, isCommand := strings.CutPrefix(line, "$ "); {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console"
		case inside && isCommand:
			commands = append(commands, documentedCommand{line: command})
		case inside && len(commands) > 0:
			last := &commands[len(commands)-1]
			last.printed = append(last.printed, line)
		}
	}
	return commands
}

// reader does what a page says.
type reader struct {
	*testing.T
	dir string
	env []string
}

func newReader(t *testing.T) *reader {
	dir := t.TempDir()
	r := &reader{T: t, dir: dir, env: []string{
		"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + t.TempDir(),
	}}
	// The checkout as far as a reader of the documentation uses it: the built plugins, and what can be copied.
	if err := os.CopyFS(filepath.Join(dir, "dist", "plugins"), os.DirFS(builtPlugins(t))); err != nil {
		t.Fatal(err)
	}
	policies := filepath.Join("examples", "policies")
	if err := os.CopyFS(filepath.Join(dir, policies), os.DirFS(filepath.Join(repository(t), policies))); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *reader) follow(commands []documentedCommand) {
	status := 0
	for i, command := range commands {
		command.line = strings.ReplaceAll(command.line, "bin/postern", "postern")
		words := strings.Fields(command.line)
		switch {
		case slices.Contains([]string{"git", "cd", "make", "go"}, words[0]):
		case words[0] == "export":
			r.env = append(r.env, words[1])
		case command.line == "echo $?":
			r.compare(command, strconv.Itoa(status)+"\n")
		case strings.HasPrefix(command.line, "postern emulate "):
			r.emulate(slices.DeleteFunc(words[2:], func(word string) bool { return word == "&" }))
		default:
			var out string
			out, status = r.run(command.line)
			if asked := i+1 < len(commands) && commands[i+1].line == "echo $?"; status != 0 && !asked {
				r.Fatalf("$ %s\n%sexit status %d", command.line, out, status)
			}
			r.compare(command, out)
		}
	}
}

// emulate starts the emulator as the page says, and does not wait for its end.
func (r *reader) emulate(args []string) {
	e, err := startEmulatorProcess(r.dir, r.env, args...)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		if err := e.end(os.Interrupt); err != nil {
			r.Error(err)
		}
	})
}

func (r *reader) run(line string) (out string, status int) {
	command := exec.Command("sh", "-c", line)
	command.Dir, command.Env = r.dir, r.env
	b, err := command.CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return string(b), exit.ExitCode()
	}
	if err != nil {
		r.Fatal(err)
	}
	return string(b), 0
}

func (r *reader) compare(command documentedCommand, out string) {
	if len(command.printed) == 0 {
		return
	}
	var pattern strings.Builder
	for _, line := range command.printed {
		if line == "…" {
			pattern.WriteString(`(?:.*\n)*?`)
			continue
		}
		pattern.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*") + `\n`)
	}
	expected := regexp.MustCompile(`^` + pattern.String() + `$`)
	if !expected.MatchString(out) {
		r.Errorf("$ %s\nprints\n%s\nbut the page shows\n%s", command.line, out, strings.Join(command.printed, "\n"))
	}
}
