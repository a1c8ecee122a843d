package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Marshal is the configuration as a TOML document with all that has to be
// written down and nothing else, secrets included: for Save, not for showing.
func Marshal(c *Config) []byte {
	var b strings.Builder
	writeTable(&b, "", c.sparse(), "\n")
	return []byte(strings.TrimPrefix(b.String(), "\n"))
}

// writeTable writes a table's header and keys, then its subtables. A header
// is left out where the subtables' headers imply it.
func writeTable(b *strings.Builder, path string, t *node, eol string) {
	var leaves, tables []string
	for _, key := range t.order {
		if t.children[key].shortest().kind == tableNode {
			tables = append(tables, key)
		} else {
			leaves = append(leaves, key)
		}
	}
	if path != "" && (len(leaves) > 0 || len(tables) == 0) {
		fmt.Fprintf(b, "%s[%s]%s", eol, path, eol)
	}
	for _, key := range leaves {
		fmt.Fprintf(b, "%s = %s%s", key, tomlValue(t.children[key].shortest()), eol)
	}
	for _, key := range tables {
		writeTable(b, join(path, key), t.children[key], eol)
	}
}

// tomlValue is a value's TOML notation; of a table, the inline one.
func tomlValue(n *node) string {
	switch n.kind {
	case tableNode:
		parts := make([]string, 0, len(n.order))
		for _, key := range n.order {
			parts = append(parts, key+" = "+tomlValue(n.children[key].shortest()))
		}
		if len(parts) == 0 {
			return "{}"
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	case stringNode:
		return tomlString(n.text)
	}
	return n.text
}

// tomlString is a basic string: TOML has fewer escapes than Go.
func tomlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(s, "�") {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// isNamedTable says whether the tables at a path's children are keyed by name.
func isNamedTable(path string) bool {
	t := reflect.TypeFor[Config]()
	named := false
	for key := range strings.SplitSeq(path, ".") {
		if named {
			named = false
			continue
		}
		found := false
		for _, f := range fieldsOf(t) {
			if f.key != key {
				continue
			}
			found, named, t = true, f.isNamed, f.typ
			if f.isNamed {
				t = f.typ.Elem()
			}
			break
		}
		if !found || t.Kind() != reflect.Struct {
			return false
		}
	}
	return named
}
