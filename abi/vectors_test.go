package abi_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// vector is a document with the verdict that any implementation must reach on it.
type vector struct {
	Name         string `json:"name"`
	Document     string `json:"document"`
	Encoding     string `json:"encoding"`
	Verdict      string `json:"verdict"`
	Why          string `json:"why"`
	BeyondSchema bool   `json:"beyond_schema"`
}

func (v vector) bytes(t *testing.T) []byte {
	t.Helper()
	switch v.Encoding {
	case "utf8":
		return []byte(v.Document)
	case "base64":
		b, err := base64.StdEncoding.DecodeString(v.Document)
		if err != nil {
			t.Fatal(err)
		}
		return b
	default:
		t.Fatalf("there is no encoding %q", v.Encoding)
		return nil
	}
}

func vectors(t *testing.T, kind string) []vector {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("testdata", "vectors", kind+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	d := json.NewDecoder(bytes.NewReader(src))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, v := range all {
		if names[v.Name] || v.Why == "" || v.Verdict != "accept" && v.Verdict != "refuse" {
			t.Errorf("%s: %q: a vector needs a name of its own, a verdict and a reason", kind, v.Name)
		}
		names[v.Name] = true
	}
	return all
}

// schemas compiles the JSON Schemas of all documents.
func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	const urn = "urn:postern:abi:1:"
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	files, err := filepath.Glob(filepath.Join("schema", "*.schema.json"))
	if err != nil || len(files) != len(kinds())+1 {
		t.Fatalf("the schemas are %v (%v)", files, err)
	}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(f)
		f.Close()
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if err := compiler.AddResource(doc.(map[string]any)["$id"].(string), doc); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	compiled := map[string]*jsonschema.Schema{}
	for _, k := range kinds() {
		if compiled[k.name], err = compiler.Compile(urn + k.name); err != nil {
			t.Fatal(err)
		}
	}
	return compiled
}

func TestVectors(t *testing.T) {
	compiled := schemas(t)
	for _, k := range append(kinds(), kind{"json", func(p *fastjson.Parser, b []byte) (document, error) {
		_, err := abi.Parse(p, b, abi.MaxReply)
		return nil, err
	}}) {
		t.Run(k.name, func(t *testing.T) {
			for _, v := range vectors(t, k.name) {
				t.Run(v.Name, func(t *testing.T) {
					doc := v.bytes(t)
					accepts := v.Verdict == "accept"
					var p fastjson.Parser
					if _, err := k.parse(&p, doc); (err == nil) != accepts {
						t.Errorf("should %s: %s; got %v", v.Verdict, v.Why, err)
					}
					schema := compiled[k.name]
					if schema == nil {
						return
					}
					instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
					if err != nil {
						t.Fatalf("it belongs to json.json: %v", err)
					}
					if err := schema.Validate(instance); (err == nil) != (accepts || v.BeyondSchema) {
						t.Errorf("the schema disagrees: %v", err)
					}
				})
			}
		})
	}
}

// TestWhatIsWrittenFitsTheSchemas runs the schemas over documents that this package writes.
func TestWhatIsWrittenFitsTheSchemas(t *testing.T) {
	compiled := schemas(t)
	for _, k := range kinds() {
		for _, v := range vectors(t, k.name) {
			var p fastjson.Parser
			d, err := k.parse(&p, v.bytes(t))
			if err != nil {
				continue
			}
			written := d.AppendJSON(nil)
			instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(written))
			if err != nil {
				t.Fatal(err)
			}
			if err := compiled[k.name].Validate(instance); err != nil {
				t.Errorf("%s, %s: %s: %v", k.name, v.Name, written, err)
			}
		}
	}
}
