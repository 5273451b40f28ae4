package graphtest

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// A problem is a refusal in Graph's words. Handlers return it as an error.
type problem struct {
	status  int
	code    string
	message string
	header  http.Header
}

func (p *problem) Error() string { return fmt.Sprintf("%d %s: %s", p.status, p.code, p.message) }

func refuse(status int, code, format string, args ...any) *problem {
	return &problem{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

// The refusals that several resources share. Codes and texts are those that Graph sends; see
// https://learn.microsoft.com/graph/errors and the pages of the single resources.

func errMalformedID() *problem {
	return refuse(http.StatusBadRequest, "ErrorInvalidIdMalformed", "Id is malformed.")
}

func errItemNotFound() *problem {
	return refuse(http.StatusNotFound, "ErrorItemNotFound", "The specified object was not found in the store.")
}

func errInvalidUser(name string) *problem {
	return refuse(http.StatusNotFound, "ErrorInvalidUser", "The requested user '%s' is invalid.", name)
}

func errNoMailbox() *problem {
	return refuse(http.StatusNotFound, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, soft-deleted, or is hosted on-premise.")
}

func errAccessDenied() *problem {
	return refuse(http.StatusForbidden, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
}

func errResourceNotFound(id string) *problem {
	return refuse(http.StatusNotFound, "Request_ResourceNotFound",
		"Resource '%s' does not exist or one of its queried reference-property objects are not present.", id)
}

func errNotImitated(what string) *problem {
	return refuse(http.StatusNotImplemented, "NotImplemented", "Microsoft Graph has %s, and this emulator does not imitate it.", what)
}

// statusCode is the error code of a status that comes without a more exact one, as a fault's do.
func statusCode(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "InvalidAuthenticationToken"
	case http.StatusForbidden:
		return "ErrorAccessDenied"
	case http.StatusNotFound:
		return "ErrorItemNotFound"
	case http.StatusPreconditionFailed:
		return "ErrorIrresolvableConflict"
	case http.StatusTooManyRequests:
		return "TooManyRequests"
	case http.StatusServiceUnavailable:
		return "ServiceUnavailable"
	case http.StatusInsufficientStorage:
		return "ErrorQuotaExceeded"
	case http.StatusNotImplemented:
		return "NotImplemented"
	}
	if status >= http.StatusInternalServerError {
		return "UnknownError"
	}
	return "BadRequest"
}

// envelope writes a problem as Graph does.
func (p *problem) envelope(requestID, clientRequestID, date string) []byte {
	type inner struct {
		Date            string `json:"date"`
		RequestID       string `json:"request-id"`
		ClientRequestID string `json:"client-request-id"`
	}
	var body struct {
		Error struct {
			Code       string `json:"code"`
			Message    string `json:"message"`
			InnerError inner  `json:"innerError"`
		} `json:"error"`
	}
	body.Error.Code = p.code
	body.Error.Message = p.message
	body.Error.InnerError = inner{date, requestID, clientRequestID}
	text, err := json.Marshal(body)
	if err != nil { // three strings always marshal
		return nil
	}
	return text
}
