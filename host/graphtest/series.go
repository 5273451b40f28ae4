package graphtest

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// series is the recurrence of an event; see https://learn.microsoft.com/graph/api/resources/recurrencepattern.
type series struct {
	pattern  string // daily, weekly, absoluteMonthly, absoluteYearly
	interval int
	weekdays map[time.Weekday]bool
	first    time.Time // start of the first occurrence
	last     time.Time // day of the last one; zero if there is none
	count    int       // 0 if not counted
}

func readSeries(recurrence schema.Object, start time.Time) (*series, error) {
	pattern, _ := recurrence["pattern"].(schema.Object)
	bounds, _ := recurrence["range"].(schema.Object)
	s := &series{first: start, interval: 1, weekdays: map[time.Weekday]bool{}}
	s.pattern, _ = pattern["type"].(string)
	if interval, ok := pattern["interval"].(int64); ok {
		s.interval = int(interval)
	}
	if s.interval < 1 {
		return nil, errors.New("the interval of a recurrence must be at least 1")
	}
	switch s.pattern {
	case "daily", "absoluteMonthly", "absoluteYearly":
	case "weekly":
		for _, name := range list(pattern["daysOfWeek"]) {
			for day := time.Sunday; day <= time.Saturday; day++ {
				if text, _ := name.(string); strings.EqualFold(day.String(), text) {
					s.weekdays[day] = true
				}
			}
		}
		if len(s.weekdays) == 0 {
			s.weekdays[start.Weekday()] = true
		}
	default:
		return nil, fmt.Errorf("a recurrence pattern of type %q is not imitated: use daily, weekly, absoluteMonthly or absoluteYearly", s.pattern)
	}
	switch bounds["type"] {
	case "endDate":
		text, _ := bounds["endDate"].(string)
		last, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return nil, fmt.Errorf("endDate of the recurrence: %w", err)
		}
		s.last = last.AddDate(0, 0, 1)
	case "numbered":
		count, _ := bounds["numberOfOccurrences"].(int64)
		if count < 1 {
			return nil, errors.New("numberOfOccurrences of a recurrence must be at least 1")
		}
		s.count = int(count)
	case "noEnd":
	default:
		return nil, errors.New("the range of a recurrence needs a type: endDate, noEnd or numbered")
	}
	return s, nil
}

// starts walks through the starts of the occurrences, at most maxOccurrences of them. A nil series has none.
func (s *series) starts() iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		if s == nil {
			return
		}
		given := 0
		for step := range maxOccurrences {
			at, ok := s.candidate(step)
			if !ok {
				continue
			}
			if !s.last.IsZero() && !at.Before(s.last) || s.count > 0 && given == s.count {
				return
			}
			given++
			if !yield(at) {
				return
			}
		}
	}
}

// candidate is the start at a step of the pattern; ok is false if the pattern skips it. Weekly patterns step by days, the others by their
// interval; a month without the day is skipped.
func (s *series) candidate(step int) (time.Time, bool) {
	switch s.pattern {
	case "daily":
		return s.first.AddDate(0, 0, step*s.interval), true
	case "weekly":
		at := s.first.AddDate(0, 0, step)
		week := (int(s.first.Weekday()) + step) / 7
		return at, week%s.interval == 0 && s.weekdays[at.Weekday()]
	case "absoluteMonthly":
		at := s.first.AddDate(0, step*s.interval, 0)
		return at, at.Day() == s.first.Day()
	default:
		at := s.first.AddDate(step*s.interval, 0, 0)
		return at, at.Day() == s.first.Day()
	}
}
