package connection

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"

	"github.com/postern-dev/postern/host/connection/provider"
)

// fromProvider asks a program of the operator's.
func (r *reader) fromProvider(ctx context.Context, name, key, item string) ([]byte, error) {
	p, ok := r.provider(name)
	if !ok {
		return nil, problemf("write a [provider."+name+"] table", "there is no provider %s", name)
	}
	program := provider.Program{Path: p.Command[0], Args: p.Command[1:], SHA256: p.SHA256, Timeout: p.Timeout}
	switch {
	case filepath.IsAbs(program.Path):
	case filepath.Base(program.Path) != program.Path:
		program.Path = filepath.Join(r.dir, program.Path)
	default: // a bare name is looked for as a shell would; the digest decides whether it is the right one
		path, err := exec.LookPath(program.Path)
		if err != nil {
			return nil, problemf("install it, or write its full path", "the provider %s: there is no program %s", name, program.Path)
		}
		program.Path = path
	}
	for _, variable := range append([]string{"PATH", "HOME", "TMPDIR"}, p.Env...) {
		if value := r.getenv(variable); value != "" {
			program.Env = append(program.Env, variable+"="+value)
		}
	}
	secret, err := program.Ask(ctx, provider.Request{Connection: r.requester, Key: key, Item: item})
	if err != nil {
		return nil, problemf(providerRemedy(err), "the provider %s: %v", name, err)
	}
	return secret, nil
}

func providerRemedy(err error) string {
	switch {
	case errors.Is(err, provider.ErrDigest):
		return "look at what changed in the program, then write its new sha256 into the operator's file"
	case errors.Is(err, provider.ErrProgram):
		return "check command, and that the host's user may read and run the file"
	case errors.Is(err, provider.ErrStart):
		return "run it by hand: it must serve package provider, and print nothing before that"
	case errors.Is(err, provider.ErrTimeout):
		return "see what it waits for, or raise timeout"
	case errors.Is(err, provider.ErrNotFound):
		return "store the secret where the provider looks for it"
	case errors.Is(err, provider.ErrDenied):
		return "let the provider's own identity read the secret"
	case errors.Is(err, provider.ErrTooLong):
		return "store the secret alone there"
	default:
		return "look into the provider's own log"
	}
}
