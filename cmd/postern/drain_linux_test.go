package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/host/graphtest"
)

const (
	// boxful is how many mails one mailbox has at most: Microsoft takes 10,000 requests for one in ten minutes, and Postern sends no more.
	boxful = 2_500
	// drainPatience is how long one drain may take.
	drainPatience = 20 * time.Minute
	// memoryLook is how often the memory of a process is looked at. What is told is the most that it ever had.
	memoryLook = 20 * time.Millisecond
)

// BenchmarkDrain has "postern poll" take in the mail of mailboxes that it never saw: each mail is kept as .eml with all that is attached to
// it, indicators of all kinds are found, and its record goes to a file. The process is a real one with its own memory; Graph is emulated in
// that of the test, over TLS on this machine.
func BenchmarkDrain(b *testing.B) {
	for _, bench := range []struct {
		kind  mixture
		mails int
	}{{mixed, 500}, {mixed, 5_000}, {short, 500}, {short, 50_000}} {
		b.Run(fmt.Sprintf("kind=%s/mails=%d", bench.kind, bench.mails), func(b *testing.B) {
			for b.Loop() {
				d := newDrain(b, bench.kind, bench.mails)
				began := time.Now()
				used := d.run(b, d.boxes...)
				took := time.Since(began)
				d.judge(b)
				each := 1 / float64(bench.mails)
				b.ReportMetric(float64(bench.mails)/took.Seconds(), "mails/s")
				b.ReportMetric(float64(used.processor)*each, "cpu-ns/mail")
				b.ReportMetric(float64(d.requests)*each, "requests/mail")
				b.ReportMetric(float64(d.sent)*each, "sent/mail")
				b.ReportMetric(float64(used.memory), "peak-B")
				b.ReportMetric(0, "ns/op") // it would be that of all mails, and of making them
				d.end(b)
			}
		})
	}
}

// drain is a tenant with mail, and a folder with an operator's file.
type drain struct {
	dir   string
	graph *graphtest.Server
	kind  mixture
	// boxes are the names of the triggers, one for each mailbox, and mails how many there are in all.
	boxes []string
	mails int
	// requests are those that Microsoft counts, each of a batch as one, and sent those that were sent over the network.
	requests, sent int
	// counted is the last request that was.
	counted uint64
}

const drainConfig = `
[grant.ingest]
version = "^1"
connections = ["emulated"]
capabilities = ["mail.ingest"]
actions = ["mail.poll"]

[sink.siem]
kind = "jsonl"
path = "records.jsonl"
`

const drainTrigger = `
[trigger.%[1]s]
action = "mail.poll"
sinks = ["siem"]
[trigger.%[1]s.parameters]
email_address = "%[1]s@contoso.example"
first_run_max_emails = 100000
extract_attachments = true
extract_urls = true
extract_ips = true
extract_domains = true
extract_hashes = true
ingest_eml = true
extract_eml = true
`

// newDrain makes a tenant with so many mails.
func newDrain(b *testing.B, kind mixture, mails int) *drain {
	b.Helper()
	graph, err := graphtest.NewServer()
	if err != nil {
		b.Fatal(err)
	}
	if err := graph.AddApp(graphtest.App{ClientID: emulatedClient, Secret: "secret", Roles: emulatedRoles()}); err != nil {
		b.Fatal(err)
	}
	d := &drain{dir: b.TempDir(), graph: graph, kind: kind, mails: mails}
	const empty = "empty"
	d.fill(b, empty, 0, 0)
	config := hostTable(builtPlugins(b)) + emulatedConnection(emulatedName, graph) + drainConfig + fmt.Sprintf(drainTrigger, empty)
	for first := 0; first < mails; first += boxful {
		name := fmt.Sprintf("box%02d", len(d.boxes))
		d.fill(b, name, first, min(boxful, mails-first))
		d.boxes = append(d.boxes, name)
		config += fmt.Sprintf(drainTrigger, name)
	}
	for name, content := range map[string]string{configFile: config, secretFile: "secret", caFile: string(graph.CAPEM())} {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(content), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	if err := approveAll(builtPlugins(b), filepath.Join(d.dir, "postern.lock")); err != nil {
		b.Fatal(err)
	}
	d.run(b, empty) // which compiles the module
	d.requests, d.sent = 0, 0
	return d
}

// fill makes a mailbox.
func (d *drain) fill(b *testing.B, name string, first, count int) {
	b.Helper()
	address := name + "@contoso.example"
	mailbox, err := d.graph.AddMailbox(address)
	if err != nil {
		b.Fatal(err)
	}
	out, in := io.Pipe()
	go func() { _ = in.CloseWithError(d.kind.write(in, first, count, address)) }() // the reader tells of it
	if n, err := mailbox.AddMbox("Inbox", out); err != nil || n != count {
		b.Fatalf("%d of %d mails: %v", n, count, err)
	}
}

// use is what a process used: the most memory that was resident, in bytes, and time of processors.
type use struct {
	memory    int64
	processor time.Duration
}

// run runs triggers once, one after the other, in one process.
func (d *drain) run(b *testing.B, triggers ...string) (used use) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), drainPatience)
	defer cancel()
	command := exec.CommandContext(ctx, filepath.Join(bin, "postern"), append([]string{"poll"}, triggers...)...)
	var complaints bytes.Buffer
	command.Dir, command.Stderr = d.dir, &complaints
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + d.dir, "HOME=" + d.dir, configEnv + "=" + configFile}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	over := make(chan error, 1)
	go func() { over <- command.Wait() }()
	look := time.NewTicker(memoryLook)
	defer look.Stop()
	for {
		select {
		case err := <-over:
			if err != nil {
				b.Fatalf("postern poll: %v\n%s", err, &complaints)
			}
			d.count()
			used.processor = command.ProcessState.UserTime() + command.ProcessState.SystemTime()
			return used
		case <-look.C:
			d.count()
			used.memory = max(used.memory, mostResident(command.Process.Pid))
		}
	}
}

// mostResident is the most memory of a process that was resident, in bytes; 0 if the process has ended. What the system tells then is no less than
// that of the process which started it: here, of the emulator.
func mostResident(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	text, _, _ := strings.Cut(rest, " kB")
	const kilobyte = 1 << 10
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0
	}
	return n * kilobyte
}

// count counts the requests that came to Graph since it last did. The journal keeps the last 10,000.
func (d *drain) count() {
	now, stop := context.WithCancel(context.Background())
	stop() // it waits for none
	for r := range d.graph.FollowJournal(now, d.counted) {
		d.counted = r.Seq
		if strings.HasPrefix(r.Template, "/users/") {
			d.requests++
		}
		if !r.InBatch {
			d.sent++
		}
	}
}

// judge looks whether each mail has a record.
func (d *drain) judge(b *testing.B) {
	b.Helper()
	files, err := filepath.Glob(filepath.Join(d.dir, "records.jsonl*")) // with those that were put aside, and the lock, which is empty
	if err != nil {
		b.Fatal(err)
	}
	lines := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		lines += bytes.Count(text, []byte("\n"))
	}
	if lines != d.mails {
		b.Fatalf("%d records of %d mails", lines, d.mails)
	}
}

// end gives back what the drain took.
func (d *drain) end(b *testing.B) {
	b.Helper()
	if err := d.graph.Close(); err != nil {
		b.Fatal(err)
	}
	if err := os.RemoveAll(d.dir); err != nil {
		b.Fatal(err)
	}
}
