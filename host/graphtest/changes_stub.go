package graphtest

func (m *Mailbox) announce(old, item *message) {}
