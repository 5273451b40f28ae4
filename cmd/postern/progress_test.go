package main

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestProgress(t *testing.T) {
	for _, test := range []struct {
		name     string
		terminal bool
		begin    func(c *cli) (end func())
		takes    time.Duration
		want     string
	}{
		{"admission within a run, short", true, func(c *cli) func() { return c.announceAdmission("mail@1.0.0") }, patience - 1, ""},
		{"admission within a run, long", true, func(c *cli) func() { return c.announceAdmission("mail@1.0.0") }, patience + 1, "admitting mail@1.0.0, which is done once …\n"},
		{"admission within a run, long, in a pipe", false, func(c *cli) func() { return c.announceAdmission("mail@1.0.0") }, time.Hour, ""},
		{"approving", true, func(c *cli) func() { return c.showAdmission("mail@1.0.0") }, 250 * time.Millisecond,
			"\radmitting mail@1.0.0 … 0.0 s\radmitting mail@1.0.0 … 0.1 s\radmitting mail@1.0.0 … 0.2 s\radmitting mail@1.0.0 … 0.2 s\n"},
		{"approving in a pipe", false, func(c *cli) func() { return c.showAdmission("mail@1.0.0") }, time.Hour, "admitting mail@1.0.0 …\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var stderr bytes.Buffer
				end := test.begin(&cli{err: &stderr, errTerminal: test.terminal})
				<-time.After(test.takes)
				end()
				if diff := cmp.Diff(test.want, stderr.String()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}
