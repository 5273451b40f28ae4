package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/trigger"
)

const (
	// refresh is how old the note may be when a key was last asked for, so that asking seldom writes. Keys are kept that much longer.
	refresh = time.Hour
	// sweep is how many keys one commit forgets at most, so that none takes long.
	sweep = 2000
)

// Seen tells which keys were committed.
func (s *Store) Seen(ctx context.Context, name string, keys []string) ([]bool, error) {
	if err := errors.Join(trigger.CheckName("trigger", name), trigger.CheckKeys(keys)); err != nil {
		return nil, err
	}
	seen := make([]bool, len(keys))
	now := s.now()
	var stale []int
	var id int64
	err := s.read(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRow(`SELECT id FROM trigger WHERE name = ?`, name).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		look, err := tx.Prepare(`SELECT asked FROM seen WHERE trigger = ? AND digest = ?`)
		if err != nil {
			return err
		}
		defer look.Close()
		for i, key := range keys {
			var asked int64
			switch err := look.QueryRow(id, digest(key)).Scan(&asked); {
			case errors.Is(err, sql.ErrNoRows):
				continue
			case err != nil:
				return err
			}
			seen[i] = true
			if since(asked).Before(now.Add(-refresh)) {
				stale = append(stale, i)
			}
		}
		return nil
	})
	if err != nil || len(stale) == 0 {
		return seen, err
	}
	return seen, s.write(ctx, func(tx *sql.Tx) error {
		note, err := tx.Prepare(`UPDATE seen SET asked = max(asked, ?) WHERE trigger = ? AND digest = ?`)
		if err != nil {
			return err
		}
		defer note.Close()
		for _, i := range stale {
			if _, err := note.Exec(micro(now), id, digest(keys[i])); err != nil {
				return err
			}
		}
		return nil
	})
}

// Known returns the digests of all keys.
func (s *Store) Known(ctx context.Context, name string) (known []trigger.KeyDigest, err error) {
	if err := trigger.CheckName("trigger", name); err != nil {
		return nil, err
	}
	err = s.read(ctx, func(tx *sql.Tx) error {
		rows, err := tx.Query(`SELECT digest FROM seen WHERE trigger = (SELECT id FROM trigger WHERE name = ?)`, name)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var digest []byte
			if err := rows.Scan(&digest); err != nil {
				return err
			}
			known = append(known, trigger.KeyDigest(digest))
		}
		return rows.Err()
	})
	return known, err
}

// Remember adds keys.
func (s *Store) Remember(ctx context.Context, l trigger.Lease, keys []trigger.KeyDigest, _ time.Duration) error {
	if err := trigger.CheckSeqs(len(keys)); err != nil {
		return err
	}
	return s.fenced(ctx, l, func(tx *sql.Tx, id int64) error {
		note, err := tx.Prepare(noteKey)
		if err != nil {
			return err
		}
		defer note.Close()
		for _, key := range keys {
			if _, err := note.Exec(id, key[:], micro(s.now())); err != nil {
				return err
			}
		}
		return nil
	})
}

// noteKey keeps a key, or that it was met again.
const noteKey = `INSERT INTO seen (trigger, digest, asked) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET asked = max(asked, excluded.asked)`

func digest(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:]
}

// Commit keeps what a run returned.
func (s *Store) Commit(ctx context.Context, l trigger.Lease, c trigger.Commit) (trigger.Committed, error) {
	var done trigger.Committed
	if err := c.Check(); err != nil {
		return done, err
	}
	err := s.fenced(ctx, l, func(tx *sql.Tx, id int64) error {
		now := s.now()
		var counters trigger.Counters
		var lastSuccess int64
		row := tx.QueryRow(`SELECT runs, records, repeated, late, greatest_lateness, last_success FROM trigger WHERE id = ?`, id)
		if err := row.Scan(&counters.Runs, &counters.Records, &counters.Repeated, &counters.Late, &counters.GreatestLateness, &lastSuccess); err != nil {
			return err
		}
		fresh, err := remember(tx, id, c.Records, now)
		if err != nil {
			return err
		}
		done = trigger.Committed{New: len(fresh), Repeated: len(c.Records) - len(fresh)}
		counters.Repeated += uint64(done.Repeated)
		for _, r := range fresh {
			if counters.Count(r, c.Passed, now) {
				done.Late++
			}
		}
		if err := enqueue(tx, id, fresh, c.Sinks, now); err != nil {
			return err
		}
		if c.State != nil {
			if _, err := tx.Exec(`UPDATE trigger SET state = ? WHERE id = ?`, c.State, id); err != nil {
				return err
			}
		}
		if !c.Next.IsZero() {
			counters.Runs++
			if _, err := tx.Exec(`UPDATE trigger SET next = ?, last_run = ?, last_success = ?, failures = 0, failure_code = '', failure_message = '',
				failure_time = 0 WHERE id = ?`, micro(c.Next), micro(now), micro(now), id); err != nil {
				return err
			}
		}
		if !c.Began.IsZero() {
			if _, err := tx.Exec(`UPDATE trigger SET passed = ? WHERE id = ?`, micro(c.Began), id); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(`UPDATE trigger SET runs = ?, records = ?, repeated = ?, late = ?, greatest_lateness = ? WHERE id = ?`,
			counters.Runs, counters.Records, counters.Repeated, counters.Late, counters.GreatestLateness, id); err != nil {
			return err
		}
		// Not from now: after a long time in which the trigger stood still, its first run asks for keys page by page.
		_, err = tx.Exec(`DELETE FROM seen WHERE (trigger, digest) IN (SELECT trigger, digest FROM seen WHERE trigger = ? AND asked < ? LIMIT ?)`,
			id, min(micro(now), lastSuccess)-(c.Retain+refresh).Microseconds(), sweep)
		return err
	})
	if err != nil {
		return trigger.Committed{}, err
	}
	return done, nil
}

// remember notes the keys of records, and returns the records whose keys are new.
func remember(tx *sql.Tx, id int64, records []trigger.Record, now time.Time) ([]*trigger.Record, error) {
	// Updating tells nothing of what was there before, so it is looked for first.
	look, err := tx.Prepare(`SELECT 1 FROM seen WHERE trigger = ? AND digest = ?`)
	if err != nil {
		return nil, err
	}
	defer look.Close()
	note, err := tx.Prepare(noteKey)
	if err != nil {
		return nil, err
	}
	defer note.Close()
	var fresh []*trigger.Record
	for i := range records {
		sum, one := digest(records[i].Key), 0
		err := look.QueryRow(id, sum).Scan(&one)
		if errors.Is(err, sql.ErrNoRows) {
			fresh, err = append(fresh, &records[i]), nil
		}
		if err != nil {
			return nil, err
		}
		if _, err := note.Exec(id, sum, micro(now)); err != nil {
			return nil, err
		}
	}
	return fresh, nil
}

// enqueue puts records into the outbox of each sink. Those that go nowhere are not kept.
func enqueue(tx *sql.Tx, id int64, records []*trigger.Record, sinks []string, now time.Time) error {
	for _, sink := range sinks {
		if _, err := tx.Exec(`INSERT INTO sink (trigger, name) VALUES (?, ?) ON CONFLICT DO NOTHING`, id, sink); err != nil {
			return err
		}
	}
	if len(sinks) == 0 || len(records) == 0 {
		return nil
	}
	var statements [3]*sql.Stmt
	for i, text := range []string{
		`INSERT INTO record (key, time, committed, content) VALUES (?, ?, ?, ?)`,
		`INSERT INTO blob (record, place, name) VALUES (?, ?, ?)`,
		`INSERT INTO outbox (trigger, sink, record) VALUES (?, ?, ?)`,
	} {
		statement, err := tx.Prepare(text)
		if err != nil {
			return err
		}
		defer statement.Close()
		statements[i] = statement
	}
	record, blob, outbox := statements[0], statements[1], statements[2]
	for _, r := range records {
		kept, err := record.Exec(r.Key, text(r.Time), micro(now), r.Content)
		if err != nil {
			return err
		}
		number, err := kept.LastInsertId()
		if err != nil {
			return err
		}
		for place, name := range r.Blobs {
			if _, err := blob.Exec(number, place, name); err != nil {
				return err
			}
		}
		for _, sink := range sinks {
			if _, err := outbox.Exec(id, sink, number); err != nil {
				return err
			}
		}
	}
	return nil
}

// text keeps a record's own time as exact as it came.
func text(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// Schedule says when a trigger is due again.
func (s *Store) Schedule(ctx context.Context, l trigger.Lease, next time.Time, failure *abi.Error) error {
	if err := trigger.CheckTime(next); err != nil {
		return err
	}
	return s.fenced(ctx, l, func(tx *sql.Tx, id int64) error {
		if _, err := tx.Exec(`UPDATE trigger SET next = ? WHERE id = ?`, micro(next), id); err != nil || failure == nil {
			return err
		}
		now := micro(s.now())
		_, err := tx.Exec(`UPDATE trigger SET last_run = ?, failures = failures + 1, failure_code = ?, failure_message = ?, failure_time = ? WHERE id = ?`,
			now, string(failure.Code), trigger.Cut(failure.Message), now, id)
		return err
	})
}

// Watched keeps what is known of a trigger's notifications.
func (s *Store) Watched(ctx context.Context, l trigger.Lease, w trigger.Watch) error {
	if err := trigger.CheckTime(w.Until); err != nil {
		return err
	}
	var code, message string
	if w.Failure != nil {
		code, message = string(w.Failure.Code), trigger.Cut(w.Failure.Message)
	}
	return s.fenced(ctx, l, func(tx *sql.Tx, id int64) error {
		_, err := tx.Exec(`UPDATE trigger SET watch_until = ?, watch_code = ?, watch_message = ? WHERE id = ?`, micro(w.Until), code, message, id)
		return err
	})
}
