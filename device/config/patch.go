package config

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Patch changes a TOML document so that it configures next, and keeps all else
// of it: comments, order, notation of what did not change. Where it cannot
// (kept is false), it returns a document written anew, without the comments.
// The result is proven by reading it again; an error means that next itself is
// not a valid configuration.
func Patch(doc []byte, next *Config) (out []byte, kept bool, err error) {
	if out, ok := patchInPlace(doc, next); ok {
		return out, true, nil
	}
	out = append([]byte("# Written anew by encoderd, without comments: what had them is in the folder versions of storage.state.\n\n"), Marshal(next)...)
	again, err := Parse(next.file, out, Rules{})
	if err != nil {
		return nil, false, fmt.Errorf("config: write the new version: %w", err)
	}
	if !again.Equal(next) {
		return nil, false, fmt.Errorf("config: write the new version: reading it again gives other values")
	}
	return out, false, nil
}

func patchInPlace(doc []byte, next *Config) ([]byte, bool) {
	root, err := parseTree("", doc)
	if err != nil {
		return nil, false
	}
	old, d := build("", root)
	if len(d.problems) > 0 {
		return nil, false
	}
	p := &patcher{doc: doc, root: root, old: old.leaves(), eol: "\n"}
	if bytes.Contains(doc, []byte("\r\n")) {
		p.eol = "\r\n"
	}
	p.table("", root, next.sparse(), root)
	out, ok := p.apply()
	if !ok {
		return nil, false
	}
	again, err := Parse("", out, Rules{})
	return out, err == nil && again.Equal(next)
}

// patcher collects the edits that make one document of another.
type patcher struct {
	doc   []byte
	root  *node
	old   map[string]string // canonical values by path
	eol   string
	edits []edit
}

// edit replaces a range, which may be empty, by a text.
type edit struct {
	span
	text string
	rank rank
}

// rank is the order of edits that begin at the same place: a new key belongs to the
// table before it, so it comes before a new header.
type rank int

const (
	aKey rank = iota
	aTable
	aChange
)

// table makes the table at path, as the document has it, what want says.
// header is the table whose header the lines of this one stand under.
func (p *patcher) table(path string, have, want, header *node) {
	if have.form == headerTable {
		header = have
	}
	for _, key := range have.order {
		if want.children[key] == nil {
			p.remove(path, key, have.children[key])
		}
	}
	for _, key := range want.order {
		at, w := join(path, key), want.children[key]
		h := have.children[key]
		if h == nil || h.isScalar() {
			if s := w.shortest(); s != w {
				at, w = join(at, w.short), s
			}
		}
		switch {
		case h == nil && w.kind == tableNode:
			p.addTable(path, at, w)
		case h == nil:
			p.addKey(path, key, have, w, header)
		case h.form == inlineTable && h.kind == tableNode:
			if !p.same(at, h, w) {
				p.replace(h.value, tomlValue(w))
			}
		case w.kind == tableNode && h.isScalar(): // no longer short
			p.replace(h.value, tomlValue(w))
		case w.kind == tableNode:
			p.table(at, h, w, header)
		case p.old[at] != w.text:
			p.replace(h.value, tomlValue(w))
		}
	}
}

// same says whether an inline table has exactly the keys and values wanted.
func (p *patcher) same(path string, have, want *node) bool {
	if s := want.shortest(); s != want && have.isScalar() {
		path, want = join(path, want.short), s
		return p.old[path] == want.text
	}
	if have.kind != want.kind || len(have.order) != len(want.order) {
		return false
	}
	if want.kind != tableNode {
		return p.old[path] == want.text
	}
	return !slices.ContainsFunc(want.order, func(key string) bool {
		h := have.children[key]
		return h == nil || !p.same(join(path, key), h, want.children[key])
	})
}

// remove takes a key, or a table with all its keys, out of the document. A
// table's header stays where the schema has the table anyway: it may carry
// comments, and does no harm.
func (p *patcher) remove(path, key string, n *node) {
	if n.kind != tableNode || n.form == inlineTable {
		p.replace(p.lines(n.entry), "")
		return
	}
	for _, k := range n.order {
		p.remove(join(path, key), k, n.children[k])
	}
	if n.form == headerTable && p.underName(join(path, key)) {
		p.replace(p.withBlank(n.entry), "")
	}
}

// underName says that the path is a named table, or within one.
func (p *patcher) underName(path string) bool {
	for i, c := range path {
		if c == '.' && isNamedTable(path[:i]) {
			return true
		}
	}
	return false
}

// addKey writes a new key beside the others of its table.
func (p *patcher) addKey(path, key string, have, want, header *node) {
	name := key
	last, at := 0, -1
	for _, k := range have.order {
		if n := have.children[k]; n.entry.end > last && (n.kind != tableNode || n.form == inlineTable) {
			last, at = n.entry.end, p.lineEnd(n.entry.end)
		}
	}
	switch {
	case have.form == headerTable && at < 0:
		at = have.body.start
	case have.form == impliedTable && at < 0: // only subtables' headers imply it
		p.insert(aTable, len(p.doc), fmt.Sprintf("%s[%s]%s%s = %s%s", p.eol, path, p.eol, key, tomlValue(want), p.eol))
		return
	case have.form == impliedTable: // dotted keys under the header
		name = join(p.relative(header, path), key)
	}
	indent := p.indent(last)
	p.insert(aKey, at, indent+name+" = "+tomlValue(want)+p.eol)
}

// relative is a path as seen from under a header.
func (p *patcher) relative(header *node, path string) string {
	n, rest := p.root, path
	for n != header && rest != "" {
		key, after, _ := strings.Cut(rest, ".")
		n, rest = n.children[key], after
	}
	return rest
}

// addTable writes a new table behind the last line of the tables around it.
func (p *patcher) addTable(parent, path string, want *node) {
	var b strings.Builder
	writeTable(&b, path, want, p.eol)
	at := len(p.doc)
	for around := parent; around != ""; {
		if n, _ := p.root.find(around); n != nil {
			if end := p.lastEntry(n); end > 0 {
				at = p.lineEnd(end)
				break
			}
		}
		i := strings.LastIndexByte(around, '.')
		around = around[:max(i, 0)]
	}
	p.insert(aTable, at, b.String())
}

// lastEntry is the end of the last line that belongs to a table, its header or
// a key, in it or below; 0 when it has none.
func (p *patcher) lastEntry(n *node) int {
	end := n.entry.end
	if n.form == headerTable && n.kind == tableNode && end > 0 {
		end = max(n.entry.start, end-1) // it includes its end of line
	}
	for _, k := range n.order {
		end = max(end, p.lastEntry(n.children[k]))
	}
	return end
}

// insert puts whole lines at a line's start, or at the end of the document.
func (p *patcher) insert(r rank, at int, text string) {
	if at > 0 && p.doc[at-1] != '\n' {
		text = p.eol + text
	}
	p.edits = append(p.edits, edit{span{at, at}, text, r})
}

// replace puts a text in the place of a range.
func (p *patcher) replace(s span, text string) {
	p.edits = append(p.edits, edit{s, text, aChange})
}

// withBlank widens the range of a header by the blank line before it, which would be one
// of two where the table was.
func (p *patcher) withBlank(s span) span {
	if before, ok := bytes.CutSuffix(p.doc[:s.start], []byte(p.eol+p.eol)); ok {
		s.start = len(before) + len(p.eol)
	}
	return s
}

// lineEnd is the start of the line after an offset.
func (p *patcher) lineEnd(offset int) int {
	if i := bytes.IndexByte(p.doc[offset:], '\n'); i >= 0 {
		return offset + i + 1
	}
	return len(p.doc)
}

// lines widens a range to whole lines.
func (p *patcher) lines(s span) span {
	return span{bytes.LastIndexByte(p.doc[:s.start], '\n') + 1, p.lineEnd(s.end)}
}

// indent is the white space before the key that ends at an offset's line.
func (p *patcher) indent(offset int) string {
	start := bytes.LastIndexByte(p.doc[:offset], '\n') + 1
	line := p.doc[start:]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// apply is the document with the edits; false where they collide.
func (p *patcher) apply() ([]byte, bool) {
	slices.SortStableFunc(p.edits, func(a, b edit) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.rank, b.rank))
	})
	var out bytes.Buffer
	done := 0
	for _, e := range p.edits {
		if e.start < done {
			return nil, false
		}
		out.Write(p.doc[done:e.start])
		out.WriteString(e.text)
		done = e.end
	}
	out.Write(p.doc[done:])
	return out.Bytes(), true
}
