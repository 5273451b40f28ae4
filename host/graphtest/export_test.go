package graphtest

// Move, MarkRead and Remove change a message behind the back of every client, as its owner does with Outlook.

// Move puts a message into a folder and returns its new id.
func (m *Mailbox) Move(id, folder string) string {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	f, err := m.makeFolder(folder)
	if err != nil {
		panic(err)
	}
	item := m.byID[id].in(f)
	m.replace(m.byID[id], item)
	return item.record.id
}

// MarkRead marks a message as read.
func (m *Mailbox) MarkRead(id string) {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	item := m.byID[id].next()
	item.read = true
	m.replace(m.byID[id], item)
}

// Remove takes a message out of the mailbox for good.
func (m *Mailbox) Remove(id string) {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	m.remove(m.byID[id])
}

// Limits that tests go up to.
const (
	MaxChanges       = maxChanges
	MostTracked      = mostTracked
	MaxSubscriptions = maxSubscriptions
	MaxPending       = maxPendingNotifications
)
