package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Change is one difference between two configurations, as they are written down.
type Change struct {
	Path string
	// Old and New are the values in TOML's notation, secrets concealed; "" where there is none.
	Old, New string
}

// Lines are the change for people: what went with "-", what came with "+".
func (c Change) Lines() (lines []string) {
	line := func(sign, value string) string {
		if value == emptyTable {
			return sign + " [" + c.Path + "]"
		}
		return sign + " " + c.Path + " = " + value
	}
	if c.Old != "" {
		lines = append(lines, line("-", c.Old))
	}
	if c.New != "" {
		lines = append(lines, line("+", c.New))
	}
	if c.Old == c.New {
		lines[1] += " # another one"
	}
	return lines
}

const emptyTable = "{}"

// Changes are the differences from one configuration to another, by path.
func Changes(from, to *Config) (all []Change) {
	was, is := from.written(), to.written()
	shownWas, shownIs := from.shown(), to.shown()
	for _, path := range slices.Sorted(maps.Keys(differences(was, is))) {
		c := Change{Path: path}
		if n := was[path]; n != nil && !n.isFull() {
			c.Old = shownNode(shownWas, path)
		}
		if n := is[path]; n != nil && !n.isFull() {
			c.New = shownNode(shownIs, path)
		}
		if c.Old != "" || c.New != "" {
			all = append(all, c)
		}
	}
	return all
}

// ChangedPaths are the paths of the differences, by path; for a table that came or
// went, its path alone.
func ChangedPaths(from, to *Config) []string {
	all := []string{}
	under := ""
	d := differences(from.written(), to.written())
	for _, path := range sortedPaths(d) {
		if under != "" && strings.HasPrefix(path, under) {
			continue
		}
		if n := cmpNode(d[path]); n.kind == tableNode {
			under = path + "."
		}
		all = append(all, path)
	}
	return all
}

// isFull says that a table is seen by its keys.
func (n *node) isFull() bool { return n.kind == tableNode && len(n.order) > 0 }

// written are the values that are written down, and the tables with names, by path.
func (c *Config) written() map[string]*node {
	all := map[string]*node{}
	flatten(reflect.TypeFor[Config](), "", c.sparse(), all)
	return all
}

// shown is the tree of all values with their secrets concealed.
func (c *Config) shown() *node { return c.tree(func(string) bool { return true }, false) }

func shownNode(shown *node, path string) string {
	n, _ := shown.find(path)
	if n == nil || n.kind == tableNode {
		return emptyTable
	}
	return tomlValue(n)
}

func flatten(t reflect.Type, path string, n *node, all map[string]*node) {
	for _, f := range fieldsOf(t) {
		at, child := join(path, f.key), n.children[f.key]
		switch {
		case child == nil:
		case f.isTable:
			flatten(f.typ, at, child, all)
		case f.isNamed:
			for _, name := range child.order {
				all[join(at, name)] = child.children[name]
				flatten(f.typ.Elem(), join(at, name), child.children[name], all)
			}
		default:
			all[at] = child
		}
	}
}

// difference is what stood at a path and what stands there; nil for nothing.
type difference struct{ was, is *node }

func cmpNode(d difference) *node {
	if d.is != nil {
		return d.is
	}
	return d.was
}

func differences(was, is map[string]*node) map[string]difference {
	all := map[string]difference{}
	for path, n := range was {
		if !sameNode(n, is[path]) {
			all[path] = difference{n, is[path]}
		}
	}
	for path, n := range is {
		if was[path] == nil {
			all[path] = difference{nil, n}
		}
	}
	return all
}

// sameNode compares values; of tables, that they are there.
func sameNode(a, b *node) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.kind == b.kind && (a.kind == tableNode || a.text == b.text)
}

// sortedPaths has a table before what is in it.
func sortedPaths(all map[string]difference) []string {
	return slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		return slices.Compare(strings.Split(a, "."), strings.Split(b, "."))
	})
}

// Rebase makes the draft the same changes to another configuration, of the same box
// at a later time. Where both changed the same thing in different ways, it returns the
// paths and leaves the draft as it was.
func (d *Draft) Rebase(onto *Config) (clashes []string) {
	base := d.base.written()
	mine, theirs := differences(base, d.Loose().written()), differences(base, onto.written())
	if clashes = clashing(mine, theirs); len(clashes) > 0 {
		return clashes
	}
	root := onto.sparse()
	for _, path := range sortedPaths(mine) {
		around, key := splitPath(path)
		switch is := mine[path].is; {
		case is == nil:
			if in, _ := root.find(around); in != nil {
				in.remove(key)
			}
		case is.kind == tableNode:
			root.descend(path)
		default:
			root.descend(around).put(key, is)
		}
	}
	d.base, d.root = onto, root
	return nil
}

// clashing are the paths at which two sets of changes cannot both be made.
func clashing(mine, theirs map[string]difference) (paths []string) {
	for _, path := range sortedPaths(mine) {
		m := mine[path]
		t, both := theirs[path]
		if both && !sameNode(m.is, t.is) || !both && (goneAbove(theirs, path) || m.goes() && touchedBelow(theirs, path)) ||
			both && m.comes() && !sameBelow(mine, theirs, path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// goes says that a table with a name was taken away.
func (d difference) goes() bool { return d.is == nil && d.was.kind == tableNode }

// comes says that a table with a name was made.
func (d difference) comes() bool { return d.was == nil && d.is.kind == tableNode }

func goneAbove(all map[string]difference, path string) bool {
	for path, _ = splitPath(path); path != ""; path, _ = splitPath(path) {
		if d, ok := all[path]; ok && d.goes() {
			return true
		}
	}
	return false
}

func touchedBelow(all map[string]difference, path string) bool {
	for other := range all {
		if strings.HasPrefix(other, path+".") {
			return true
		}
	}
	return false
}

// sameBelow says that both put the same into a table that both made.
func sameBelow(mine, theirs map[string]difference, path string) bool {
	for other, d := range mine {
		if strings.HasPrefix(other, path+".") && !sameNode(d.is, theirs[other].is) {
			return false
		}
	}
	for other, d := range theirs {
		if strings.HasPrefix(other, path+".") && !sameNode(d.is, mine[other].is) {
			return false
		}
	}
	return true
}

// Setting is a value that is written down, or a table with a name that holds nothing.
type Setting struct {
	Path  string
	Value string // in its notation without quotes, secrets concealed
	Table bool
}

// Settings are what is written down at and below a path, in the schema's order; for a
// value that is not, what holds.
func (c *Config) Settings(path string) (all []Setting, err error) {
	at, err := locate(path)
	if err != nil {
		return nil, err
	}
	if at.isValue() {
		text, _ := c.Effective(path)
		return []Setting{{Path: path, Value: text}}, nil
	}
	var walk func(path string, n *node)
	walk = func(path string, n *node) {
		if n.kind != tableNode {
			all = append(all, Setting{Path: path, Value: n.text})
			return
		}
		if at, err := locate(path); err == nil && at.isNamed() && len(n.order) == 0 {
			all = append(all, Setting{Path: path, Table: true})
		}
		for _, key := range n.order {
			walk(join(path, key), n.children[key])
		}
	}
	if n, _ := c.concealed().find(path); n != nil {
		walk(path, n)
	}
	return all, nil
}

// TOML is what is written down at and below a path as a document, secrets concealed:
// for showing, not for saving.
func (c *Config) TOML(path string) (string, error) {
	at, err := locate(path)
	if err != nil {
		return "", err
	}
	if at.isValue() {
		_, key := splitPath(path)
		return key + " = " + shownNode(c.shown(), path) + "\n", nil
	}
	var b strings.Builder
	if n, _ := c.concealed().find(path); n != nil {
		writeTable(&b, path, n, "\n")
	}
	return strings.TrimPrefix(b.String(), "\n"), nil
}

// concealed is the tree of what is written down with its secrets concealed.
func (c *Config) concealed() *node {
	written := c.written()
	return c.tree(func(path string) bool { return written[path] != nil }, false)
}
