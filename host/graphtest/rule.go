package graphtest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// rule is an Inbox rule; see https://learn.microsoft.com/graph/api/resources/messagerule.
type rule struct {
	id     string
	values schema.Object
	record *record
}

// AddRule adds an Inbox rule and returns its id. The rule is a JSON object as Graph has it, of which only displayName is needed. Folders
// in its actions are ids or well-known names.
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
	return m.addRule(values).id, nil
}

func (m *Mailbox) addRule(values schema.Object) *rule {
	m.items++
	last := int64(0)
	for _, r := range m.rules {
		last = max(last, r.sequence())
	}
	for name, otherwise := range map[string]any{"sequence": last + 1, "isEnabled": true, "hasError": false, "isReadOnly": false} {
		if values[name] == nil {
			values[name] = otherwise
		}
	}
	added := newRule(newID(idRule, m.user.ID, strconv.Itoa(m.items)), values)
	m.putRule(added)
	return added
}

// putRule keeps a rule in its place: rules run, and are listed, by their sequence.
func (m *Mailbox) putRule(added *rule) {
	m.rules = append(m.rules, added)
	slices.SortStableFunc(m.rules, func(a, b *rule) int { return int(a.sequence() - b.sequence()) })
}

func newRule(id string, values schema.Object) *rule {
	members := []member{}
	for _, name := range []string{"displayName", "sequence", "isEnabled", "hasError", "isReadOnly", "conditions", "actions", "exceptions"} {
		members = append(members, member{name, plain(values[name])})
	}
	return &rule{id, values, newRecord("messageRule", id, members...)}
}

func (r *rule) sequence() int64 {
	sequence, _ := r.values["sequence"].(int64)
	return sequence
}

func ruleRoutes() []*route {
	const rules = "/users/{user}/mailFolders/inbox/messageRules"
	return []*route{
		{method: http.MethodGet, template: rules, area: outlook, typ: "messageRule", options: optionSelect | optionTop | optionSkip, handle: listRules},
		{method: http.MethodPost, template: rules, area: outlook, typ: "messageRule", writes: true, handle: createRule},
		{method: http.MethodGet, template: rules + "/{rule}", area: outlook, typ: "messageRule", options: optionSelect, handle: getRule},
		{method: http.MethodPatch, template: rules + "/{rule}", area: outlook, typ: "messageRule", writes: true, handle: updateRule},
		{method: http.MethodDelete, template: rules + "/{rule}", area: outlook, typ: "messageRule", writes: true, handle: deleteRule},
	}
}

func listRules(c *call) (*reply, error) {
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, err
	}
	return c.list(collect(mailbox.rules, func(r *rule) *record { return r.record }))
}

// rule resolves the mailbox and the rule of the path.
func (c *call) rule() (*Mailbox, *rule, error) {
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, nil, err
	}
	id := c.value("rule")
	if !idIs(id, idRule) {
		return nil, nil, errMalformedID()
	}
	for _, r := range mailbox.rules {
		if r.id == id {
			return mailbox, r, nil
		}
	}
	return nil, nil, errItemNotFound()
}

func getRule(c *call) (*reply, error) {
	_, r, err := c.rule()
	if err != nil {
		return nil, err
	}
	return c.entity(r.record)
}

func createRule(c *call) (*reply, error) {
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, err
	}
	values, err := c.bodyOf("messageRule")
	if err != nil {
		return nil, err
	}
	delete(values, "hasError") // Exchange's own to say
	delete(values, "isReadOnly")
	if err := mailbox.checkRule(values); err != nil {
		return nil, err
	}
	if len(mailbox.rules) >= maxRules {
		return nil, refuse(http.StatusInsufficientStorage, "ErrorQuotaExceeded", "The mailbox has no room for more than %d rules.", maxRules)
	}
	return c.created(mailbox.addRule(values).record)
}

// updateRule sets the properties that the body names; conditions, exceptions and actions each as a whole.
func updateRule(c *call) (*reply, error) {
	mailbox, was, err := c.rule()
	if err != nil {
		return nil, err
	}
	values, err := c.bodyOf("messageRule")
	if err != nil {
		return nil, err
	}
	merged := schema.Object{}
	for name, value := range was.values {
		merged[name] = value
	}
	for name, value := range values {
		switch name {
		case "id", "@odata.type":
			continue
		case "hasError", "isReadOnly":
			return nil, errPropertySet(name)
		}
		merged[name] = value
	}
	if err := mailbox.checkRule(merged); err != nil {
		return nil, err
	}
	if was.values["isReadOnly"] == true {
		return nil, errAccessDenied()
	}
	mailbox.dropRule(was)
	now := newRule(was.id, merged)
	mailbox.putRule(now)
	return c.entity(now.record)
}

func deleteRule(c *call) (*reply, error) {
	mailbox, r, err := c.rule()
	if err != nil {
		return nil, err
	}
	if r.values["isReadOnly"] == true {
		return nil, errAccessDenied()
	}
	mailbox.dropRule(r)
	return &reply{status: http.StatusNoContent}, nil
}

func (m *Mailbox) dropRule(dropped *rule) {
	m.rules = slices.DeleteFunc(m.rules, func(r *rule) bool { return r == dropped })
}

// checkRule refuses a rule that Exchange could not run: without name or actions, or with folders or recipients that are none.
func (m *Mailbox) checkRule(values schema.Object) error {
	if name, _ := values["displayName"].(string); name == "" {
		return refuse(http.StatusBadRequest, "ErrorRequiredPropertyMissing", "Required property is missing: a rule needs a displayName.")
	}
	actions, _ := values["actions"].(schema.Object)
	effective := 0
	for name, value := range actions {
		if value == nil || name == "@odata.type" {
			continue
		}
		effective++
		switch name {
		case "moveToFolder", "copyToFolder":
			folder, _ := value.(string)
			if _, err := m.folder(folder); err != nil {
				return err
			}
		case "forwardTo", "forwardAsAttachmentTo", "redirectTo":
			for _, p := range recipients(value) {
				if !isAddress(p.address) {
					return refuse(http.StatusBadRequest, "ErrorInvalidRecipients", "At least one recipient is not valid., Recipient '%s' isn't resolved.", p.address)
				}
			}
		}
	}
	if effective == 0 {
		return refuse(http.StatusBadRequest, "ErrorRequiredPropertyMissing", "Required property is missing: a rule needs actions.")
	}
	if sequence, given := values["sequence"].(int64); given && sequence < 0 {
		return refuse(http.StatusBadRequest, "ErrorInvalidRequest", "The sequence of a rule cannot be negative.")
	}
	return nil
}
