package graphtest

import (
	"html"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// ownerSettings are the settings of a mailbox; see https://learn.microsoft.com/graph/api/resources/mailboxsettings.
type ownerSettings struct {
	values   object
	answered map[string]bool // addresses in lower case that had an automatic reply since it was last set
}

func isPurpose(name string) bool {
	return slices.Contains([]string{"user", "linked", "shared", "room", "equipment", "others"}, name)
}

func newOwnerSettings(set mailboxSettings) ownerSettings {
	day := func(at string) object { return object{{"dateTime", at}, {"timeZone", "UTC"}} }
	return ownerSettings{answered: map[string]bool{}, values: object{
		{"archiveFolder", nil},
		{"timeZone", "UTC"},
		{"delegateMeetingMessageDeliveryOptions", "sendToDelegateOnly"},
		{"dateFormat", "yyyy-MM-dd"},
		{"timeFormat", "HH:mm"},
		{"userPurpose", set.purpose},
		{"automaticRepliesSetting", object{
			{"status", "disabled"},
			{"externalAudience", "all"},
			{"internalReplyMessage", ""},
			{"externalReplyMessage", ""},
			{"scheduledStartDateTime", day("2026-01-01T00:00:00.0000000")},
			{"scheduledEndDateTime", day("2026-01-02T00:00:00.0000000")},
		}},
		{"language", object{{"locale", set.locale}, {"displayName", set.locale}}},
		{"workingHours", object{
			{"daysOfWeek", []any{"monday", "tuesday", "wednesday", "thursday", "friday"}},
			{"startTime", "08:00:00.0000000"},
			{"endTime", "17:00:00.0000000"},
			{"timeZone", object{{"name", "UTC"}}},
		}},
	}}
}

func settingsRoutes() []*route {
	const all = "/users/{user}/mailboxSettings"
	list := []*route{
		{method: http.MethodGet, template: all, area: outlook, typ: "mailboxSettings", options: optionSelect, handle: getSettings},
		{method: http.MethodPatch, template: all, area: outlook, typ: "mailboxSettings", writes: true, handle: updateSettings},
	}
	for _, part := range []string{
		"automaticRepliesSetting", "dateFormat", "delegateMeetingMessageDeliveryOptions", "language", "timeFormat", "timeZone", "userPurpose", "workingHours",
	} {
		list = append(list, &route{
			method: http.MethodGet, template: all + "/" + part, area: outlook, typ: "mailboxSettings",
			handle: func(c *call) (*reply, error) { return c.settingsPart(part) },
		})
	}
	return list
}

// complexValue answers what is no entity: it has a context, and no id.
func (c *call) complexValue(members ...member) *reply {
	return &reply{status: http.StatusOK, body: encode(nil, append(object{{"@odata.context", c.context(false)}}, members...), time.UTC)}
}

func getSettings(c *call) (*reply, error) {
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, err
	}
	shown := slices.Clone(mailbox.settings.values)
	if archive := mailbox.wellKnown["archive"]; archive != nil {
		shown[0].value = archive.id
	}
	if c.query.selected != nil {
		shown = slices.DeleteFunc(shown, func(m member) bool { return !c.query.selected[m.name] })
	}
	return c.complexValue(shown...), nil
}

func (c *call) settingsPart(name string) (*reply, error) {
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, err
	}
	value, _ := mailbox.settings.values.Property(name)
	if members, ok := value.(object); ok {
		return c.complexValue(members...), nil
	}
	return c.complexValue(member{"value", value}), nil
}

// updateSettings sets what the body names, and answers with that. Within a complex setting, what the body does not name stays.
func updateSettings(c *call) (*reply, error) {
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, err
	}
	values, err := c.bodyOf("mailboxSettings")
	if err != nil {
		return nil, err
	}
	var shown []member
	now := ownerSettings{answered: mailbox.settings.answered, values: slices.Clone(mailbox.settings.values)}
	for i, was := range now.values {
		value, given := values[was.name]
		if !given {
			continue
		}
		if was.name == "userPurpose" || was.name == "archiveFolder" || value == nil {
			return nil, errPropertySet(was.name)
		}
		merged, err := mergeSetting(was.value, value)
		if err != nil {
			return nil, err
		}
		now.values[i].value = merged
		shown = append(shown, now.values[i])
	}
	if values["automaticRepliesSetting"] != nil {
		now.answered = map[string]bool{}
		if _, _, err := now.window(); err != nil {
			return nil, err
		}
	}
	if zone, ok := values["timeZone"].(string); ok && !isTimeZone(zone) {
		return nil, refuse(http.StatusBadRequest, "ErrorInvalidTimeZone", "The time zone '%s' is not known.", zone)
	}
	mailbox.settings = now
	return c.complexValue(shown...), nil
}

// mergeSetting puts what a body says over a setting; only the outermost level is merged.
func mergeSetting(was, value any) (any, error) {
	old, isObject := was.(object)
	given, ok := value.(schema.Object)
	if !isObject || !ok {
		return plain(value), nil
	}
	merged := slices.Clone(old)
	for i, m := range merged {
		if v, named := given[m.name]; named {
			if v == nil {
				return nil, errPropertySet(m.name)
			}
			merged[i].value = plain(v)
		}
	}
	return merged, nil
}

// isTimeZone reports whether a name is one of IANA's, or looks like one of Windows', which Graph takes too.
func isTimeZone(name string) bool {
	_, err := time.LoadLocation(name)
	return name != "" && name != "Local" && (err == nil || strings.HasSuffix(name, " Standard Time"))
}

// automatic is a part of the automatic replies.
func (s *ownerSettings) automatic(name string) any {
	replies, _ := s.values.Property("automaticRepliesSetting")
	setting, _ := replies.(object)
	value, _ := setting.Property(name)
	return value
}

// window is the time in which scheduled replies are sent.
func (s *ownerSettings) window() (from, until time.Time, err error) {
	bad := refuse(http.StatusBadRequest, "ErrorInvalidRequest", "A schedule of automatic replies needs a start and a later end, each with dateTime and timeZone.")
	for _, one := range []struct {
		name string
		at   *time.Time
	}{{"scheduledStartDateTime", &from}, {"scheduledEndDateTime", &until}} {
		value, _ := s.automatic(one.name).(object)
		text, _ := value.Property("dateTime")
		name, _ := value.Property("timeZone")
		at, _ := text.(string)
		zoneName, _ := name.(string)
		zone, zoneErr := time.LoadLocation(zoneName)
		if zoneErr != nil { // a name of Windows: Go does not know it, so the schedule is taken as UTC
			zone = time.UTC
		}
		if zoneName == "" || !isTimeZone(zoneName) {
			return from, until, bad
		}
		if *one.at, err = time.ParseInLocation("2006-01-02T15:04:05", strings.TrimSuffix(at, "Z"), zone); err != nil {
			return from, until, bad
		}
	}
	if !from.Before(until) {
		return from, until, bad
	}
	return from, until, nil
}

// automaticReply is the mailbox's answer to a mail, or nil: each sender has one answer until the setting changes, and programs have none.
func (m *Mailbox) automaticReply(mail *content) *content {
	s, now := &m.settings, m.server.now()
	sender := strings.ToLower(mail.from.address)
	switch s.automatic("status") {
	case "alwaysEnabled":
	case "scheduled":
		if from, until, err := s.window(); err != nil || now.Before(from) || !now.Before(until) {
			return nil
		}
	default:
		return nil
	}
	if !isAddress(sender) || s.answered[sender] || mail.automatic() || strings.EqualFold(sender, m.user.Mail) || mail.header("X-Auto-Response-Suppress") != "" {
		return nil
	}
	text, _ := s.automatic("internalReplyMessage").(string)
	if !slices.ContainsFunc(m.server.domains, func(own string) bool { return strings.EqualFold(own, domainOf(sender)) }) {
		// There are no contacts here, so contactsOnly reaches nobody.
		if s.automatic("externalAudience") != "all" {
			return nil
		}
		text, _ = s.automatic("externalReplyMessage").(string)
	}
	reply := m.compose(now)
	reply.to = []person{mail.from}
	reply.subject, reply.topic = "Automatic reply: "+mail.subject, mail.topic
	reply.references = messageID.FindAllString(mail.messageID, 1)
	reply.custom = []header{{"Auto-Submitted", "auto-replied"}, {"X-Auto-Response-Suppress", "All"}}
	if !strings.Contains(text, "<") {
		text = html.EscapeString(text)
	}
	reply.setBody(text, true)
	if reply.encode() != nil {
		return nil
	}
	s.answered[sender] = true
	return reply
}
