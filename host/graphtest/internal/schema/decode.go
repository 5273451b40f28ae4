package schema

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/postern-dev/postern/host/graphtest/internal/odata"
)

// Object is a decoded JSON object by property names as Graph writes them. Values are nil, bool, int64, float64, string, time.Time,
// []byte, []any or Object.
type Object map[string]any

// SyntaxError says that a body is not one JSON object.
type SyntaxError struct{ Err error }

func (e *SyntaxError) Error() string { return "unable to read JSON request payload: " + e.Err.Error() }
func (e *SyntaxError) Unwrap() error { return e.Err }

// ContentError says that a body is JSON but not of the type wanted.
type ContentError struct{ Problem string }

func (e *ContentError) Error() string { return e.Problem }

// Decode reads a body as an entity or complex value of the type. Names are matched without regard to case, and a name that stands twice
// in any spelling is refused. Annotations (names with @) are dropped, except @odata.type, which may name a derived type. The error is a
// *SyntaxError or a *ContentError.
func (s *Schema) Decode(typ string, body []byte) (Object, error) {
	value, err := parse(body)
	if err != nil {
		return nil, &SyntaxError{err}
	}
	return s.object(typ, value)
}

// DecodeAction reads a body as the parameters of an action bound to the type, like Decode.
func (s *Schema) DecodeAction(typ, name string, body []byte) (Object, error) {
	value, err := parse(body)
	if err != nil {
		return nil, &SyntaxError{err}
	}
	op, ok := s.actions[typ][strings.ToLower(name)]
	if !ok {
		return nil, &ContentError{fmt.Sprintf("no action '%s' is bound to type '%s'", name, Qualified(typ))}
	}
	members, ok := value.([]pair)
	if !ok {
		return nil, &ContentError{fmt.Sprintf("the parameters of '%s' must be a JSON object", name)}
	}
	return s.members(members, op.parameters, func(member string) string {
		return fmt.Sprintf("The parameter '%s' in the request payload is not a valid parameter for the operation '%s'.", member, op.Name)
	})
}

func (s *Schema) object(typ string, value any) (Object, error) {
	members, ok := value.([]pair)
	if !ok {
		return nil, mismatch(value, typ)
	}
	annotated := false
	for _, m := range members {
		if m.name != "@odata.type" {
			continue
		}
		annotated = true
		derived, _ := m.value.(string)
		derived = strings.TrimPrefix(strings.TrimPrefix(derived, "#"), "microsoft.graph.")
		if !s.DerivesFrom(derived, typ) {
			return nil, &ContentError{fmt.Sprintf("A type named '%v' could not be resolved by the model, or does not derive from '%s'.", m.value, Qualified(typ))}
		}
		typ = derived
	}
	t, ok := s.types[typ]
	if !ok {
		return nil, &ContentError{fmt.Sprintf("The type '%s' is not in the metadata that this emulator carries.", Qualified(typ))}
	}
	object, err := s.members(members, t.properties, func(member string) string {
		return fmt.Sprintf("The property '%s' does not exist on type '%s'. Make sure to only use property names that are defined by the type.", member, Qualified(typ))
	})
	if err == nil && annotated {
		object["@odata.type"] = typ
	}
	return object, err
}

func (s *Schema) members(members []pair, properties map[string]Property, unknown func(name string) string) (Object, error) {
	object := Object{}
	for _, m := range members {
		if strings.Contains(m.name, "@") {
			continue
		}
		p, ok := properties[strings.ToLower(m.name)]
		if !ok {
			return nil, &ContentError{unknown(m.name)}
		}
		if _, twice := object[p.Name]; twice {
			return nil, &ContentError{fmt.Sprintf("Multiple properties with the name '%s' were detected in a single object.", p.Name)}
		}
		value, err := s.value(p, m.value)
		if err != nil {
			return nil, err
		}
		object[p.Name] = value
	}
	return object, nil
}

func (s *Schema) value(p Property, value any) (any, error) {
	if value == nil {
		return nil, nil
	}
	if !p.Collection {
		return s.single(p.Type, value)
	}
	items, ok := value.([]any)
	if !ok {
		return nil, mismatch(value, "Collection("+Qualified(p.Type)+")")
	}
	list := make([]any, len(items))
	for i, item := range items {
		var err error
		if list[i], err = s.single(p.Type, item); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (s *Schema) single(typ string, value any) (any, error) {
	if members := s.enums[typ]; members != nil {
		text, ok := value.(string)
		if !ok {
			return nil, mismatch(value, typ)
		}
		for member := range members {
			if strings.EqualFold(member, text) {
				return member, nil
			}
		}
		return nil, &ContentError{fmt.Sprintf("Requested value '%s' was not found in '%s'.", text, Qualified(typ))}
	}
	switch typ {
	case "Edm.Boolean":
		if b, ok := value.(bool); ok {
			return b, nil
		}
	case "Edm.Int16", "Edm.Int32", "Edm.Int64":
		if n, ok := value.(json.Number); ok {
			if i, err := n.Int64(); err == nil && (typ == "Edm.Int64" || i >= math.MinInt32 && i <= math.MaxInt32) {
				return i, nil
			}
		}
	case "Edm.Double", "Edm.Single":
		if n, ok := value.(json.Number); ok {
			if f, err := n.Float64(); err == nil {
				return f, nil
			}
		}
	case "Edm.DateTimeOffset":
		if text, ok := value.(string); ok {
			if t, err := odata.ParseTime(text); err == nil {
				return t, nil
			}
		}
	case "Edm.Binary":
		if text, ok := value.(string); ok {
			if b, err := base64.StdEncoding.DecodeString(text); err == nil {
				return b, nil
			}
		}
	default:
		if strings.HasPrefix(typ, "Edm.") {
			if text, ok := value.(string); ok {
				return text, nil
			}
			break
		}
		return s.object(typ, value)
	}
	return nil, mismatch(value, typ)
}

// mismatch words the refusal of a value of the wrong type; long values are cut, because the message goes back to the client.
func mismatch(value any, typ string) error {
	const longest = 80 // bytes of the value that the message repeats
	text := fmt.Sprint(value)
	switch value.(type) {
	case []pair:
		text = "a JSON object"
	case []any:
		text = "a JSON array"
	}
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return &ContentError{fmt.Sprintf("Cannot convert the literal '%s' to the expected type '%s'.", text, Qualified(typ))}
}
