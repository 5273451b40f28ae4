package provider

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
)

// maxProgram bounds the file of a program in bytes.
const maxProgram = 512 << 20

// Program is a provider as the operator named it.
type Program struct {
	// Path of the file, and what it is called with.
	Path string
	Args []string
	// SHA256 is the digest that the file must have, in hexadecimal.
	SHA256 string
	// Env is the whole environment of the process.
	Env []string
	// Timeout bounds one request, the start of the process included.
	Timeout time.Duration
}

// What keeps a program from being asked.
var (
	ErrDigest  = errors.New("the program's file does not have the digest that the operator's file names")
	ErrProgram = errors.New("the program's file cannot be read")
	ErrStart   = errors.New("the program does not start as a provider")
	ErrTimeout = errors.New("the program does not answer in time")
	ErrFailed  = errors.New("the program could not get the secret")
	ErrTooLong = errors.New("the secret is too long")
)

// Ask starts the program, asks it for one secret and ends it. The error is one of this package's, and holds nothing that the program said.
//
// What runs is a copy that was hashed while it was made, in a folder that only this user can enter: a file that changes after the look at
// it does not run.
func (p *Program) Ask(ctx context.Context, r Request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	dir, err := os.MkdirTemp("", "postern-provider-")
	if err != nil {
		return nil, fmt.Errorf("%w: no folder for its copy", ErrProgram)
	}
	defer os.RemoveAll(dir)
	checked := filepath.Join(dir, filepath.Base(p.Path))
	if err := p.copyTo(checked); err != nil {
		return nil, err
	}
	type outcome struct {
		secret []byte
		err    error
	}
	command := exec.Command(checked, p.Args...)
	command.Env = p.Env
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  handshake(),
		Plugins:          plugin.PluginSet{pluginName: &border{}},
		Cmd:              command,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolNetRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     p.Timeout,
		Logger:           hclog.NewNullLogger(),
		SyncStdout:       io.Discard,
		SyncStderr:       io.Discard,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: dir},
	})
	done := make(chan outcome, 1)
	go func() {
		secret, err := ask(client, r, p.Timeout)
		done <- outcome{secret, err}
	}()
	defer client.Kill()
	select {
	case o := <-done:
		return o.secret, o.err
	case <-ctx.Done():
		return nil, ErrTimeout
	}
}

func ask(client *plugin.Client, r Request, wait time.Duration) ([]byte, error) {
	protocol, err := client.Client()
	if err != nil {
		return nil, ErrStart
	}
	raw, err := protocol.Dispense(pluginName)
	if err != nil {
		return nil, ErrStart
	}
	var a Answer
	if err := raw.(*rpc.Client).Call("Plugin.Secret", Question{r, wait}, &a); err != nil {
		return nil, ErrFailed
	}
	switch {
	case a.Failure == notFound:
		return nil, ErrNotFound
	case a.Failure == denied:
		return nil, ErrDenied
	case a.Failure == tooLong || len(a.Secret) > MaxSecret:
		return nil, ErrTooLong
	case a.Failure != "":
		return nil, ErrFailed
	}
	return a.Secret, nil
}

// copyTo copies the program's file and compares the digest of what was copied.
func (p *Program) copyTo(path string) error {
	from, err := os.Open(p.Path)
	if err != nil {
		return ErrProgram
	}
	defer from.Close()
	if info, err := from.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > maxProgram {
		return ErrProgram
	}
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return fmt.Errorf("%w: it cannot be copied", ErrProgram)
	}
	digest := sha256.New()
	_, err = io.Copy(io.MultiWriter(to, digest), io.LimitReader(from, maxProgram+1))
	if err := errors.Join(err, to.Close()); err != nil {
		return fmt.Errorf("%w: it cannot be copied", ErrProgram)
	}
	want, err := hex.DecodeString(p.SHA256)
	if err != nil || subtle.ConstantTimeCompare(digest.Sum(nil), want) != 1 {
		return ErrDigest
	}
	return nil
}
