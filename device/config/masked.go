package config

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// MarshalMasked is Marshal with the secrets masked: for showing. Import takes it back.
func MarshalMasked(c *Config) []byte {
	written := map[string]string{}
	collect("", c.sparse(), written)
	var b strings.Builder
	writeTable(&b, "", c.tree(func(path string) bool {
		_, is := written[path]
		return is
	}, false), "\n")
	return []byte(strings.TrimPrefix(b.String(), "\n"))
}

// Import is the configuration of a TOML document, in the place of current. A secret
// that stands there as it is shown, masked, is current's of the same path. current
// is not changed. file is the document's name for errors. The error is an Errors with
// all that is wrong.
func Import(current *Config, file string, doc []byte, rules Rules) (*Config, error) {
	root, err := parseTree(file, doc)
	if err != nil {
		return nil, err
	}
	unmask(reflect.TypeFor[Config](), reflect.ValueOf(current).Elem(), root)
	next, err := decode(file, root, rules)
	if err != nil {
		return nil, err
	}
	next.file = current.file
	return next, nil
}

// unmask puts the secrets of current, a table of the type t, into their places in a
// document. current is invalid where there is no such table.
func unmask(t reflect.Type, current reflect.Value, doc *node) {
	if !current.IsValid() || doc.kind != tableNode {
		return
	}
	for _, f := range fieldsOf(t) {
		n := doc.children[f.key]
		if n == nil {
			continue
		}
		fv := current.Field(f.index)
		switch {
		case f.isTable:
			unmask(f.typ, fv, n)
		case f.isNamed:
			for _, name := range n.order {
				unmask(f.typ.Elem(), fv.MapIndex(reflect.ValueOf(name)), n.children[name])
			}
		case f.secret && shownAs(fv, n):
			if c, ok := fv.Interface().(concealed); ok {
				n.text = c.reveal()
			}
		}
	}
}

// Conceal masks the configuration's secrets in a text that others wrote.
func (c *Config) Conceal(text string) string {
	var secrets []string
	shown := map[string]string{}
	collect("", c.tree(func(string) bool { return true }, false), shown)
	for path, text := range c.leaves() {
		if shown[path] != text {
			secrets = append(secrets, text)
		}
	}
	for _, s := range c.Streams {
		for _, dest := range s.Destinations {
			secrets = append(secrets, dest.secrets()...)
		}
	}
	return mask(text, secrets)
}

// mask replaces secrets, the longest first. Very short ones would take half of any
// text with them.
func mask(text string, secrets []string) string {
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, s := range secrets {
		if len(s) > 2 {
			text = strings.ReplaceAll(text, s, Mask)
		}
	}
	return text
}
