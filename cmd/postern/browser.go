package main

import (
	"os/exec"
	"runtime"
)

// openBrowser has the desktop open a page. It reports whether there was a desktop to ask.
func (c *cli) openBrowser(page string) bool {
	if !c.errTerminal { // nobody watches
		return false
	}
	var command *exec.Cmd
	switch runtime.GOOS {
	case "darwin":
		command = exec.Command("open", page)
	case "windows":
		command = exec.Command("rundll32", "url.dll,FileProtocolHandler", page)
	default:
		if c.getenv("DISPLAY") == "" && c.getenv("WAYLAND_DISPLAY") == "" {
			return false
		}
		command = exec.Command("xdg-open", page)
	}
	if command.Start() != nil {
		return false
	}
	go func() { _ = command.Wait() }() // whether a page came up, the person sees
	return true
}
