package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Key is what the schema says of a dotted path, such as
// "streams.main.video.bitrate.max".
type Key struct {
	Path string
	Form Form
	// Expected are the values that it takes, for people: "a bit rate from 64k to 100M".
	Expected string
	Enum     []string // all the values there are; nil: Expected says
	Unit     string
	// Default is what holds when it is not set, "" for nothing; Derived says in words
	// what the default follows from.
	Default, Derived string
	Help             string
	Kinds            []string // of destinations that have the key; none: all
	Required, Secret bool
	Short            string // of a table: the key that a value in its place stands for
}

// Form is what stands at a path.
type Form string

// The forms.
const (
	Table Form = "table" // keys
	Names Form = "names" // tables, by names that people choose
	Value Form = "value"
)

// maxPath bounds a path, bytes.
const maxPath = 256

// Describe says what stands at a path of the schema, whether or not a configuration
// has it; "" is the whole. The error is an *Error.
func Describe(path string) (Key, error) {
	at, err := locate(path)
	if err != nil {
		return Key{}, err
	}
	return at.describe(), nil
}

// spot is a place in the schema.
type spot struct {
	path  string
	typ   reflect.Type // of the table, or of the value
	field *field       // nil for the whole, and for a table that has a name
}

func (at spot) isNames() bool { return at.field != nil && at.field.isNamed }
func (at spot) isValue() bool { return at.field != nil && !at.field.isNamed && !at.field.isTable }

// isNamed says that it is a table with a name that somebody chose.
func (at spot) isNamed() bool { return at.field == nil && at.path != "" }

func (at spot) describe() Key {
	k := Key{Path: at.path, Form: Table, Help: "The whole configuration."}
	if at.isNamed() {
		k.Help = "A name you choose."
	}
	f := at.field
	if f == nil {
		return k
	}
	k.Help, k.Unit, k.Kinds, k.Short = f.help, f.unit, f.kinds, f.short
	switch {
	case f.isNamed:
		k.Form = Names
	case !f.isTable:
		k.Form, k.Expected, k.Enum = Value, f.expected(), f.enum
		k.Default, k.Derived, k.Required, k.Secret = f.def, f.derived, f.required, f.secret
		if f.typ.Kind() == reflect.Bool {
			k.Enum = []string{"true", "false"}
		}
	}
	return k
}

// locate finds a path in the schema.
func locate(path string) (spot, error) {
	at := spot{typ: reflect.TypeFor[Config]()}
	if len(path) > maxPath {
		return at, &Error{Key: quote(path), Message: fmt.Sprintf("a path of %d bytes, expected at most %d", len(path), maxPath)}
	}
	if path == "" {
		return at, nil
	}
	for key := range strings.SplitSeq(path, ".") {
		next, err := at.child(key)
		if err != nil {
			return at, err
		}
		at = next
	}
	return at, nil
}

// child is the place of a key, or of a name, in a table.
func (at spot) child(key string) (spot, error) {
	if at.isNames() {
		if !namePattern.MatchString(key) {
			return at, &Error{Key: join(at.path, quote(key)), Message: "not a name: 1 to 32 of a-z, 0-9 and -, not starting with -"}
		}
		return spot{path: join(at.path, key), typ: at.typ.Elem()}, nil
	}
	if at.isValue() {
		return at, &Error{Key: at.path, Message: fmt.Sprintf("is a value and has no %s below it, expected the path without it", quote(key))}
	}
	fields := fieldsOf(at.typ)
	for i, f := range fields {
		if f.key == key {
			return spot{path: join(at.path, key), typ: f.typ, field: &fields[i]}, nil
		}
	}
	return at, &Error{Key: join(at.path, shownKey(key)), Message: "unknown key; " + hint(key, fields)}
}

// Completion is one way for a path or a value to go on.
type Completion struct {
	Text string // the whole path, or the whole value
	Help string // one line
	More bool   // a path that goes on with "."
}

// Complete says how a path may go on that ends with the beginning of a key or of a
// name: with all keys, and with the names that c has.
func (c *Config) Complete(path string) (all []Completion) {
	around, begun := "", path
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		around, begun = path[:i], path[i+1:]
	}
	at, err := locate(around)
	if err != nil || at.isValue() {
		return nil
	}
	if at.isNames() {
		for _, name := range c.namesAt(around) {
			if strings.HasPrefix(name, begun) {
				all = append(all, Completion{Text: join(around, name), Help: at.field.help, More: true})
			}
		}
		return all
	}
	for _, f := range fieldsOf(at.typ) {
		if strings.HasPrefix(f.key, begun) {
			help := f.kindsText() + f.help
			all = append(all, Completion{Text: join(around, f.key), Help: help, More: f.isTable || f.isNamed})
		}
	}
	return all
}

// Paths are all paths that can be set, with the names that c has, in the schema's
// order.
func (c *Config) Paths() (all []string) {
	var walk func(path string)
	walk = func(path string) {
		if path != "" {
			path += "."
		}
		for _, next := range c.Complete(path) {
			if !next.More {
				all = append(all, next.Text)
				continue
			}
			if at, err := locate(next.Text); err == nil && at.isNamed() {
				all = append(all, next.Text)
			}
			walk(next.Text)
		}
	}
	walk("")
	return all
}

// Values are the values to offer for a path: all of an enumeration, else the present
// one and the default. Secrets are not offered.
func (c *Config) Values(path string) (all []Completion) {
	at, err := locate(path)
	if err != nil || !at.isValue() || at.field.secret {
		return nil
	}
	k := at.describe()
	now, _ := c.Effective(path)
	offer := func(text, help string) {
		if text != "" && !slices.ContainsFunc(all, func(o Completion) bool { return o.Text == text }) {
			all = append(all, Completion{Text: text, Help: help})
		}
	}
	for _, e := range k.Enum {
		help := ""
		switch e {
		case now:
			help = "now"
		case k.Default:
			help = "default"
		}
		offer(e, help)
	}
	offer(now, "now")
	offer(k.Default, "default")
	return all
}

// namesAt are the names in a table of names, sorted.
func (c *Config) namesAt(path string) []string {
	n, _ := c.tree(func(string) bool { return true }, false).find(path)
	if n == nil {
		return nil
	}
	return slices.Sorted(slices.Values(n.order))
}

// Effective is the value that holds at a path, in its notation, secrets concealed;
// set says that it is written down. It is "" where the path is no value.
func (c *Config) Effective(path string) (text string, set bool) {
	n, _ := c.tree(func(string) bool { return true }, false).find(path)
	if n == nil || n.kind == tableNode {
		return "", false
	}
	return n.text, c.explicit[path]
}
