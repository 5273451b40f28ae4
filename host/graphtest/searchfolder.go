package graphtest

import (
	"net/http"
	"slices"

	"github.com/postern-dev/postern/host/graphtest/internal/odata"
	"github.com/postern-dev/postern/host/graphtest/internal/schema"
)

// lookup is what a search folder looks for; see https://learn.microsoft.com/graph/api/resources/mailsearchfolder.
type lookup struct {
	mailbox *Mailbox
	query   string
	filter  *odata.Filter
	nested  bool
	sources []string // folder ids
}

// readLookup reads the properties of a search folder over those that it has.
func (c *call) readLookup(mailbox *Mailbox, was lookup, values schema.Object) (*lookup, error) {
	now := was
	now.mailbox = mailbox
	if nested, ok := values["includeNestedFolders"].(bool); ok {
		now.nested = nested
	}
	if query, ok := values["filterQuery"].(string); ok {
		now.query = query
	}
	if value, ok := values["sourceFolderIds"]; ok {
		now.sources = nil
		for _, one := range list(value) {
			name, _ := one.(string)
			f, err := mailbox.folder(name)
			if err != nil {
				return nil, err
			}
			if f.search != nil {
				return nil, refuse(http.StatusBadRequest, "ErrorInvalidOperation", "A search folder cannot look into another search folder.")
			}
			now.sources = append(now.sources, f.id)
		}
	}
	if now.query == "" || len(now.sources) == 0 {
		return nil, refuse(http.StatusBadRequest, "ErrorRequiredPropertyMissing", "Required property is missing: a search folder needs filterQuery and sourceFolderIds.")
	}
	filter, err := odata.ParseFilter(now.query)
	if err == nil {
		err = filter.Check(c.types.Of("message"))
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "ErrorInvalidUrlQueryFilter", "The filterQuery is no filter of messages: %v", err)
	}
	now.filter = filter
	return &now, nil
}

// find lists what a search folder shows, newest first.
func (l *lookup) find() messageList {
	var found messageList
	for _, item := range l.mailbox.messages {
		if !l.covers(item.folder) {
			continue
		}
		// A filter whose values turn out not to be comparable finds nothing.
		if ok, err := l.filter.Match(item.record); err == nil && ok {
			found = append(found, item)
		}
	}
	return found
}

func (l *lookup) covers(f *folder) bool {
	if !l.nested {
		return slices.Contains(l.sources, f.id)
	}
	for at := f; at != nil; at = at.parent {
		if slices.Contains(l.sources, at.id) {
			return true
		}
	}
	return false
}

func (l *lookup) members() []member {
	return []member{
		{"isSupported", true},
		{"includeNestedFolders", l.nested},
		{"sourceFolderIds", stringList(l.sources)},
		{"filterQuery", l.query},
	}
}
