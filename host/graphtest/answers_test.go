package graphtest

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// CheckAnswers makes a server look at each of its answers to Graph's paths before a client does, and report those that Graph would not send:
// with a property that the type has not, a value of another type, or no error envelope. What a Fault answers in their place is not looked at.
// Every server of a test has it.
func CheckAnswers(report func(format string, args ...any)) Option {
	return func(set *settings) {
		set.around = func(s *Server, next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				seen := newRecorder()
				next.ServeHTTP(seen, r)
				seen.WriteHeader(http.StatusOK)
				if err := s.checkAnswer(r, seen); err != nil {
					report("%s %s answered %d: %v\n%.2000s", r.Method, r.URL.RequestURI(), seen.status, err, seen.body.Bytes())
				}
				for name, values := range seen.header {
					w.Header()[name] = values
				}
				w.WriteHeader(seen.status)
				_, _ = w.Write(seen.body.Bytes())
			})
		}
	}
}

// checkAnswer tests an answer against what the metadata says of the request's path.
func (s *Server) checkAnswer(r *http.Request, seen *recorder) error {
	segments := decodedSegments(r.URL.EscapedPath())
	for i, segment := range segments {
		segments[i] = strings.TrimSuffix(segment, "()") // of a function
	}
	if len(segments) < 2 || !isVersion(segments[0]) || strings.EqualFold(segments[1], batchSegment) {
		return nil // of the token service, of uploads, or of requests that are looked at one by one
	}
	if !hasMediaType(seen.header.Get("Content-Type"), "application/json") {
		if seen.status >= http.StatusBadRequest {
			return errors.New("a refusal is not JSON")
		}
		return nil
	}
	if seen.status >= http.StatusBadRequest {
		return checkEnvelope(seen.body.Bytes())
	}
	types, err := s.schema()
	if err != nil {
		return err
	}
	typ, collection, err := s.answered(types, r.Method, segments[1:])
	if err != nil {
		return err
	}
	return types.CheckAnswer(typ, collection, strings.EqualFold(segments[len(segments)-1], "delta"), seen.body.Bytes())
}

func checkEnvelope(body []byte) error {
	text := string(body)
	for _, part := range []string{`{"error":{`, `"code":"`, `"message":"`, `"request-id":"`} {
		if !strings.Contains(text, part) {
			return fmt.Errorf("the error envelope lacks %s", part)
		}
	}
	return nil
}

// answered finds the type that a path answers with by walking through the metadata. Where that ends, because the emulator does not carry all
// of it, the type of the route stands in.
func (s *Server) answered(types *schema.Schema, method string, segments []string) (typ string, collection bool, err error) {
	at, operation := place{}, false
	for _, segment := range segments {
		name, key, keyed := functionKey(segment)
		if !keyed {
			name = segment
		}
		_, operation = types.Operation(at.typ, at.collection, name)
		next, known := at.next(types, name)
		if !known || next.beyond {
			return s.routed(method, segments, operation)
		}
		if at = next; keyed && key != "" {
			at.collection = false
		}
	}
	if method == http.MethodPost && !operation {
		at.collection = false // the new item
	}
	return at.typ, at.collection, nil
}

// routed is the type of the route of a path outside the metadata; a list, if the path of a GET does not end with a key.
func (s *Server) routed(method string, segments []string, operation bool) (typ string, collection bool, err error) {
	if operation {
		return "", false, errors.New("the metadata says that the operation returns nothing")
	}
	if strings.EqualFold(segments[0], "me") {
		segments = append([]string{"users", "x"}, segments[1:]...)
	}
	node, _ := s.routes.match(segments, nil)
	if node == nil || node.methods[method] == nil {
		return "", false, errors.New("neither the metadata nor a route has this path")
	}
	return node.methods[method].typ, method == http.MethodGet && !strings.HasSuffix(node.template, "}"), nil
}

func TestAnswersAreCheckedByTheirPath(t *testing.T) {
	s, err := NewServer(WithoutNetwork())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	const envelope = `{"error":{"code":"x","message":"y","innerError":{"date":"z","request-id":"1","client-request-id":"1"}}}`
	for name, test := range map[string]struct {
		method, path string
		status       int
		body, want   string // want is a part of the complaint; empty if there is none
	}{
		"list":                   {"GET", "/v1.0/users/a/messages", 200, `{"value":[{"id":"1"}]}`, ""},
		"list with a key":        {"GET", "/v1.0/users('a')/mailFolders('inbox')/messages", 200, `{"value":[{"id":"1","colour":1}]}`, "value[0] → colour → microsoft.graph.message"},
		"item":                   {"GET", "/v1.0/users('a')/messages('b')", 200, `{"id":"1","colour":1}`, "- → colour → microsoft.graph.message"},
		"list for an item":       {"GET", "/v1.0/users/a/messages/b", 200, `{"value":[]}`, "- → value → microsoft.graph.message"},
		"new item":               {"POST", "/v1.0/users/a/messages", 201, `{"id":"1","isDraft":"yes"}`, "isDraft → isDraft → Edm.Boolean"},
		"function":               {"GET", "/v1.0/users/a/mailFolders/b/messages/delta", 200, `{"value":[{"id":"1","@removed":{"reason":"deleted"}}]}`, ""},
		"action with an item":    {"POST", "/v1.0/users/a/messages/b/move", 201, `{"id":"1","folder":"x"}`, "- → folder → microsoft.graph.message"},
		"action with nothing":    {"POST", "/v1.0/users/a/sendMail", 200, `{}`, "returns nothing"},
		"action, as it should":   {"POST", "/v1.0/users/a/sendMail", 202, ``, ""},
		"complex property":       {"GET", "/v1.0/me/mailboxSettings/automaticRepliesSetting", 200, `{"status":"off"}`, "status → status → microsoft.graph.automaticRepliesStatus"},
		"simple property":        {"GET", "/v1.0/me/mailboxSettings/timeZone", 200, `{"value":1}`, "value → value → Edm.String"},
		"subscription":           {"POST", "/v1.0/subscriptions", 201, `{"id":"1","colour":1}`, "- → colour → microsoft.graph.subscription"},
		"path of nobody":         {"GET", "/v1.0/telegrams", 200, `{}`, "neither the metadata nor a route"},
		"token service":          {"POST", "/contoso.example/oauth2/v2.0/token", 200, `{"access_token":"x"}`, ""},
		"refusal":                {"GET", "/v1.0/users", 403, envelope, ""},
		"refusal without a code": {"GET", "/v1.0/users", 403, `{"error":{"message":"y"}}`, "the error envelope lacks"},
	} {
		t.Run(name, func(t *testing.T) {
			seen := newRecorder()
			seen.status = test.status
			if test.body != "" {
				seen.Header().Set("Content-Type", "application/json")
				seen.body.WriteString(test.body)
			}
			err := s.checkAnswer(httptest.NewRequest(test.method, test.path, http.NoBody), seen)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("complaint %v, want %q", err, test.want)
			}
		})
	}
}
