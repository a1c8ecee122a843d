package machine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/encoderbox/encoderbox/device/status"
)

// flat is a state as path → JSON value, ASCII. Lists of things that have a name are
// by name: streams/main/destinations/youtube/state. What is null or empty is not in it.
type flat map[string]string

// names are the keys that name an element of a list.
var names = []string{"name", "code", "destination"}

// flatten takes a snapshot apart. Its number and time are left out: they differ always.
func flatten(s *status.Snapshot) (flat, error) {
	doc, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("machine: encode the state: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var root map[string]any
	if err := d.Decode(&root); err != nil {
		return nil, fmt.Errorf("machine: read back the state: %w", err)
	}
	delete(root, "sequence")
	delete(root, "time")
	f := flat{}
	f.add("", root)
	return f, nil
}

func (f flat) add(path string, v any) {
	switch v := v.(type) {
	case nil:
	case map[string]any:
		for k, below := range v {
			f.add(join(path, k), below)
		}
	case []any:
		for i, below := range v {
			f.add(join(path, element(i, below)), below)
		}
	case json.Number:
		f[path] = v.String()
	case bool:
		f[path] = strconv.FormatBool(v)
	default:
		f[path] = ascii(v)
	}
}

// element is what a path calls an element of a list.
func element(i int, v any) string {
	if object, ok := v.(map[string]any); ok {
		for _, key := range names {
			if name, ok := object[key].(string); ok && name != "" {
				return name
			}
		}
	}
	return strconv.Itoa(i)
}

// join adds a step to a path, escaped as in a JSON pointer (RFC 6901).
func join(path, step string) string {
	if strings.ContainsAny(step, "~/") {
		step = strings.NewReplacer("~", "~0", "/", "~1").Replace(step)
	}
	if path == "" {
		return step
	}
	return path + "/" + step
}

// only is the part of f that patterns select: the beginnings of paths, in which * is
// any one step. None selects all.
func (f flat) only(patterns [][]string) flat {
	if len(patterns) == 0 {
		return f
	}
	part := flat{}
	for path, v := range f {
		steps := strings.Split(path, "/")
		if slices.ContainsFunc(patterns, func(p []string) bool { return selects(p, steps) }) {
			part[path] = v
		}
	}
	return part
}

func selects(pattern, steps []string) bool {
	if len(pattern) > len(steps) {
		return false
	}
	for i, p := range pattern {
		if p != "*" && p != steps[i] {
			return false
		}
	}
	return true
}

// since is what must be told to somebody who knows old; null is what is gone.
func (f flat) since(old flat) flat {
	diff := flat{}
	for path, v := range f {
		if had, ok := old[path]; !ok || had != v {
			diff[path] = v
		}
	}
	for path := range old {
		if _, ok := f[path]; !ok {
			diff[path] = "null"
		}
	}
	return diff
}

// bodies are JSON objects that make up f together, of at most limit bytes each. There
// is always one. A value that is too long by itself is replaced by a note.
func (f flat) bodies(limit int) (all []string) {
	b := []byte("{")
	for _, path := range slices.Sorted(maps.Keys(f)) {
		entry := ascii(path) + ":" + f[path]
		if len(entry) > limit-2 {
			entry = ascii(path) + `:"(too long for a line)"`
		}
		if len(entry) > limit-2 {
			continue // a name of kilobytes: no configuration has one
		}
		if len(b)+1+len(entry)+1 > limit {
			all, b = append(all, string(b)+"}"), []byte("{")
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, entry...)
	}
	return append(all, string(b)+"}")
}

// shared is the newest state taken apart, once for all sessions.
type shared struct {
	mu   sync.Mutex // guards the fields below
	of   *status.Snapshot
	flat flat
}

// take returns what is not to be written to.
func (s *shared) take(of *status.Snapshot) (flat, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of != of {
		f, err := flatten(of)
		if err != nil {
			return nil, err
		}
		s.of, s.flat = of, f
	}
	return s.flat, nil
}
