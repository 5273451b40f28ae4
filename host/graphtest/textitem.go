package graphtest

import (
	"strings"
	"unicode/utf8"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// contentLines writes the lines of iCalendar (RFC 5545) and vCard (RFC 6350), which share their form.
type contentLines struct{ text strings.Builder }

// add writes a line of a name and a text, folded and escaped. An empty text is left out.
func (l *contentLines) add(name, text string) {
	if text != "" {
		l.raw(name + ":" + contentEscapes().Replace(validText(text)))
	}
}

// raw writes a line as it is, folded behind at most 75 bytes between characters.
func (l *contentLines) raw(line string) {
	const longest = 75
	width := 0
	for _, r := range line {
		if width+utf8.RuneLen(r) > longest {
			l.text.WriteString("\r\n ")
			width = 1
		}
		l.text.WriteRune(r)
		width += utf8.RuneLen(r)
	}
	l.text.WriteString("\r\n")
}

func (l *contentLines) bytes() []byte { return []byte(l.text.String()) }

// contentEscapes replaces what ends or parts a text value.
func contentEscapes() *strings.Replacer {
	return strings.NewReplacer("\\", "\\\\", ";", "\\;", ",", "\\,", "\r\n", "\\n", "\n", "\\n", "\r", "\\n")
}

const iCalendarTime = "20060102T150405Z"

// iCalendar is the source of an event, as $value of an item attachment gives it. Times are in UTC; the recurrence is left out.
func iCalendar(event schema.Object) []byte {
	var l contentLines
	l.raw("BEGIN:VCALENDAR")
	l.raw("VERSION:2.0")
	l.raw("PRODID:-//graphtest//EN")
	l.raw("BEGIN:VEVENT")
	subject, _ := event["subject"].(string)
	uid, _ := event["iCalUId"].(string)
	if uid == "" {
		uid = newGUID("event", subject)
	}
	l.add("UID", uid)
	for _, one := range []struct{ name, property string }{{"DTSTART", "start"}, {"DTEND", "end"}} {
		if at, _, err := zonedTime(event[one.property]); err == nil {
			l.raw(one.name + ":" + at.UTC().Format(iCalendarTime))
		}
	}
	l.add("SUMMARY", subject)
	body, _ := event["body"].(schema.Object)
	text, _ := body["content"].(string)
	if body["contentType"] == "html" {
		text = plainText(text)
	}
	l.add("DESCRIPTION", text)
	location, _ := event["location"].(schema.Object)
	place, _ := location["displayName"].(string)
	l.add("LOCATION", place)
	if organizer := recipient(event["organizer"]); isAddress(organizer.address) {
		l.raw("ORGANIZER:mailto:" + organizer.address)
	}
	for _, attendee := range recipients(event["attendees"]) {
		if isAddress(attendee.address) {
			l.raw("ATTENDEE:mailto:" + attendee.address)
		}
	}
	l.raw("END:VEVENT")
	l.raw("END:VCALENDAR")
	return l.bytes()
}

// vCard is the source of a contact, as $value of an item attachment gives it.
func vCard(contact schema.Object) []byte {
	var l contentLines
	text := func(name string) string {
		value, _ := contact[name].(string)
		return value
	}
	l.raw("BEGIN:VCARD")
	l.raw("VERSION:3.0")
	full := text("displayName")
	if full == "" {
		full = strings.TrimSpace(text("givenName") + " " + text("surname"))
	}
	l.raw("FN:" + contentEscapes().Replace(validText(full)))
	l.raw("N:" + contentEscapes().Replace(validText(text("surname"))) + ";" + contentEscapes().Replace(validText(text("givenName"))) + ";;;")
	l.add("ORG", text("companyName"))
	l.add("TITLE", text("jobTitle"))
	l.add("NOTE", text("personalNotes"))
	for _, one := range list(contact["emailAddresses"]) {
		address, _ := one.(schema.Object)
		mail, _ := address["address"].(string)
		l.add("EMAIL", mail)
	}
	for _, number := range append(list(contact["businessPhones"]), contact["mobilePhone"]) {
		phone, _ := number.(string)
		l.add("TEL", phone)
	}
	l.raw("END:VCARD")
	return l.bytes()
}
