package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/postern-dev/postern/host/trigger"
)

// Lease takes or renews the lease of a trigger.
func (s *Store) Lease(ctx context.Context, name, holder string, ttl time.Duration) (trigger.Lease, error) {
	l := trigger.Lease{Trigger: name, Holder: holder}
	if err := trigger.CheckLease(name, holder, ttl); err != nil {
		return l, err
	}
	err := s.write(ctx, func(tx *sql.Tx) error {
		id, err := idOf(tx, name)
		if err != nil {
			return err
		}
		other, process := trigger.Lease{Trigger: name}, ""
		var until int64
		row := tx.QueryRow(`SELECT holder, process, fence, until FROM trigger WHERE id = ?`, id)
		if err := row.Scan(&other.Holder, &process, &other.Fence, &until); err != nil {
			return err
		}
		now := s.now()
		other.Until = since(until)
		own := process == s.presence.id && other.Holder == holder
		if other.Holder != "" && !own && other.Until.After(now) && s.presence.isAlive(process) {
			other.Fence = 0
			return &trigger.HeldError{Lease: other}
		}
		l.Fence = other.Fence
		if !own {
			l.Fence++
		}
		l.Until = now.Add(ttl)
		_, err = tx.Exec(`UPDATE trigger SET holder = ?, process = ?, fence = ?, until = ? WHERE id = ?`,
			holder, s.presence.id, l.Fence, micro(l.Until), id)
		return err
	})
	if err != nil {
		return trigger.Lease{}, err
	}
	return l, nil
}

// Release ends a lease.
func (s *Store) Release(ctx context.Context, l trigger.Lease) error {
	err := s.fenced(ctx, l, func(tx *sql.Tx, id int64) error {
		_, err := tx.Exec(`UPDATE trigger SET holder = '', process = '', until = 0 WHERE id = ?`, id)
		return err
	})
	if errors.Is(err, trigger.ErrLost) {
		return nil
	}
	return err
}

// fenced changes what a lease is for, if it is the current one.
func (s *Store) fenced(ctx context.Context, l trigger.Lease, do func(tx *sql.Tx, id int64) error) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		var id int64
		err := tx.QueryRow(`SELECT id FROM trigger WHERE name = ? AND holder = ? AND fence = ? AND holder <> ''`, l.Trigger, l.Holder, l.Fence).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return trigger.ErrLost
		}
		if err != nil {
			return err
		}
		return do(tx, id)
	})
}

// idOf returns the id of a trigger, and makes its row if it is the first time.
func idOf(tx *sql.Tx, name string) (id int64, err error) {
	if _, err = tx.Exec(`INSERT INTO trigger (name) VALUES (?) ON CONFLICT DO NOTHING`, name); err == nil {
		err = tx.QueryRow(`SELECT id FROM trigger WHERE name = ?`, name).Scan(&id)
	}
	return id, err
}
