package main

import (
	"errors"
	"strings"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

// maxCandidates is how many threads are looked into for a post that may be there: more of the same topic, all since the
// call began, are not told apart.
const maxCandidates = 3

// maxSearched is how many posts of a thread are looked through for the call's own: some fifty pages.
const maxSearched = 500

// errNotSearched says that a thread has more posts than are looked through.
var errNotSearched = errors.New("the thread is too long to be searched")

// posted is a post that this call made, as far as Graph shows it: where it is.
type posted struct{ thread, conversation, post string }

// row tells of a post that was made. What is not known is null.
func (p posted) row(members ...string) sdk.Object {
	row := sdk.NewObject()
	for _, name := range members {
		value := map[string]string{"id": p.thread, "threadId": p.thread, "conversationId": p.conversation, "postId": p.post}[name]
		if value == "" {
			row.Put(name, nil)
			continue
		}
		row.Text(name, value)
	}
	return row
}

// confirm names the first post of a thread that the call made. It is a courtesy: the thread is there whether or not its
// post can be read already, so that no failure counts.
func confirm(call *sdk.Call, capability, conversation, thread string) posted {
	made := posted{thread: thread, conversation: conversation}
	posts, err := call.Graph(sdk.Request{
		Capability: capability,
		Path:       "/groups/{group}/threads/{thread}/posts",
		Params:     sdk.Params{"group": call.String("groupId"), "thread": thread},
		Query:      sdk.Query{"$select": "id,conversationId"},
	})
	if err != nil || len(posts.Items()) == 0 {
		return made
	}
	first := posts.Items()[0]
	made.post = string(first.GetStringBytes("id"))
	if in := string(first.GetStringBytes("conversationId")); in != "" {
		made.conversation = in
	}
	return made
}

// findThread looks for the thread that the call may have made, after a write of unknown outcome: the only one of its
// topic, since the call began, with a post of its content. threads lists those among which it would be. Without one the
// outcome stays unknown, and the error is unknown itself: what cannot be seen yet may come to be seen later.
func findThread(call *sdk.Call, unknown error, threads sdk.Request) (posted, error) {
	if !errors.Is(unknown, abi.OutcomeUnknown) {
		return posted{}, unknown
	}
	threads.Query = sdk.Query{"$select": "id,topic,lastDeliveredDateTime"}
	var candidates []string
	for thread, err := range call.List(threads, 0) {
		if err != nil {
			return posted{}, unknown
		}
		if string(thread.GetStringBytes("topic")) == call.String("topic") && sinceStart(call, thread, "lastDeliveredDateTime") {
			candidates = append(candidates, string(thread.GetStringBytes("id")))
		}
	}
	if len(candidates) > maxCandidates {
		return posted{}, unknown
	}
	var found []posted
	for _, thread := range candidates {
		posts, err := ownPosts(call, threads.Capability, thread)
		if err != nil {
			return posted{}, unknown
		}
		found = append(found, posts...)
	}
	if len(found) != 1 {
		return posted{}, unknown
	}
	return found[0], nil
}

// ownPosts lists the posts of a thread that can be the call's own: since it began, with its content. The list may lag.
func ownPosts(call *sdk.Call, capability, thread string) ([]posted, error) {
	var own []posted
	searched := 0
	for post, err := range call.List(sdk.Request{
		Capability: capability,
		Path:       "/groups/{group}/threads/{thread}/posts",
		Params:     sdk.Params{"group": call.String("groupId"), "thread": thread},
		Query:      sdk.Query{"$select": "id,conversationId,receivedDateTime,from,body"},
	}, 0) {
		if err != nil {
			return nil, err
		}
		if searched++; searched > maxSearched {
			return nil, errNotSearched
		}
		if sinceStart(call, post, "receivedDateTime") && holds(string(post.GetStringBytes("body", "content")), call.String("content")) {
			own = append(own, posted{thread, string(post.GetStringBytes("conversationId")), string(post.GetStringBytes("id"))})
		}
	}
	return own, nil
}

// sinceStart reports whether a time of Graph, which knows whole seconds, is not before the call.
func sinceStart(call *sdk.Call, v *sdk.Value, member string) bool {
	at, err := time.Parse(time.RFC3339, string(v.GetStringBytes(member)))
	return err == nil && !at.Before(call.Now().Truncate(time.Second))
}

// holds reports whether the body of a post is what was sent, but for what the mail store puts around it and for blanks. A
// body that it cleaned otherwise is not known again.
func holds(body, sent string) bool {
	sent = strings.Join(strings.Fields(sent), " ")
	return sent != "" && strings.Contains(strings.Join(strings.Fields(body), " "), sent)
}
