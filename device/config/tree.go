package config

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// nodeKind is what a value is in the document, before the schema is asked.
type nodeKind uint8

const (
	tableNode nodeKind = iota + 1
	arrayNode
	stringNode
	numberNode
	boolNode
	timeNode
	nullNode // JSON only
)

// node is a value of a document, TOML or JSON, with where it stands. The same
// tree is decoded, merged and patched, so that file and API share every rule.
type node struct {
	kind nodeKind
	text string // of a scalar: the string itself, the number in plain decimal, "true" or "false"

	order    []string // of a table: its keys as they came
	children map[string]*node

	short string // of a table: if this is its only key, it can be written as its value

	where position // of the key in the document; zero where there is none
	// Byte ranges in a TOML document, for Patch.
	entry span      // key = value, without surrounding space and comment
	value span      // the value
	form  tableForm // how a table is written
	body  span      // of a table with a header: from after the header's line to the next header or the end
}

// tableForm is how a table came to be.
type tableForm uint8

const (
	impliedTable tableForm = iota // by a dotted key or by a subtable's header
	headerTable                   // [key]
	inlineTable                   // key = {…}
)

type span struct{ start, end int }

type position struct{ line, column int }

func newTable() *node { return &node{kind: tableNode, children: map[string]*node{}} }

func leaf(kind nodeKind, text string) *node { return &node{kind: kind, text: text} }

func (n *node) isScalar() bool {
	return n.kind == stringNode || n.kind == numberNode || n.kind == boolNode
}

// shortest is the table's one value where it can be written so, else the node itself.
func (n *node) shortest() *node {
	if n.short != "" && len(n.order) == 1 && n.order[0] == n.short {
		return n.children[n.short]
	}
	return n
}

// put sets a child and returns it.
func (n *node) put(key string, child *node) *node {
	if _, ok := n.children[key]; !ok {
		n.order = append(n.order, key)
	}
	n.children[key] = child
	return child
}

func (n *node) remove(key string) {
	if _, ok := n.children[key]; ok {
		delete(n.children, key)
		n.order = slices.DeleteFunc(n.order, func(k string) bool { return k == key })
	}
}

// find is the node at a path, or nil; nearest is the deepest node on the way.
func (n *node) find(path string) (found, nearest *node) {
	if path == "" {
		return n, n
	}
	for key := range strings.SplitSeq(path, ".") {
		child := n.children[key]
		if child == nil {
			return nil, n
		}
		n = child
	}
	return n, n
}

// describe says what the value is, for errors.
func (n *node) describe() string {
	switch n.kind {
	case tableNode:
		return "a table"
	case arrayNode:
		return "a list"
	case stringNode:
		return quote(n.text)
	case nullNode:
		return "null"
	}
	return clip(n.text)
}

func quote(s string) string { return strconv.Quote(clip(s)) }

// clip keeps error lines short.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	cut := most
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// parseTree reads a TOML document into a tree. Its errors never quote a value:
// what cannot be parsed could be a secret.
func parseTree(file string, doc []byte) (*node, error) {
	// Of the whole document's rules (keys and tables defined once, dates that
	// exist, UTF-8) the library keeps track when it decodes.
	var all map[string]any
	if err := toml.Unmarshal(doc, &all); err != nil {
		return nil, Errors{syntaxError(file, doc, err)}
	}
	b := &treeBuilder{doc: doc, root: newTable()}
	b.root.form = headerTable
	b.parser.Reset(doc)
	b.current = b.root
	for b.parser.NextExpression() {
		b.expression(b.parser.Expression())
	}
	if err := b.parser.Error(); err != nil {
		return nil, Errors{syntaxError(file, doc, err)}
	}
	b.current.body.end = len(doc)
	return b.root, nil
}

// syntaxError locates a parser's error, and names the key on that line.
func syntaxError(file string, doc []byte, err error) *Error {
	e := &Error{File: file, Message: strings.TrimPrefix(err.Error(), "toml: ")}
	var d *toml.DecodeError
	if !errors.As(err, &d) {
		return e
	}
	e.Line, e.Column = d.Position()
	lines := bytes.Split(doc, []byte("\n"))
	if e.Line < 1 || e.Line > len(lines) {
		return e
	}
	line := lines[e.Line-1]
	const keyChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.[]"
	word := strings.TrimLeft(string(line), " \t")
	if end := strings.IndexFunc(word, func(r rune) bool { return !strings.ContainsRune(keyChars, r) }); end >= 0 {
		word = word[:end]
	}
	before, _, assigned := bytes.Cut(line, []byte("="))
	switch {
	case strings.HasPrefix(word, "["):
		e.Message += ", in the table header " + quote(word)
	case assigned && word != "" && strings.TrimSpace(string(before)) == word:
		// Only a bare key is quoted, never what stands behind it.
		e.Message += ", in the value of " + quote(word)
		if !strings.Contains(e.Message, "string") && !strings.Contains(e.Message, "escape") {
			e.Message += "; texts need quotes: " + word + ` = "…"`
		}
		if e.Column <= len(before)+1 || strings.Contains(e.Message, "already") {
			e.Message = strings.TrimPrefix(err.Error(), "toml: ") + ", at " + quote(word)
		}
	default:
		e.Message += `; a line is [table], key = value, or # comment`
	}
	return e
}

type treeBuilder struct {
	parser  unstable.Parser
	doc     []byte
	root    *node
	current *node // the table that key = value lines go to
}

func (b *treeBuilder) expression(e *unstable.Node) {
	switch e.Kind {
	case unstable.Table, unstable.ArrayTable:
		b.header(e)
	case unstable.KeyValue:
		b.keyValue(b.current, e)
	}
}

// header opens the table of a [header] or [[header]] line.
func (b *treeBuilder) header(e *unstable.Node) {
	keys := b.keys(e.Key())
	first, last := keys[0], keys[len(keys)-1]
	lineStart := bytes.LastIndexByte(b.doc[:first.start], '\n') + 1
	b.current.body.end = lineStart

	t := b.descend(b.root, keys)
	t.form = headerTable
	t.where = b.position(first.start)
	bodyStart := len(b.doc)
	if i := bytes.IndexByte(b.doc[last.end:], '\n'); i >= 0 {
		bodyStart = last.end + i + 1
	}
	t.entry = span{lineStart, bodyStart}
	t.body = span{bodyStart, len(b.doc)}
	if e.Kind == unstable.ArrayTable {
		t.kind = arrayNode // the schema has none: reported as a list
	}
	b.current = t
}

// keyValue adds a key = value line, or one entry of an inline table, to a table.
func (b *treeBuilder) keyValue(t *node, e *unstable.Node) {
	keys := b.keys(e.Key())
	last := keys[len(keys)-1]
	parent := b.descend(t, keys[:len(keys)-1])
	n := b.val(e.Value())
	n.where = b.position(keys[0].start)
	n.entry = span{int(e.Raw.Offset), int(e.Raw.Offset + e.Raw.Length)}
	n.value = span{b.valueStart(last.end), n.entry.end}
	parent.put(last.name, n)
}

// valueStart is where the value after a key begins: past "=" and space.
func (b *treeBuilder) valueStart(keyEnd int) int {
	i := keyEnd
	for i < len(b.doc) && strings.IndexByte(" \t=", b.doc[i]) >= 0 {
		i++
	}
	return i
}

func (b *treeBuilder) val(v *unstable.Node) *node {
	switch v.Kind {
	case unstable.InlineTable:
		t := newTable()
		t.form = inlineTable
		for it := v.Children(); it.Next(); {
			b.keyValue(t, it.Node())
		}
		return t
	case unstable.Array:
		return leaf(arrayNode, "")
	case unstable.String:
		return leaf(stringNode, string(v.Data))
	case unstable.Integer:
		return leaf(numberNode, plainInteger(string(v.Data)))
	case unstable.Float:
		return leaf(numberNode, plainFloat(string(v.Data)))
	case unstable.Bool:
		return leaf(boolNode, string(v.Data))
	}
	return leaf(timeNode, string(v.Data))
}

// plainInteger is a TOML integer (0x…, 1_000) in plain decimal.
func plainInteger(s string) string {
	i, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		return s
	}
	return strconv.FormatInt(i, 10)
}

// plainFloat is a TOML or JSON number (2.5e6, 1_0.5) in plain decimal.
func plainFloat(s string) string {
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	if err != nil || math.Abs(f) > 1e15 || math.IsNaN(f) {
		return s
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

type keyPart struct {
	name string
	span
}

func (b *treeBuilder) keys(it unstable.Iterator) []keyPart {
	var keys []keyPart
	for it.Next() {
		r := it.Node().Raw
		keys = append(keys, keyPart{string(it.Node().Data), span{int(r.Offset), int(r.Offset + r.Length)}})
	}
	return keys
}

// descend goes to the table at keys, making what is not there yet. A list on
// the way ([[header]]) is one table for this purpose; it is refused anyway.
func (b *treeBuilder) descend(t *node, keys []keyPart) *node {
	for _, k := range keys {
		child := t.children[k.name]
		if child == nil {
			child = newTable()
			child.where = b.position(k.start)
			t.put(k.name, child)
		}
		if child.children == nil {
			child.children = map[string]*node{}
		}
		t = child
	}
	return t
}

func (b *treeBuilder) position(offset int) position {
	start := bytes.LastIndexByte(b.doc[:offset], '\n') + 1
	return position{
		line:   1 + bytes.Count(b.doc[:offset], []byte("\n")),
		column: 1 + utf8.RuneCount(b.doc[start:offset]),
	}
}
