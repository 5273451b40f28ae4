package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/postern-dev/postern/host/graphtest"
)

// addMailbox adds a mailbox with the mail of a folder or an mbox file.
func (c *cli) addMailbox(server *graphtest.Server, address, source string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	mailbox, err := server.AddMailbox(address)
	if err != nil {
		return err
	}
	n, err := fillMailbox(mailbox, source, info)
	if err == nil {
		fmt.Fprintf(c.err, "%s has %s\n", printable(address), count(n, "message"))
	}
	return err
}

func fillMailbox(mailbox *graphtest.Mailbox, source string, info fs.FileInfo) (n int, err error) {
	if info.IsDir() {
		return mailbox.AddFolders(os.DirFS(source))
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is neither a folder nor an ordinary file", printable(source))
	}
	file, err := os.Open(source)
	if err != nil {
		return 0, err
	}
	defer closeAfter(&err, file.Close)
	return mailbox.AddMbox("Inbox", file)
}

// readSpec reads the flag --generate, such as users=50,messages=20000,seed=7.
func readSpec(text string) (graphtest.Spec, error) {
	var spec graphtest.Spec
	numbers := map[string]*int{
		"users": &spec.Users, "messages": &spec.Messages, "groups": &spec.Groups, "shared": &spec.SharedMailboxes, "rooms": &spec.Rooms,
	}
	seen := map[string]bool{}
	for one := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(one), "=")
		if seen[name] {
			return spec, fmt.Errorf("%s stands twice", name)
		}
		seen[name] = true
		number, err := strconv.ParseUint(value, 10, 64)
		switch {
		case numbers[name] == nil && name != "seed":
			return spec, fmt.Errorf("%q is none of users, messages, groups, shared, rooms and seed", name)
		case err != nil:
			return spec, fmt.Errorf("%s is not a number", name)
		case name == "seed":
			spec.Seed = number
		case number > 1<<31-1:
			return spec, fmt.Errorf("%s is too large", name)
		case number == 0:
			*numbers[name] = -1 // what the package takes for none
		default:
			*numbers[name] = int(number)
		}
	}
	return spec, nil
}

// generate furnishes the tenant by the flag --generate.
func (c *cli) generate(server *graphtest.Server, text string) error {
	spec, err := readSpec(text)
	if err != nil {
		return usagef("--generate %s: %w", text, err)
	}
	made, err := server.Generate(spec)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.err, "made %s, %s, %s and %s\n", count(len(made.People), "user"), count(len(made.Rooms), "room"),
		count(len(made.Groups), "group"), count(made.Messages, "message"))
	return nil
}

// openState opens the file of --state; nil if there is none yet.
func openState(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, usagef("the file of --state, %s, is not an ordinary file", printable(path))
	}
	return os.Open(path)
}
