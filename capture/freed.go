package capture

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Freed is the list of functions behind a Pool's OnFree. The zero value is
// ready; it is safe for concurrent use, and Call does not allocate.
type Freed struct {
	mu    sync.Mutex // held while the list is replaced
	calls atomic.Pointer[[]*func()]
}

// Add adds f to those that Call calls, until remove is called.
func (f *Freed) Add(call func()) (remove func()) {
	entry := &call
	f.change(func(list []*func()) []*func() { return append(list, entry) })
	return func() {
		f.change(func(list []*func()) []*func() {
			return slices.DeleteFunc(list, func(e *func()) bool { return e == entry })
		})
	}
}

func (f *Freed) change(edit func([]*func()) []*func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []*func()
	if old := f.calls.Load(); old != nil {
		list = slices.Clone(*old)
	}
	list = edit(list)
	f.calls.Store(&list)
}

// Call calls each function once.
func (f *Freed) Call() {
	if list := f.calls.Load(); list != nil {
		for _, call := range *list {
			(*call)()
		}
	}
}
