package host

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// SOAR is a result in the form of the MS Graph connector for SOAR platforms, whose data paths playbooks were written for:
// action_result.data.*.subject, summary.total_objects.
//
// Native results hold lists and objects. The connector's paths end in texts, numbers and truth values, and where Graph has a list or an
// object, the text is JSON.
type SOAR struct {
	ActionResult SOARActionResult `json:"action_result"`
	Summary      Summary          `json:"summary"`
}

// SOARActionResult is what the paths below action_result lead to.
type SOARActionResult struct {
	Status  Status `json:"status"`
	Message string `json:"message"`
	// Parameter repeats the parameters. Each that the action's outputs name is there.
	Parameter json.RawMessage `json:"parameter"`
	// Data holds the rows. Each member that the action's outputs name is there.
	Data []json.RawMessage `json:"data"`
}

// The beginnings of the data paths of the connector.
const (
	soarData      = "action_result.data.*."
	soarParameter = "action_result.parameter."
)

// SOAR gives the result the form of the connector, by the data paths that the action's outputs name. What no path names stays, after what
// they do name. An action of another connector, whose outputs have other paths, keeps its rows as they are.
func (result *Result) SOAR(a Action) SOAR {
	s := SOAR{
		ActionResult: SOARActionResult{
			Status: result.Status, Message: result.Message,
			Parameter: flattened(result.Parameter, pathsBelow(a.Outputs, soarParameter)),
			Data:      slices.Clone(result.Data),
		},
		Summary: result.Summary,
	}
	if paths := pathsBelow(a.Outputs, soarData); len(paths) > 0 {
		for i, row := range s.ActionResult.Data {
			s.ActionResult.Data[i] = flattened(row, paths)
		}
	}
	return s
}

// pathsBelow are the outputs that begin so, without their beginning.
func pathsBelow(outputs []string, beginning string) []string {
	var paths []string
	for _, output := range outputs {
		if path, ok := strings.CutPrefix(output, beginning); ok {
			paths = append(paths, path)
		}
	}
	return paths
}

// flattened writes an object anew: first a member for each of the paths, null if it has none, then its other members. A list or an object
// becomes its JSON as text, unless paths lead into it.
func flattened(document json.RawMessage, paths []string) json.RawMessage {
	v, err := abi.Parse(new(fastjson.Parser), document, len(document))
	if err != nil || v.Type() != fastjson.TypeObject {
		return document // the host writes objects only
	}
	out := []byte{'{'}
	write := func(name string, member *fastjson.Value, isDeep bool) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(abi.AppendString(out, name), ':')
		switch {
		case member == nil:
			out = append(out, "null"...)
		case isDeep || member.Type() != fastjson.TypeArray && member.Type() != fastjson.TypeObject:
			out = abi.AppendValue(out, member)
		default:
			out = abi.AppendString(out, string(abi.AppendValue(nil, member)))
		}
	}
	written := map[string]bool{}
	for _, path := range paths {
		name, _, isDeep := strings.Cut(path, ".")
		if !written[name] {
			written[name] = true
			write(name, v.Get(name), isDeep || slices.ContainsFunc(paths, func(p string) bool { return strings.HasPrefix(p, name+".") }))
		}
	}
	v.GetObject().Visit(func(key []byte, member *fastjson.Value) {
		if name := string(key); !written[name] {
			write(name, member, false)
		}
	})
	return append(out, '}')
}
