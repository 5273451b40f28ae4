// Package schema knows the types of Microsoft Graph that the emulator imitates: which properties they have, of which type, and which
// actions are bound to them. It is what lets the emulator refuse a property that Graph does not have, in a query option as in a body,
// and what its own answers are tested against.
//
// types.json is cut from the public service metadata (https://graph.microsoft.com/v1.0/$metadata) of August 2026, beta.json from that of
// the beta version. In a type name, a leading [] means a collection and a trailing ! means never null.
package schema

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/postern-dev/postern/host/graphtest/internal/odata"
)

//go:embed types.json
var source []byte

//go:embed beta.json
var betaSource []byte

// Schema holds the types. It is immutable.
type Schema struct {
	types   map[string]*entry
	enums   map[string]map[string]bool
	actions map[string]map[string]action // by type, then by name in lower case
}

// A Property is one property or navigation property of a type.
type Property struct {
	Name       string // as Graph writes it
	Type       string // without marks: Edm.String, recipient …
	Collection bool
	Navigation bool
	NotNull    bool // of a collection: its items
}

type entry struct {
	base       string
	properties map[string]Property // by name in lower case, the base types' included
	derived    map[string]Property // of the types below directoryObject, by name in lower case; only directoryObject has them
}

type action struct {
	Name       string
	parameters map[string]Property
	returns    Property
}

// Load reads the embedded types.
func Load() (*Schema, error) {
	var file struct {
		Types map[string]struct {
			Base       string
			Properties map[string]string
			Navigation map[string]string
		}
		Enums      map[string]map[string]string
		Operations []struct {
			Name, Binding, Returns string
			Parameters             map[string]string
		}
	}
	// What the second file has in the maps is added to the first one's; its list of operations takes the place of the first one's.
	if err := json.Unmarshal(betaSource, &file); err != nil {
		return nil, fmt.Errorf("read the embedded types of the beta version: %w", err)
	}
	operations := file.Operations
	file.Operations = nil
	if err := json.Unmarshal(source, &file); err != nil {
		return nil, fmt.Errorf("read the embedded Graph types: %w", err)
	}
	operations = append(operations, file.Operations...)
	s := &Schema{types: map[string]*entry{}, enums: map[string]map[string]bool{}, actions: map[string]map[string]action{}}
	for name := range file.Types {
		own := &entry{base: file.Types[name].Base, properties: map[string]Property{}}
		for at := name; at != ""; at = file.Types[at].Base {
			for property, typ := range file.Types[at].Properties {
				own.properties[strings.ToLower(property)] = parseProperty(property, typ, false)
			}
			for property, typ := range file.Types[at].Navigation {
				own.properties[strings.ToLower(property)] = parseProperty(property, typ, true)
			}
		}
		s.types[name] = own
	}
	s.types[directoryObject].derived = s.belowDirectoryObject()
	for name, members := range file.Enums {
		s.enums[name] = map[string]bool{}
		for member := range members {
			s.enums[name][member] = true
		}
	}
	for _, op := range operations {
		parameters := map[string]Property{}
		for name, typ := range op.Parameters {
			parameters[strings.ToLower(name)] = parseProperty(name, typ, false)
		}
		if s.actions[op.Binding] == nil {
			s.actions[op.Binding] = map[string]action{}
		}
		s.actions[op.Binding][strings.ToLower(op.Name)] = action{op.Name, parameters, parseProperty("", op.Returns, false)}
	}
	return s, nil
}

// directoryObject is what members and owners of a group are in the metadata. They are answered as what they are, users or groups, so that
// a query option may name a property of any type below.
const directoryObject = "directoryObject"

func (s *Schema) belowDirectoryObject() map[string]Property {
	all := map[string]Property{}
	for _, name := range slices.Sorted(maps.Keys(s.types)) {
		if name != directoryObject && s.DerivesFrom(name, directoryObject) {
			maps.Copy(all, s.types[name].properties)
		}
	}
	return all
}

func parseProperty(name, typ string, navigation bool) Property {
	typ, notNull := strings.CutSuffix(typ, "!")
	element, collection := strings.CutPrefix(typ, "[]")
	return Property{Name: name, Type: element, Collection: collection, Navigation: navigation, NotNull: notNull}
}

// Property finds a property or navigation property of a type; the name is matched without regard to case, as Graph does.
func (s *Schema) Property(typ, name string) (Property, bool) {
	t, ok := s.types[typ]
	if !ok {
		return Property{}, false
	}
	p, ok := t.properties[strings.ToLower(name)]
	if !ok {
		p, ok = t.derived[strings.ToLower(name)]
	}
	return p, ok
}

// Properties lists the properties of a type by name, without its navigation properties.
func (s *Schema) Properties(typ string) []Property {
	var list []Property
	if t, ok := s.types[typ]; ok {
		for _, name := range slices.Sorted(maps.Keys(t.properties)) {
			if p := t.properties[name]; !p.Navigation {
				list = append(list, p)
			}
		}
	}
	return list
}

// DerivesFrom reports whether a type is the other one or derives from it.
func (s *Schema) DerivesFrom(typ, base string) bool {
	for typ != "" {
		if typ == base {
			return true
		}
		t, ok := s.types[typ]
		if !ok {
			return false
		}
		typ = t.base
	}
	return false
}

// Operation reports whether an action or function of this name is bound to the type, or with collection to collections of it, and what
// it returns.
func (s *Schema) Operation(typ string, collection bool, name string) (returns Property, ok bool) {
	if collection {
		typ = "[]" + typ
	}
	for typ != "" {
		if op, found := s.actions[typ][strings.ToLower(name)]; found {
			return op.returns, true
		}
		t, known := s.types[typ]
		if !known {
			break
		}
		typ = t.base
	}
	return Property{}, false
}

// Of gives the types of a record's properties to the odata package.
func (s *Schema) Of(typ string) odata.Types { return view{s, typ} }

type view struct {
	schema *Schema
	typ    string
}

func (v view) PropertyType(path []string) (odata.Type, error) {
	p, err := v.find(path)
	if err != nil {
		return odata.Unknown, err
	}
	if p.Collection {
		return odata.Collection, nil
	}
	return v.schema.simple(p.Type), nil
}

func (v view) ElementType(path []string) (odata.Type, error) {
	p, err := v.find(path)
	if err != nil {
		return odata.Unknown, err
	}
	return v.schema.simple(p.Type), nil
}

// EnumMember makes view an odata.Enums.
func (v view) EnumMember(path []string, member string) (typ string, ok bool) {
	p, err := v.find(path)
	members := v.schema.enums[p.Type]
	if err != nil || members == nil {
		return "", false
	}
	for name := range members {
		if strings.EqualFold(name, member) {
			return Qualified(p.Type), true
		}
	}
	return Qualified(p.Type), false
}

func (v view) find(path []string) (Property, error) {
	at := Property{Type: v.typ}
	for _, name := range path {
		next, ok := v.schema.Property(at.Type, name)
		if !ok {
			return Property{}, &odata.TypeError{Problem: fmt.Sprintf("Could not find a property named '%s' on type '%s'.", name, Qualified(at.Type))}
		}
		at = next
	}
	return at, nil
}

func (s *Schema) simple(typ string) odata.Type {
	switch typ {
	case "Edm.Boolean":
		return odata.Bool
	case "Edm.Int16", "Edm.Int32", "Edm.Int64", "Edm.Double", "Edm.Single", "Edm.Decimal":
		return odata.Number
	case "Edm.DateTimeOffset", "Edm.Date":
		return odata.Time
	}
	if strings.HasPrefix(typ, "Edm.") || s.enums[typ] != nil {
		return odata.String
	}
	return odata.Record
}

// Qualified gives a type its namespace: microsoft.graph.message. Edm types have one already.
func Qualified(typ string) string {
	if strings.HasPrefix(typ, "Edm.") {
		return typ
	}
	return "microsoft.graph." + typ
}
