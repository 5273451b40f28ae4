package graphtest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// batchSegment is the path of batches below the version.
const batchSegment = "$batch"

func batchRoutes() []*route {
	return []*route{
		{method: http.MethodPost, template: "/" + batchSegment, area: directory, versions: true, untabled: true, unlocked: true, handle: batch},
	}
}

// batchItem is one request of a batch; see https://learn.microsoft.com/graph/json-batching.
type batchItem struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
	DependsOn []string          `json:"dependsOn"`
}

// batchAnswer is the answer to one.
type batchAnswer struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
}

// batch answers POST /$batch. Each request takes the whole way of a request that came by itself, so that faults, the journal and permissions
// see it; in the journal it stands before the batch, which ends later. The answers come in the reverse order: Graph promises none.
func batch(c *call) (*reply, error) {
	if err := c.wantJSON(); err != nil {
		return nil, err
	}
	items, p := parseBatch(c.body)
	if p != nil {
		return nil, p
	}
	answers := map[string]batchAnswer{}
	for _, item := range batchOrder(items) {
		answers[item.ID] = c.batchItem(item, answers)
	}
	var out struct {
		Responses []batchAnswer `json:"responses"`
	}
	for _, item := range slices.Backward(items) {
		out.Responses = append(out.Responses, answers[item.ID])
	}
	body, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("write the answers of a batch: %w", err)
	}
	return &reply{status: http.StatusOK, body: body}, nil
}

func errBatch(format string, args ...any) *problem {
	return refuse(http.StatusBadRequest, "BadRequest", format, args...)
}

// parseBatch reads the requests of a batch and refuses what is wrong with the batch as a whole.
func parseBatch(body []byte) ([]batchItem, *problem) {
	var in struct {
		Requests []batchItem `json:"requests"`
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&in); err != nil {
		return nil, errBatch("Invalid batch payload format.")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errBatch("Invalid batch payload format.")
	}
	if len(in.Requests) == 0 {
		return nil, errBatch("A batch needs at least one request in 'requests'.")
	}
	if len(in.Requests) > maxBatch {
		return nil, errBatch("Number of batch request steps exceeds the limit of %d.", maxBatch)
	}
	known := map[string]bool{}
	for _, item := range in.Requests {
		switch {
		case item.ID == "":
			return nil, errBatch("Every request of a batch needs an id.")
		case known[item.ID]:
			return nil, errBatch("Request id : %.100s is not unique within the batch.", item.ID)
		case item.Method == "" || item.URL == "":
			return nil, errBatch("Request id : %.100s needs a method and a url.", item.ID)
		case len(item.Body) > 0 && item.header("Content-Type") == "":
			return nil, errBatch("Write request id : %.100s does not contain Content-Type header or body.", item.ID)
		}
		known[item.ID] = true
	}
	for _, item := range in.Requests {
		for _, before := range item.DependsOn {
			if !known[before] {
				return nil, errBatch("Request id : %.100s depends on %.100s, which is not in the batch.", item.ID, before)
			}
		}
	}
	if len(batchOrder(in.Requests)) < len(in.Requests) {
		return nil, errBatch("The requests of the batch depend on each other in a circle.")
	}
	return in.Requests, nil
}

// header finds a header of the item by its name in any case.
func (i *batchItem) header(name string) string {
	for key, value := range i.Headers {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

// batchOrder lists the requests so that each comes after those that it depends on, and leaves out those in a circle.
func batchOrder(items []batchItem) []batchItem {
	var order []batchItem
	done := map[string]bool{}
	for range items {
		for _, item := range items {
			ready := !slices.ContainsFunc(item.DependsOn, func(before string) bool { return !done[before] })
			if ready && !done[item.ID] {
				done[item.ID] = true
				order = append(order, item)
			}
		}
	}
	return order
}

// batchItem answers one request, unless one failed that it depends on.
func (c *call) batchItem(item batchItem, answers map[string]batchAnswer) batchAnswer {
	for _, before := range item.DependsOn {
		if answers[before].Status >= http.StatusBadRequest {
			return c.batchRefusal(item, refuse(http.StatusFailedDependency, "FailedDependency", "The request depends on request '%.100s', which failed.", before))
		}
	}
	request, p := c.batchRequest(item)
	if p != nil {
		return c.batchRefusal(item, p)
	}
	response, err := c.server.RoundTripper().RoundTrip(request)
	if err != nil {
		return c.batchRefusal(item, refuse(http.StatusGatewayTimeout, "UnknownError", "The service behind Graph did not answer."))
	}
	return batchAnswerOf(item, response)
}

// batchRequest makes the request that an item stands for, with the authorization of the batch.
func (c *call) batchRequest(item batchItem) (*http.Request, *problem) {
	u, err := url.Parse(item.URL)
	if err != nil || u.IsAbs() || u.Host != "" || u.Fragment != "" || u.Opaque != "" {
		return nil, errBatch("The url of a request in a batch must be relative to the version, such as /me/messages.")
	}
	if segments := decodedSegments(u.EscapedPath()); len(segments) > 0 && strings.EqualFold(segments[0], batchSegment) {
		return nil, errBatch("A batch cannot hold a batch.")
	}
	version, _, _ := strings.Cut(strings.TrimPrefix(c.request.URL.EscapedPath(), "/"), "/")
	target := "/" + version + "/" + strings.TrimPrefix(u.EscapedPath(), "/")
	if u.RawQuery != "" {
		target += "?" + strings.ReplaceAll(u.RawQuery, " ", "%20")
	}
	body, p := item.content()
	if p != nil {
		return nil, p
	}
	request, err := http.NewRequestWithContext(c.request.Context(), strings.ToUpper(item.Method), target, bytes.NewReader(body))
	if err != nil {
		return nil, errBatch("The request cannot be read: its method or its url is malformed.")
	}
	for name, value := range item.Headers {
		if !isOuterHeader(name) {
			request.Header.Set(name, value)
		}
	}
	request.Header.Set("Authorization", c.request.Header.Get("Authorization"))
	request.Host, request.RemoteAddr = c.request.Host, c.request.RemoteAddr
	return request, nil
}

// isOuterHeader reports whether a header is the batch's to decide, not the request's in it.
func isOuterHeader(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Authorization", "Connection", "Content-Length", "Host", "Transfer-Encoding":
		return true
	}
	return false
}

// content is the body of an item: JSON as it stands, and everything else from base64.
func (i *batchItem) content() ([]byte, *problem) {
	if len(i.Body) == 0 || string(i.Body) == "null" {
		return nil, nil
	}
	if hasMediaType(i.header("Content-Type"), "application/json") {
		return i.Body, nil
	}
	var text string
	if err := json.Unmarshal(i.Body, &text); err != nil {
		return nil, errBatch("A body that is not JSON must be a text in base64.")
	}
	content, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errBatch("A body that is not JSON must be a text in base64.")
	}
	return content, nil
}

// batchRefusal answers an item that did not get as far as the server.
func (c *call) batchRefusal(item batchItem, p *problem) batchAnswer {
	recorder := newRecorder()
	c.server.answerProblem(recorder, c.request, p)
	return batchAnswerOf(item, recorder.response(c.request))
}

// batchAnswerOf is an answer as a batch has it: JSON as it is, and everything else in base64.
func batchAnswerOf(item batchItem, response *http.Response) batchAnswer {
	body, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return batchAnswer{ID: item.ID, Status: http.StatusBadGateway}
	}
	answer := batchAnswer{ID: item.ID, Status: response.StatusCode, Headers: map[string]string{}}
	for name, values := range response.Header {
		if name != "Content-Length" && name != "Date" {
			answer.Headers[name] = strings.Join(values, ", ")
		}
	}
	switch {
	case len(body) == 0:
	case hasMediaType(response.Header.Get("Content-Type"), "application/json") && json.Valid(body):
		answer.Body = body
	default:
		answer.Body = encodeString(nil, base64.StdEncoding.EncodeToString(body))
	}
	return answer
}
