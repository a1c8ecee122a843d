package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"strings"
)

// MarshalJSON is the configuration as the API shows it: every key with the
// value that holds, in the notation of the file, secrets masked.
func (c Config) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	writeJSON(&b, c.tree(func(string) bool { return true }, false))
	return b.Bytes(), nil
}

func writeJSON(b *bytes.Buffer, n *node) {
	switch n.kind {
	case tableNode:
		b.WriteByte('{')
		for i, key := range n.order {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSONString(b, key)
			b.WriteByte(':')
			writeJSON(b, n.children[key])
		}
		b.WriteByte('}')
	case numberNode, boolNode:
		b.WriteString(n.text)
	default:
		writeJSONString(b, n.text)
	}
}

func writeJSONString(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)         // a string into a buffer cannot fail
	b.Truncate(b.Len() - 1) // the encoder's newline
}

// MergePatch is current changed by a JSON merge patch (RFC 7386) on the form
// that MarshalJSON gives: null sets a key back to its default and removes a
// stream or a destination. A value in place of a table that has a short form
// changes the key that it is short for, and leaves the others. A secret sent as it is shown, masked, stays what it
// is. A value sent as it already holds is no change: a default stays a default.
// current itself is not changed. The error is an Errors with all that is wrong.
func MergePatch(current *Config, patch []byte, rules Rules) (*Config, error) {
	p, err := parseJSON(patch)
	if err != nil {
		return nil, Errors{{Message: err.Error()}}
	}
	root := current.sparse()
	written := map[string]string{}
	collect("", root, written)
	merge(reflect.TypeFor[Config](), reflect.ValueOf(current).Elem(), root, p)

	next, err := decode("", root, rules)
	if err != nil {
		return nil, err
	}
	next.file = current.file
	next.forgetUnchanged(current.leaves(), written)
	return next, nil
}

// forgetUnchanged takes keys off the list of those that are written down, where
// they were not before and got the value that held already, as happens when a
// client sends back all that it was shown. A key whose default has meanwhile
// become another, since it follows a changed one, is kept.
func (c *Config) forgetUnchanged(old, written map[string]string) {
	explicit := maps.Clone(c.explicit)
	for path, text := range c.leaves() {
		was, there := old[path]
		_, before := written[path]
		if !before && there && was == text {
			delete(explicit, path)
		}
	}
	trial := *c
	trial.explicit = explicit
	c.explicit = map[string]bool{}
	kept := map[string]string{}
	collect("", trial.sparse(), kept)
	for path := range kept {
		c.explicit[path] = true
	}
}

// merge changes the table target by a patch. t is the table's type; current is
// its present value, invalid where there is none.
func merge(t reflect.Type, current reflect.Value, target, patch *node) {
	known := map[string]field{}
	for _, f := range fieldsOf(t) {
		known[f.key] = f
	}
	for _, key := range patch.order {
		n := patch.children[key]
		f, ok := known[key]
		if !ok {
			target.put(key, n) // decoding reports it
			continue
		}
		var fv reflect.Value
		if current.IsValid() {
			fv = current.Field(f.index)
		}
		switch {
		case n.kind == nullNode:
			target.remove(key)
		case f.short != "" && n.isScalar():
			target.table(key).put(f.short, n)
		case f.isTable && n.kind == tableNode:
			merge(f.typ, fv, target.table(key), n)
		case f.isNamed && n.kind == tableNode:
			mergeNamed(f.typ, fv, target.table(key), n)
		case f.secret && shownAs(fv, n):
		default:
			target.put(key, n)
		}
	}
}

// mergeNamed is merge for a table of tables.
func mergeNamed(t reflect.Type, current reflect.Value, target, patch *node) {
	for _, name := range patch.order {
		n := patch.children[name]
		switch n.kind {
		case nullNode:
			target.remove(name)
		case tableNode:
			var elem reflect.Value
			if current.IsValid() {
				elem = current.MapIndex(reflect.ValueOf(name))
			}
			merge(t.Elem(), elem, target.table(name), n)
		default:
			target.put(name, n)
		}
	}
}

// table is the child table at key, made where there is none.
func (n *node) table(key string) *node {
	if child := n.children[key]; child != nil && child.kind == tableNode {
		return child
	}
	return n.put(key, newTable())
}

// shownAs says that a node is a secret sent back as it is shown.
func shownAs(v reflect.Value, n *node) bool {
	if !v.IsValid() || n.kind != stringNode || n.text == "" {
		return false
	}
	shown := fmt.Sprint(v.Interface())
	return shown != "" && (n.text == shown && strings.Contains(shown, Mask) || n.text == Mask)
}

const maxJSONDepth = 16 // the schema has 5

// parseJSON reads a JSON object into a tree.
func parseJSON(doc []byte) (*node, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	n, err := jsonValue(d, 0)
	if err == nil && n.kind != tableNode {
		return nil, fmt.Errorf("got %s, expected a JSON object with the keys to change", n.describe())
	}
	if err == nil {
		if _, end := d.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("more text after the object")
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ends too early")
	}
	if err != nil {
		return nil, fmt.Errorf("not valid JSON near byte %d: %w", d.InputOffset(), err)
	}
	return n, nil
}

func jsonValue(d *json.Decoder, depth int) (*node, error) {
	if depth > maxJSONDepth {
		return nil, errors.New("nested too deeply")
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return jsonObject(d, depth)
		}
		for d.More() {
			if _, err := jsonValue(d, depth+1); err != nil {
				return nil, err
			}
		}
		_, err := d.Token()
		return leaf(arrayNode, ""), err
	case json.Number:
		return leaf(numberNode, plainFloat(t.String())), nil
	case bool:
		return leaf(boolNode, fmt.Sprint(t)), nil
	case string:
		return leaf(stringNode, t), nil
	}
	return leaf(nullNode, ""), nil
}

func jsonObject(d *json.Decoder, depth int) (*node, error) {
	n := newTable()
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		value, err := jsonValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		name, _ := key.(string) // the decoder lets nothing else be a key
		n.put(name, value)
	}
	_, err := d.Token()
	return n, err
}
