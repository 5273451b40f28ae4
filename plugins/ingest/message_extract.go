package main

import (
	"fmt"

	"github.com/postern-dev/postern/plugins/ingest/extract"
	"github.com/postern-dev/postern/sdk"
)

// chunk is how much of a source is read at once, in bytes: most messages are smaller, and larger ones pass through.
const chunk = 128 << 10

// extractMessage reads a message from a blob and lists what is in it.
func extractMessage(call *sdk.Call) error {
	report, err := read(call, call.String("source"), extract.Options{NoBodies: !call.Bool("bodies")}, call.Bool("save"))
	if err != nil {
		return err
	}
	call.Row(reportRow(report, wanted(call.Strings("kinds")), call.Bool("bodies")).Value)
	if len(report.Cut) > 0 {
		call.Truncate()
	}
	call.Message(fmt.Sprintf("The message was read: %d findings.", len(report.Findings)))
	return nil
}

// read reads the message that a blob is, and keeps its files as blobs if save says so.
func read(call *sdk.Call, blob string, options extract.Options, save bool) (*extract.Report, error) {
	if save {
		options.Keep = func(*extract.Part) extract.Keeper { return keeper{call.NewBlob()} }
	}
	return extract.Message(call.BlobReader(blob, chunk), options)
}

// keeper keeps a file as a blob.
type keeper struct{ *sdk.BlobWriter }

// Close ends the blob and gives its name.
func (k keeper) Close() (string, error) {
	blob, err := k.BlobWriter.Close()
	if err != nil {
		return "", err
	}
	return blob.Name, nil
}

// wanted tells which kinds of findings are listed.
func wanted(kinds []string) func(extract.Kind) bool {
	if len(kinds) == 0 {
		return func(extract.Kind) bool { return true }
	}
	set := make(map[extract.Kind]bool, len(kinds))
	for _, kind := range kinds {
		set[extract.Kind(kind)] = true
	}
	return func(kind extract.Kind) bool { return set[kind] }
}
