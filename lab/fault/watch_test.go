package fault_test

import (
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"testing"
	"time"
)

// memory watches the heap.
type memory struct {
	quit, done chan struct{}

	mu      sync.Mutex // guards the fields below
	running map[string]bool
	before  uint64
	most    uint64
	during  []string
}

const heapBytes = "/memory/classes/heap/objects:bytes"

func heap() uint64 {
	s := []metrics.Sample{{Name: heapBytes}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

func watchMemory() *memory {
	runtime.GC()
	w := &memory{quit: make(chan struct{}), done: make(chan struct{}), running: map[string]bool{}, before: heap()}
	go func() {
		defer close(w.done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-w.quit:
				return
			case <-tick.C:
			}
			now := heap()
			w.mu.Lock()
			if now > w.most {
				w.most, w.during = now, w.during[:0]
				for name := range w.running {
					w.during = append(w.during, name)
				}
			}
			w.mu.Unlock()
		}
	}()
	return w
}

// note says that a cell runs, until the returned function is called.
func (w *memory) note(name string) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running[name] = true
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.running, name)
	}
}

func (w *memory) stop() (grown uint64, during []string) {
	close(w.quit)
	<-w.done
	slices.Sort(w.during)
	return w.most - min(w.before, w.most), w.during
}

// pulse notes when the machine gave us no time.
type pulse struct {
	mu   sync.Mutex  // guards the field below
	late []time.Time // beats that came late
}

// A beat is late by what a limit of a second cannot bear many times.
const (
	beat     = 20 * time.Millisecond
	lateness = 60 * time.Millisecond
)

func startPulse(t *testing.T) *pulse {
	p := &pulse{}
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			begin := time.Now()
			select {
			case <-time.After(beat):
			case <-quit:
				return
			}
			if now := time.Now(); now.Sub(begin) > beat+lateness {
				p.mu.Lock()
				p.late = append(p.late, now)
				p.mu.Unlock()
			}
		}
	})
	t.Cleanup(func() { close(quit); wg.Wait() })
	return p
}

// stopped says that beats have come late since a time.
func (p *pulse) stopped(since time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.late, since.Before)
}
