package device

import "sync"

// registry is what runs now, by name, for those who are not in the loop. The zero
// value has nothing. Safe for concurrent use.
type registry[T any] struct {
	mu sync.Mutex // guards the field below
	of map[string]*T
}

// add takes in what begins to run, in place of what had the name; remove is called
// when it has ended.
func (r *registry[T]) add(name string, t T) (remove func()) {
	mine := &t
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = map[string]*T{}
	}
	r.of[name] = mine
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.of[name] == mine {
			delete(r.of, name)
		}
	}
}

// get is what runs by a name; false where nothing does.
func (r *registry[T]) get(name string) (t T, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.of[name]; p != nil {
		return *p, true
	}
	return t, false
}
