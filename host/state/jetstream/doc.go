// Package jetstream keeps triggers in a stream of NATS JetStream, for several hosts that share the work.
//
// # What is where
//
// The stream keeps the last message of each subject. STREAM is its name, T a trigger's.
//
//	STREAM.head.T          all of a trigger that changes: fence, schedule, counters, what each sink has got. One JSON object.
//	STREAM.lease.T         who has the lease. The server removes it when its time is over, so that no host's clock matters.
//	STREAM.data.T.ID.N     records of a commit, a state, or a dead letter, in parts. Never changed.
//	STREAM.batch.T.PLACE   where the records are that begin with that place of the outbox
//	STREAM.parked.T.ID     where a dead letter is
//	STREAM.seen.T.DIGEST   that a key was committed. The server removes it in time.
//	STREAM.blob.DIGEST.T.… that a blob is waited for
//	STREAM.piece.DIGEST.N  the bytes of a blob, in pieces, for hosts that did not read it themselves
//	STREAM.content.DIGEST  that all of its pieces are there
//	STREAM.rate.NAME       how much of a connection's rate the hosts have used
//
// # How a change is whole
//
// A change is one message on the head, which the server takes only if the head is still the one that was read. What a change needs is written
// before it, as data that nobody refers to yet; what follows from it is a list in the head itself, which whoever comes next carries out: so
// a host may be killed between any two messages. The fence is in the head, so that a host which has lost its lease changes nothing.
//
// # What the server must be
//
// NATS 2.11 or later, with sync_interval: always. Else it acknowledges what it writes to the disk two minutes later, and forgets that when its
// power fails; replicas help as long as most of them live.
package jetstream
