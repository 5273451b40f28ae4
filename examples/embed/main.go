// Command embed prints the newest messages of a mailbox: embed postern.toml soc@contoso.com
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/manifests"
)

func main() {
	if err := printNewest(context.Background(), os.Stdout, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "embed:", err) // an *abi.Error says what to do next
		os.Exit(1)
	}
}

func printNewest(ctx context.Context, w io.Writer, file, mailbox string) error {
	config, err := manifests.LoadConfig(file)
	if err != nil {
		return err
	}
	h, err := host.Open(ctx, host.Config{Operator: config})
	if err != nil {
		return err
	}
	defer h.Close()
	result, err := h.Invoke(ctx, host.Invocation{
		Action:     "mail.search",
		Parameters: map[string]any{"email_address": mailbox, "limit": 3},
	})
	for _, row := range result.Data {
		fmt.Fprintf(w, "%s\n", row) // one JSON object each
	}
	return err
}
