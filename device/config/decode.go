package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// decode makes a Config of a document's tree, or says all that is wrong.
func decode(file string, root *node, rules Rules) (*Config, error) {
	c, d := build(file, root)
	d.validate(c, rules)
	if len(d.problems) > 0 {
		return nil, d.errors()
	}
	return c, nil
}

// build decodes without the checks across keys.
func build(file string, root *node) (*Config, *decoder) {
	d := &decoder{file: file, root: root, explicit: map[string]bool{}, bad: map[string]bool{}}
	c := &Config{file: file, explicit: d.explicit}
	d.table("", root, reflect.ValueOf(c).Elem())
	if !d.explicit["storage.require_mount"] {
		c.Storage.RequireMount = removable(c.Storage.Path)
	}
	for name, s := range c.Streams {
		d.derive("streams."+name, &s)
		c.Streams[name] = s
	}
	return c, d
}

type decoder struct {
	file      string
	root      *node
	explicit  map[string]bool
	bad       map[string]bool // keys with a problem of their own, which further checks leave out
	problems  []*Error
	shapeless bool // something that should be a table is none, or has no name
}

// fail reports a problem with the key at path, at the place of the key, or of
// the nearest table around it that the document has.
func (d *decoder) fail(path, format string, args ...any) {
	_, near := d.root.find(path)
	d.bad[path] = true
	d.failHere(near, path, format, args...)
}

func (d *decoder) errors() Errors {
	slices.SortStableFunc(d.problems, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Key, b.Key))
	})
	return d.problems
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// table decodes a table into a struct, with defaults for what it does not have.
func (d *decoder) table(path string, n *node, v reflect.Value) {
	fields := fieldsOf(v.Type())
	known := map[string]*field{}
	for i := range fields {
		f := &fields[i]
		known[f.key] = f
		switch fv := v.Field(f.index); {
		case f.isNamed:
			fv.Set(reflect.MakeMap(f.typ))
		case f.isTable && n.children[f.key] == nil:
			d.table(join(path, f.key), newTable(), fv)
		case f.def != "":
			if err := setText(fv, f.def); err != nil {
				panic(fmt.Sprintf("config: schema of %s: default %q: %v", f.key, f.def, err))
			}
		}
	}
	for _, key := range n.order {
		child, f := n.children[key], known[key]
		if f == nil {
			d.unknown(path, key, child, fields)
			continue
		}
		d.key(join(path, key), f, child, v.Field(f.index))
	}
	for _, f := range fields {
		if f.required && n.children[f.key] == nil {
			d.fail(join(path, f.key), "missing, expected %s", f.expected())
		}
	}
}

// key decodes one known key.
func (d *decoder) key(path string, f *field, n *node, v reflect.Value) {
	switch {
	case f.short != "" && n.isScalar():
		d.shortTable(path, f, n, v)
	case (f.isTable || f.isNamed) && n.kind != tableNode:
		header := path
		if f.isNamed {
			header += ".NAME"
		}
		d.fail(path, "got %s, expected a table: [%s]", n.describe(), header)
		d.shapeless = true
		if f.isTable {
			d.table(path, newTable(), v)
		}
	case f.isTable:
		d.table(path, n, v)
	case f.isNamed:
		d.named(path, f, n, v)
	default:
		if err := f.set(v, n); err != nil {
			d.fail(path, "%v", err)
			return
		}
		d.explicit[path] = true
	}
}

// shortTable decodes a table that is written as the value of one of its keys.
func (d *decoder) shortTable(path string, f *field, n *node, v reflect.Value) {
	d.table(path, newTable(), v)
	for _, inner := range fieldsOf(f.typ) {
		if inner.key != f.short {
			continue
		}
		if err := inner.set(v.Field(inner.index), n); err != nil {
			d.fail(path, "%v", err)
			return
		}
		d.explicit[join(path, inner.key)] = true
	}
}

// named decodes a table of tables.
func (d *decoder) named(path string, f *field, n *node, v reflect.Value) {
	for _, name := range n.order {
		child, at := n.children[name], join(path, name)
		if !namePattern.MatchString(name) {
			d.failHere(child, join(path, quote(name)), "not a name: 1 to 32 of a-z, 0-9 and -, not starting with -")
			d.shapeless = true
			continue
		}
		if child.kind != tableNode {
			d.fail(at, "got %s, expected a table: [%s]", child.describe(), at)
			d.shapeless = true
			continue
		}
		elem := reflect.New(f.typ.Elem()).Elem()
		d.table(at, child, elem)
		v.SetMapIndex(reflect.ValueOf(name), elem)
	}
}

// failHere reports a problem at a node whose key is no part of a path.
func (d *decoder) failHere(n *node, key, format string, args ...any) {
	where := n.where
	if where.line == 0 && d.file != "" {
		where = position{1, 1}
	}
	d.problems = append(d.problems, &Error{
		File: d.file, Line: where.line, Column: where.column,
		Key: key, Message: fmt.Sprintf(format, args...),
	})
}

// unknown reports a key that the table does not have.
func (d *decoder) unknown(path, key string, n *node, fields []field) {
	d.failHere(n, join(path, shownKey(key)), "unknown key; %s", hint(key, fields))
}

// shownKey is a key as errors name it.
func shownKey(key string) string {
	if bareKey(key) {
		return key
	}
	return quote(key)
}

// hint says what may have been meant by a key that a table does not have.
func hint(key string, fields []field) string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	if i := slices.IndexFunc(fields, func(f field) bool { return f.was == key }); i >= 0 {
		return fmt.Sprintf("it is called %q now", fields[i].key)
	}
	if s := suggest(key, keys); s != "" {
		return fmt.Sprintf("did you mean %q?", s)
	}
	if other := tablesWith(reflect.TypeFor[Config](), "", key); len(other) > 0 {
		return "it belongs in " + strings.Join(other, " or ")
	}
	return "expected one of " + strings.Join(keys, ", ")
}

func bareKey(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// tablesWith lists the headers of the tables that have the key.
func tablesWith(t reflect.Type, path, key string) []string {
	var found []string
	for _, f := range fieldsOf(t) {
		at := join(path, f.key)
		switch {
		case f.isTable:
			if f.short != "" && f.key == key {
				found = append(found, "["+path+"]")
			}
			found = append(found, tablesWith(f.typ, at, key)...)
		case f.isNamed:
			found = append(found, tablesWith(f.typ.Elem(), at+".NAME", key)...)
		case f.key == key:
			found = append(found, "["+path+"]")
		}
	}
	return found
}

// derive fills in the defaults that follow from other values.
func (d *decoder) derive(path string, s *Stream) {
	s.Input.derive()
	s.Video.Bitrate.derive(func(key string) bool { return d.explicit[path+".video.bitrate."+key] })
	if !d.explicit[path+".video.bitrate_ceiling"] {
		s.Video.BitrateCeiling = levelBound(s.Video.Bitrate.Max)
	}
	if !d.explicit[path+".video.gop"] {
		s.Video.GOP = s.Segment.Duration
	}
	if !d.explicit[path+".segment.grace"] {
		window := s.Segment.Window.Duration
		if n := s.Segment.Window.Segments; n > 0 {
			window = Duration(n) * s.Segment.Duration
		}
		s.Segment.Grace = min(window+s.Segment.Duration, maxGrace)
	}
}

// removable says that a path is where disks are mounted that come and go.
func removable(path string) bool {
	return slices.ContainsFunc([]string{"/media/", "/mnt/", "/run/media/"}, func(p string) bool {
		return strings.HasPrefix(filepath.Clean(path)+"/", p)
	})
}

// derive fills in the format of the pattern; that of a capture device stays
// open where nobody set it.
func (in *Input) derive() {
	if in.Kind == "capture" {
		return
	}
	if in.Width == 0 {
		in.Width = 1280
	}
	if in.Height == 0 {
		in.Height = 720
	}
	if in.FrameRate == (FrameRate{}) {
		in.FrameRate = FrameRate{Num: 30, Den: 1}
	}
}

// leastBitrate is the derived least bit rate of pictures that are worth having.
const leastBitrate Bitrate = 150_000

// derive fills in the bounds that nobody has set.
func (b *VideoBitrate) derive(explicit func(key string) bool) {
	if !explicit("min") {
		b.Min = min(max(b.Max/10, leastBitrate), b.Max)
		if explicit("start") {
			b.Min = min(b.Min, b.Start)
		}
	}
	if !explicit("start") {
		b.Start = max(b.Max/2, b.Min)
	}
}

// levelBound steps rather than follows, so that most live changes of the bit
// rate leave the encoder's upper limit, and so the encoder, as it is.
func levelBound(b Bitrate) Bitrate {
	for _, bound := range []Bitrate{10_000_000, 20_000_000, 50_000_000} {
		if b <= bound {
			return bound
		}
	}
	return 100_000_000
}
