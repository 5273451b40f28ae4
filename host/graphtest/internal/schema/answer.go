package schema

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// An AnswerError says where an answer is not of its type.
type AnswerError struct {
	// Path leads to the place: value[3].from.emailAddress.
	Path string
	// Property is the member that is wrong; empty if the whole value is.
	Property string
	// Type is what Graph has there: that of the object that holds the property, or of the value.
	Type    string
	Problem string
}

func (e *AnswerError) Error() string {
	return fmt.Sprintf("%s → %s → %s: %s", orDash(e.Path), orDash(e.Property), Qualified(e.Type), e.Problem)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// CheckAnswer tests the body of an answer against a type, more strictly than Decode reads requests: names and members of enumerations have
// Graph's own spelling, what is never null is not, entities have their ids, and no property is there that Graph has not. A collection stands
// in "value"; with changes its items may be removed ones. A simple or complex value may stand in "value" too. The error is a *SyntaxError or
// an *AnswerError.
func (s *Schema) CheckAnswer(typ string, collection, changes bool, body []byte) error {
	parsed, err := parse(body)
	if err != nil {
		return &SyntaxError{err}
	}
	members, ok := parsed.([]pair)
	if !ok {
		return &AnswerError{Type: typ, Problem: "the answer is no JSON object"}
	}
	c := checker{s, changes}
	if !collection && s.types[typ] != nil {
		return c.object("", typ, members, true)
	}
	found := false
	for _, m := range members {
		switch {
		case m.name == "value" && !found:
			found = true
			if err := c.value("value", Property{Name: "value", Type: typ, Collection: collection}, m.value, true); err != nil {
				return err
			}
		case !annotation.MatchString(m.name):
			return &AnswerError{Property: m.name, Type: typ, Problem: "beside value, only annotations may stand in such an answer"}
		}
	}
	if !found {
		return &AnswerError{Property: "value", Type: typ, Problem: "is missing"}
	}
	return nil
}

// annotation is what may stand in an object beside the properties of its type.
var annotation = regexp.MustCompile(`^[A-Za-z]*@(odata|microsoft\.graph)\.[A-Za-z.]+$`)

type checker struct {
	*Schema
	changes bool // removed items may occur
}

func (c checker) object(path, typ string, members []pair, whole bool) error {
	wrong := func(property, problem string) error { return &AnswerError{path, property, typ, problem} }
	removed := false
	for _, m := range members {
		switch m.name {
		case "@odata.type":
			text, _ := m.value.(string)
			derived, hash := strings.CutPrefix(text, "#microsoft.graph.")
			if !hash || !c.DerivesFrom(derived, typ) {
				return wrong(m.name, fmt.Sprintf("'%v' is not this type and does not derive from it", m.value))
			}
			typ = derived
		case "@removed":
			removed = true
		}
	}
	t := c.types[typ]
	if t == nil {
		return wrong("", "the metadata has no such type")
	}
	if removed && !c.changes {
		return wrong("@removed", "stands in an answer that is none of a delta query")
	}
	seen := map[string]bool{}
	for _, m := range members {
		if seen[m.name] {
			return wrong(m.name, "stands twice")
		}
		seen[m.name] = true
		if annotation.MatchString(m.name) || m.name == "@removed" {
			continue
		}
		p, ok := t.properties[strings.ToLower(m.name)]
		switch {
		case !ok:
			return wrong(m.name, "the type has no such property")
		case p.Name != m.name:
			return wrong(m.name, "Graph writes it "+p.Name)
		case removed && p.Name != "id":
			return wrong(m.name, "a removed item has its id only")
		}
		if err := c.value(join(path, p.Name), p, m.value, false); err != nil {
			return err
		}
	}
	if whole && c.DerivesFrom(typ, "entity") && !seen["id"] {
		return wrong("id", "is missing")
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (c checker) value(path string, p Property, value any, whole bool) error {
	if !p.Collection {
		if value == nil && !p.NotNull {
			return nil
		}
		return c.single(path, p, value, whole)
	}
	items, ok := value.([]any)
	if !ok {
		return &AnswerError{path, p.Name, p.Type, "is a collection, and the value is none"}
	}
	for i, item := range items {
		if item == nil && !p.NotNull && c.types[p.Type] == nil {
			continue
		}
		if err := c.single(path+"["+strconv.Itoa(i)+"]", p, item, whole); err != nil {
			return err
		}
	}
	return nil
}

func (c checker) single(path string, p Property, value any, whole bool) error {
	if c.types[p.Type] != nil {
		members, ok := value.([]pair)
		if !ok {
			return &AnswerError{path, p.Name, p.Type, "is an object, and the value is none"}
		}
		return c.object(path, p.Type, members, whole || p.Navigation)
	}
	if members := c.enums[p.Type]; members != nil {
		if text, ok := value.(string); ok && members[text] {
			return nil
		}
	} else if simple(p.Type, value) {
		return nil
	}
	problem := fmt.Sprintf("the value %.60v is none of this type", value)
	if value == nil {
		problem = "is never null"
	}
	return &AnswerError{path, p.Name, p.Type, problem}
}

// simple reports whether a JSON value is one of a simple type, as https://docs.oasis-open.org/odata/odata-json-format/v4.01 writes it.
func simple(typ string, value any) bool {
	text, isText := value.(string)
	number, isNumber := value.(json.Number)
	switch typ {
	case "Edm.Boolean":
		_, ok := value.(bool)
		return ok
	case "Edm.Int16", "Edm.Int32", "Edm.Int64":
		i, err := number.Int64()
		return isNumber && err == nil && (typ == "Edm.Int64" || i >= math.MinInt32 && i <= math.MaxInt32)
	case "Edm.Double", "Edm.Single", "Edm.Decimal":
		return isNumber
	case "Edm.DateTimeOffset":
		_, err := time.Parse(time.RFC3339Nano, text)
		return isText && err == nil && strings.HasSuffix(text, "Z")
	case "Edm.Date":
		_, err := time.Parse(time.DateOnly, text)
		return isText && err == nil
	case "Edm.TimeOfDay":
		_, err := time.Parse("15:04:05.999999999", text)
		return isText && err == nil
	case "Edm.Guid":
		return isText && uuid.Validate(text) == nil
	case "Edm.Binary", "Edm.Stream":
		_, err := base64.StdEncoding.DecodeString(text)
		return isText && err == nil
	case "Edm.String", "Edm.Duration":
		return isText
	}
	return false
}
