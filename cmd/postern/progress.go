package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/postern-dev/postern/host"
)

const (
	// patience is how long something may take before a line on the terminal says that it is under way.
	patience = 300 * time.Millisecond
	// tick is how often the line on the terminal that counts the seconds changes.
	tick = 100 * time.Millisecond
)

// announce writes a line to the terminal, if it is one, unless what is under way is over soon. stop says that it is.
func (c *cli) announce(line string) (stop func()) {
	if !c.errTerminal {
		return func() {}
	}
	said := make(chan struct{})
	timer := time.AfterFunc(patience, func() {
		defer close(said)
		fmt.Fprintln(c.err, line)
	})
	return func() {
		if !timer.Stop() {
			<-said
		}
	}
}

// admissionReport is told that a module, as name@version, is being admitted, and returns what is told that it has been.
type admissionReport func(plugin string) (ended func())

// announceAdmission is for a command that needs the module for something else.
func (c *cli) announceAdmission(plugin string) func() {
	return c.announce("admitting " + printable(plugin) + ", which is done once …")
}

// showAdmission is for a command that is about the module: a line at once, which counts the seconds on a terminal.
func (c *cli) showAdmission(plugin string) func() {
	line := "admitting " + printable(plugin) + " …"
	if !c.errTerminal {
		fmt.Fprintln(c.err, line)
		return func() {}
	}
	started := time.Now()
	return c.keepShowing(func() string { return fmt.Sprintf("%s %.1f s", line, time.Since(started).Seconds()) })
}

// keepShowing writes a line to the terminal, and writes it anew as it changes, until the function that it returns is called.
func (c *cli) keepShowing(line func() string) func() {
	show := func() { fmt.Fprint(c.err, "\r"+line()) }
	show()
	stop := everyTick(show)
	return func() {
		stop()
		show()
		fmt.Fprintln(c.err)
	}
}

// everyTick calls show again and again until stop is, and never after.
func everyTick(show func()) (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				show()
			case <-end:
				return
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}

// showProgress is announce for an invocation, with what it has read so far. report is nil where nobody looks.
func (c *cli) showProgress(line string) (report func(host.Progress), stop func()) {
	if !c.errTerminal {
		return nil, func() {}
	}
	var latest atomic.Pointer[host.Progress]
	var hide func()
	said := make(chan struct{})
	timer := time.AfterFunc(patience, func() {
		defer close(said)
		hide = c.keepShowing(func() string {
			if p := latest.Load(); p != nil {
				return fmt.Sprintf("%s %d read in %s", line, p.Items, count(p.Requests, "request"))
			}
			return line
		})
	})
	return func(p host.Progress) { latest.Store(&p) }, func() {
		if !timer.Stop() {
			<-said
			hide()
		}
	}
}

// untilAgain is a context that outlives ctx, and ends if the command is interrupted once more after ctx has ended.
func (c *cli) untilAgain(ctx context.Context) (context.Context, func()) {
	patient, end := context.WithCancel(context.WithoutCancel(ctx))
	listening := context.AfterFunc(ctx, func() {
		if c.errTerminal {
			fmt.Fprintln(c.err, "\nstopping after this page; interrupt once more to end at once")
		}
		again, stop := signal.NotifyContext(patient, os.Interrupt, syscall.SIGTERM)
		defer stop()
		<-again.Done()
		end()
	})
	return patient, func() {
		listening()
		end()
	}
}

// progress counts on one line of the terminal what is done of work that is long. The zero value counts and shows nothing.
type progress struct {
	mu      sync.Mutex
	out     io.Writer
	started time.Time
	done    int
	isShown bool
}

// start shows the count from now on, if the terminal is free for it. stop takes the line away.
func (p *progress) start(c *cli, isFree bool) (stop func()) {
	if !c.errTerminal || !isFree {
		return func() {}
	}
	p.out, p.started = c.err, time.Now()
	end := everyTick(p.show)
	return func() {
		end()
		p.clear()
	}
}

// count counts one more.
func (p *progress) count() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
}

func (p *progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	passed := time.Since(p.started)
	if passed < patience {
		return
	}
	p.isShown = true
	fmt.Fprintf(p.out, "\r\x1b[K%s, %.0f a second", count(p.done, "message"), float64(p.done)/passed.Seconds())
}

// clear takes the line away, for what is written in its place.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isShown {
		p.isShown = false
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
