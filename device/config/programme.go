package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Programme is a configuration with the streams of c and all else at its default: what
// the box does, without what the box is. Marshal it for a document of streams alone.
func (c *Config) Programme() *Config {
	p := Default()
	p.file, p.Streams = c.file, c.Clone().Streams
	p.explicit = maps.Clone(c.explicit)
	maps.DeleteFunc(p.explicit, func(path string, _ bool) bool { return !strings.HasPrefix(path, "streams.") })
	return p
}

// SameProgramme says whether both have the same streams.
func (c *Config) SameProgramme(o *Config) bool {
	return maps.EqualFunc(c.Streams, o.Streams, Stream.Equal)
}

// ReplaceProgramme is current with the streams of a TOML document in place of its own.
// The document may hold nothing else. file is its name for errors; it is not opened, and
// relative paths stay relative to current's file. current is not changed. The error is
// an Errors with all that is wrong.
func ReplaceProgramme(current *Config, file string, doc []byte, rules Rules) (*Config, error) {
	programme, err := parseTree(file, doc)
	if err != nil {
		return nil, err
	}
	var foreign Errors
	root := current.sparse()
	root.remove("streams")
	for _, key := range programme.order {
		n := programme.children[key]
		if key != "streams" && isBoxTable(key) {
			foreign = append(foreign, &Error{
				File: file, Line: n.where.line, Column: n.where.column, Key: key,
				Message: "is a setting of the box and not of its programme, expected [streams] tables alone: take it out",
			})
			continue
		}
		root.put(key, n) // decoding reports those that there are not
	}
	if len(foreign) > 0 {
		return nil, foreign
	}
	next, err := decode(file, root, rules)
	if err != nil {
		return nil, err
	}
	next.file = current.file
	return next, nil
}

// isBoxTable says that there is a table of this name.
func isBoxTable(key string) bool {
	return slices.ContainsFunc(fieldsOf(reflect.TypeFor[Config]()), func(f field) bool { return f.key == key })
}
