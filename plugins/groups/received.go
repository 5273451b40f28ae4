package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

const (
	// overlap is how far behind the newest mail conversations count as new: what becomes visible within it is seen by the next run.
	overlap = 15 * time.Minute
	// deepOverlap is how far back the deep scan goes.
	deepOverlap = 24 * time.Hour
	// againEvery is how often a conversation is read again within the overlap although its summary stays the same, as it does when a
	// post becomes visible behind a newer one; deepEvery is how often after that, within the deep overlap.
	againEvery = 5 * time.Minute
	deepEvery  = time.Hour
	// maxAtOnce is how many conversations are read between two commits. Each takes two requests or more, of 100 a minute.
	maxAtOnce = 50
	// maxLists is how many lists of threads and posts are begun between two: conversations may have many threads.
	maxLists = 150
	// pageSize is how many items of a list are asked for at once. Graph documents no page size for groups and may give fewer.
	pageSize = "odata.maxpagesize=500"
)

// mailReceived hands over the posts of a group as they become visible, each once.
//
// Graph has no delta for groups and shows posts late, out of their order. So every run lists all conversations, and reads those whose
// newest mail is newer than what was read of them. A post that becomes visible behind a newer one changes nothing in that list:
// conversations with mail of the last 15 minutes are read again every five minutes, those of the last day every hour, each at a time of
// its own, so that the requests are spread. Which posts were handed over before, the host knows.
//
// https://learn.microsoft.com/graph/api/group-list-conversations
func mailReceived(call *sdk.Call) error {
	s, err := readProgress(call)
	if err != nil {
		return err
	}
	all, err := listOfConversations(call)
	if err != nil {
		return err
	}
	due := s.due(all)
	now, err := s.readAll(call, due[:min(len(due), maxAtOnce)])
	if err != nil {
		return err
	}
	left := len(due) > now
	call.Message(fmt.Sprintf("Read %d of %d conversations; new posts: %d.", now, len(all), call.Rows()))
	if call.Trigger() == "" {
		if left {
			call.Truncate()
		}
		return nil
	}
	if left {
		s.stop(due[now])
		call.More()
	} else {
		s.complete(all)
	}
	call.Keep(s.object(all).Value)
	return nil
}

// delivered is a conversation in the list of all.
type delivered struct {
	id   string
	last time.Time // lastDeliveredDateTime
	// turn is when it was to be read again; zero says that it is new.
	turn time.Time
}

// isNew reports whether its newest mail has not been read yet.
func (d *delivered) isNew() bool { return d.turn.IsZero() }

func listOfConversations(call *sdk.Call) ([]delivered, error) {
	var all []delivered
	for item, err := range call.List(sdk.Request{
		Capability: "group.read",
		Path:       "/groups/{group}/conversations",
		Params:     sdk.Params{"group": call.String("groupId")},
		Query:      sdk.Query{"$select": "id,lastDeliveredDateTime"},
		Headers:    sdk.Headers{"Prefer": pageSize},
	}, 0) {
		if err != nil {
			return nil, err
		}
		last, err := timeOf(item, "lastDeliveredDateTime")
		if err != nil {
			return nil, err
		}
		all = append(all, delivered{id: string(item.GetStringBytes("id")), last: last.UTC().Truncate(time.Millisecond)})
	}
	return all, nil
}

func timeOf(item *sdk.Value, name string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, string(item.GetStringBytes(name)))
	if err != nil {
		return t, sdk.NewError(abi.Upstream, "Graph lists an item without a "+name+" that can be read; try again")
	}
	return t, nil
}

// readAll reads conversations and hands over their new posts, and returns with how many it is through, from the first. A conversation that
// is gone is passed over. One that cannot be read while others can holds them not up, and is tried again by later runs until it can.
func (s *progress) readAll(call *sdk.Call, conversations []delivered) (through int, err error) {
	var found []received
	var failed error
	read := 0
	s.lists = 0
	for chunk := range slices.Chunk(conversations, abi.MaxBatch) {
		if s.lists >= maxLists {
			break
		}
		through += len(chunk)
		s.lists += len(chunk)
		threads, err := listAll(call, chunk, s.threadsOf)
		if err != nil {
			return 0, err
		}
		for i, conversation := range chunk {
			posts, err := s.posts(call, &conversation, &threads[i])
			switch {
			case errors.Is(err, abi.NotFound):
			case isolated(err):
				call.Log(abi.Warn, "a conversation could not be read, and will be again: "+err.Error())
				if failed = cmp.Or(failed, err); !s.fail(conversation.id) {
					return 0, failed
				}
			case err != nil:
				return 0, err
			default:
				read++
				delete(s.failing, fingerprint(conversation.id))
				s.read[fingerprint(conversation.id)] = conversation.last
				found = append(found, posts...)
			}
		}
	}
	if read == 0 && failed != nil {
		return 0, failed
	}
	return through, handOver(call, found)
}

// isolated reports whether a failure can be that of one conversation.
func isolated(err error) bool {
	for _, code := range []abi.Code{abi.Upstream, abi.InvalidID, abi.BadQuery, abi.TooLarge, abi.NotSupported, abi.Conflict} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

// received is a post that may be new.
type received struct {
	key    string
	time   string
	record sdk.Object
}

// handOver makes records of the posts that were not handed over before, oldest first.
func handOver(call *sdk.Call, posts []received) error {
	slices.SortStableFunc(posts, func(a, b received) int { return cmp.Compare(a.time, b.time) })
	keys := make([]string, len(posts))
	for i, p := range posts {
		keys[i] = p.key
	}
	seen, err := call.Seen(keys...)
	if err != nil {
		return err
	}
	for i, p := range posts {
		if !seen[i] {
			call.Record(p.key, p.record)
		}
	}
	return nil
}

// posts reads the posts of a conversation's threads, as far back as any can be new.
func (s *progress) posts(call *sdk.Call, conversation *delivered, threads *pagesOf) ([]received, error) {
	if threads.err != nil {
		return nil, threads.err
	}
	floor := s.floorOf(conversation.id)
	var inThreads []string
	for _, thread := range threads.items {
		last, err := timeOf(thread, "lastDeliveredDateTime")
		if err != nil {
			return nil, err
		}
		if !last.Before(floor) {
			inThreads = append(inThreads, string(thread.GetStringBytes("id")))
		}
	}
	var found []received
	s.lists += len(inThreads)
	for chunk := range slices.Chunk(inThreads, abi.MaxBatch) {
		lists, err := listAll(call, chunk, s.postsOf)
		if err != nil {
			return nil, err
		}
		for i, thread := range chunk {
			if lists[i].err != nil {
				return nil, lists[i].err
			}
			for _, post := range lists[i].items {
				at, err := timeOf(post, "receivedDateTime")
				if err != nil {
					return nil, err
				}
				if !at.Before(floor) {
					found = append(found, newReceived(conversation, thread, post))
				}
			}
		}
	}
	return found, nil
}

// newReceived is a post in the shape in which the connector's trigger gives it: a conversation with one thread with one post. Its key is the
// post's id alone, since a mail that somebody changes has not arrived again.
func newReceived(conversation *delivered, thread string, post *sdk.Value) received {
	r := received{key: string(post.GetStringBytes("id")), time: string(post.GetStringBytes("receivedDateTime"))}
	r.record = sdk.NewObject().Text("id", conversation.id).Text("lastDeliveredDateTime", conversation.last.Format(time.RFC3339)).
		List("threads", []sdk.Object{sdk.NewObject().Text("id", thread).
			List("posts", []sdk.Object{sdk.Pick(post, "id", "receivedDateTime", "lastModifiedDateTime", "changeKey")})}).
		Text("time", r.time)
	return r
}

func (s *progress) threadsOf(conversation delivered) sdk.Request {
	return sdk.Request{
		Capability: "group.read",
		Path:       "/groups/{group}/conversations/{conversation}/threads",
		Params:     sdk.Params{"group": s.group, "conversation": conversation.id},
		Query:      sdk.Query{"$select": "id,lastDeliveredDateTime"},
		Headers:    sdk.Headers{"Prefer": pageSize},
	}
}

func (s *progress) postsOf(thread string) sdk.Request {
	return sdk.Request{
		Capability: "group.post.read",
		Path:       "/groups/{group}/threads/{thread}/posts",
		Params:     sdk.Params{"group": s.group, "thread": thread},
		Query:      sdk.Query{"$select": "id,receivedDateTime,lastModifiedDateTime,changeKey"},
		Headers:    sdk.Headers{"Prefer": pageSize},
	}
}

// pagesOf is what came of one list.
type pagesOf struct {
	items []*sdk.Value
	err   error
}

// listAll reads a list for each of at most [abi.MaxBatch] things, over all pages. The error is that of the batch as a whole.
func listAll[T any](call *sdk.Call, of []T, request func(T) sdk.Request) ([]pagesOf, error) {
	requests := make([]sdk.Request, len(of))
	for i, one := range of {
		requests[i] = request(one)
	}
	replies, err := call.Batch(requests...)
	if err != nil {
		return nil, err
	}
	lists := make([]pagesOf, len(of))
	for i := range replies {
		lists[i] = followed(call, &replies[i])
	}
	return lists, nil
}

// followed is a list with the pages that come after its first.
func followed(call *sdk.Call, page *sdk.Reply) (l pagesOf) {
	for pages := 0; ; pages++ {
		switch {
		case page.Error != nil:
			return pagesOf{err: page.Error}
		case pages == maxPages:
			return pagesOf{err: sdk.NewError(abi.Upstream, "Graph's list does not end; try again")}
		}
		l.items = append(l.items, page.Items()...)
		if page.Next == "" {
			return l
		}
		var err error
		if page, err = call.Graph(sdk.Request{Link: page.Next}); err != nil {
			return pagesOf{err: err}
		}
	}
}

// maxPages bounds a list of threads or posts, so that one that never ends does.
const maxPages = 100
