package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

const (
	// pageful is how many messages one invocation hands over before the host commits them, and pagefulBytes how many bytes of sources.
	pageful      = 50
	pagefulBytes = 64 << 20
	// maxSteps is how many pages of lists one invocation reads: those of a large folder that are all known would take longer than it may.
	maxSteps = 50
	// maxFolderSteps is how many one run reads of a folder, so that one whose list does not end leaves the others their turn.
	maxFolderSteps = 5000
	// maxFolders is how many folders one trigger reads.
	maxFolders = 20
)

// settings are the parameters of mail.poll, with the names that the connector's asset gives them.
type settings struct {
	user     string
	folders  []string
	lookUp   bool
	latest   bool // ingest_manner is "latest first"
	firstRun int
	laterRun int
	backfill time.Duration
	message  messageSettings
}

func readSettings(call *sdk.Call) (*settings, error) {
	s := &settings{
		user: call.String("email_address"), folders: call.Strings("folder"), lookUp: call.Bool("get_folder_id"),
		latest: call.String("ingest_manner") == "latest first", firstRun: call.Int("first_run_max_emails"), laterRun: call.Int("max_containers"),
		backfill: time.Duration(call.Int("backfill_hours")) * time.Hour,
		message: messageSettings{
			user: call.String("email_address"), asContainer: call.String("shape") == "container", maxArtifacts: maxArtifacts,
			eml: call.Bool("extract_eml"), files: call.Bool("extract_attachments"), mails: call.Bool("extract_attachments") && call.Bool("ingest_eml"),
			urls: call.Bool("extract_urls"), ips: call.Bool("extract_ips"), domains: call.Bool("extract_domains"), hashes: call.Bool("extract_hashes"),
		},
	}
	if call.Has("artifact_count") {
		s.message.maxArtifacts = min(call.Int("artifact_count"), maxArtifacts)
	}
	for i := range s.folders {
		s.folders[i] = strings.TrimSpace(s.folders[i])
	}
	if len(s.folders) > maxFolders {
		return nil, sdk.InvalidInput("folder", fmt.Sprintf("folder names %d folders; at most %d can be read by one trigger", len(s.folders), maxFolders))
	}
	return s, nil
}

// poll is one invocation of mail.poll as a trigger.
type poll struct {
	*settings
	call  *sdk.Call
	state *state
	now   time.Time
	// taken are the messages that this invocation has handed over or given up, which the host does not know yet.
	taken map[string]bool
	// handed counts those that were handed over, and bytes their sources; failed those that could not be read, and steps the pages of lists that were.
	handed, failed, steps int
	bytes                 int64
	// isNoted says that the state has something new of what fails, which must be kept even if nothing is handed over.
	isNoted bool
	// isBrief has lists tell no more of messages than which there are.
	isBrief bool
	// turn is the message that may be read where they are read one at a time, and isOver says that this invocation is to read no more.
	turn   string
	isOver bool
}

// pollMail hands over the messages of folders, each once, as records.
//
// What came since is asked of Graph's delta; what that does not tell is found by going through a folder in the order of a time, which state.go
// calls a walk. Which messages were handed over before the host knows, so that overlap costs no more than the asking.
func pollMail(call *sdk.Call) error {
	settings, err := readSettings(call)
	if err != nil {
		return err
	}
	if call.Trigger() == "" {
		return listMail(call, settings)
	}
	state, err := readState(call, settings.user)
	if err != nil {
		return err
	}
	if call.State() == nil {
		warnOfIgnored(call)
	}
	p := &poll{settings: settings, call: call, state: state, now: call.Now().UTC(), taken: map[string]bool{}}
	found, err := p.lookBack()
	if err != nil {
		return err
	}
	if !found {
		err = p.proceed()
	}
	if err != nil {
		return err
	}
	call.Keep(state.object().Value)
	call.Message(fmt.Sprintf("New messages: %d.", p.handed))
	return nil
}

// proceed goes on with a run, and ends it when there is nothing left.
func (p *poll) proceed() error {
	isNew := p.state.run.IsZero()
	more, err := p.run()
	switch {
	case err != nil && isNew && p.handed == 0 && !p.isNoted:
		return err
	case err != nil: // what was read is not read again; the next invocation begins with what is new, and meets the error by itself
		p.call.Log(abi.Warn, "the run begins anew after: "+err.Error())
		p.state.run, more = time.Time{}, true
	}
	if more {
		p.call.More()
	} else {
		p.end()
	}
	return nil
}

// warnOfIgnored tells once of parameters that a trigger has no use for.
func warnOfIgnored(call *sdk.Call) {
	for _, name := range []string{"start_time", "end_time", "container_count", "container_id"} {
		if call.Has(name) {
			call.Log(abi.Warn, name+" is for running the action by hand; a trigger does not look at it")
		}
	}
}

// run goes on with a run, or begins one, until there is nothing left, the cap is reached, or this invocation has handed over enough: more says that.
// A folder that cannot be read holds up no other; its error comes last.
func (p *poll) run() (more bool, err error) {
	s := p.state
	if s.run.IsZero() {
		s.run = p.now
		p.forget()
		for _, f := range s.folders {
			f.stage, f.steps = changes, 0
		}
	}
	var failed error
	for _, name := range p.folders {
		more, err := p.readFolder(name)
		if more || err != nil && !isolated(err) {
			return more, err
		}
		failed = cmp.Or(failed, err)
	}
	more, err = p.retry()
	return more, cmp.Or(err, failed)
}

// readFolder reads one folder until there is nothing left of it, or this invocation has to end: more says that. At the cap of the run nothing is.
func (p *poll) readFolder(name string) (more bool, err error) {
	f, err := p.open(name)
	if err != nil {
		return false, err
	}
	for f.stage != done {
		switch {
		case p.state.taken >= p.most():
			p.call.Truncate()
			return false, nil
		case p.isFull() || p.steps >= maxSteps:
			return true, nil
		case f.steps >= maxFolderSteps:
			p.call.Log(abi.Warn, fmt.Sprintf("the list of %s did not end in %d pages; the next run goes on with it", name, f.steps))
			p.call.Truncate()
			f.stage = done
			continue
		}
		p.steps++
		f.steps++
		if err := p.step(name, f); err != nil {
			return false, err
		}
	}
	return false, nil
}

// end ends a run.
func (p *poll) end() {
	s := p.state
	s.run, s.trouble, s.taken, s.isFirst, s.isAlone, s.isCareful, s.hasRisked = time.Time{}, time.Time{}, 0, false, false, false, false
}

// most is the cap of the run.
func (p *poll) most() int {
	if p.state.isFirst {
		return p.firstRun
	}
	return p.laterRun
}

// forget drops folders that are no longer polled.
func (p *poll) forget() {
	for name := range p.state.folders {
		if !slices.Contains(p.folders, name) {
			delete(p.state.folders, name)
		}
	}
}
