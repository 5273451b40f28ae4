package graph

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/manifests/permissions"
)

// area is the part of Graph that a request reaches: the same status and code
// mean different things in each.
type area uint8

const (
	mailbox   area = 1 << iota // messages, folders, calendars, rules, settings of a user
	group                      // conversations, threads, posts and events of a group
	directory                  // users, groups and members themselves
	anywhere  = mailbox | group | directory
)

func areaOf(template string) area {
	segments := strings.Split(strings.TrimPrefix(template, "/"), "/")
	switch {
	case len(segments) > 2 && segments[0] == "groups" && segments[2] != "members" && segments[2] != "owners":
		return group
	case len(segments) > 2 && (segments[0] == "users" || segments[0] == "me"):
		return mailbox
	default:
		return directory
	}
}

// cause is a row of the tables of refusals: what Graph answered, where, and what
// it means. Empty columns match anything; the first row that matches decides.
type cause struct {
	status int
	code   string
	area   area
	text   string // part of Graph's message; the one thing that tells two access denials apart
	kind   abi.Code
	advice string
}

// causes tells what each refusal of Graph means to its reader, for mailboxes, groups
// and the directory.
// Codes are Graph's own, see
// https://learn.microsoft.com/graph/errors and
// https://learn.microsoft.com/graph/resolve-auth-errors.
func causes() []cause {
	return []cause{
		{401, "", anywhere, "", abi.Auth, "the token is expired or meant for something else; check tenant, client_id and the clouds of graph and authority"},

		{403, "ErrorAccessDenied", mailbox | group, "Access to OData is disabled", abi.AccessDenied, "an application access policy excludes this mailbox; ask an Exchange administrator (changes take over an hour)"},
		{507, "", anywhere, "", abi.Quota, "the mailbox is full; empty folders of it, or have its quota raised"},
		{0, "ErrorQuotaExceeded", anywhere, "", abi.Quota, "the mailbox is full; empty folders of it, or have its quota raised"},
		{0, "ErrorSendAsDenied", anywhere, "", abi.AccessDenied, "the identity may not send as this mailbox; it needs SendAs or SendOnBehalf in Exchange"},
		{403, "", mailbox, "", abi.AccessDenied, "the application or user lacks " + permission + " or the mailbox is not shared with it"},
		{403, "", group, "", abi.AccessDenied, permission + " is missing, or the user is not a member of the group; an application's own identity may need a signed-in user instead"},
		{403, "", directory, "", abi.AccessDenied, permission + " is missing; an administrator must consent to it"},

		{0, "UnknownError", anywhere, "", abi.Upstream, "the fault is on Microsoft's side; try again later"},
		{400, "ErrorInvalidIdMalformed", anywhere, "", abi.InvalidID, "the id is cut, lower-cased or of another kind (an immutable id needs the header Prefer: IdType=\"ImmutableId\", any other must go without it); copy it whole from a result"},
		{0, "ErrorInvalidUrlQueryFilter", anywhere, "", abi.BadQuery, "the filter cannot be served; use fewer or simpler conditions, or search instead"},
		{0, "InefficientFilter", anywhere, "", abi.BadQuery, "the filter and the order do not go together; order by the first property of the filter"},
		{0, "RequestBroker--ParseUri", anywhere, "", abi.BadQuery, "the query cannot be read; check its quotes and brackets"},
		{0, "Request_UnsupportedQuery", anywhere, "", abi.BadQuery, "the filter is not supported or needs the header ConsistencyLevel"},
		{0, "ErrorInvalidRecipients", anywhere, "", abi.InvalidInput, "a recipient is malformed; check every address for its form"},
		{0, "ErrorMessageSizeExceeded", anywhere, "", abi.TooLarge, "the message is over the size that the mailbox may send; send less, or a link to it"},
		{413, "", anywhere, "", abi.TooLarge, "the request is over Graph's limit of about 4 MB; send large attachments by an upload session"},
		{400, "", anywhere, "", abi.BadQuery, "Graph cannot serve the request as it is written; check its query options and the names and types in its body"},

		{404, "MailboxNotEnabledForRESTAPI", group, "", abi.NotSupported, "the group has no mailbox: it is no Microsoft 365 group, or is not ready yet; choose another, or try again later"},
		{404, "MailboxNotEnabledForRESTAPI", anywhere, "", abi.MailboxUnavailable, "the mailbox is inactive, deleted, on-premises or unlicensed; ask an Exchange administrator"},
		{404, "ResourceNotFound", mailbox | group, "", abi.MailboxUnavailable, "the mailbox is inactive, deleted, on-premises or unlicensed; ask an Exchange administrator"},
		{404, "ErrorInvalidUser", anywhere, "", abi.NotFound, "this tenant has no mailbox of that name; check the address"},
		{404, "Request_ResourceNotFound", anywhere, "", abi.NotFound, "there is no such user or group; check the id or address"},
		{404, "ErrorItemNotFound", group, "", abi.NotFound, "the conversation, thread or post is gone, belongs to another group, or cannot be seen by this identity; list the group's again"},
		{404, "ErrorItemNotFound", anywhere, "", abi.NotFound, "it is not, or no longer, in this mailbox; find it again, since ids change when an item moves"},
		{404, "", anywhere, "", abi.NotFound, "it does not exist or cannot be seen by this identity"},
		{410, "", anywhere, "", abi.NotFound, "the link has expired; start the list anew"},

		{405, "", anywhere, "", abi.NotSupported, "Graph does not offer this for the thing named"},
		{501, "", anywhere, "", abi.NotSupported, "Graph does not offer this"},
		{409, "", anywhere, "", abi.Conflict, "a thing of that name exists there already; use it, or choose another name"},
		{412, "", anywhere, "", abi.Conflict, "it has changed meanwhile; read it again"},
		{423, "", anywhere, "", abi.Conflict, "it is locked; try again later"},
		{429, "", anywhere, "", abi.Throttled, "Graph asks to slow down; lower the rate of the connection"},
	}
}

// permission stands in an advice for the least permission that the request needs.
const permission = "the permission"

// explain completes the advice of a refusal with what is known of the request and its token.
func (c *call) explain(e *abi.Error, advice string, where area) string {
	scheme, path := c.client.settings.Scheme, c.req.Template.String()
	if e.Code != abi.AccessDenied || scheme == 0 {
		return advice
	}
	least := permissions.Least(scheme, c.req.Method, path)
	people := permissions.Least(permissions.Delegated, c.req.Method, path)
	if where == group && scheme == permissions.Application && len(least) == 0 && len(people) > 0 {
		e.Code = abi.NotSupported
		return "no application can do this by itself; run it on a connection that signs a person in, with the permission " + strings.Join(people, " or ")
	}
	if len(least) > 0 {
		advice = strings.Replace(advice, permission, permission+" "+strings.Join(least, " or "), 1)
	}
	return advice
}

func (c *cause) matches(status int, code string, where area, message string) bool {
	return (c.status == 0 || c.status == status) &&
		(c.code == "" || c.code == code) &&
		c.area&where != 0 &&
		(c.text == "" || strings.Contains(message, c.text))
}

// refusal makes the error of an answer that is not a success. Of Graph's text only
// codes and ids pass on: messages can echo what was sent, tokens included.
func (c *call) refusal(res *http.Response, body []byte, now time.Time) *abi.Error {
	code, inner, message := readError(body)
	e := &abi.Error{
		Code: abi.Upstream,
		Detail: abi.Detail{
			Status: res.StatusCode, GraphCode: code, InnerCode: inner, Time: now,
			RequestID:       c.trace.RequestID,
			ClientRequestID: c.id,
			RetryAfter:      retryAfter(res.Header.Get("Retry-After"), now),
		},
	}
	advice := "the fault is on Microsoft's side or on the way there; try again later"
	switch res.StatusCode / 100 {
	case 3:
		advice = "Graph does not redirect; check the connection's graph origin and what stands between"
	case 4:
		e.Code, advice = abi.BadQuery, "Graph cannot serve the request as it is written; check its query options and the names and types in its body"
	}
	if c.req.leavesTraces() && !undone(res) {
		return unknownOutcome(e, "Graph answered "+strconv.Itoa(res.StatusCode))
	}
	where := areaOf(c.req.Template.String())
	for _, row := range causes() {
		if row.matches(res.StatusCode, code, where, message) {
			e.Code = row.kind
			advice = c.explain(e, row.advice, where)
			break
		}
	}
	answer := strconv.Itoa(res.StatusCode)
	if code != "" {
		answer += " " + code
	}
	e.Message = advice + " (Graph answered " + answer + " to " + c.req.Method + " " + c.req.Template.String() + ")"
	return e
}

// undone reports whether a refusal means that nothing was done. One of the gateways' does not, and a status that
// is none means nothing at all.
func undone(res *http.Response) bool {
	switch res.StatusCode {
	case http.StatusNotImplemented, http.StatusInsufficientStorage:
		return true
	}
	return res.StatusCode/100 == 3 || res.StatusCode/100 == 4 || unprocessed(res)
}

// unprocessed reports whether a refusal promises that nothing was done: 503 with
// Retry-After does, like 429.
func unprocessed(res *http.Response) bool {
	return res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") != ""
}

func unknownOutcome(e *abi.Error, why string) *abi.Error {
	e.Code = abi.OutcomeUnknown
	e.Message = why + " after the request had left: it may or may not have been carried out, and was not repeated; look before you try again"
	return e
}

// readError reads Graph's error envelope, whose inner errors come under two spellings.
func readError(body []byte) (code, inner, message string) {
	v, err := abi.Parse(new(fastjson.Parser), body, maxErrorBody)
	if err != nil {
		return "", "", ""
	}
	e := v.Get("error")
	code, message = word(string(e.GetStringBytes("code"))), string(e.GetStringBytes("message"))
	for range abi.MaxDepth {
		next := e.Get("innerError")
		if next == nil {
			next = e.Get("innererror")
		}
		if next == nil {
			return code, inner, message
		}
		if c := word(string(next.GetStringBytes("code"))); c != "" {
			inner = c
		}
		e = next
	}
	return code, inner, message
}

// word passes a code or an id of the server on only if it looks like one. What a
// hostile server could hide in a longer text stays behind.
func word(s string) string {
	const longest = 80
	if len(s) > longest {
		return ""
	}
	for _, c := range s {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-_.:", c)) {
			return ""
		}
	}
	return s
}

// retryAfter reads the three forms of Retry-After that Graph sends: whole
// seconds, a fraction, an HTTP date. 0 if there is none.
func retryAfter(header string, now time.Time) time.Duration {
	const longest = 24 * time.Hour
	if seconds, err := strconv.ParseFloat(header, 64); err == nil {
		if !(seconds > 0) {
			return 0
		}
		return time.Duration(min(seconds, longest.Seconds()) * float64(time.Second))
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(at.Sub(now), 0), longest)
	}
	return 0
}
