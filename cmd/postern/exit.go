package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/postern-dev/postern/abi"
)

// exitClass is one exit status and the failures that it stands for.
type exitClass struct {
	status  int
	codes   []abi.Code
	meaning string
}

// Exit statuses that stand for no code, or for more than codes.
const (
	exitFault  = 1
	exitUsage  = 2
	exitConfig = 3
)

// exitClasses lists every exit status. They are stable, as the codes are: scripts depend on them.
func exitClasses() []exitClass {
	return []exitClass{
		{0, nil, "success"},
		{exitFault, []abi.Code{abi.Internal}, "a fault of Postern or of this machine"},
		{exitUsage, nil, "the command line is wrong"},
		{exitConfig, nil, "postern.toml is missing or wrong"},
		{4, []abi.Code{abi.InvalidInput, abi.UnknownAction}, "a parameter or the name of an action is wrong"},
		{5, []abi.Code{abi.PolicyDenied}, "no grant allows it"},
		{6, []abi.Code{abi.Auth, abi.Consent}, "the connection cannot sign in"},
		{7, []abi.Code{abi.Throttled}, "a rate was reached; try again later"},
		{8, []abi.Code{abi.FuelExhausted, abi.MemoryExhausted, abi.DeadlineExceeded, abi.ExchangeLimit}, "the invocation reached one of its limits, or was cancelled"},
		{9, []abi.Code{abi.PluginFailed}, "the plugin failed"},
		{10, []abi.Code{abi.NotFound, abi.Ambiguous, abi.InvalidID}, "what was named is not there, or not one thing"},
		{11, []abi.Code{abi.AccessDenied}, "Microsoft Graph denies access"},
		{12, []abi.Code{abi.Conflict, abi.MailboxUnavailable, abi.Quota, abi.TooLarge, abi.BadQuery, abi.NotSupported}, "Microsoft Graph cannot do it"},
		{13, []abi.Code{abi.Upstream}, "a fault of Microsoft's side, of a sink, or of the way there; try again"},
		{14, []abi.Code{abi.OutcomeUnknown}, "a write may or may not have happened; look before you repeat it"},
	}
}

// exitStatus returns the status for the error of a command.
func exitStatus(err error) int {
	var code abi.Code
	var failure *abi.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, new(*usageError)):
		return exitUsage
	case errors.As(err, new(*configError)):
		return exitConfig
	case errors.As(err, &failure):
		code = failure.Code
	case errors.Is(err, context.Canceled):
		code = abi.DeadlineExceeded
	}
	for _, class := range exitClasses() {
		if slices.Contains(class.codes, code) {
			return class.status
		}
	}
	return exitFault
}

// exitTable is the help topic on exit statuses.
func exitTable() string {
	var b strings.Builder
	for _, class := range exitClasses() {
		fmt.Fprintf(&b, "%3d  %s\n", class.status, class.meaning)
		for _, code := range class.codes {
			fmt.Fprintf(&b, "       %s\n", code)
		}
	}
	return b.String()
}
