package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/manifests"
)

// values turns the command line into the parameters of an invocation. document is a JSON object or empty; args are
// name=value, and win over it.
//
// It gives every value the type that the action's manifest states, and leaves what does not fit as text: whether it is
// right is for the host to say, whose answer is in the audit record and in the result.
func values(parameters []host.Parameter, document []byte, args []string) (map[string]any, error) {
	given, err := decodeObject(document)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, arg := range args {
		name, text, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, usagef("%q is not name=value; \"postern describe ACTION\" lists the parameters", arg)
		}
		value, err := valueOf(parameters, name, text)
		if err != nil {
			return nil, err
		}
		switch before := given[name].(type) {
		case []string:
			if text, ok := value.(string); ok && seen[name] {
				value = append(before, text)
			} else if list, ok := value.([]string); ok && seen[name] {
				value = append(before, list...)
			}
		case string:
			if text, ok := value.(string); ok && seen[name] {
				value = []string{before, text}
			}
		}
		given[name], seen[name] = value, true
	}
	return given, nil
}

// valueOf reads one value of the command line. @FILE stands for what is in the file, and @@ for an @ at the start.
func valueOf(parameters []host.Parameter, name, text string) (any, error) {
	kind, isList := kindOf(parameters, name)
	path, fromFile := strings.CutPrefix(text, "@")
	if fromFile && strings.HasPrefix(path, "@") {
		text, fromFile = path, false
	}
	if fromFile && kind == manifests.TypeBlob {
		return fileValue(path), nil
	}
	if fromFile {
		b, err := readFile(path)
		if err != nil {
			return nil, usagef("the value of %s cannot be read: %w; @FILE stands for the content of a file, write @@ for a text that starts with an @", name, err)
		}
		if kind == manifests.TypeByte {
			return base64.StdEncoding.EncodeToString(b), nil
		}
		text = string(b)
	}
	switch {
	case isList:
		if _, err := abi.Parse(new(fastjson.Parser), []byte(text), abi.MaxInvocation); err == nil {
			return json.RawMessage(text), nil
		}
	case kind == manifests.TypeBoolean && (text == "true" || text == "false"):
		return text == "true", nil
	case kind == manifests.TypeNumeric:
		if v, err := abi.Parse(new(fastjson.Parser), []byte(text), maxNumber); err == nil && v.Type() == fastjson.TypeNumber {
			return json.Number(text), nil
		}
	case kind == manifests.TypeStrings:
		return []string{text}, nil
	}
	return text, nil
}

// maxNumber bounds a number on the command line, in bytes.
const maxNumber = 64

// kindOf returns the type of a parameter, and whether the name is that of a list whose members are parameters. It is
// a text if the action has no such parameter.
func kindOf(parameters []host.Parameter, name string) (kind manifests.ParameterType, isList bool) {
	for _, p := range parameters {
		switch name {
		case p.Name:
			return p.Type, false
		case p.In:
			isList = true
		}
	}
	return manifests.TypeString, isList
}

// readFile reads a file that is no larger than the parameters may be together.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := readAll(f)
	return b, errors.Join(err, f.Close())
}

func readAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, abi.MaxInvocation+1))
	if err == nil && len(b) > abi.MaxInvocation {
		err = fmt.Errorf("it is over %d bytes", abi.MaxInvocation)
	}
	return b, err
}

// decodeObject reads the JSON object of --params, strictly.
func decodeObject(document []byte) (map[string]any, error) {
	object := map[string]any{}
	if len(document) == 0 {
		return object, nil
	}
	v, err := abi.Parse(new(fastjson.Parser), document, abi.MaxInvocation)
	if err != nil {
		return nil, usagef("the parameters of --params cannot be read: %w", err)
	}
	if v.Type() != fastjson.TypeObject {
		return nil, usagef("the parameters of --params must be one JSON object")
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil {
		return nil, usagef("the parameters of --params cannot be read: %w", err)
	}
	return object, nil
}

// near lists the parameters whose names are like the one that the action does not have, the most like first.
func near(parameters []host.Parameter, name string) []string {
	type candidate struct {
		name     string
		distance int
	}
	var found []candidate
	for _, p := range parameters {
		for _, known := range []string{p.Name, p.In} {
			d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(known))
			like := d <= 1+len(known)/4 || strings.Contains(strings.ToLower(known), strings.ToLower(name))
			if known != "" && like && !slices.ContainsFunc(found, func(c candidate) bool { return c.name == known }) {
				found = append(found, candidate{known, d})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return a.distance - b.distance })
	names := make([]string, len(found))
	for i, c := range found {
		names[i] = c.name
	}
	return names
}
