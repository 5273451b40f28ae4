package graphtest

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// series is the recurrence of an event; see https://learn.microsoft.com/graph/api/resources/recurrencepattern. Its times are in the
// event's time zone, so that an occurrence keeps its hour when the clocks change.
type series struct {
	pattern  string // daily, weekly, absoluteMonthly, relativeMonthly, absoluteYearly, relativeYearly
	interval int
	weekdays map[time.Weekday]bool
	week     time.Weekday // the day that weeks begin with
	day      int          // of the month
	month    time.Month
	index    int       // of the weekday in its month, from 0; lastInMonth is the last
	first    time.Time // start of the event, in its zone
	last     time.Time // where the series ends; zero if it does not
	count    int       // 0 if not counted
}

// lastInMonth is the index of the last weekday of a month.
const lastInMonth = -1

func readSeries(recurrence schema.Object, start time.Time) (*series, error) {
	pattern, _ := recurrence["pattern"].(schema.Object)
	bounds, _ := recurrence["range"].(schema.Object)
	s := &series{first: start, interval: 1, weekdays: map[time.Weekday]bool{}, day: start.Day(), month: start.Month()}
	s.pattern, _ = pattern["type"].(string)
	number := func(name string, otherwise int) int {
		if n, ok := pattern[name].(int64); ok && n != 0 {
			return int(n)
		}
		return otherwise
	}
	s.interval = number("interval", 1)
	s.day, s.month = number("dayOfMonth", s.day), time.Month(number("month", int(s.month)))
	if s.interval < 1 || s.interval > maxInterval || s.day < 1 || s.day > 31 || s.month < time.January || s.month > time.December {
		return nil, errors.New("a number of the recurrence pattern is out of range")
	}
	for _, name := range list(pattern["daysOfWeek"]) {
		if day, ok := weekday(name); ok {
			s.weekdays[day] = true
		}
	}
	s.week, _ = weekday(pattern["firstDayOfWeek"])
	switch s.pattern {
	case "daily", "absoluteMonthly", "absoluteYearly":
	case "weekly":
		if len(s.weekdays) == 0 {
			s.weekdays[start.Weekday()] = true
		}
	case "relativeMonthly", "relativeYearly":
		if len(s.weekdays) == 0 {
			return nil, fmt.Errorf("a recurrence pattern of type %q needs daysOfWeek", s.pattern)
		}
		switch pattern["index"] {
		case "second":
			s.index = 1
		case "third":
			s.index = 2
		case "fourth":
			s.index = 3
		case "last":
			s.index = lastInMonth
		}
	default:
		return nil, errors.New("a recurrence pattern needs a type")
	}
	return s, s.readRange(bounds)
}

// maxInterval is how many days, weeks, months or years may be between two occurrences.
const maxInterval = 999

func weekday(value any) (time.Weekday, bool) {
	name, _ := value.(string)
	for day := time.Sunday; day <= time.Saturday; day++ {
		if strings.EqualFold(day.String(), name) {
			return day, true
		}
	}
	return time.Sunday, false
}

// readRange reads how long the series lasts; see https://learn.microsoft.com/graph/api/resources/recurrencerange.
func (s *series) readRange(bounds schema.Object) error {
	switch bounds["type"] {
	case "endDate":
		text, _ := bounds["endDate"].(string)
		last, err := time.ParseInLocation(time.DateOnly, text, s.first.Location())
		if err != nil {
			return fmt.Errorf("endDate of the recurrence: %w", err)
		}
		s.last = last.AddDate(0, 0, 1)
	case "numbered":
		count, _ := bounds["numberOfOccurrences"].(int64)
		if count < 1 {
			return errors.New("numberOfOccurrences of a recurrence must be at least 1")
		}
		s.count = int(count)
	case "noEnd":
	default:
		return errors.New("the range of a recurrence needs a type: endDate, noEnd or numbered")
	}
	return nil
}

// starts walks through the starts of the occurrences, over at most maxOccurrences steps. A nil series has none.
func (s *series) starts() iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		if s == nil {
			return
		}
		given := 0
		for step := range maxOccurrences {
			at, ok := s.candidate(step)
			if !ok || at.Before(s.first) {
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
// interval.
func (s *series) candidate(step int) (at time.Time, ok bool) {
	switch s.pattern {
	case "daily":
		return s.first.AddDate(0, 0, step*s.interval), true
	case "weekly":
		at = s.first.AddDate(0, 0, step)
		sinceWeekBegan := (int(s.first.Weekday()-s.week) + 7) % 7
		return at, (sinceWeekBegan+step)/7%s.interval == 0 && s.weekdays[at.Weekday()]
	case "absoluteMonthly":
		return s.on(s.first.Year(), s.first.Month()+time.Month(step*s.interval), s.day), true
	case "relativeMonthly":
		return s.relative(s.first.Year(), s.first.Month()+time.Month(step*s.interval))
	case "absoluteYearly":
		return s.on(s.first.Year()+step*s.interval, s.month, s.day), true
	default:
		return s.relative(s.first.Year()+step*s.interval, s.month)
	}
}

// on is the occurrence on a day of a month: on its last day if the month is shorter, as Outlook does.
func (s *series) on(year int, month time.Month, day int) time.Time {
	days := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return time.Date(year, month, min(day, days), s.first.Hour(), s.first.Minute(), s.first.Second(), s.first.Nanosecond(), s.first.Location())
}

// relative is the occurrence on a weekday of a month, such as the second Tuesday.
func (s *series) relative(year int, month time.Month) (time.Time, bool) {
	var days []time.Time
	for day := 1; day <= 31; day++ {
		if at := s.on(year, month, day); at.Day() == day && s.weekdays[at.Weekday()] {
			days = append(days, at)
		}
	}
	if s.index == lastInMonth {
		return days[len(days)-1], true
	}
	return days[s.index], true // every weekday stands four times in a month
}
