package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

const (
	// maxDepth is how deep arrays and objects of a body may nest.
	maxDepth = 64
	// maxValues is how many values a body may hold in all.
	maxValues = 200_000
)

// pair is a member of a JSON object, kept in the order of the text because a name may stand twice.
type pair struct {
	name  string
	value any // nil, bool, json.Number, string, []any or []pair
}

// parse reads one JSON text, strictly: valid UTF-8, bounded, nothing behind it.
func parse(body []byte) (any, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("the text is not valid UTF-8")
	}
	r := reader{decoder: json.NewDecoder(bytes.NewReader(body))}
	r.decoder.UseNumber()
	value, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := r.decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is text behind the JSON value")
	}
	return value, nil
}

type reader struct {
	decoder *json.Decoder
	values  int
}

func (r *reader) value(depth int) (any, error) {
	r.values++
	if depth > maxDepth || r.values > maxValues {
		return nil, fmt.Errorf("the JSON value is deeper than %d or holds more than %d values", maxDepth, maxValues)
	}
	token, err := r.decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for r.decoder.More() {
			item, err := r.value(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		_, err := r.decoder.Token()
		return list, err
	case json.Delim('{'):
		members := []pair{}
		for r.decoder.More() {
			name, err := r.decoder.Token()
			if err != nil {
				return nil, err
			}
			value, err := r.value(depth + 1)
			if err != nil {
				return nil, err
			}
			members = append(members, pair{name.(string), value})
		}
		_, err := r.decoder.Token()
		return members, err
	default:
		return token, nil
	}
}
