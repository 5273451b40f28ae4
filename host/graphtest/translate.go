package graphtest

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"strings"
)

func translateRoutes() []*route {
	return []*route{
		{method: http.MethodPost, template: "/users/{user}/translateExchangeIds", area: outlook, typ: "user", action: true, handle: translateIDs},
	}
}

// idForm is how a program writes an id: as Graph does in both its kinds, as EWS does, or as MAPI does.
type idForm struct {
	immutable bool
	ews       bool // in the alphabet of EWS
	entry     bool // an entry id of MAPI
}

// idForms are the values of exchangeIdFormat; see https://learn.microsoft.com/graph/api/user-translateexchangeids.
func idForms(name string) idForm {
	switch name {
	case "entryId":
		return idForm{entry: true}
	case "ewsId":
		return idForm{ews: true}
	case "immutableEntryId":
		return idForm{entry: true, immutable: true}
	case "restImmutableEntryId":
		return idForm{immutable: true}
	}
	return idForm{} // restId
}

// entryMark is set in the kind of an id that is written as an entry id.
const entryMark = 0x80

// ewsAlphabet writes Graph's URL-safe ids in the alphabet of EWS, and back.
func ewsAlphabet(id string, toEWS bool) string {
	if toEWS {
		return strings.NewReplacer("-", "/", "_", "+").Replace(id)
	}
	return strings.NewReplacer("/", "-", "+", "_").Replace(id)
}

// marked turns an id of Graph into an entry id or back: they differ in one bit and in the checksum. It is empty if the text is no id.
func marked(id string) string {
	raw, err := base64.URLEncoding.Strict().DecodeString(id)
	if err != nil || len(raw) != idLength || strings.ContainsAny(id, "\r\n") {
		return ""
	}
	body, sum := raw[:idLength-crc32.Size], raw[idLength-crc32.Size:]
	if binary.BigEndian.Uint32(sum) != crc32.ChecksumIEEE(body) {
		return ""
	}
	body[len(itemPrefix)] ^= entryMark
	return base64.URLEncoding.EncodeToString(binary.BigEndian.AppendUint32(body, crc32.ChecksumIEEE(body)))
}

// rest reads an id that is written in the form as one of Graph's ids.
func (f idForm) rest(id string) string {
	switch {
	case f.ews:
		if strings.ContainsAny(id, "-_") {
			return ""
		}
		return ewsAlphabet(id, false)
	case f.entry:
		return marked(id)
	}
	return id
}

// write writes one of Graph's ids in the form.
func (f idForm) write(id string) string {
	switch {
	case f.ews:
		return ewsAlphabet(id, true)
	case f.entry:
		return marked(id)
	}
	return id
}

// translateIDs converts ids of messages, attachments, events and folders between their forms. What cannot be converted has errorDetails.
func translateIDs(c *call) (*reply, error) {
	mailbox, err := c.mailbox()
	if err != nil {
		return nil, err
	}
	parameters, err := c.parameters("user", "translateExchangeIds")
	if err != nil {
		return nil, err
	}
	source, hasSource := parameters["SourceIdType"].(string)
	target, hasTarget := parameters["TargetIdType"].(string)
	ids, hasIDs := parameters["InputIds"].([]any)
	if !hasSource || !hasTarget || !hasIDs {
		return nil, refuse(http.StatusBadRequest, "ErrorInvalidRequest", "The parameters 'InputIds', 'SourceIdType' and 'TargetIdType' are required.")
	}
	if len(ids) > maxTranslated {
		return nil, refuse(http.StatusBadRequest, "ErrorInvalidRequest", "The number of ids is %d; at most %d can be translated at once.", len(ids), maxTranslated)
	}
	from, to := idForms(source), idForms(target)
	results := make([]any, len(ids))
	for i, one := range ids {
		id, _ := one.(string)
		result := object{{"sourceId", id}}
		if translated, p := mailbox.translate(id, from, to); p == nil {
			result = append(result, member{"targetId", translated})
		} else {
			result = append(result, member{"errorDetails", object{{"code", p.code}, {"message", p.message}}})
		}
		results[i] = result
	}
	answer := c.complexValue(member{"value", results})
	return answer, nil
}

func (m *Mailbox) translate(id string, from, to idForm) (string, *problem) {
	rest := from.rest(id)
	if m.folders[rest] != nil {
		return to.write(rest), nil // a folder has one id, which both kinds share
	}
	kinds := []idKind{idMessage, idAttachment, idEvent}
	if from.immutable {
		kinds = []idKind{idMessageImmutable, idAttachmentImmutable, idEventImmutable}
	}
	if !idIs(rest, kinds...) {
		return "", errMalformedID()
	}
	found := m.recordOf(rest)
	if found == nil {
		return "", errItemNotFound()
	}
	if to.immutable {
		return to.write(found.immutable), nil
	}
	return to.write(found.id), nil
}

// recordOf finds a message, an attachment or an event by one of its ids.
func (m *Mailbox) recordOf(id string) *record {
	if item := m.byID[id]; item != nil {
		return item.record
	}
	for _, e := range m.calendar.events {
		if r := e.record; r.id == id || r.immutable == id {
			return r
		}
	}
	if !idIs(id, idAttachment, idAttachmentImmutable) {
		return nil
	}
	for _, item := range m.byID {
		for _, a := range item.content.attachments {
			if a.record.id == id || a.record.immutable == id {
				return a.record
			}
		}
	}
	return nil
}
