package odata

import (
	"fmt"
	"strings"
)

// ParseNames reads a $select text, or an $expand text without nested options: names or paths, separated by commas. The error is a
// *SyntaxError.
func ParseNames(text string) ([]string, error) {
	if len(text) > MaxLength {
		return nil, &SyntaxError{Position: MaxLength, Problem: fmt.Sprintf("the list is longer than %d bytes", MaxLength)}
	}
	var names []string
	position := 0
	for part := range strings.SplitSeq(text, ",") {
		name := strings.Trim(part, " ")
		if name == "" {
			return nil, &SyntaxError{Position: position, Problem: "a name is expected"}
		}
		for i, r := range name {
			if !isWord(r) && r != '/' && r != '*' {
				return nil, &SyntaxError{Position: position + i, Problem: fmt.Sprintf("character %q is not valid in a name", r)}
			}
		}
		names = append(names, name)
		position += len(part) + 1
	}
	return names, nil
}
