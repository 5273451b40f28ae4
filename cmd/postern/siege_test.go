package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-dev/postern/host/graphtest"
)

// The triggers of a siege.
const (
	mailTrigger = "soc-inbox"
	postTrigger = "soc-group"
)

// siege is what processes that follow triggers are killed in: a tenant whose mail does not stop, and a receiver of records. Both live in the
// test's process and so outlive those that are killed.
type siege struct {
	dir      string
	mailbox  *graphtest.Mailbox
	group    *graphtest.Group
	receiver *receiver
	// requests counts those that Graph has answered.
	requests atomic.Int64

	mu sync.Mutex
	// sent are the subjects of the mails and the ids of the posts that there are.
	sent []string
	// threads are the ids of the group's.
	threads []string
}

// besiege furnishes a tenant, and writes an operator's file that polls a mailbox and a group every second, which is more often than the
// plugins' own manifests allow. more is added to the file.
func besiege(t *testing.T, seed uint64, more string) *siege {
	t.Helper()
	s := &siege{dir: t.TempDir(), receiver: receive(t, seed)}
	graph := canaryServer(t, s.dir, "besieged")
	var err error
	if s.mailbox, err = graph.AddMailbox("siege@contoso.example"); err != nil {
		t.Fatal(err)
	}
	if s.group, err = graph.AddGroup("Siege"); err != nil {
		t.Fatal(err)
	}
	plugins := filepath.Join(s.dir, "plugins")
	for _, name := range []string{"ingest", "groups"} {
		if err := os.CopyFS(filepath.Join(plugins, name), os.DirFS(filepath.Join(builtPlugins(t), name))); err != nil {
			t.Fatal(err)
		}
		manifest := filepath.Join(plugins, name, "1.0.0", "plugin.toml")
		text, err := os.ReadFile(manifest)
		if err != nil {
			t.Fatal(err)
		}
		hasty := strings.NewReplacer(`interval = "10s"`, `interval = "1s"`, `interval = "60s"`, `interval = "1s"`).Replace(string(text))
		if err := os.WriteFile(manifest, []byte(hasty), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := approveAll(plugins, filepath.Join(s.dir, "postern.lock")); err != nil {
		t.Fatal(err)
	}
	config := hostTable(plugins) + more + emulatedConnection(emulatedName, graph) + fmt.Sprintf(siegeConfig, s.group.ID(), s.receiver.URL)
	for name, content := range map[string]string{configFile: config, "siem-secret": strings.Repeat("s3cret", 6)} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		for range graph.FollowJournal(t.Context(), 0) {
			s.requests.Add(1)
		}
	}()
	return s
}

const siegeConfig = `
[grant.ingest]
version = "^1"
connections = ["emulated"]
capabilities = ["mail.ingest"]
actions = ["mail.poll"]

[grant.groups]
version = "^1"
connections = ["emulated"]
capabilities = ["group.read", "group.post.read"]
actions = ["group.mail.received"]

[trigger.` + mailTrigger + `]
action = "mail.poll"
sinks = ["siem"]
[trigger.` + mailTrigger + `.parameters]
email_address = "siege@contoso.example"
extract_eml = true

[trigger.` + postTrigger + `]
action = "group.mail.received"
sinks = ["siem"]
[trigger.` + postTrigger + `.parameters]
groupId = %q

[sink.siem]
kind = "webhook"
url = %q
secret = { file = "siem-secret" }
settle = "1s"
`

// rain has mails and posts arrive, some of them visible late and now and then many at once, until dry is called. It waits when the receiver
// lacks a lot: what is killed all the time takes little in.
func (s *siege) rain(t *testing.T, chance *rand.Rand) (dry func()) {
	const much = 150
	raining, stop := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		for ; raining.Err() == nil; pause(raining, time.Duration(chance.IntN(200))*time.Millisecond) {
			drops := 1
			if chance.IntN(60) == 0 {
				drops = much
			}
			for ; drops > 0 && s.receiver.lacks(s.all()) < much; drops-- {
				if err := s.drop(chance); err != nil {
					t.Errorf("nothing can arrive: %v", err)
					return
				}
			}
		}
	}()
	dry = func() { stop(); <-over }
	t.Cleanup(dry)
	return dry
}

// longestDelay is how late what arrives is visible at most.
const longestDelay = 4 * time.Second

// drop has one mail or post arrive.
func (s *siege) drop(chance *rand.Rand) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var late time.Duration
	if chance.IntN(20) == 0 {
		late = time.Duration(chance.Int64N(int64(longestDelay)))
	}
	if chance.IntN(4) == 0 {
		return s.post(chance.IntN(20), late)
	}
	subject := fmt.Sprintf("mail %d", len(s.sent))
	source := fmt.Sprintf("From: Ann <ann@elsewhere.example>\r\nTo: siege@contoso.example\r\nSubject: %s\r\nDate: %s\r\n"+
		"Message-ID: <%d@elsewhere.example>\r\n\r\nSee https://evil.example/\r\n", subject, time.Now().Format(time.RFC1123Z), len(s.sent))
	if err := s.mailbox.AddLateEML("Inbox", strings.NewReader(source), late); err != nil {
		return err
	}
	s.sent = append(s.sent, subject)
	return nil
}

// post adds a post to a thread, by its number.
func (s *siege) post(number int, late time.Duration) error {
	p := graphtest.Post{From: "ann@elsewhere.example", HTML: "x", Delay: late}
	if number >= len(s.threads) {
		thread, err := s.group.AddThread(fmt.Sprintf("thread %d", number), p)
		s.threads, s.sent = append(s.threads, thread.ID), append(s.sent, thread.PostIDs...)
		return err
	}
	id, err := s.group.AddPost(s.threads[number], p)
	s.sent = append(s.sent, id)
	return err
}

// clear waits until nothing is hidden any more, and adds a post to each thread: the trigger reads a conversation again only after five
// minutes if a post has become visible behind the newest.
func (s *siege) clear(t *testing.T) {
	t.Helper()
	pause(t.Context(), longestDelay)
	s.mu.Lock()
	defer s.mu.Unlock()
	for number := range s.threads {
		if err := s.post(number, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// all are the mails and posts that have arrived, or will when they become visible.
func (s *siege) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}

// follower is "postern poll --follow" as a process.
type follower struct {
	command    *exec.Cmd
	complaints *bytes.Buffer
	over       chan struct{} // closed when it has ended
}

// follow starts one with an operator's file of the siege's folder.
func (s *siege) follow(t *testing.T, config string) *follower {
	t.Helper()
	f := &follower{command: exec.Command(filepath.Join(bin, "postern"), "poll", "--follow"), complaints: new(bytes.Buffer), over: make(chan struct{})}
	f.command.Dir, f.command.Env, f.command.Stderr = s.dir, s.env(config), f.complaints
	if err := f.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = f.command.Wait() // end tells how
		close(f.over)
	}()
	t.Cleanup(func() { _ = f.command.Process.Kill(); <-f.over })
	return f
}

// compile runs the triggers once, which compiles their modules: that takes longer than any round.
func (s *siege) compile(t *testing.T, config string) {
	t.Helper()
	command := exec.Command(filepath.Join(bin, "postern"), "poll")
	command.Dir, command.Env = s.dir, s.env(config)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func (s *siege) env(config string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + s.dir, "HOME=" + s.dir, configEnv + "=" + config}
}

// end sends a signal, and waits. Only one that is killed may end other than in success.
func (f *follower) end(t *testing.T, signal os.Signal) {
	t.Helper()
	err := f.command.Process.Signal(signal)
	<-f.over
	if state := f.command.ProcessState; err != nil || signal != os.Kill && !state.Success() {
		t.Fatalf("the process ended by itself, or not well (%v): %s, %s", err, state, f.complaints)
	}
}

// drained waits until the receiver has all that was sent.
func (s *siege) drained(t *testing.T) {
	t.Helper()
	const patience = 2 * time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for ctx.Err() == nil && s.receiver.lacks(s.all()) > 0 {
		pause(ctx, 50*time.Millisecond)
	}
}

// judge compares what was sent with what the receiver kept.
func (s *siege) judge(t *testing.T) {
	t.Helper()
	sent := s.all()
	lost, repeated, foreign := s.receiver.compare(sent)
	t.Logf("%d sent, %d lost, %d repeated; %s", len(sent), len(lost), len(repeated), s.receiver)
	if len(lost)+len(repeated)+len(foreign) > 0 {
		t.Errorf("lost %v, repeated %v, never sent %v", lost, repeated, foreign)
	}
}

// pause waits, at most until ctx ends.
func pause(ctx context.Context, wait time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
}
