package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/trigger"
)

// Pending returns the first deliveries of a sink.
func (s *Store) Pending(ctx context.Context, name, sink string, limit int) ([]trigger.Delivery, error) {
	if err := errors.Join(trigger.CheckName("trigger", name), trigger.CheckName("sink", sink)); err != nil {
		return nil, err
	}
	var pending []trigger.Delivery
	err := s.read(ctx, func(tx *sql.Tx) error {
		rows, err := tx.Query(`SELECT o.seq, o.attempts, o.reason, o.not_before, o.begun, r.id, r.key, r.time, r.committed, r.content
			FROM outbox o JOIN record r ON r.id = o.record
			WHERE o.trigger = (SELECT id FROM trigger WHERE name = ?) AND o.sink = ? ORDER BY o.seq LIMIT ?`, name, sink, min(max(limit, 0), trigger.MaxBatch))
		if err != nil {
			return err
		}
		defer rows.Close()
		var records []int64
		for size := 0; rows.Next(); {
			d := trigger.Delivery{Trigger: name}
			var notBefore, record int64
			var k kept
			if err := rows.Scan(&d.Seq, &d.Attempts, &d.Reason, &notBefore, &k.begun, &record, &d.Key, &k.time, &k.committed, &d.Content); err != nil {
				return err
			}
			if size += len(d.Content); size > trigger.MaxPending && len(pending) > 0 {
				break
			}
			d.NotBefore = since(notBefore)
			if err := k.into(&d); err != nil {
				return err
			}
			pending, records = append(pending, d), append(records, record)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		for i := range pending {
			if pending[i].Blobs, err = blobsOf(tx, records[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return pending, nil
}

// kept is what outbox and parked keep alike of a delivery, in their spelling.
type kept struct {
	begun, committed int64
	time             string
}

func (k *kept) into(d *trigger.Delivery) (err error) {
	d.InDoubt, d.Begun, d.Committed = k.begun != 0, since(k.begun), since(k.committed)
	if k.time != "" {
		d.Time, err = time.Parse(time.RFC3339Nano, k.time)
	}
	return err
}

func blobsOf(tx *sql.Tx, record int64) (names []string, err error) {
	rows, err := tx.Query(`SELECT name FROM blob WHERE record = ? ORDER BY place`, record)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// Begin notes that deliveries go out.
func (s *Store) Begin(ctx context.Context, l trigger.Lease, sink string, seqs []uint64) error {
	if err := trigger.CheckSeqs(len(seqs)); err != nil {
		return err
	}
	return s.fenced(ctx, l, func(tx *sql.Tx, id int64) error {
		now := micro(s.now())
		for _, seq := range seqs {
			begun, err := tx.Exec(`UPDATE outbox SET begun = ? WHERE seq = ? AND trigger = ? AND sink = ?`, now, int64(seq), id, sink)
			if err != nil {
				return err
			}
			if n, err := begun.RowsAffected(); err != nil || n != 1 {
				return errors.Join(err, notPending(l.Trigger, sink, seq))
			}
		}
		return nil
	})
}

func notPending(name, sink string, seq uint64) error {
	return &abi.Error{Code: abi.Conflict, Message: fmt.Sprintf(
		"delivery %d of trigger %s to sink %s is not pending any more; ask anew which are", seq, name, sink)}
}

// Settle notes how deliveries ended.
func (s *Store) Settle(ctx context.Context, l trigger.Lease, sink string, outcomes []trigger.Outcome) error {
	if err := trigger.CheckOutcomes(outcomes); err != nil {
		return err
	}
	return s.fenced(ctx, l, func(tx *sql.Tx, id int64) error {
		for _, o := range outcomes {
			if err := s.settle(tx, id, sink, o); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) settle(tx *sql.Tx, id int64, sink string, o trigger.Outcome) (err error) {
	seq, reason := int64(o.Seq), trigger.Cut(o.Reason)
	switch o.Result {
	case trigger.Returned:
		_, err = tx.Exec(`UPDATE outbox SET begun = 0 WHERE seq = ? AND trigger = ? AND sink = ?`, seq, id, sink)
		return err
	case trigger.Failed:
		_, err = tx.Exec(`UPDATE outbox SET begun = 0, attempts = attempts + 1, reason = ?, not_before = ? WHERE seq = ? AND trigger = ? AND sink = ?`,
			reason, micro(o.NotBefore), seq, id, sink)
		return err
	case trigger.Spoiled:
		if _, err = tx.Exec(`INSERT INTO parked (trigger, sink, record, seq, attempts, reason, begun, since)
			SELECT trigger, sink, record, seq, attempts, ?, begun, ? FROM outbox WHERE seq = ? AND trigger = ? AND sink = ?`,
			reason, micro(s.now()), seq, id, sink); err != nil {
			return err
		}
	}
	var record int64
	err = tx.QueryRow(`DELETE FROM outbox WHERE seq = ? AND trigger = ? AND sink = ? RETURNING record`, seq, id, sink).Scan(&record)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil && o.Result == trigger.Acknowledged {
		_, err = tx.Exec(`UPDATE sink SET delivered = delivered + 1 WHERE trigger = ? AND name = ?`, id, sink)
	}
	if err != nil {
		return err
	}
	return forget(tx, record)
}

// forget removes a record that nothing waits for any more.
func forget(tx *sql.Tx, record int64) error {
	gone, err := tx.Exec(`DELETE FROM record WHERE id = ?1
		AND NOT EXISTS (SELECT 1 FROM outbox WHERE record = ?1) AND NOT EXISTS (SELECT 1 FROM parked WHERE record = ?1)`, record)
	if err != nil {
		return err
	}
	if n, err := gone.RowsAffected(); err != nil || n == 0 {
		return err
	}
	_, err = tx.Exec(`DELETE FROM blob WHERE record = ?`, record)
	return err
}

// Blobs tells which blobs are waited for.
func (s *Store) Blobs(ctx context.Context, names []string) ([]bool, error) {
	if err := trigger.CheckBlobs(names); err != nil {
		return nil, err
	}
	needed := make([]bool, len(names))
	err := s.read(ctx, func(tx *sql.Tx) error {
		for i, name := range names {
			if err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM blob WHERE name = ?)`, name).Scan(&needed[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return needed, nil
}
