package graphtest

import "slices"

// expandedPage answers a page of items with what $expand adds to each. The page is made by answer.
func expandedPage[T any](
	c *call, items []T, get func(T) *record, expand func(T) ([]byte, error), answer func(collection) (*reply, error),
) (*reply, error) {
	if c.query.expand == nil {
		return answer(collect(items, get))
	}
	var failed error
	page, err := answer(collect(items, func(item T) *record {
		related, err := expand(item)
		if err != nil {
			failed = err
			return get(item)
		}
		return get(item).with(related)
	}))
	if failed != nil {
		return nil, failed
	}
	return page, err
}

// expandedOne is what $expand adds to a single item; nil without $expand.
func expandedOne[T any](c *call, item T, expand func(T) ([]byte, error)) ([]byte, error) {
	if c.query.expand == nil {
		return nil, nil
	}
	return expand(item)
}

// cannotExpand refuses a relationship: as not imitated if the type has it.
func (c *call) cannotExpand(name string) error {
	if p, ok := c.types.Property(c.route.typ, name); ok && p.Navigation {
		return errNotImitated("$expand=" + name + " here")
	}
	return c.badQuery("Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.%s'.", name, c.route.typ)
}

// related writes the member of an expanded relationship to items of the type, as the options inside $expand want them.
func (c *call) related(name, typ string, items collection) ([]byte, error) {
	e := c.query.expansion
	v := c.view
	v.selected = nil
	if e.Select != nil {
		var err error
		if v.selected, err = c.selection(typ, e.Select); err != nil {
			return nil, err
		}
	}
	if e.Filter != nil {
		if err := e.Filter.Check(c.types.Of(typ)); err != nil {
			return nil, c.badQuery("Invalid filter clause: %v", err)
		}
	}
	if err := e.Order.Check(c.types.Of(typ)); err != nil {
		return nil, c.badQuery("Invalid orderby clause: %v", err)
	}
	if e.Expand != nil {
		return nil, errNotImitated("a relationship that is expanded inside another")
	}
	chosen, err := c.choose(items, e.Filter, e.Order, items.length)
	if err != nil {
		return nil, err
	}
	if e.Top > 0 {
		chosen = chosen[:min(e.Top, len(chosen))]
	}
	out := append(encodeString(nil, name), ":["...)
	for i, item := range chosen {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, item.json(&v)...)
	}
	return append(out, ']'), nil
}

// with returns the record with the members of expanded relationships; a nil one is none. The record itself stays as it is.
func (r *record) with(members ...[]byte) *record {
	wider := *r
	for _, m := range members {
		if m == nil {
			continue
		}
		wider.related = append(append(wider.related[:len(wider.related):len(wider.related)], ','), m...)
	}
	return &wider
}

// withValue returns the record with another value of one property. The record itself stays as it is.
func (r *record) withValue(name string, value any) *record {
	other := *r
	other.fields = slices.Clone(r.fields)
	for i := range other.fields {
		if f := &other.fields[i]; f.name == name {
			f.value = value
		}
	}
	return &other
}
