// Command triggers follows the triggers of an operator's file until it is interrupted, and prints the subject of each mail once:
//
//	triggers postern.toml
//
// The file has a sink for it, which the triggers name:
//
//	[sink.program]
//	kind = "callback"
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/trigger"
	"github.com/postern-dev/postern/host/trigger/sink"
	"github.com/postern-dev/postern/manifests"
)

func main() {
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: triggers postern.toml")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := follow(ctx, os.Stdout, flag.Arg(0)); err != nil {
		log.Fatal(err) // an *abi.Error says what to do next
	}
}

func follow(ctx context.Context, w io.Writer, file string) (err error) {
	config, err := manifests.LoadConfig(file)
	if err != nil {
		return err
	}
	h, err := host.Open(host.Config{Operator: config})
	if err != nil {
		return err
	}
	defer h.Close()
	program := &sink.Callback{Take: func(_ context.Context, record trigger.Delivery) error { return show(w, record.Content) }}
	triggers, err := h.Triggers(ctx, host.TriggerOptions{Sinks: map[string]trigger.Sink{"program": program}})
	if err != nil {
		return err
	}
	defer triggers.Close() // before the host
	return triggers.Run(ctx)
}

// show takes one record of mail.poll. With nil it is taken for good; with an error it comes again later. Should the process die in between,
// nobody knows whether it was taken: without a Has of the sink it is then parked for the operator.
func show(w io.Writer, content []byte) error {
	var record struct {
		Container struct{ Name string }
	}
	if err := json.Unmarshal(content, &record); err != nil {
		return &trigger.PermanentError{Reason: err.Error()} // it would be no better the next time
	}
	_, err := fmt.Fprintln(w, record.Container.Name)
	return err
}
