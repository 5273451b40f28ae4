package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/trigger"
)

// Load returns what is known of a trigger.
func (s *Store) Load(ctx context.Context, name string) (trigger.Snapshot, error) {
	if err := trigger.CheckName("trigger", name); err != nil {
		return trigger.Snapshot{}, err
	}
	snapshot := trigger.Snapshot{Trigger: name}
	err := s.read(ctx, func(tx *sql.Tx) error {
		id, err := s.load(tx, name, &snapshot)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return tx.QueryRow(`SELECT state FROM trigger WHERE id = ?`, id).Scan(&snapshot.State)
	})
	if err != nil {
		return trigger.Snapshot{}, err
	}
	return snapshot, nil
}

// List returns all triggers.
func (s *Store) List(ctx context.Context) ([]trigger.Snapshot, error) {
	var list []trigger.Snapshot
	err := s.read(ctx, func(tx *sql.Tx) error {
		rows, err := tx.Query(`SELECT name FROM trigger ORDER BY name`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var snapshot trigger.Snapshot
			if err := rows.Scan(&snapshot.Trigger); err != nil {
				return err
			}
			list = append(list, snapshot)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		for i := range list {
			if _, err := s.load(tx, list[i].Trigger, &list[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// load fills in all but the state. The error is [sql.ErrNoRows] of a trigger that is not there.
func (s *Store) load(tx *sql.Tx, name string, snapshot *trigger.Snapshot) (id int64, err error) {
	var holder, process, code, message, watchCode, watchMessage string
	var fence uint64
	var until, pausedSince, next, lastRun, lastSuccess, passed, failedAt, watchUntil int64
	c := &snapshot.Counters
	err = tx.QueryRow(`SELECT id, holder, process, fence, until, paused, paused_by, paused_since, next, last_run, last_success, passed,
		failures, failure_code, failure_message, failure_time, runs, records, repeated, late, greatest_lateness,
		watch_until, watch_code, watch_message FROM trigger WHERE name = ?`, name).Scan(
		&id, &holder, &process, &fence, &until, &snapshot.Paused, &snapshot.PausedBy, &pausedSince, &next, &lastRun, &lastSuccess, &passed,
		&snapshot.Failures, &code, &message, &failedAt, &c.Runs, &c.Records, &c.Repeated, &c.Late, &c.GreatestLateness,
		&watchUntil, &watchCode, &watchMessage)
	if err != nil {
		return 0, err
	}
	snapshot.PausedSince, snapshot.Next, snapshot.LastRun, snapshot.LastSuccess = since(pausedSince), since(next), since(lastRun), since(lastSuccess)
	snapshot.Passed = since(passed)
	if code != "" {
		snapshot.Failure = &abi.Error{Code: abi.Code(code), Message: message, Detail: abi.Detail{Time: since(failedAt)}}
	}
	snapshot.Watch.Until = since(watchUntil)
	if watchCode != "" {
		snapshot.Watch.Failure = &abi.Error{Code: abi.Code(watchCode), Message: watchMessage}
	}
	if holder != "" && since(until).After(s.now()) && s.presence.isAlive(process) {
		snapshot.Lease = &trigger.Lease{Trigger: name, Holder: holder, Fence: fence, Until: since(until)}
	}
	snapshot.Backlogs, err = backlogs(tx, id)
	return id, err
}

func backlogs(tx *sql.Tx, id int64) (map[string]trigger.Backlog, error) {
	rows, err := tx.Query(`SELECT name, delivered,
			(SELECT count(*) FROM outbox WHERE trigger = s.trigger AND sink = s.name),
			(SELECT count(*) FROM parked WHERE trigger = s.trigger AND sink = s.name),
			coalesce(f.attempts, 0), coalesce(f.reason, ''), coalesce(f.not_before, 0)
		FROM sink s LEFT JOIN outbox f ON f.seq = (SELECT min(seq) FROM outbox WHERE trigger = s.trigger AND sink = s.name)
		WHERE s.trigger = ?`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]trigger.Backlog{}
	for rows.Next() {
		var name string
		var b trigger.Backlog
		var notBefore int64
		if err := rows.Scan(&name, &b.Delivered, &b.Pending, &b.Parked, &b.Attempts, &b.Reason, &notBefore); err != nil {
			return nil, err
		}
		b.NotBefore = since(notBefore)
		all[name] = b
	}
	return all, rows.Err()
}

// Pause keeps a trigger from being due.
func (s *Store) Pause(ctx context.Context, name, by string) error {
	if err := trigger.CheckPause(name, by); err != nil {
		return err
	}
	return s.change(ctx, name, `UPDATE trigger SET paused = 1, paused_by = ?, paused_since = ? WHERE id = ? AND paused = 0`, by, micro(s.now()))
}

// Resume ends a pause.
func (s *Store) Resume(ctx context.Context, name string) error {
	if err := trigger.CheckName("trigger", name); err != nil {
		return err
	}
	return s.change(ctx, name, `UPDATE trigger SET paused = 0, paused_by = '', paused_since = 0 WHERE id = ?`)
}

// Wake makes a trigger due.
func (s *Store) Wake(ctx context.Context, name string, at time.Time) error {
	if err := errors.Join(trigger.CheckName("trigger", name), trigger.CheckTime(at)); err != nil {
		return err
	}
	return s.change(ctx, name, `UPDATE trigger SET next = min(next, ?) WHERE id = ?`, micro(at))
}

// change is one statement on the trigger whose id is its last argument.
func (s *Store) change(ctx context.Context, name, statement string, arguments ...any) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		id, err := idOf(tx, name)
		if err == nil {
			_, err = tx.Exec(statement, append(arguments, id)...)
		}
		return err
	})
}
