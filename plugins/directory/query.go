package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/outlook"
)

// maxPage is the most that a page of the directory holds
// (https://learn.microsoft.com/graph/paging). Few pages cost few resource units.
const maxPage = 999

// selection is a list of users or groups: all of them, those of a $filter expression, or those whose name or address starts with a text.
type selection struct {
	capability, path string
	// members of a row, in order, separated by commas.
	members string
	// starts are the properties that the parameter text is compared with.
	starts []string
}

// list adds a row for each object, in Graph's order. Filters that Graph serves as advanced queries only are sent as such, and one that it
// refuses as a basic query is sent once more as an advanced one.
//
// https://learn.microsoft.com/graph/aad-advanced-queries
func (s selection) list(call *sdk.Call, noun string) error {
	filter, err := s.filter(call)
	if err != nil {
		return err
	}
	limit := call.Int("limit")
	request := sdk.Request{
		Capability: s.capability,
		Path:       s.path,
		Query:      sdk.Query{"$select": s.members, "$top": strconv.Itoa(pageOf(limit))},
	}
	if filter != "" {
		request.Query["$filter"] = filter
	}
	if needsAdvanced(filter) {
		makeAdvanced(&request)
	}
	err = s.rows(call, request, limit)
	if errors.Is(err, abi.BadQuery) && call.Rows() == 0 && filter != "" && request.Headers == nil {
		makeAdvanced(&request)
		err = s.rows(call, request, limit)
	}
	if err != nil {
		return err
	}
	call.Message(noun + ": " + strconv.Itoa(call.Rows()) + ".")
	return nil
}

func (s selection) rows(call *sdk.Call, request sdk.Request, limit int) error {
	members := strings.Split(s.members, ",")
	for object, err := range call.List(request, limit) {
		if err != nil {
			return err
		}
		call.Row(sdk.Pick(object, members...).Value)
	}
	return nil
}

// filter is the expression of the caller, or the one that the parameter text means.
func (s selection) filter(call *sdk.Call) (string, error) {
	filter, text := strings.TrimSpace(call.String("filter")), strings.TrimSpace(call.String("text"))
	switch {
	case filter != "" && text != "":
		return "", sdk.InvalidInput("text", "text and filter exclude each other; give one of them")
	case text == "":
		return filter, nil
	}
	return startsWith(text, s.starts...), nil
}

// startsWith is a filter for objects of which a property starts with the text.
func startsWith(text string, properties ...string) string {
	terms := make([]string, len(properties))
	for i, property := range properties {
		terms[i] = "startswith(" + property + "," + outlook.Quote(text) + ")"
	}
	return strings.Join(terms, " or ")
}

// makeAdvanced turns a request into an advanced query, which Graph answers from an index that lags a little behind.
func makeAdvanced(request *sdk.Request) {
	request.Headers = sdk.Headers{"ConsistencyLevel": "eventual"}
	request.Query["$count"] = "true"
}

// needsAdvanced reports whether a filter uses what Graph serves to advanced queries only: ne, not, endsWith and $count.
func needsAdvanced(filter string) bool {
	for word := range words(filter) {
		switch strings.ToLower(word) {
		case "ne", "not", "endswith", "$count":
			return true
		}
	}
	return false
}

// words yields the words of a filter that are not within a text in single quotes. A quote that is doubled ends a text and begins the next,
// which comes to the same.
func words(filter string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for i, part := range strings.Split(filter, "'") {
			if i%2 == 1 {
				continue
			}
			for _, word := range strings.FieldsFunc(part, func(r rune) bool { return strings.ContainsRune(" \t\r\n(),/", r) }) {
				if !yield(word) {
					return
				}
			}
		}
	}
}

// pageOf is the size of the pages of a list of at most limit objects; 0 is no limit.
func pageOf(limit int) int {
	if limit == 0 {
		return maxPage
	}
	return min(limit, maxPage)
}
