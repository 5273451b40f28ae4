// Command postern runs the actions of plugins against Microsoft 365, as far as the operator's file allows, and shows
// what they did. It is thin over package host: what it prints, a Go program gets as values.
//
// Results go to standard output: tables on a terminal, JSON in a pipe. Everything else goes to standard error. The
// exit status tells the class of a failure; exit.go lists them.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

func main() { os.Exit(start()) }

func start() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := &cli{
		program: os.Args[0],
		in:      os.Stdin, out: os.Stdout, err: os.Stderr,
		getenv:      os.Getenv,
		errTerminal: term.IsTerminal(int(os.Stderr.Fd())),
	}
	if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		c.width = width
	}
	return c.run(ctx, os.Args[1:])
}

// cli is the surroundings of a command.
type cli struct {
	// program is how the command was called, for command lines to copy.
	program  string
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
	// width is that of the terminal which out is, in columns; 0 if it is none.
	width int
	// errTerminal says that err is a terminal.
	errTerminal bool
}
