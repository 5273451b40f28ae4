package main

import (
	"cmp"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

const (
	// maxRead is how many conversations are remembered as read. More than that within the overlap are read again by every run.
	maxRead = 5000
	// maxFailing is how many conversations may wait for another try. With more, the run fails: that is no matter of single conversations.
	maxFailing = 500
)

// progress is how far the trigger of a group has come.
type progress struct {
	group string
	now   time.Time
	// since is when the trigger began: nothing that was received before is handed over.
	since time.Time
	// watermark is the lastDeliveredDateTime up to which conversations are read.
	watermark time.Time
	// scanned is when conversations were last read again whose turn it was.
	scanned time.Time
	// read has the lastDeliveredDateTime with which a conversation within the overlap was read, by its fingerprint.
	read map[string]time.Time
	// floor is how far back posts can be new.
	floor time.Time
	// failing has how far back the posts of a conversation can be new that could not be read, by its fingerprint: the floor when that began.
	failing map[string]time.Time
	// lists counts those of threads and posts that this invocation has begun.
	lists int
}

// readProgress reads the state, or begins: then with nothing older than the overlap. By hand there is no bound.
func readProgress(call *sdk.Call) (*progress, error) {
	s := &progress{group: call.String("groupId"), now: call.Now().UTC(), read: map[string]time.Time{}, failing: map[string]time.Time{}}
	if call.Trigger() == "" {
		return s, nil
	}
	state := call.State()
	if state == nil {
		s.since = s.now.Add(-overlap).Truncate(time.Second)
		s.watermark, s.scanned, s.floor = s.since, s.now, s.since
		return s, nil
	}
	for name, to := range map[string]*time.Time{"since": &s.since, "watermark": &s.watermark, "scanned": &s.scanned} {
		var err error
		if *to, err = time.Parse(time.RFC3339Nano, string(state.GetStringBytes(name))); err != nil {
			return nil, sdk.NewError(abi.PluginFailed, "the trigger's state has no "+name+"; tell the plugin's author")
		}
	}
	for name, to := range map[string]map[string]time.Time{"read": s.read, "failing": s.failing} {
		state.GetObject(name).Visit(func(id []byte, v *sdk.Value) { to[string(id)] = time.UnixMilli(v.GetInt64()).UTC() })
	}
	s.floor = s.earlier().Add(-deepOverlap)
	if s.floor.Before(s.since) {
		s.floor = s.since
	}
	return s, nil
}

// earlier is when both the watermark and the turns were passed.
func (s *progress) earlier() time.Time {
	if s.scanned.Before(s.watermark) {
		return s.scanned
	}
	return s.watermark
}

// due are the conversations to be read: first those with new mail, oldest first, then those whose turn it is again. By hand they are all
// of them, newest first.
func (s *progress) due(all []delivered) []delivered {
	if s.since.IsZero() {
		return slices.SortedStableFunc(slices.Values(all), func(a, b delivered) int { return b.last.Compare(a.last) })
	}
	var due []delivered
	for _, d := range all {
		switch {
		case d.last.Before(s.floorOf(d.id)):
			continue
		case !d.last.Before(s.watermark.Add(-overlap)) && !s.read[fingerprint(d.id)].Equal(d.last):
		case !d.last.Before(s.scanned.Add(-overlap)):
			d.turn = turn(d.id, againEvery, s.now)
		default:
			d.turn = turn(d.id, deepEvery, s.now)
		}
		if d.isNew() || d.turn.After(s.scanned) {
			due = append(due, d)
		}
	}
	slices.SortStableFunc(due, func(a, b delivered) int {
		return cmp.Or(a.turn.Compare(b.turn), a.last.Compare(b.last))
	})
	return due
}

// floorOf is how far back the posts of a conversation can be new.
func (s *progress) floorOf(conversation string) time.Time {
	if from, ok := s.failing[fingerprint(conversation)]; ok && from.Before(s.floor) {
		return from
	}
	return s.floor
}

// fail notes that a conversation could not be read: it is tried again however old its mail is by then. It is false if there are too many.
func (s *progress) fail(conversation string) bool {
	s.failing[fingerprint(conversation)] = s.floorOf(conversation)
	return len(s.failing) <= maxFailing
}

// turn is the latest time, up to now, at which a conversation is to be read again that is every so often. Each has its own.
func turn(id string, every time.Duration, now time.Time) time.Time {
	phase := time.Duration(hash(id) % uint64(every))
	return now.Add(-phase).Truncate(every).Add(phase)
}

func hash(id string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // a hash takes everything
	return h.Sum64()
}

// fingerprint stands for a conversation in the state, where its id would take ten times the room.
func fingerprint(id string) string { return strconv.FormatUint(hash(id), 36) }

// stop takes note that the first of what is due were read, and next was not.
func (s *progress) stop(next delivered) {
	if next.isNew() {
		s.advance(next.last)
		return
	}
	s.scanned = next.turn.Add(-1)
}

// complete takes note that all were read.
func (s *progress) complete(all []delivered) {
	for _, d := range all {
		s.advance(d.last)
	}
	s.scanned = s.now
}

// advance moves the watermark, never beyond the present: a clock that is wrong must not hide what comes.
func (s *progress) advance(to time.Time) {
	if to.After(s.watermark) && !to.After(s.now) {
		s.watermark = to
	}
}

// object is the state. It remembers conversations within the overlap alone.
func (s *progress) object(all []delivered) sdk.Object {
	within := s.watermark.Add(-overlap)
	current := make(map[string]time.Time)
	failing := sdk.NewObject()
	for _, d := range all {
		if from, ok := s.failing[fingerprint(d.id)]; ok {
			failing.Int(fingerprint(d.id), from.UnixMilli())
		}
		if d.last.Before(within) {
			continue
		}
		if name := fingerprint(d.id); s.read[name].Equal(d.last) {
			current[name] = d.last
		}
	}
	newest := slices.SortedFunc(maps.Keys(current), func(a, b string) int {
		return cmp.Or(current[b].Compare(current[a]), cmp.Compare(a, b))
	})
	read := sdk.NewObject()
	for _, name := range newest[:min(len(newest), maxRead)] {
		read.Int(name, current[name].UnixMilli())
	}
	return sdk.NewObject().Text("since", s.since.Format(time.RFC3339Nano)).Text("watermark", s.watermark.Format(time.RFC3339Nano)).
		Text("scanned", s.scanned.Format(time.RFC3339Nano)).Nested("read", read).Nested("failing", failing)
}
