package audit

import (
	"strconv"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/postern-dev/postern/abi"
)

// Bounds of one line. They count bytes as written, escapes included. What is over them is cut and marked.
const (
	// MaxLine is the most that one line takes, without its line break.
	MaxLine = 192 << 10
	// maxValue bounds one text. A name of the contract at its bound fits even when every character of it is escaped.
	maxValue = 6*abi.MaxWord + maxMark
	// maxPairs bounds each of params and query. It has room for the values of the longest path template.
	maxPairs = 32 << 10
	// maxRecipients bounds the recipients. It is the largest bound, because a recipient that is cut off is one that
	// nobody reads about: it has room for over 2,000 addresses of usual length, and Exchange Online takes 1,000.
	maxRecipients = 96 << 10
	// maxMark bounds the mark that replaces what is cut.
	maxMark = 48
)

// timeLayout has a fixed width, so that lines sort by their text.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// AppendJSON appends the record as one line, without the line break.
func (r Record) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"time":"`...)
	dst = r.Time.UTC().AppendFormat(dst, timeLayout)
	dst = append(dst, '"')
	dst = member(dst, "invocation", r.Invocation)
	dst = member(dst, "action", r.Action)
	dst = member(dst, "plugin", r.Plugin)
	dst = member(dst, "connection", r.Connection)
	dst = member(dst, "trigger", r.Trigger)
	dst = member(dst, "op", string(r.Op))
	dst = member(dst, "capability", r.Capability)
	dst = member(dst, "method", r.Method)
	dst = member(dst, "template", r.Template)
	dst = pairs(dst, "params", r.Params)
	dst = pairs(dst, "query", r.Query)
	dst = texts(dst, "recipients", r.Recipients)
	dst = member(dst, "decision", string(r.Decision))
	dst = member(dst, "code", string(r.Code))
	dst = member(dst, "rule", r.Rule)
	dst = member(dst, "held", r.Held)
	dst = member(dst, "operator", r.Operator)
	dst = number(dst, "status", int64(r.Status))
	dst = member(dst, "request_id", r.RequestID)
	dst = member(dst, "client_request_id", r.ClientRequestID)
	dst = number(dst, "bytes_out", r.BytesOut)
	dst = number(dst, "bytes_in", r.BytesIn)
	dst = number(dst, "duration_us", int64(r.Duration/time.Microsecond))
	dst = number(dst, "fuel", int64(r.Fuel))
	dst = number(dst, "memory", int64(r.Memory))
	dst = member(dst, "message", r.Message)
	return append(dst, '}')
}

func member(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return text(key(dst, name), value)
}

func number(dst []byte, name string, n int64) []byte {
	if n == 0 {
		return dst
	}
	return strconv.AppendInt(key(dst, name), n, 10)
}

func pairs(dst []byte, name string, pairs []abi.Pair) []byte {
	if len(pairs) == 0 {
		return dst
	}
	dst = append(key(dst, name), '{')
	start := len(dst)
	for i, p := range pairs {
		before := len(dst)
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(text(dst, p.Name), ':')
		dst = text(dst, p.Value)
		if len(dst)-start > maxPairs-maxMark {
			dst = dst[:before]
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, `"":`...) // The only name that the contract refuses, so it cannot come twice.
			dst = missing(append(dst, '"'), len(pairs)-i, "more")
			dst = append(dst, '"')
			break
		}
	}
	return append(dst, '}')
}

func texts(dst []byte, name string, values []string) []byte {
	if len(values) == 0 {
		return dst
	}
	dst = append(key(dst, name), '[')
	start := len(dst)
	for i, value := range values {
		before := len(dst)
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = text(dst, value)
		if len(dst)-start > maxRecipients-maxMark {
			dst = dst[:before]
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = missing(append(dst, '"'), len(values)-i, "more")
			dst = append(dst, '"')
			break
		}
	}
	return append(dst, ']')
}

// key appends a name of this package, after the first member.
func key(dst []byte, name string) []byte {
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}

// text appends a JSON string of at most maxValue bytes between its quotes. Unlike [abi.AppendString] it also
// escapes what is harmless to a parser and harmful on a screen.
func text(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := len(dst)
	cut, cutAt := start, 0 // Where to cut if the text turns out too long.
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		dst = character(dst, r)
		i += size
		switch written := len(dst) - start; {
		case written > maxValue:
			dst = missing(dst[:cut], len(s)-cutAt, "bytes more")
			return append(dst, '"')
		case written <= maxValue-maxMark:
			cut, cutAt = len(dst), i
		}
	}
	return append(dst, '"')
}

func character(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	switch {
	case r == '"' || r == '\\':
		return append(dst, '\\', byte(r))
	case unicode.Is(unicode.C, r) || r == '\u2028' || r == '\u2029':
		for _, unit := range utf16.AppendRune(nil, r) {
			dst = append(dst, '\\', 'u', hex[unit>>12], hex[unit>>8&0xF], hex[unit>>4&0xF], hex[unit&0xF])
		}
		return dst
	default:
		return utf8.AppendRune(dst, r)
	}
}

// missing appends a mark such as "…[12 more]".
func missing(dst []byte, n int, what string) []byte {
	dst = append(dst, "…["...)
	dst = strconv.AppendInt(dst, int64(n), 10)
	dst = append(dst, ' ')
	dst = append(dst, what...)
	return append(dst, ']')
}
