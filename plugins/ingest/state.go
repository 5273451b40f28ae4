package main

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

// state is what mail.poll keeps from one invocation to the next. It grows with the folders and with what fails, not with the mails.
type state struct {
	// user is the mailbox that it is of, as the parameter names it.
	user string
	// isFirst says that the first run has not ended yet.
	isFirst bool
	// isAlone has the present run fetch one source at a time, as several together were more than one invocation takes.
	isAlone bool
	// isCareful has the present run read one message an invocation, as one of them has ended the plugin.
	isCareful bool
	// announced is the message that the next invocation reads, where they are read one at a time.
	announced *announced
	// hasRisked says that the present run has read, or was about to read, a message again that has ended the plugin. One is enough for a run.
	hasRisked bool
	// trouble is since when runs met messages of which Graph gave none; zero if the last run ended well.
	trouble time.Time
	// run is when the run began that goes on, zero between two. taken is how many messages were handed over since one ended well.
	run     time.Time
	taken   int
	folders map[string]*folder
	failing map[string]*failing
}

// folder is how far one folder is read.
type folder struct {
	id string
	// began is when it was first read.
	began time.Time
	// link is where the next request for changes goes: a next link within a round, a delta link between two. Sealed by the host.
	link string
	// within says that the link is a next link.
	within bool
	// stage is how far the present run has come with the folder.
	stage stage
	// steps are the pages of lists that the present run has read of it.
	steps int
	// tracked is how many items the chain of links has given.
	tracked int
	// synced is when the last round ended that left nothing behind.
	synced time.Time
	// floor is how far back what is there counts as new.
	floor time.Time
	// swept is when the last sweep began, and counted when the last census did.
	swept, counted time.Time
	// walks are lists that are gone through, the first at present.
	walks []*walk
}

// stage is a part of a run.
type stage int

const (
	changes stage = iota // what changed, and in the first run what was there before
	walks
	done
)

// walk goes through a folder in the order of a time, a page at a time.
type walk struct {
	why purpose
	// at is where it goes on.
	at time.Time
	// link is the next page's, when all of a page have the same time.
	link string
	// left is how many messages it may still hand over; negative is any number.
	left int
}

// purpose says what a walk is for.
type purpose string

const (
	// history hands over what was there when the trigger began, oldest first; newest does so from the newest on, and ends.
	history purpose = "history"
	newest  purpose = "newest"
	// resync goes through what came since the changes of a folder were known last, because they are not any more.
	resync purpose = "resync"
	// sweep looks for what changes do not tell: messages that were moved in, or became visible late.
	sweep purpose = "sweep"
	// census looks at all messages, so that the host does not forget that they were handed over.
	census purpose = "census"
)

// failing is a message that could not be read.
type failing struct {
	// tries were made, the first of them since, and the last.
	tries       int
	since, last time.Time
	// at is its receivedDateTime.
	at time.Time
	// killed is the code with which reading it ended the plugin; empty if it never did.
	killed abi.Code
}

func readState(call *sdk.Call, user string) (*state, error) {
	s := &state{user: user, isFirst: true, folders: map[string]*folder{}, failing: map[string]*failing{}}
	v := call.State()
	if v == nil {
		return s, nil
	}
	if was := string(v.GetStringBytes("user")); was != "" && !strings.EqualFold(was, user) {
		// Its links lead to the other mailbox, whose messages are not to be found in this one.
		call.Log(abi.Warn, "the trigger has another mailbox than before, and begins anew")
		return s, nil
	}
	r := stateReader{}
	s.isFirst, s.isAlone, s.run, s.taken = v.GetBool("first"), v.GetBool("alone"), r.time(v, "run"), v.GetInt("taken")
	s.isCareful, s.hasRisked = v.GetBool("careful"), v.GetBool("risked")
	if a := v.Get("announced"); a != nil {
		s.announced = &announced{listed{id: string(a.GetStringBytes("id")), at: r.time(a, "at")}, a.GetInt("failures")}
	}
	s.trouble = r.time(v, "trouble")
	v.GetObject("folders").Visit(func(name []byte, v *sdk.Value) {
		f := &folder{
			id: string(v.GetStringBytes("id")), link: string(v.GetStringBytes("link")), within: v.GetBool("within"),
			stage: stage(v.GetInt("stage")), steps: v.GetInt("steps"), tracked: v.GetInt("tracked"),
			began: r.time(v, "began"), synced: r.time(v, "synced"), floor: r.time(v, "floor"), swept: r.time(v, "swept"), counted: r.time(v, "counted"),
		}
		for _, w := range v.GetArray("walks") {
			f.walks = append(f.walks, &walk{
				why: purpose(w.GetStringBytes("for")), at: r.time(w, "at"), link: string(w.GetStringBytes("link")), left: w.GetInt("left"),
			})
		}
		s.folders[string(name)] = f
	})
	v.GetObject("failing").Visit(func(id []byte, v *sdk.Value) {
		s.failing[string(id)] = &failing{
			tries: v.GetInt("tries"), since: r.time(v, "since"), last: r.time(v, "last"), at: r.time(v, "at"),
			killed: abi.Code(v.GetStringBytes("killed")),
		}
	})
	return s, r.err
}

// stateReader keeps the first error.
type stateReader struct{ err error }

func (r *stateReader) time(v *sdk.Value, name string) time.Time {
	text := v.GetStringBytes(name)
	if len(text) == 0 {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil && r.err == nil {
		r.err = sdk.NewError(abi.PluginFailed, "the trigger's state has no time in "+name+"; tell the plugin's author")
	}
	return t
}

func (s *state) object() sdk.Object {
	folders := sdk.NewObject()
	for _, name := range slices.Sorted(maps.Keys(s.folders)) {
		folders.Nested(name, s.folders[name].object())
	}
	failures := sdk.NewObject()
	for _, id := range slices.Sorted(maps.Keys(s.failing)) {
		f := s.failing[id]
		o := sdk.NewObject().Int("tries", int64(f.tries))
		putTime(o, "since", f.since)
		putTime(o, "last", f.last)
		putTime(o, "at", f.at)
		some(o, "killed", string(f.killed))
		failures.Nested(id, o)
	}
	o := sdk.NewObject().Text("user", s.user).Bool("first", s.isFirst).Bool("alone", s.isAlone).Int("taken", int64(s.taken))
	putTime(o, "run", s.run)
	if s.isCareful {
		o.Bool("careful", true)
	}
	if s.hasRisked {
		o.Bool("risked", true)
	}
	if a := s.announced; a != nil {
		next := sdk.NewObject().Text("id", a.id).Int("failures", int64(a.failures))
		putTime(next, "at", a.at)
		o.Nested("announced", next)
	}
	putTime(o, "trouble", s.trouble)
	return o.Nested("folders", folders).Nested("failing", failures)
}

func (f *folder) object() sdk.Object {
	list := make([]sdk.Object, len(f.walks))
	for i, w := range f.walks {
		list[i] = sdk.NewObject().Text("for", string(w.why)).Int("left", int64(w.left))
		some(list[i], "link", w.link)
		putTime(list[i], "at", w.at)
	}
	o := sdk.NewObject().Text("id", f.id).Bool("within", f.within).Int("stage", int64(f.stage)).Int("steps", int64(f.steps)).Int("tracked", int64(f.tracked))
	some(o, "link", f.link)
	putTime(o, "began", f.began)
	putTime(o, "synced", f.synced)
	putTime(o, "floor", f.floor)
	putTime(o, "swept", f.swept)
	putTime(o, "counted", f.counted)
	return o.List("walks", list)
}

func putTime(o sdk.Object, name string, t time.Time) {
	if !t.IsZero() {
		o.Text(name, t.UTC().Format(time.RFC3339Nano))
	}
}
