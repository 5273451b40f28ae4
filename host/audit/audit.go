// Package audit keeps the record of every exchange: who asked for what, what was decided by which rule, and what
// came of it. An exchange must be in the record before its reply reaches the guest; when a line cannot be written,
// [Log.Write] fails and the exchange must not go on.
//
// The record is a file of JSON lines, one for each [Record], with members in a fixed order and empty ones left out.
// A line is plain text wherever it is shown: control characters and those that reorder text are escaped, so that no
// value can forge a line or command a terminal. Long values are cut, and say how much is missing; a line is never
// over [MaxLine]. It holds no body, no token and no secret, only what went into the path, the query and the
// recipients.
//
// Each line is written by one system call to a file opened for appending, so several processes may share a record.
// A line survives a crash of the process once it is written; it survives a power failure once the operating system
// has written it out, at the latest when the log is closed. A crash in the middle of a line costs that line only:
// the next [Open] ends it, and [Read] reports it and goes on.
package audit

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/postern-dev/postern/abi"
)

// OpInvocation stands in a record for the invocation itself: refused before it ran, or ended.
const OpInvocation abi.Op = "invocation"

// OpRelease stands in a record for what an operator did with a request that was held: released it, which the lines of the
// request itself follow, or dropped it.
const OpRelease abi.Op = "release"

// OpTrigger stands in a record for what an operator did with a trigger: paused or resumed it, had it run, replayed or dropped dead letters of it.
const OpTrigger abi.Op = "trigger"

// OpNotify stands in a record for a request of the host about a subscription, by which Graph tells a trigger of changes.
const OpNotify abi.Op = "notify"

// OpExchange stands in a record for an exchange whose operation could not be read, or was not looked at.
const OpExchange abi.Op = "exchange"

// Decision is whether something was allowed to go on.
type Decision string

// The decisions.
const (
	Allowed Decision = "allowed"
	Denied  Decision = "denied"
)

// Record is one exchange, or an invocation as a whole. Only Time, Op and Decision must be there.
type Record struct {
	// Time is when it ended; kept to the microsecond.
	Time time.Time
	// Invocation, Action, Plugin and Connection say who asked. Plugin is name@version.
	Invocation, Action, Plugin, Connection string
	// Trigger is the name of the trigger that the invocation is a run of, or that an operator did something with.
	Trigger string
	// Op is the exchange's operation, or [OpInvocation].
	Op abi.Op
	// Capability, Method and Template say what was asked of Graph.
	Capability, Method, Template string
	// Params and Query are the values that went into the request, by unique names.
	Params, Query []abi.Pair
	// Recipients are all addresses that the request would send something to.
	Recipients []string
	// Decision is whether policy and limits let it go on.
	Decision Decision
	// Code is the class of the failure, empty for success.
	Code abi.Code
	// Rule is what decided, such as "grant.mail.only.user".
	Rule string
	// Held is the id under which the request is or was kept for an operator, and Operator who released or dropped it, or did
	// something with a trigger.
	Held, Operator string
	// Status is the HTTP status of Graph's answer, 0 without one.
	Status int
	// RequestID and ClientRequestID find the request in Microsoft's logs.
	RequestID, ClientRequestID string
	// BytesOut and BytesIn are the sizes of the bodies sent and received.
	BytesOut, BytesIn int64
	// Duration is how long it took; kept to the microsecond.
	Duration time.Duration
	// Fuel and Memory are what the module of an invocation used: units of computing, and
	// the bytes of its memory at the end. They tell which limits would do.
	Fuel, Memory uint64
	// Message is one sentence for the reader.
	Message string
}

// Log appends records to a file. Its methods may be called at the same time.
type Log struct {
	mu   sync.Mutex
	file *os.File
	line []byte
	torn bool
}

// Open opens or creates the file, with mode 0600, and ends a line that a crash cut off.
func Open(path string) (*Log, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open the audit record: %w", err)
	}
	if err := endLastLine(file); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot repair the audit record: %w", err), file.Close())
	}
	return &Log{file: file}, nil
}

func endLastLine(file *os.File) error {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return err
	}
	var last [1]byte
	if _, err := file.ReadAt(last[:], info.Size()-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = file.WriteString("\n")
	return err
}

// Write appends one line. After an error the record is in doubt, and what it records must not go on.
func (l *Log) Write(r Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line = l.line[:0]
	if l.torn {
		l.line = append(l.line, '\n')
	}
	l.line = append(r.AppendJSON(l.line), '\n')
	if n, err := l.file.Write(l.line); err != nil {
		l.torn = l.torn || n > 0
		return fmt.Errorf("cannot write the audit record: %w", err)
	}
	l.torn = false
	return nil
}

// Close writes the record out to the disk and closes it.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.file.Sync()
	if info, statErr := l.file.Stat(); statErr == nil && !info.Mode().IsRegular() {
		err = nil // A pipe or terminal has no disk to write out to.
	}
	if err = errors.Join(err, l.file.Close()); err != nil {
		return fmt.Errorf("cannot close the audit record: %w", err)
	}
	return nil
}
