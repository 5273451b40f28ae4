package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
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
	// boxful is how many mails are in one mailbox at most. Microsoft takes 10,000 requests for a mailbox in ten minutes, and Postern sends no more.
	boxful = 2_500
	// drainPatience is how long one drain may take.
	drainPatience = 30 * time.Minute
)

// BenchmarkDrain has "postern poll" take in the mail of mailboxes that it never saw: each mail kept as .eml with all that is attached, its indicators
// found, and its record in a file. The process is a real one, and only its own memory counts; Graph is emulated in that of the test, over
// TLS on the loopback.
func BenchmarkDrain(b *testing.B) {
	for _, count := range []int{500, 5_000, 50_000} {
		b.Run(fmt.Sprintf("mails=%d", count), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				d := newDrain(b, count)
				b.StartTimer()
				began := time.Now()
				peak := d.run(b, d.boxes...)
				took := time.Since(began)
				b.StopTimer()
				d.judge(b)
				b.ReportMetric(float64(count)/took.Seconds(), "mails/s")
				b.ReportMetric(float64(d.requests())/float64(count), "requests/mail")
				b.ReportMetric(float64(peak), "peak-B")
				b.ReportMetric(float64(sizeOf(b, d.dir))/float64(count), "disk-B/mail")
				b.ReportMetric(0, "ns/op") // it would be that of all mails together
				d.end(b)
				b.StartTimer()
			}
		})
	}
}

// drain is a folder with an operator's file, and a tenant with mail.
type drain struct {
	dir   string
	graph *graphtest.Server
	// boxes are the names of the triggers, one for each mailbox.
	boxes []string
	count int
	first uint64
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
func newDrain(b *testing.B, count int) *drain {
	b.Helper()
	graph, err := graphtest.NewServer()
	if err != nil {
		b.Fatal(err)
	}
	d := &drain{dir: b.TempDir(), graph: graph, count: count}
	if err := graph.AddApp(graphtest.App{ClientID: emulatedClient, Secret: "secret", Roles: emulatedRoles()}); err != nil {
		b.Fatal(err)
	}
	config := hostTable(builtPlugins(b)) + emulatedConnection(emulatedName, graph) + drainConfig
	for first := 0; first < count; first += boxful {
		name := fmt.Sprintf("box%02d", len(d.boxes))
		d.fill(b, name, first, min(boxful, count-first))
		d.boxes = append(d.boxes, name)
		config += fmt.Sprintf(drainTrigger, name)
	}
	const empty = "empty"
	d.fill(b, empty, 0, 0)
	config += fmt.Sprintf(drainTrigger, empty)
	for name, content := range map[string]string{configFile: config, secretFile: "secret", caFile: string(graph.CAPEM())} {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(content), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	if err := approveAll(builtPlugins(b), filepath.Join(d.dir, "postern.lock")); err != nil {
		b.Fatal(err)
	}
	d.run(b, empty) // compiles the module
	d.first = d.requests()
	return d
}

// fill makes a mailbox.
func (d *drain) fill(b *testing.B, name string, first, count int) {
	b.Helper()
	address := name + "@contoso.example"
	mailbox, err := d.graph.AddMailbox(address)
	if err != nil || count == 0 {
		if err != nil {
			b.Fatal(err)
		}
		return
	}
	out, in := io.Pipe()
	go func() { _ = in.CloseWithError(writeMails(in, first, count, address)) }() // the reader tells
	if n, err := mailbox.AddMbox("Inbox", out); err != nil || n != count {
		b.Fatalf("%d mails of %d: %v", n, count, err)
	}
}

// run runs triggers once, in one process, and returns the most memory that it had resident, in bytes.
func (d *drain) run(b *testing.B, triggers ...string) (peak int64) {
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
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-over:
			if err != nil {
				b.Fatalf("postern poll: %v\n%s", err, &complaints)
			}
			return peak
		case <-tick.C:
			peak = max(peak, mostResident(command.Process.Pid))
		}
	}
}

// mostResident is the most memory that a process has had resident, in bytes; 0 if it has ended. What wait4 tells is no less than the memory of the
// process that started it, which is the emulator's here.
func mostResident(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	text, _, _ := strings.Cut(rest, " kB")
	kilobytes, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0
	}
	return kilobytes << 10
}

// requests counts those that came to Graph; each of a batch is one, as Microsoft counts them too.
func (d *drain) requests() uint64 {
	journal := d.graph.Journal()
	if len(journal) == 0 {
		return 0
	}
	return journal[len(journal)-1].Seq - d.first
}

// judge looks whether each mail has one record.
func (d *drain) judge(b *testing.B) {
	b.Helper()
	lines := 0
	for name := range records(b, d.dir) {
		text, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		lines += bytes.Count(text, []byte("\n"))
	}
	if lines != d.count {
		b.Fatalf("%d records of %d mails", lines, d.count)
	}
}

// records are the files of the sink.
func records(b *testing.B, dir string) map[string]bool {
	b.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "records*.jsonl"))
	if err != nil {
		b.Fatal(err)
	}
	all := map[string]bool{}
	for _, name := range names {
		all[name] = true
	}
	return all
}

// sizeOf is how much the files below a folder have, in bytes.
func sizeOf(b *testing.B, dir string) (size int64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return size
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
