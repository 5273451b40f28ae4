package graphtest

import "time"

// A change is what happened to an item of a folder, or to a folder of a mailbox.
type change uint8

const (
	changeCreated change = iota + 1
	changeArrived        // it was moved in
	changeUpdated
	changeLeft    // it was moved out, and may come back
	changeDeleted // it is gone for good
)

func (c change) removes() bool { return c == changeLeft || c == changeDeleted }

// A changeLog remembers the newest changes of a collection, maxChanges of them: older ones are forgotten, and a delta token from before
// them is no longer good. Changes are numbered from 1.
type changeLog struct {
	last    int64 // the number of the newest change
	entries []logged
}

// logged is one change in a log.
type logged struct {
	number        int64
	kind          change
	id, immutable string
	received      time.Time // of a message
}

func (l *changeLog) add(kind change, id, immutable string, received time.Time) {
	l.last++
	if len(l.entries) == maxChanges {
		l.entries = l.entries[1:]
	}
	l.entries = append(l.entries, logged{l.last, kind, id, immutable, received})
}

// since lists the changes after a number. Of each item it has the newest one only, and the kind sums up what became of the item: what was
// created and then updated was created. known is false if the log does not reach back to the number, or never had it.
func (l *changeLog) since(number int64) (changes []logged, known bool) {
	before := l.last - int64(len(l.entries)) // the number of the last change that was forgotten
	if number < before || number > l.last {
		return nil, false
	}
	at := map[string]int{}
	for _, entry := range l.entries[number-before:] {
		earlier, again := at[entry.id]
		if again {
			if kind := changes[earlier].kind; entry.kind == changeUpdated && !kind.removes() {
				entry.kind = kind
			}
			changes[earlier].number = 0 // superseded
		}
		at[entry.id] = len(changes)
		changes = append(changes, entry)
	}
	kept := changes[:0]
	for _, entry := range changes {
		if entry.number != 0 {
			kept = append(kept, entry)
		}
	}
	return kept, true
}

// changed tells whoever follows the changes of a mailbox that a message came (old is nil), went (item is nil), or became another version
// that may stand in another folder. It is called for each such change, after it was made, with Server.mu held for writing.
//
// What a delay of the weather holds back is not told of before it is seen, and then as it is by that time.
func (m *Mailbox) changed(old, item *message) {
	newest := item
	if newest == nil {
		newest = old
	}
	if at := newest.seenAt(); at.After(m.server.now()) {
		if old == nil {
			m.tellAt(at, item)
		}
		return
	}
	m.tell(old, item)
}

// tellAt tells of a message once it is seen, unless it is gone by then.
func (m *Mailbox) tellAt(at time.Time, item *message) {
	m.server.at(at, func() {
		if now := m.byID[item.record.immutable]; now != nil {
			m.tell(nil, now)
		}
	})
}

func (m *Mailbox) tell(old, item *message) {
	switch {
	case old == nil:
		item.logged(changeCreated)
	case item == nil:
		old.logged(changeDeleted)
	case old.folder != item.folder:
		old.logged(changeLeft)
		item.logged(changeArrived)
	case old.record.id != item.record.id: // moved to where it was
		old.logged(changeLeft)
		item.logged(changeArrived)
	default:
		item.logged(changeUpdated)
	}
	m.announce(old, item)
}

// logged enters a change of the message into the log of its folder. The counts of the folder changed with it.
func (m *message) logged(kind change) {
	m.folder.log.add(kind, m.record.id, m.record.immutable, m.received)
	m.mailbox.folderChanged(m.folder, changeUpdated)
}

// folderChanged tells whoever follows the folders of a mailbox that one changed, be it only in its counts; see changed. The root and what is
// outside the tree are followed by nobody.
func (m *Mailbox) folderChanged(f *folder, kind change) {
	if f.parent == nil || f.beyond {
		return
	}
	if kind == changeUpdated && f.hidden {
		kind = changeDeleted // to those that do not ask for hidden folders
	}
	m.folderLog.add(kind, f.id, "", time.Time{})
}
