package graphtest

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// rule is an Inbox rule. Rules are kept and shown; they are not run on mail.
type rule struct {
	id     string
	record *record
}

// AddRule adds an Inbox rule and returns its id. The rule is a JSON object as Graph has it, of which only displayName is needed.
func (m *Mailbox) AddRule(text string) (string, error) {
	types, err := m.server.schema()
	if err != nil {
		return "", err
	}
	values, err := types.Decode("messageRule", []byte(text))
	if err != nil {
		return "", fmt.Errorf("the rule is not one of Graph's: %w", err)
	}
	if name, _ := values["displayName"].(string); name == "" {
		return "", fmt.Errorf("the rule needs a displayName")
	}
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	added := m.newRule(values)
	m.rules = append(m.rules, added)
	return added.id, nil
}

func (m *Mailbox) newRule(values schema.Object) *rule {
	m.items++
	id := newID(idRule, m.user.ID, strconv.Itoa(m.items))
	value := func(name string, otherwise any) member {
		if v, ok := values[name]; ok {
			return member{name, plain(v)}
		}
		return member{name, otherwise}
	}
	return &rule{id, newRecord("messageRule", id,
		value("displayName", nil),
		value("sequence", len(m.rules)+1),
		value("isEnabled", true),
		value("hasError", false),
		value("isReadOnly", false),
		value("conditions", nil),
		value("actions", nil),
		value("exceptions", nil),
	)}
}

func ruleRoutes() []*route {
	const rules = "/users/{user}/mailFolders/inbox/messageRules"
	return []*route{
		{method: http.MethodGet, template: rules, area: outlook, typ: "messageRule", options: optionSelect | optionTop | optionSkip, handle: listRules},
		{method: http.MethodGet, template: rules + "/{rule}", area: outlook, typ: "messageRule", options: optionSelect, handle: getRule},
	}
}

func listRules(c *call) (*reply, error) {
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, err
	}
	return c.list(collect(mailbox.rules, func(r *rule) *record { return r.record }))
}

func getRule(c *call) (*reply, error) {
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, err
	}
	id := c.value("rule")
	if !idIs(id, idRule) {
		return nil, errMalformedID()
	}
	for _, r := range mailbox.rules {
		if r.id == id {
			return c.entity(r.record)
		}
	}
	return nil, errItemNotFound()
}
