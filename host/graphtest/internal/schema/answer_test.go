package schema_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

func TestAnswersOfTheirTypesPass(t *testing.T) {
	s := load(t)
	for name, test := range map[string]struct {
		typ                 string
		collection, changes bool
		body                string
	}{
		"entity":           {"message", false, false, `{"@odata.context":"x","@odata.etag":"x","id":"1","from":null,"importance":"high","categories":["a"],"conversationIndex":"AQI="}`},
		"collection":       {"message", true, false, `{"@odata.nextLink":"x","value":[{"id":"1"},{"id":"2","toRecipients":[{"emailAddress":{"address":"a"}}]}]}`},
		"derived":          {"attachment", true, false, `{"value":[{"@odata.type":"#microsoft.graph.fileAttachment","id":"1","contentBytes":"AQI=","size":3}]}`},
		"expanded":         {"message", false, false, `{"id":"1","attachments@odata.context":"x","attachments":[{"@odata.type":"#microsoft.graph.fileAttachment","id":"1"}]}`},
		"removed":          {"message", true, true, `{"@odata.deltaLink":"x","value":[{"id":"1","@removed":{"reason":"deleted"}}]}`},
		"complex":          {"automaticRepliesSetting", false, false, `{"@odata.context":"x","status":"disabled","scheduledStartDateTime":{"dateTime":"x","timeZone":"UTC"}}`},
		"simple":           {"Edm.String", false, false, `{"@odata.context":"x","value":"UTC"}`},
		"enumeration":      {"userPurpose", false, false, `{"value":"shared"}`},
		"simple, null":     {"Edm.String", false, false, `{"value":null}`},
		"simple, a list":   {"Edm.String", true, false, `{"value":["a"]}`},
		"entity of a list": {"event", false, false, `{"id":"1","start":{"dateTime":"2026-01-01T00:00:00.0000000","timeZone":"UTC"},"isAllDay":false}`},
	} {
		if err := s.CheckAnswer(test.typ, test.collection, test.changes, []byte(test.body)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnswersOfOtherTypesAreFound(t *testing.T) {
	s := load(t)
	for name, test := range map[string]struct {
		typ        string
		collection bool
		body       string
		want       schema.AnswerError
	}{
		"no object":               {"message", false, `[]`, schema.AnswerError{Type: "message"}},
		"unknown property":        {"message", true, `{"value":[{"id":"1"},{"id":"2","colour":1}]}`, schema.AnswerError{Path: "value[1]", Property: "colour", Type: "message"}},
		"unknown property inside": {"message", false, `{"id":"1","toRecipients":[{"emailAddress":{"colour":1}}]}`, schema.AnswerError{Path: "toRecipients[0].emailAddress", Property: "colour", Type: "emailAddress"}},
		"other case":              {"message", false, `{"id":"1","Subject":"x"}`, schema.AnswerError{Property: "Subject", Type: "message"}},
		"property twice":          {"message", false, `{"id":"1","subject":"x","subject":"y"}`, schema.AnswerError{Property: "subject", Type: "message"}},
		"no id":                   {"message", false, `{"subject":"x"}`, schema.AnswerError{Property: "id", Type: "message"}},
		"id is null":              {"message", false, `{"id":null}`, schema.AnswerError{Path: "id", Property: "id", Type: "Edm.String"}},
		"text for number":         {"mailFolder", false, `{"id":"1","totalItemCount":"3"}`, schema.AnswerError{Path: "totalItemCount", Property: "totalItemCount", Type: "Edm.Int32"}},
		"number too large":        {"mailFolder", false, `{"id":"1","totalItemCount":3000000000}`, schema.AnswerError{Path: "totalItemCount", Property: "totalItemCount", Type: "Edm.Int32"}},
		"time without zone":       {"message", false, `{"id":"1","receivedDateTime":"2026-01-01T00:00:00"}`, schema.AnswerError{Path: "receivedDateTime", Property: "receivedDateTime", Type: "Edm.DateTimeOffset"}},
		"time of another zone":    {"message", false, `{"id":"1","receivedDateTime":"2026-01-01T00:00:00+01:00"}`, schema.AnswerError{Path: "receivedDateTime", Property: "receivedDateTime", Type: "Edm.DateTimeOffset"}},
		"no member":               {"message", false, `{"id":"1","importance":"High"}`, schema.AnswerError{Path: "importance", Property: "importance", Type: "importance"}},
		"one for a list":          {"message", false, `{"id":"1","categories":"red"}`, schema.AnswerError{Path: "categories", Property: "categories", Type: "Edm.String"}},
		"no list":                 {"message", false, `{"id":"1","categories":null}`, schema.AnswerError{Path: "categories", Property: "categories", Type: "Edm.String"}},
		"never null":              {"conversationThread", false, `{"id":"1","topic":null}`, schema.AnswerError{Path: "topic", Property: "topic", Type: "Edm.String"}},
		"type derives not":        {"message", false, `{"@odata.type":"#microsoft.graph.event","id":"1"}`, schema.AnswerError{Property: "@odata.type", Type: "message"}},
		"type without its hash":   {"message", false, `{"@odata.type":"microsoft.graph.message","id":"1"}`, schema.AnswerError{Property: "@odata.type", Type: "message"}},
		"annotation of nobody":    {"message", false, `{"id":"1","@colour":"x"}`, schema.AnswerError{Property: "@colour", Type: "message"}},
		"removed from a list":     {"message", true, `{"value":[{"id":"1","@removed":{"reason":"deleted"}}]}`, schema.AnswerError{Path: "value[0]", Property: "@removed", Type: "message"}},
		"more beside the list":    {"message", true, `{"value":[],"total":1}`, schema.AnswerError{Property: "total", Type: "message"}},
		"no list at all":          {"message", true, `{"id":"1"}`, schema.AnswerError{Property: "id", Type: "message"}},
		"nothing":                 {"message", true, `{}`, schema.AnswerError{Property: "value", Type: "message"}},
		"type without metadata":   {"planet", true, `{"value":[{"id":"1"}]}`, schema.AnswerError{Path: "value[0]", Property: "value", Type: "planet"}},
	} {
		err := s.CheckAnswer(test.typ, test.collection, false, []byte(test.body))
		var found *schema.AnswerError
		if !errors.As(err, &found) {
			t.Errorf("%s: error %v", name, err)
			continue
		}
		test.want.Problem = found.Problem
		if diff := cmp.Diff(&test.want, found); diff != "" || found.Problem == "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	var syntax *schema.SyntaxError
	if err := s.CheckAnswer("message", false, false, []byte(`{`)); !errors.As(err, &syntax) {
		t.Errorf("error %v", err)
	}
}
