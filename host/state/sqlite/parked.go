package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/postern-dev/postern/host/trigger"
)

// Parked returns dead letters.
func (s *Store) Parked(ctx context.Context, name string, after uint64, limit int) ([]trigger.Parked, error) {
	if err := trigger.CheckName("trigger", name); err != nil {
		return nil, err
	}
	var parked []trigger.Parked
	err := s.read(ctx, func(tx *sql.Tx) error {
		rows, err := tx.Query(`SELECT p.id, p.sink, p.seq, p.attempts, p.reason, p.begun, p.since, r.id, r.key, r.time, r.committed, r.content
			FROM parked p JOIN record r ON r.id = p.record
			WHERE p.trigger = (SELECT id FROM trigger WHERE name = ?) AND p.id > ? ORDER BY p.id LIMIT ?`,
			name, int64(after), min(max(limit, 0), trigger.MaxBatch))
		if err != nil {
			return err
		}
		defer rows.Close()
		var records []int64
		for size := 0; rows.Next(); {
			p := trigger.Parked{Delivery: trigger.Delivery{Trigger: name}}
			var parkedAt, record int64
			var k kept
			if err := rows.Scan(&p.ID, &p.Sink, &p.Seq, &p.Attempts, &p.Reason, &k.begun, &parkedAt, &record,
				&p.Key, &k.time, &k.committed, &p.Content); err != nil {
				return err
			}
			if size += len(p.Content); size > trigger.MaxPending && len(parked) > 0 {
				break
			}
			p.Since = since(parkedAt)
			if err := k.into(&p.Delivery); err != nil {
				return err
			}
			parked, records = append(parked, p), append(records, record)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		for i := range parked {
			if parked[i].Blobs, err = blobsOf(tx, records[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return parked, nil
}

// Replay puts dead letters back into the outbox.
func (s *Store) Replay(ctx context.Context, name string, ids []uint64) (int, error) {
	return s.takeParked(ctx, name, ids, func(tx *sql.Tx, id int64) error {
		_, err := tx.Exec(`INSERT INTO outbox (trigger, sink, record) SELECT trigger, sink, record FROM parked WHERE id = ?`, id)
		return err
	})
}

// Drop forgets dead letters.
func (s *Store) Drop(ctx context.Context, name string, ids []uint64) (int, error) {
	return s.takeParked(ctx, name, ids, func(*sql.Tx, int64) error { return nil })
}

// Forget drops what waits for a sink, and its dead letters.
func (s *Store) Forget(ctx context.Context, name, sink string) (n int, err error) {
	if err := errors.Join(trigger.CheckName("trigger", name), trigger.CheckName("sink", sink)); err != nil {
		return 0, err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		n = 0
		var id int64
		if err := tx.QueryRow(`SELECT id FROM trigger WHERE name = ?`, name).Scan(&id); err != nil {
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			return err
		}
		for _, statement := range []string{
			`DELETE FROM outbox WHERE trigger = ? AND sink = ? RETURNING record`, `DELETE FROM parked WHERE trigger = ? AND sink = ? RETURNING record`,
		} {
			records, err := numbers(tx, statement, id, sink)
			if err != nil {
				return err
			}
			for _, record := range records {
				if err := forget(tx, record); err != nil {
					return err
				}
			}
			n += len(records)
		}
		_, err := tx.Exec(`DELETE FROM sink WHERE trigger = ? AND name = ?`, id, sink)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// numbers are those that a statement returns.
func numbers(tx *sql.Tx, statement string, arguments ...any) (all []int64, err error) {
	rows, err := tx.Query(statement, arguments...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, rows.Err()
}

// takeParked takes dead letters off the list, after before has seen each, and returns how many there were.
func (s *Store) takeParked(ctx context.Context, name string, ids []uint64, before func(tx *sql.Tx, id int64) error) (n int, err error) {
	if err := errors.Join(trigger.CheckName("trigger", name), trigger.CheckSeqs(len(ids))); err != nil {
		return 0, err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		n = 0
		for _, id := range ids {
			var record int64
			err := tx.QueryRow(`SELECT record FROM parked WHERE id = ? AND trigger = (SELECT id FROM trigger WHERE name = ?)`, int64(id), name).Scan(&record)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err == nil {
				err = before(tx, int64(id))
			}
			if err == nil {
				_, err = tx.Exec(`DELETE FROM parked WHERE id = ?`, int64(id))
			}
			if err == nil {
				err = forget(tx, record)
			}
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
