package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// yamlIndent is the indentation of one level.
const yamlIndent = "  "

// toYAML writes a JSON document as YAML in block style. Texts stand in double quotes with JSON's escapes, which YAML
// reads alike (https://yaml.org/spec/1.2.2, 7.3.1): so no text is taken for a number, a date or a truth value by any
// reader, and numbers keep all their digits.
func toYAML(document []byte) ([]byte, error) {
	v, err := abi.Parse(new(fastjson.Parser), document, len(document))
	if err != nil {
		return nil, fmt.Errorf("write the result as YAML: %w", err)
	}
	var b bytes.Buffer
	writeYAML(&b, v, "")
	return escapeUnprintable(bytes.TrimPrefix(b.Bytes(), []byte("\n"))), nil
}

// writeYAML writes a value behind "key:" or "-", and the line break after it. Lists and objects that hold something
// start on the next line.
func writeYAML(b *bytes.Buffer, v *fastjson.Value, indent string) {
	switch {
	case v.Type() == fastjson.TypeObject && v.GetObject().Len() > 0:
		b.WriteByte('\n')
		v.GetObject().Visit(func(key []byte, member *fastjson.Value) {
			b.WriteString(indent + yamlKey(string(key)) + ":")
			writeYAML(b, member, indent+yamlIndent)
		})
	case v.Type() == fastjson.TypeArray && len(v.GetArray()) > 0:
		b.WriteByte('\n')
		for _, item := range v.GetArray() {
			b.WriteString(indent + "-")
			writeYAML(b, item, indent+yamlIndent)
		}
	default:
		b.WriteByte(' ')
		b.Write(abi.AppendValue(nil, v))
		b.WriteByte('\n')
	}
}

// yamlKey quotes a key, but for plain words that every reader takes for a text.
func yamlKey(key string) string {
	plain := key != "" && !strings.ContainsFunc(key, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
	reserved := slices.Contains([]string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}, strings.ToLower(key))
	if plain && !reserved {
		return key
	}
	return string(abi.AppendString(nil, key))
}
