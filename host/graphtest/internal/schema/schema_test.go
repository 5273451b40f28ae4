package schema_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest/internal/odata"
	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

func load(t testing.TB) *schema.Schema {
	t.Helper()
	s, err := schema.Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPropertiesAreFoundThroughBaseTypes(t *testing.T) {
	s := load(t)
	for _, test := range []struct {
		typ, name string
		want      schema.Property
	}{
		{"message", "SUBJECT", schema.Property{Name: "subject", Type: "Edm.String"}},
		{"message", "changeKey", schema.Property{Name: "changeKey", Type: "Edm.String"}},
		{"fileAttachment", "id", schema.Property{Name: "id", Type: "Edm.String", NotNull: true}},
		{"message", "toRecipients", schema.Property{Name: "toRecipients", Type: "recipient", Collection: true}},
		{"message", "attachments", schema.Property{Name: "attachments", Type: "attachment", Collection: true, Navigation: true}},
	} {
		if got, ok := s.Property(test.typ, test.name); !ok || got != test.want {
			t.Errorf("%s of %s = %+v, %v", test.name, test.typ, got, ok)
		}
	}
	if _, ok := s.Property("message", "colour"); ok {
		t.Error("a message has a colour")
	}
	if !s.DerivesFrom("fileAttachment", "attachment") || s.DerivesFrom("message", "attachment") {
		t.Error("types do not derive as they should")
	}
}

func TestOperationsAreFoundOnTypeAndCollection(t *testing.T) {
	s := load(t)
	if _, ok := s.Operation("user", false, "sendmail"); !ok {
		t.Error("sendMail is not bound to users")
	}
	if _, ok := s.Operation("message", true, "delta"); !ok {
		t.Error("delta is not bound to messages")
	}
	if _, ok := s.Operation("message", false, "delta"); ok {
		t.Error("delta is bound to one message")
	}
}

func TestPathsHaveTypes(t *testing.T) {
	types := load(t).Of("message")
	for path, want := range map[string]odata.Type{
		"subject": odata.String, "isRead": odata.Bool, "receivedDateTime": odata.Time, "from": odata.Record, "importance": odata.String,
		"from/emailAddress/address": odata.String, "toRecipients": odata.Collection, "toRecipients/emailAddress/name": odata.String,
	} {
		if got, err := types.PropertyType(strings.Split(path, "/")); err != nil || got != want {
			t.Errorf("%s is %v, %v; want %v", path, got, err, want)
		}
	}
	var wrong *odata.TypeError
	if _, err := types.PropertyType([]string{"from", "colour"}); !errors.As(err, &wrong) || !strings.Contains(wrong.Problem, "'microsoft.graph.recipient'") {
		t.Errorf("error %v", err)
	}
}

func TestDecodeGivesTypedValues(t *testing.T) {
	s := load(t)
	got, err := s.Decode("message", []byte(`{"@odata.type":"#microsoft.graph.message","Subject":"x","isRead":true,"importance":"HIGH","receivedDateTime":"2026-03-02T12:00:00Z",
		"toRecipients":[{"emailAddress":{"address":"a@b.example"}}],"body":null,
		"attachments":[{"@odata.type":"#microsoft.graph.fileAttachment","contentBytes":"AQI=","size":7}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := schema.Object{
		"@odata.type": "message", "subject": "x", "isRead": true, "importance": "high", "receivedDateTime": time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC),
		"toRecipients": []any{schema.Object{"emailAddress": schema.Object{"address": "a@b.example"}}}, "body": nil,
		"attachments": []any{schema.Object{"@odata.type": "fileAttachment", "contentBytes": []byte{1, 2}, "size": int64(7)}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	s := load(t)
	deep := strings.Repeat(`[`, 100) + strings.Repeat(`]`, 100)
	for name, test := range map[string]struct {
		body   string
		syntax bool
	}{
		"nothing":               {"", true},
		"half an object":        {`{"subject":`, true},
		"two values":            {`{} {}`, true},
		"invalid UTF-8":         {"{\"subject\":\"\xff\"}", true},
		"depth":                 {`{"subject":` + deep + `}`, true},
		"many values":           {`{"categories":[` + strings.TrimSuffix(strings.Repeat("1,", 200_001), ",") + `]}`, true},
		"no object":             {`[]`, false},
		"unknown property":      {`{"colour":1}`, false},
		"property twice":        {`{"subject":"a","SUBJECT":"b"}`, false},
		"number for text":       {`{"subject":1}`, false},
		"text for truth":        {`{"isRead":"true"}`, false},
		"date that is none":     {`{"receivedDateTime":"soon"}`, false},
		"one for a list":        {`{"categories":"red"}`, false},
		"wrong item":            {`{"categories":[1]}`, false},
		"unknown member":        {`{"importance":"urgent"}`, false},
		"type that derives not": {`{"@odata.type":"#microsoft.graph.event"}`, false},
		"type without metadata": {`{"extensions":[{"@odata.type":"#microsoft.graph.nothing"}]}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Decode("message", []byte(test.body))
			var (
				syntax  *schema.SyntaxError
				content *schema.ContentError
			)
			if errors.As(err, &syntax) != test.syntax || errors.As(err, &content) == test.syntax {
				t.Errorf("error %v", err)
			}
			if err != nil && len(err.Error()) > 500 {
				t.Errorf("the error repeats %d bytes of the body", len(err.Error()))
			}
		})
	}
	if _, err := s.Decode("attachment", []byte(`{"size":3000000000}`)); err == nil {
		t.Error("an Int32 took a larger number")
	}
}

func TestDecodeActionMatchesNamesWithoutCase(t *testing.T) {
	s := load(t)
	got, err := s.DecodeAction("user", "sendmail", []byte(`{"message":{"subject":"x"},"savetosentitems":false}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(schema.Object{"Message": schema.Object{"subject": "x"}, "SaveToSentItems": false}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, body := range map[string]string{"sendMail": `{"colour":1}`, "fly": `{}`} {
		if _, err := s.DecodeAction("user", name, []byte(body)); err == nil {
			t.Errorf("%s took %s", name, body)
		}
	}
	if _, err := s.DecodeAction("user", "sendMail", []byte(`[]`)); err == nil {
		t.Error("sendMail took a list")
	}
}

func FuzzDecode(f *testing.F) {
	s := load(f)
	for _, seed := range []string{`{}`, `{"subject":"x","toRecipients":[{"emailAddress":{"address":"a"}}]}`, `{"@odata.type":"#microsoft.graph.message","body":{"contentType":"html"}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := s.Decode("message", body); err == nil && !json.Valid(body) {
			t.Errorf("%q is no JSON", body)
		}
	})
}

func TestRelationshipsOfTheDirectoryHaveThePropertiesOfWhatMayStandThere(t *testing.T) {
	s := load(t)
	for _, name := range []string{"id", "userPrincipalName", "groupTypes", "displayName"} {
		if _, ok := s.Property("directoryObject", name); !ok {
			t.Errorf("a member has no %s", name)
		}
	}
	if _, ok := s.Property("directoryObject", "subject"); ok {
		t.Error("a member has a subject")
	}
	names := map[string]bool{}
	for _, p := range s.Properties("group") {
		names[p.Name] = true
	}
	if !names["deletedDateTime"] || !names["mail"] || names["members"] || len(s.Properties("colour")) != 0 {
		t.Errorf("the properties of a group are %v", names)
	}
}

func TestEnumerationLiteralsAreChecked(t *testing.T) {
	s := load(t)
	for text, want := range map[string]bool{
		"importance eq 'HIGH'":                          true,
		"importance eq microsoft.graph.importance'low'": true,
		"importance eq 'urgent'":                        false,
		"importance eq microsoft.graph.bodyType'html'":  false,
		"flag/flagStatus eq 'flagged'":                  true,
		"subject eq 'urgent'":                           true,
		"importance eq null":                            true,
	} {
		filter, err := odata.ParseFilter(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := filter.Check(s.Of("message")); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}
