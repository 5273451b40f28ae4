package graph

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
)

// Templates of the three areas of Graph.
const (
	ofMailbox   = "/users/{user}/messages/{message}"
	ofGroup     = "/groups/{group}/threads/{thread}"
	ofDirectory = "/groups/{group}/members"
)

func TestRefusalsHaveACodeAndAdvice(t *testing.T) {
	for _, tc := range []struct {
		path        string
		status      int
		code, text  string
		want        abi.Code
		wantMessage string
	}{
		// Mailboxes.
		{ofMailbox, 400, "ErrorInvalidIdMalformed", "", abi.InvalidID, "the id is cut"},
		{ofMailbox, 400, "ErrorInvalidUrlQueryFilter", "", abi.BadQuery, "filter cannot be served"},
		{ofMailbox, 400, "InefficientFilter", "", abi.BadQuery, "do not go together"},
		{ofMailbox, 400, "BadRequest", "", abi.BadQuery, "as it is written"},
		{ofMailbox, 400, "RequestBroker--ParseUri", "", abi.BadQuery, "cannot be read"},
		{ofMailbox, 400, "ErrorInvalidRecipients", "", abi.InvalidInput, "recipient is malformed"},
		{ofMailbox, 401, "InvalidAuthenticationToken", "", abi.Auth, "token is expired"},
		{ofMailbox, 403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.", abi.AccessDenied, "lacks the permission"},
		{ofMailbox, 403, "ErrorAccessDenied", "Access to OData is disabled: [RAOP] : Blocked.", abi.AccessDenied, "access policy"},
		{ofMailbox, 404, "ErrorItemNotFound", "", abi.NotFound, "ids change when an item moves"},
		{ofMailbox, 404, "ErrorInvalidUser", "", abi.NotFound, "no mailbox of that name"},
		{ofMailbox, 404, "MailboxNotEnabledForRESTAPI", "", abi.MailboxUnavailable, "on-premises or unlicensed"},
		{ofMailbox, 404, "ResourceNotFound", "", abi.MailboxUnavailable, "on-premises or unlicensed"},
		{ofMailbox, 409, "ErrorFolderExists", "", abi.Conflict, "exists there already"},
		{ofMailbox, 412, "ErrorIrresolvableConflict", "", abi.Conflict, "changed meanwhile"},
		{ofMailbox, 413, "", "", abi.TooLarge, "4 MB"},
		{ofMailbox, 400, "ErrorMessageSizeExceeded", "", abi.TooLarge, "size that the mailbox may send"},
		{ofMailbox, 429, "ApplicationThrottled", "MailboxConcurrency", abi.Throttled, "lower the rate"},
		{ofMailbox, 429, "TooManyRequests", "", abi.Throttled, "lower the rate"},
		{ofMailbox, 429, "ErrorTooManyRequests", "", abi.Throttled, "lower the rate"},
		{ofMailbox, 403, "ErrorQuotaExceeded", "", abi.Quota, "full"},
		{ofMailbox, 507, "ErrorQuotaExceeded", "", abi.Quota, "full"},
		{ofMailbox, 507, "", "", abi.Quota, "full"},
		{ofMailbox, 500, "ErrorQuotaExceeded", "", abi.Quota, "full"},
		{ofMailbox, 400, "ErrorQuotaExceeded", "", abi.Quota, "full"},
		{ofMailbox, 500, "ErrorInternalServerError", "", abi.Upstream, "Microsoft's side"},
		{ofMailbox, 502, "", "", abi.Upstream, "Microsoft's side"},
		{ofMailbox, 503, "ServiceUnavailable", "", abi.Upstream, "Microsoft's side"},
		{ofMailbox, 504, "", "", abi.Upstream, "Microsoft's side"},
		{ofMailbox, 500, "UnknownError", "", abi.Upstream, "Microsoft's side"},
		{ofMailbox, 400, "UnknownError", "", abi.Upstream, "Microsoft's side"},
		{ofMailbox, 403, "UnknownError", "", abi.AccessDenied, "lacks the permission"},
		{ofMailbox, 403, "ErrorSendAsDenied", "", abi.AccessDenied, "SendAs"},
		{ofMailbox, 405, "", "", abi.NotSupported, "does not offer"},
		{ofMailbox, 410, "syncStateNotFound", "", abi.NotFound, "start the list anew"},
		{ofMailbox, 422, "", "", abi.BadQuery, "as it is written"},
		{ofMailbox, 423, "", "", abi.Conflict, "locked"},
		{ofMailbox, 501, "NotImplemented", "", abi.NotSupported, "does not offer"},
		{ofMailbox, 302, "", "", abi.Upstream, "does not redirect"},
		// Group conversations. That an application's own token cannot make a request at
		// all is known before it is sent: host/policy answers not_supported.
		{ofGroup, 404, "Request_ResourceNotFound", "", abi.NotFound, "no such user or group"},
		{ofGroup, 404, "MailboxNotEnabledForRESTAPI", "", abi.NotSupported, "no Microsoft 365 group"},
		{ofGroup, 404, "ResourceNotFound", "", abi.MailboxUnavailable, "on-premises or unlicensed"},
		{ofGroup, 404, "ErrorItemNotFound", "The specified object was not found in the store.", abi.NotFound, "belongs to another group"},
		{ofGroup, 400, "ErrorInvalidIdMalformed", "", abi.InvalidID, "the id is cut"},
		{ofGroup, 403, "ErrorAccessDenied", "Access is denied.", abi.AccessDenied, "not a member of the group"},
		{ofGroup, 403, "ErrorAccessDenied", "Access to OData is disabled", abi.AccessDenied, "access policy"},
		// The directory.
		{ofDirectory, 400, "Request_BadRequest", "", abi.BadQuery, "as it is written"},
		{ofDirectory, 400, "Request_UnsupportedQuery", "", abi.BadQuery, "ConsistencyLevel"},
		{ofDirectory, 403, "Authorization_RequestDenied", "", abi.AccessDenied, "administrator must consent"},
		{ofDirectory, 404, "Request_ResourceNotFound", "", abi.NotFound, "no such user or group"},
		{ofDirectory, 404, "ResourceNotFound", "", abi.NotFound, "does not exist"},
		{ofDirectory, 429, "", "", abi.Throttled, "lower the rate"},
	} {
		t.Run(fmt.Sprint(tc.path, tc.status, tc.code, tc.text), func(t *testing.T) {
			u := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("request-id", "11111111-2222-3333-4444-555555555555")
				answerJSON(w, tc.status, fmt.Sprintf(`{"error":{"code":%q,"message":%q,"innerError":{"code":"Inner"}}}`, tc.code, tc.text))
			})
			req := &Request{Method: "GET", Template: template(t, tc.path)}
			for _, name := range req.Template.Params() {
				req.Params = append(req.Params, abi.Pair{Name: name, Value: "secret-value"})
			}
			_, err := u.do(t, req)
			failure := wantError(t, err, tc.want)
			if !strings.Contains(failure.Message, tc.wantMessage) || !strings.Contains(failure.Message, fmt.Sprint(tc.status)) || !strings.Contains(failure.Message, "GET "+tc.path) {
				t.Errorf("got %q", failure.Message)
			}
			d := failure.Detail
			if d.Status != tc.status || d.GraphCode != tc.code || d.InnerCode != "Inner" || d.RequestID != "11111111-2222-3333-4444-555555555555" || d.ClientRequestID == "" || d.Time.IsZero() {
				t.Errorf("got %+v", d)
			}
			if strings.Contains(failure.Message, "secret-value") || tc.text != "" && strings.Contains(failure.Message, tc.text) {
				t.Errorf("what was sent, or Graph's text, is in %q", failure.Message)
			}
		})
	}
}

func TestErrorEnvelopes(t *testing.T) {
	for name, tc := range map[string]struct{ body, code, inner string }{
		"no inner error":          {`{"error":{"code":"A"}}`, "A", ""},
		"the usual spelling":      {`{"error":{"code":"A","innerError":{"code":"B"}}}`, "A", "B"},
		"the other spelling":      {`{"error":{"code":"A","innererror":{"code":"B"}}}`, "A", "B"},
		"both, nested":            {`{"error":{"code":"A","innerError":{"code":"B","innererror":{"innerError":{"code":"C"}}}}}`, "A", "C"},
		"a last one without code": {`{"error":{"code":"A","innerError":{"code":"B","innerError":{"date":"x"}}}}`, "A", "B"},
		"an inner error of text":  {`{"error":{"code":"A","innerError":"x"}}`, "A", ""},
		"a code that is no word":  {`{"error":{"code":"<script>alert(1)</script>","innerError":{"code":"two words"}}}`, "", ""},
		"a code that is too long": {`{"error":{"code":"` + strings.Repeat("A", 81) + `"}}`, "", ""},
		"a code that is a number": {`{"error":{"code":400}}`, "", ""},
		"an error of OAuth":       {`{"error":"invalid_client","error_description":"x"}`, "", ""},
		"null":                    {`{"error":null}`, "", ""},
		"duplicate keys":          {`{"error":{"code":"A","code":"B"}}`, "", ""},
		"HTML":                    {`<html><body>A</body></html>`, "", ""},
		"nothing":                 {``, "", ""},
		"deep nesting":            {strings.Repeat(`{"error":`, 100_000), "", ""},
		"very long":               {`{"error":{"code":"A","message":"` + strings.Repeat("x", maxErrorBody) + `"}}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			u := serve(t, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 400, tc.body) })
			_, err := u.do(t, messages(t))
			if d := wantError(t, err, abi.BadQuery).Detail; d.GraphCode != tc.code || d.InnerCode != tc.inner {
				t.Errorf("got %q, %q", d.GraphCode, d.InnerCode)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"":                                 0,
		"1":                                time.Second,
		"120":                              2 * time.Minute,
		"2.128":                            2128 * time.Millisecond,
		"0":                                0,
		"-5":                               0,
		"1e3":                              1000 * time.Second,
		"99999999999999999999":             24 * time.Hour,
		"Inf":                              24 * time.Hour,
		"NaN":                              0,
		"soon":                             0,
		"1 second":                         0,
		"Sat, 21 Nov 2026 20:01:30 GMT":    90 * time.Second,
		"Sat, 21 Nov 2026 19:00:00 GMT":    0,
		"Sun, 21 Nov 2027 20:00:00 GMT":    24 * time.Hour,
		"Saturday, 21-Nov-26 20:00:05 GMT": 5 * time.Second,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("%q: got %v, want %v", header, got, want)
		}
	}
}

func FuzzErrorEnvelope(f *testing.F) {
	f.Add([]byte(`{"error":{"code":"A","message":"m","innerError":{"code":"B","innererror":{"code":"C"}}}}`), "2.128")
	f.Add([]byte(`{"error":[]}`), "Sat, 21 Nov 2026 20:01:30 GMT")
	f.Fuzz(func(t *testing.T, body []byte, header string) {
		code, inner, _ := readError(body)
		for _, s := range []string{code, inner} {
			if len(s) > 80 || strings.ContainsAny(s, " \r\n\x1b<>\"") {
				t.Errorf("%q passes on %q", body, s)
			}
		}
		if wait := retryAfter(header, time.Unix(1_800_000_000, 0)); wait < 0 || wait > 24*time.Hour {
			t.Errorf("%q: got %v", header, wait)
		}
	})
}
