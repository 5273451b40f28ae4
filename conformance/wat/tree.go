package wat

import (
	"slices"
	"strconv"
)

// node is a word, a name, a string, or a list of nodes.
type node struct {
	kind   kind
	text   string
	items  []*node
	offset int
	// turn is set for the number of a repetition's turn, which is not known before
	// the repetition is written out; varies for it and every list around it.
	turn   bool
	varies bool
}

// head returns the word that a list begins with, "" if there is none.
func (n *node) head() string {
	if n.kind == list && len(n.items) > 0 && n.items[0].kind == word {
		return n.items[0].text
	}
	return ""
}

// tree builds the lists of a text and writes its repetitions out.
type tree struct {
	lexer lexer
	// open are the lists around the present place, outermost first.
	open []*node
	// nodes counts what was made, repetitions written out.
	nodes int
}

// parse returns a list of what text holds at its outermost level.
func parse(source string) (*node, *problem) {
	t := tree{lexer: lexer{text: source}, open: []*node{{kind: list}}}
	for {
		tok, p := t.lexer.next()
		if p == nil {
			p = t.take(tok)
		}
		if p != nil {
			return nil, p
		}
		if tok.kind == end {
			return t.open[0], nil
		}
	}
}

func (t *tree) take(tok token) *problem {
	innermost := t.open[len(t.open)-1]
	switch tok.kind {
	case end:
		if len(t.open) > 1 {
			return problemAt(innermost.offset, "this list has no closing parenthesis")
		}
		return nil
	case open:
		if len(t.open) > maxNesting {
			return problemAt(tok.offset, "lists may be nested %d deep at most", maxNesting)
		}
		t.open = append(t.open, &node{kind: list, offset: tok.offset})
		return nil
	case closed:
		if len(t.open) == 1 {
			return problemAt(tok.offset, "this parenthesis closes nothing")
		}
		t.open = t.open[:len(t.open)-1]
		return t.close(innermost, t.open[len(t.open)-1])
	default:
		innermost.items = append(innermost.items, &node{kind: tok.kind, text: tok.text, offset: tok.offset})
		return t.spend(tok.offset, 1)
	}
}

// close puts a finished list, or what its annotation stands for, in the list around it.
func (t *tree) close(l, around *node) *problem {
	if head := l.head(); len(head) > 0 && head[0] == '@' {
		switch head {
		case "@repeat":
			return t.repeat(l, around)
		case "@index":
			return t.index(l, around)
		}
		return problemAt(l.offset, "unknown annotation %s; known are @repeat and @index", head)
	}
	around.items = append(around.items, l)
	around.varies = around.varies || l.varies
	return t.spend(l.offset, 1)
}

// spend counts nodes that are made because of the text at offset.
func (t *tree) spend(offset, nodes int) *problem {
	if t.nodes += nodes; t.nodes > maxNodes {
		return problemAt(offset, "the text has more than %d words, strings and lists once its repetitions are written out", maxNodes)
	}
	return nil
}

// repeat writes (@repeat n …) out.
func (t *tree) repeat(l, around *node) *problem {
	if len(l.items) < 2 || l.items[1].kind != word {
		return problemAt(l.offset, "a repetition has the form (@repeat 2000 …)")
	}
	turns, ok := parseUnsigned(l.items[1].text, 31)
	if !ok {
		return problemAt(l.items[1].offset, "%q is not a number of turns", l.items[1].text)
	}
	items := l.items[2:]
	if len(items) == 0 {
		return nil
	}
	for turn := range turns {
		if p := t.spend(l.offset, len(items)); p != nil {
			return p
		}
		for _, item := range items {
			written, p := t.write(item, turn)
			if p != nil {
				return p
			}
			around.items = append(around.items, written)
		}
	}
	return nil
}

// write returns item as it is in a turn: the node itself if it is the same in every turn.
func (t *tree) write(item *node, turn uint64) (*node, *problem) {
	if !item.varies {
		return item, nil
	}
	written := *item
	written.varies, written.turn = false, false
	if item.turn {
		if item.kind == text {
			written.text += strconv.FormatUint(turn, 10)
			return &written, nil
		}
		base, _ := parseUnsigned(item.text, 32)
		written.text = strconv.FormatUint(base+turn, 10)
		return &written, nil
	}
	written.items = slices.Clone(item.items)
	for i, inner := range written.items {
		w, p := t.write(inner, turn)
		if p != nil {
			return nil, p
		}
		written.items[i] = w
	}
	return &written, t.spend(item.offset, len(written.items))
}

// index takes (@index base), whose value follows when its repetition is written out.
func (t *tree) index(l, around *node) *problem {
	repeated := slices.ContainsFunc(t.open, func(n *node) bool { return n.head() == "@repeat" })
	if !repeated || len(l.items) != 2 {
		return problemAt(l.offset, "an index has the form (@index 0) or (@index \"text\"), within a repetition")
	}
	base := l.items[1]
	if _, ok := parseUnsigned(base.text, 32); base.kind != text && (base.kind != word || !ok) {
		return problemAt(base.offset, "an index adds to a number or to a string")
	}
	around.items = append(around.items, &node{kind: base.kind, text: base.text, offset: l.offset, turn: true, varies: true})
	around.varies = true
	return t.spend(l.offset, 1)
}
