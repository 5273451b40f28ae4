package graphtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// ErrorStyle is how error envelopes are written. Graph's services do not agree on it, so that a client must understand every form. The
// zero style is the most common one.
type ErrorStyle struct {
	// LowerCase writes innererror in place of innerError.
	LowerCase bool
	// Nested puts only a general code into error.code, and the exact one into the innermost of the inner errors.
	Nested bool
}

// envelope writes a problem in the style of the weather. The ids are taken from the header of the answer.
func (s *Server) envelope(p *problem, header http.Header) []byte {
	s.weather.mu.Lock()
	style := s.weather.errors
	s.weather.mu.Unlock()
	body := p.envelope(header.Get("request-id"), header.Get("client-request-id"), s.errorDate())
	if style == (ErrorStyle{}) && p.status != http.StatusTooManyRequests {
		return body
	}
	styled, err := restyle(body, p, style)
	if err != nil { // it is our own envelope
		return body
	}
	return styled
}

func restyle(body []byte, p *problem, style ErrorStyle) ([]byte, error) {
	var envelope struct {
		Error map[string]any `json:"error"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return nil, fmt.Errorf("read the error envelope: %w", err)
	}
	name := "innerError"
	inner, _ := envelope.Error[name].(map[string]any)
	if p.status == http.StatusTooManyRequests {
		// As in the sample of https://learn.microsoft.com/graph/throttling.
		inner["code"], inner["status"], inner["message"] = strconv.Itoa(p.status), strconv.Itoa(p.status), "Please retry after"
	}
	delete(envelope.Error, name)
	if style.LowerCase {
		name = "innererror"
	}
	if style.Nested {
		envelope.Error["code"] = statusCode(p.status)
		inner[name] = map[string]any{"code": p.code}
	}
	envelope.Error[name] = inner
	return json.Marshal(envelope)
}

// answerProblem refuses a request in front of the handlers, as they do.
func (s *Server) answerProblem(w http.ResponseWriter, r *http.Request, p *problem) {
	s.commonHeaders(w.Header(), r, requestID(r))
	for name, values := range p.header {
		w.Header()[name] = values
	}
	body := s.envelope(p, w.Header())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.status)
	_, _ = w.Write(body) // a client that went away needs no answer
}
