package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const (
	// largeMessage is how large a message is in these tests, in bytes.
	largeMessage = 100 << 20
	// growth is how much more memory the process may take for it, in bytes.
	growth = 40 << 20
)

// TestLargeMessageStreams compares the most memory that the whole process takes for a message of 100 MB, with all of it saved, with what it
// takes for one of a few bytes.
func TestLargeMessageStreams(t *testing.T) {
	dir := t.TempDir()
	mail := filepath.Join(dir, "mail")
	if err := os.Mkdir(mail, 0o700); err != nil {
		t.Fatal(err)
	}
	writeMessage(t, filepath.Join(mail, "1.eml"), "small", 100)
	writeMessage(t, filepath.Join(mail, "2.eml"), "large", largeMessage)
	emulator, err := startEmulatorProcess(dir, os.Environ(), "--mailbox", "soc@contoso.example="+mail, "--dir", "emulator", "--plugins", builtPlugins(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { emulator.end(os.Kill) })
	if err := approveAll(builtPlugins(t), filepath.Join(dir, "emulator", "postern.lock")); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (*result, int64) {
		command := exec.Command(filepath.Join(bin, "postern"), append([]string{"run", "--config", "emulator/postern.toml", "-o", "json"}, args...)...)
		command.Dir = dir
		var stderr bytes.Buffer
		command.Stderr = &stderr
		out, err := command.Output()
		if err != nil {
			t.Fatalf("postern run %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
		}
		r := new(result)
		if err := json.Unmarshal(out, r); err != nil {
			t.Fatal(err)
		}
		const kilobyte = 1 << 10 // the unit of ru_maxrss on Linux
		return r, command.ProcessState.SysUsage().(*syscall.Rusage).Maxrss * kilobyte
	}
	id := func(subject string) string {
		found, _ := run("mail.search", "email_address=soc@contoso.example", "subject="+subject)
		if len(found.Data) != 1 {
			t.Fatalf("found %d messages of the subject %s", len(found.Data), subject)
		}
		return found.Data[0].ID
	}
	get := func(subject string) (*result, int64) {
		return run("mail.get", "email_address=soc@contoso.example", "id="+id(subject), "download_attachments=true", "download_email=true")
	}
	_, small := get("small")
	whole, large := get("large")
	if n := len(whole.Blobs); n != 2 || whole.Blobs[1].Size < largeMessage || whole.Blobs[0].Size != largeMessage/4*3/57*57 {
		t.Errorf("saved %+v", whole.Blobs)
	}
	t.Logf("%d MiB for a small message, %d MiB for a large one", small>>20, large>>20)
	if large-small > growth {
		t.Errorf("the process took %d MiB more for the large message; want at most %d MiB", (large-small)>>20, int64(growth)>>20)
	}
}

// result is what these tests read of the envelope.
type result struct {
	Data  []struct{ ID string }
	Blobs []struct{ Size int64 }
}

// writeMessage writes a message whose only part is an attachment of about so many bytes as they are in its source.
func writeMessage(t *testing.T, path, subject string, size int) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(file)
	fmt.Fprintf(w, "From: ann@elsewhere.example\r\nTo: soc@contoso.example\r\nSubject: %s\r\nDate: Fri, 02 Jan 2026 09:00:00 +0000\r\n"+
		"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/octet-stream; name=a.bin\r\n"+
		"Content-Disposition: attachment; filename=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n", subject)
	line := strings.Repeat("QUJD", 19) + "\r\n" // 57 bytes
	for n := 0; n+76 <= size || n == 0; n += 76 {
		w.WriteString(line)
	}
	w.WriteString("--b--\r\n")
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}
