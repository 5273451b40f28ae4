// Package trigger polls: it runs the actions of kind trigger and poll on a schedule, keeps what they return, and delivers
// it to sinks, so that each record reaches each of its sinks exactly once.
//
// # How that holds
//
// A run is given the state that the last one left and returns records and a new state. A [Store] commits both in one
// transaction, with the records' keys: a run that ends in between has changed nothing, and a key that was committed before is
// dropped. From then on a record is in the outbox until a [Sink] has acknowledged it.
//
// What no transaction can span is the sink. So the store notes that a delivery begins before it does, and how it ended
// after it has. One that began and has no end when a process takes over is in doubt: the sink is asked whether it has the record. It is
// delivered again only if the sink says no, and parked for the operator if the sink cannot tell.
//
// Of the hosts that share a store one at a time runs a trigger: it has the [Lease], whose fence every change must show. A host that was
// paused, cut off or is late by its clock cannot change anything once another has taken over.
package trigger

import (
	"time"

	"github.com/postern-dev/postern/abi"
)

// Lease is the right to run a trigger and to deliver its records.
type Lease struct {
	// Trigger is the trigger's name in the operator's file.
	Trigger string
	// Holder names the host that has it.
	Holder string
	// Fence grows whenever the lease is taken, and stays when it is renewed.
	Fence uint64
	// Until is when it ends unless renewed, by the clock of this host. A delivery must have ended by then.
	Until time.Time
}

// Record is what a run returns: one thing that happened.
type Record struct {
	// Key tells it from all others of its trigger: 1 to [abi.MaxKey] bytes.
	Key string
	// Time is when it became true, such as a message's receivedDateTime; zero if that is unknown.
	Time time.Time
	// Content is a JSON object of at most [abi.MaxRecord] bytes.
	Content []byte
	// Blobs are the names of those that the content refers to, at most [MaxBlobs].
	Blobs []string
}

// Commit is what is kept of a run, or of one page of it: all or nothing.
type Commit struct {
	// State is what the next run starts with: JSON, at most [abi.MaxState] bytes. Nil leaves the state what it was.
	State []byte
	// Records are to be delivered, at most [MaxRecords] of them. One whose key was committed before, or is there twice, is dropped.
	Records []Record
	// Sinks are the names of those that get the records, at most [MaxSinks].
	Sinks []string
	// Retain is how long keys are remembered at least, after they were last handed over or asked for.
	Retain time.Duration
	// Passed is when the last run began that left nothing to be read, as [Snapshot] has it. A new record of an earlier time became visible
	// late; zero counts none.
	Passed time.Time
	// Began is when this run did, if the commit ends it and it left nothing to be read. Zero leaves that time what it was.
	Began time.Time
	// Next is when the trigger is due again. Zero says that the run goes on, and leaves the schedule what it was.
	Next time.Time
}

// Committed tells what became of a commit's records.
type Committed struct {
	// New are in the outbox now, and Repeated were dropped.
	New, Repeated int
	// Late are those of the new ones that became visible late.
	Late int
}

// Snapshot is all that a store knows of a trigger, but for its records.
type Snapshot struct {
	Trigger string
	// State is what the last commit left; nil before the first one. [Store.List] leaves it out.
	State []byte
	// Lease is that of its holder; nil if nobody has it.
	Lease *Lease
	// Paused is whether it does not run until resumed, PausedBy who said so, and PausedSince when.
	Paused      bool
	PausedBy    string
	PausedSince time.Time
	// Next is when it is due; zero before the first run.
	Next time.Time
	// LastRun is when a run ended last, in success or not, and LastSuccess when one did in success.
	LastRun, LastSuccess time.Time
	// Passed is when the last run began that left nothing to be read; zero if none has.
	Passed time.Time
	// Failures counts the runs that failed since the last success, and Failure is why the last of them did: its code, message and time.
	Failures int
	Failure  *abi.Error
	Counters Counters
	// Watch is what is known of its notifications; zero if it has none.
	Watch Watch
	// Backlogs are those of the sinks that any record was committed for, by name.
	Backlogs map[string]Backlog
}

// Watch is what is known of the change notifications that wake a trigger.
type Watch struct {
	// Until is how long it is told of changes, unless that is renewed; zero if it is not told.
	Until time.Time
	// Failure is why it is not told, or why that could not be renewed: its code and message. Nil if all is well.
	Failure *abi.Error
}

// Counters are sums over the life of a trigger.
type Counters struct {
	// Runs ended in success. Records were new, Repeated were dropped.
	Runs, Records, Repeated uint64
	// Late records were committed after a run that should have seen them, by their time. GreatestLateness is the longest time
	// from when such a one became true until it was committed: what overlaps have to be wider than.
	Late             uint64
	GreatestLateness time.Duration
}

// Backlog is what a sink has still to get.
type Backlog struct {
	// Pending are in the outbox, and Parked wait for the operator.
	Pending, Parked int
	// Delivered were acknowledged.
	Delivered uint64
	// Attempts counts how often the first of those pending has failed, Reason says why it did, and NotBefore when it is due.
	Attempts  int
	Reason    string
	NotBefore time.Time
}

// Delivery is a record on its way to one sink.
type Delivery struct {
	Record
	// Trigger is whose record it is.
	Trigger string
	// Seq is its place in the outbox of that trigger and sink: deliveries go out in this order.
	Seq uint64
	// Committed is when the record was.
	Committed time.Time
	// Attempts counts how often it has failed, and Reason says why it did last.
	Attempts int
	Reason   string
	// NotBefore is when it is due; zero is at once.
	NotBefore time.Time
	// InDoubt is whether it has begun and its end is not known. Begun is when that was: of all that were begun with it, so that it may have
	// left much later.
	InDoubt bool
	Begun   time.Time
	// Ended is by when whoever began it was certainly through with it. Stores leave it zero; a [Runner] tells a sink that it asks.
	Ended time.Time
}

// Outcome is how a delivery ended that was begun.
type Outcome struct {
	Seq uint64
	// Result is what became of it.
	Result Result
	// NotBefore is when a failed one is due again.
	NotBefore time.Time
	// Reason is why it failed or was parked, at most [MaxReason] bytes; what is longer is cut.
	Reason string
}

// Result is what became of a delivery.
type Result int

// Results of a delivery.
const (
	// Acknowledged: the sink has the record, and the delivery is over.
	Acknowledged Result = iota + 1
	// Returned: the sink certainly has not got it, through no fault of the record, which stays in its place.
	Returned
	// Failed: the sink certainly has not got it. The attempt is counted, and it stays in its place until NotBefore. At most one outcome of a
	// call: what comes after it was not handed over.
	Failed
	// Spoiled: the record is parked until the operator replays or drops it, and the next one's turn has come.
	Spoiled
)

// Parked is a delivery in the dead-letter list.
type Parked struct {
	Delivery
	// ID is its place in the trigger's list, by which it is replayed or dropped.
	ID uint64
	// Sink is whose delivery it was.
	Sink string
	// Since is when it was parked; Reason says why.
	Since time.Time
}

// Bounds of what a store takes.
const (
	// MaxName bounds the names of triggers and sinks, in bytes.
	MaxName = 64
	// MaxHolder bounds the name of a holder, in bytes: a host's name and what tells its processes apart.
	MaxHolder = 256
	// MinTTL and MaxTTL bound how long a lease is good for.
	MinTTL = time.Second
	MaxTTL = time.Hour
	// MaxRecords is how many records one commit may hold: ten of the largest pages of Graph's lists.
	MaxRecords = 10_000
	// MaxCommit bounds the records of one commit, in bytes: the longest result and its rows.
	MaxCommit = 64 << 20
	// MaxSinks is how many sinks a trigger may have.
	MaxSinks = 16
	// MaxBlobs is how many blobs one record may name: the most attachments that one message holds, and its source, with room.
	MaxBlobs = 1000
	// MaxReason bounds why a delivery failed, in bytes.
	MaxReason = 1 << 10
	// MaxBatch is how many deliveries are begun or ended at once.
	MaxBatch = 1000
	// MaxRetain is how long keys can be remembered: a year, so that no clock overflows.
	MaxRetain = 366 * 24 * time.Hour
)
