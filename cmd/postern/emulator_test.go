package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// emulatorProcess is "postern emulate" as a process of its own.
type emulatorProcess struct {
	command *exec.Cmd
	ready   readiness
	rest    io.Reader
}

// startEmulatorProcess returns when the emulator says that it is ready.
func startEmulatorProcess(dir string, env []string, args ...string) (*emulatorProcess, error) {
	command := exec.Command(filepath.Join(bin, "postern"), append([]string{"emulate"}, args...)...)
	var complaints bytes.Buffer
	command.Dir, command.Env, command.Stderr = dir, env, &complaints
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	reader := bufio.NewReader(out)
	e := &emulatorProcess{command: command, rest: reader}
	line, err := reader.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &e.ready)
	}
	if err != nil {
		return nil, fmt.Errorf("the emulator is not ready: %w; %w; %s", err, command.Wait(), &complaints)
	}
	return e, nil
}

// end sends a signal and waits. An emulator that is interrupted ends with success and has nothing more to say.
func (e *emulatorProcess) end(signal os.Signal) error {
	if err := e.command.Process.Signal(signal); err != nil {
		return err
	}
	rest, err := io.ReadAll(e.rest)
	if err != nil || len(rest) > 0 {
		return fmt.Errorf("after its line the emulator wrote %q, %v", rest, err)
	}
	if err := e.command.Wait(); err != nil && signal != os.Kill {
		return err
	}
	return nil
}
