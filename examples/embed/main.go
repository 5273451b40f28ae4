// Command embed prints the newest messages of a mailbox: embed postern.toml soc@contoso.com
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/manifests"
)

func main() {
	flag.Parse()
	if flag.NArg() != 2 {
		log.Fatal("usage: embed postern.toml soc@contoso.com")
	}
	if err := printNewest(context.Background(), os.Stdout, flag.Arg(0), flag.Arg(1)); err != nil {
		log.Fatal(err) // an *abi.Error says what to do next
	}
}

func printNewest(ctx context.Context, w io.Writer, file, mailbox string) error {
	config, err := manifests.LoadConfig(file)
	if err != nil {
		return err
	}
	h, err := host.Open(host.Config{Operator: config})
	if err != nil {
		return err
	}
	defer h.Close()
	parameters := map[string]any{"email_address": mailbox, "limit": 3}
	result, err := h.Invoke(ctx, host.Invocation{Action: "mail.search", Parameters: parameters})
	for _, row := range result.Data {
		fmt.Fprintf(w, "%s\n", row) // one JSON object each
	}
	return err
}
