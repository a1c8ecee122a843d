package config

import (
	"maps"
	"reflect"
	"slices"
)

// sparse is the configuration as a tree of only what has to be written down:
// the keys that were, and those whose value is no longer their default, also
// where the struct was changed by hand. Decoding it gives c again.
func (c *Config) sparse() *node {
	wanted := c.leaves()
	explicit := maps.Clone(c.explicit)
	if explicit == nil {
		explicit = map[string]bool{}
	}
	for {
		root := c.tree(func(path string) bool { return explicit[path] }, true)
		again, _ := build(c.file, root)
		missing := 0
		for path, text := range again.leaves() {
			if wanted[path] != text && !explicit[path] {
				explicit[path] = true
				missing++
			}
		}
		if missing == 0 {
			return root
		}
	}
}

// tree is the configuration as a tree of the leaves that include wants. Named
// tables are there even when they are empty.
func (c *Config) tree(include func(path string) bool, reveal bool) *node {
	t, _ := treeOf("", reflect.ValueOf(c).Elem(), include, reveal)
	return t
}

func treeOf(path string, v reflect.Value, include func(string) bool, reveal bool) (t *node, empty bool) {
	t = newTable()
	for _, f := range fieldsOf(v.Type()) {
		at, fv := join(path, f.key), v.Field(f.index)
		switch {
		case f.isTable:
			if child, none := treeOf(at, fv, include, reveal); !none || include(at) {
				child.short = f.short
				t.put(f.key, child)
			}
		case f.isNamed:
			named := newTable()
			for _, name := range sortedKeys(fv) {
				child, _ := treeOf(join(at, name), fv.MapIndex(reflect.ValueOf(name)), include, reveal)
				named.put(name, child)
			}
			if len(named.order) > 0 || include(at) {
				t.put(f.key, named)
			}
		case include(at):
			t.put(f.key, f.leafNode(fv, reveal))
		}
	}
	return t, len(t.order) == 0
}

func sortedKeys(m reflect.Value) []string {
	keys := make([]string, 0, m.Len())
	for _, k := range m.MapKeys() {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	return keys
}

// leaves are the values by path, secrets included.
func (c *Config) leaves() map[string]string {
	found := map[string]string{}
	collect("", c.tree(func(string) bool { return true }, true), found)
	return found
}

func collect(path string, n *node, found map[string]string) {
	if n.kind != tableNode {
		found[path] = n.text
		return
	}
	for _, key := range n.order {
		collect(join(path, key), n.children[key], found)
	}
}
