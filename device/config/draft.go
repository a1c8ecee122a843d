package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Draft is a configuration that somebody is making of another one, key by key. Each
// value is right in itself; whether they go together, Config says. It is not safe for
// concurrent use. A key that is set to its default is written down all the same, and so
// stays what it is when the default, which may follow another key, becomes another.
type Draft struct {
	base *Config
	root *node // what is written down
}

// NewDraft begins with a configuration as it is.
func NewDraft(base *Config) *Draft { return &Draft{base, base.sparse()} }

// Base is the configuration that the draft is to be compared with.
func (d *Draft) Base() *Config { return d.base }

// maxValue bounds a value, bytes.
const maxValue = 16 << 10

// Set sets a path to a value in its notation, without quotes; a path of a table with
// a name and an empty value make that table. A secret set as it is shown, masked,
// stays what it is. An error, which is an *Error, leaves the draft as it was.
func (d *Draft) Set(path, value string) error {
	at, err := locate(path)
	if err != nil {
		return err
	}
	if at.field != nil && at.field.isTable && at.field.short != "" {
		if at, err = at.child(at.field.short); err != nil {
			return err
		}
	}
	switch {
	case at.isNamed() && value == "":
		d.root.descend(at.path)
		return nil
	case at.isNamed():
		return &Error{Key: at.path, Message: fmt.Sprintf("is a table and takes no value; set one of its keys: %s", keyList(at.typ))}
	case at.path == "" || at.isNames():
		return &Error{Key: shownPath(at.path), Message: "expected a path that goes on: " + join(at.path, "NAME.KEY")}
	case !at.isValue():
		return &Error{Key: at.path, Message: "is a table, expected one of its keys: " + keyList(at.typ)}
	}
	n, err := d.read(at, value)
	if err != nil {
		return &Error{Key: at.path, Message: err.Error()}
	}
	if n != nil {
		around, key := splitPath(at.path)
		d.root.descend(around).put(key, n)
	}
	return nil
}

// read makes a node of a value as it is typed; nil for a secret that stays.
func (d *Draft) read(at spot, value string) (*node, error) {
	f := at.field
	switch {
	case len(value) > maxValue:
		return nil, fmt.Errorf("a value of %d bytes, expected at most %d", len(value), maxValue)
	case !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		return nil, fmt.Errorf("holds bytes that are no text, expected %s", f.expected())
	}
	v := reflect.New(f.typ).Elem()
	if now, _ := d.root.find(at.path); f.secret && now != nil {
		if err := setText(v, now.text); err == nil && shownAs(v, leaf(stringNode, value)) {
			return nil, nil
		}
	}
	kind := f.nodeKind()
	if switched, ok := map[string]string{"on": "true", "yes": "true", "off": "false", "no": "false"}[value]; ok && kind == boolNode {
		value = switched
	}
	if err := f.set(v, leaf(kind, value)); err != nil {
		return nil, err
	}
	return f.leafNode(v, true), nil
}

// Delete takes away what is written down at a path: a value has its default again, a
// table is gone. An error, which is an *Error, leaves the draft as it was.
func (d *Draft) Delete(path string) error {
	at, err := locate(path)
	if err != nil {
		return err
	}
	if path == "" {
		return &Error{Key: shownPath(path), Message: "everything cannot be deleted, expected a path"}
	}
	around, key := splitPath(path)
	in, _ := d.root.find(around)
	switch {
	case in != nil && in.children[key] != nil:
		in.remove(key)
		return nil
	case at.isNamed() && in != nil && len(in.order) > 0:
		return &Error{Key: path, Message: "there is none of this name, expected one of " + strings.Join(in.order, ", ")}
	case at.isValue():
		return &Error{Key: path, Message: "is not set: it has its default already"}
	}
	return &Error{Key: path, Message: "there is nothing to delete"}
}

// Assign sets paths to values, as Set does; "" sets one back to its default or takes its
// table away, if there is something. An error, which is an *Error, leaves the draft as
// it was.
func (d *Draft) Assign(values map[string]string) error {
	before := d.Loose()
	for _, path := range slices.Sorted(maps.Keys(values)) {
		_, err := locate(path)
		switch n, _ := d.root.find(path); {
		case err != nil:
		case values[path] != "":
			err = d.Set(path, values[path])
		case n != nil:
			err = d.Delete(path)
		}
		if err != nil {
			d.Replace(before)
			return err
		}
	}
	return nil
}

// Replace makes the draft another configuration, still to be compared with Base.
func (d *Draft) Replace(c *Config) { d.root = c.sparse() }

// Loose is the draft as far as it goes: with what is missing left empty, and nothing
// checked that takes more than one value.
func (d *Draft) Loose() *Config {
	c, _ := build("", d.root)
	c.file = d.base.file
	return c
}

// Config is the draft as a configuration. The error is an Errors with all that is
// wrong.
func (d *Draft) Config(rules Rules) (*Config, error) {
	c, err := decode("", d.root, rules)
	if err != nil {
		return nil, err
	}
	c.file = d.base.file
	return c, nil
}

// descend is the table at a path, made where there is none.
func (n *node) descend(path string) *node {
	if path == "" {
		return n
	}
	for key := range strings.SplitSeq(path, ".") {
		n = n.table(key)
	}
	return n
}

func splitPath(path string) (around, key string) {
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return "", path
}

// shownPath is a path as errors name it.
func shownPath(path string) string {
	if path == "" {
		return "(all)"
	}
	return path
}

func keyList(t reflect.Type) string {
	var keys []string
	for _, f := range fieldsOf(t) {
		keys = append(keys, f.key)
	}
	return strings.Join(keys, ", ")
}
