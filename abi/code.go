package abi

// Code classifies a failure. Codes are stable: callers, playbooks and exit codes
// depend on them. A Code is an error, so that errors.Is(err, abi.NotFound) asks
// for the class of any wrapped [Error].
type Code string

// Codes that the host decides.
const (
	// InvalidInput: a parameter is unknown, missing, of the wrong type or out of range.
	InvalidInput Code = "invalid_input"
	// UnknownAction: no installed plugin has the action.
	UnknownAction Code = "unknown_action"
	// PolicyDenied: manifest and grant together do not allow it.
	PolicyDenied Code = "policy_denied"
	// Auth: the connection got no token, or Graph did not accept it.
	Auth Code = "auth"
	// Consent: the application or user has not consented to what is asked.
	Consent Code = "consent"
	// Throttled: a rate of the connection, the grant or Graph was reached.
	Throttled Code = "throttled"
	// FuelExhausted: the invocation used up its computing budget.
	FuelExhausted Code = "fuel_exhausted"
	// MemoryExhausted: the invocation needed more memory than it may have.
	MemoryExhausted Code = "memory_exhausted"
	// DeadlineExceeded: the invocation took longer than it may.
	DeadlineExceeded Code = "deadline_exceeded"
	// ExchangeLimit: the invocation asked for more exchanges, rows, log lines or
	// blob bytes than it may.
	ExchangeLimit Code = "exchange_limit"
	// PluginFailed: the module trapped, broke the ABI or reported a fault of its own.
	PluginFailed Code = "plugin_failed"
	// Internal: a fault of the host.
	Internal Code = "internal"
)

// Codes that tell what Graph answered; the table of causes in host/graph says which
// answer means which.
const (
	// NotFound: the item, mailbox or group does not exist or cannot be seen.
	NotFound Code = "not_found"
	// Ambiguous: a name matches more than one thing.
	Ambiguous Code = "ambiguous"
	// AccessDenied: the identity lacks a permission or an access right.
	AccessDenied Code = "access_denied"
	// InvalidID: an id is damaged or of the wrong kind.
	InvalidID Code = "invalid_id"
	// Conflict: the thing exists already or has changed meanwhile.
	Conflict Code = "conflict"
	// MailboxUnavailable: inactive, soft-deleted, on-premises or unlicensed.
	MailboxUnavailable Code = "mailbox_unavailable"
	// Quota: the mailbox is full.
	Quota Code = "quota"
	// TooLarge: a request, reply, message or attachment is over a size limit.
	TooLarge Code = "too_large"
	// BadQuery: a filter, search or order cannot be served.
	BadQuery Code = "bad_query"
	// NotSupported: this cannot be done with the token or the mailbox at hand.
	NotSupported Code = "not_supported"
	// Upstream: a fault of Microsoft's side or of the way there.
	Upstream Code = "upstream"
	// OutcomeUnknown: a write may or may not have happened. It was not repeated.
	OutcomeUnknown Code = "outcome_unknown"
)

// Codes lists every code, in the order of the documentation.
func Codes() []Code {
	return []Code{
		InvalidInput, UnknownAction, PolicyDenied, Auth, Consent, Throttled,
		FuelExhausted, MemoryExhausted, DeadlineExceeded, ExchangeLimit, PluginFailed, Internal,
		NotFound, Ambiguous, AccessDenied, InvalidID, Conflict, MailboxUnavailable,
		Quota, TooLarge, BadQuery, NotSupported, Upstream, OutcomeUnknown,
	}
}

// Known reports whether c is one of [Codes].
func (c Code) Known() bool {
	for _, known := range Codes() {
		if c == known {
			return true
		}
	}
	return false
}

func (c Code) Error() string { return string(c) }
