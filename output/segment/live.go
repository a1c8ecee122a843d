package segment

import "sync/atomic"

// Source has the segments of a stream. *Segmenter and *Live are two.
type Source interface {
	// Window is the newest state. It never blocks and is never nil.
	Window() *Window
}

// Live is where the windows of a stream are published, by one Segmenter after
// another (Config.Live): who reads it, and who waits for a window's Next, goes
// on when a segmenter is restarted with another configuration. Safe for
// concurrent use.
type Live struct{ window atomic.Pointer[Window] }

// NewLive returns one whose window lists nothing.
func NewLive() *Live {
	l := &Live{}
	l.window.Store(&Window{next: make(chan struct{})})
	return l
}

// Window implements Source.
func (l *Live) Window() *Window { return l.window.Load() }

// Retract publishes a window without segments: before Clear deletes their files.
func (l *Live) Retract() {
	old := l.Window()
	l.publish(&Window{Run: old.Run, Version: old.Version + 1, TimeOffset: old.TimeOffset})
}

// publish makes w the newest window and wakes those who wait for it.
func (l *Live) publish(w *Window) {
	w.next = make(chan struct{})
	close(l.window.Swap(w).next)
}

// Clear deletes what segmenters left in a stream's folder, and the folder when
// nothing else is in it: when the stream is gone for good. No segmenter may be
// running on it.
func Clear(dir string) error { return folder(dir).clear() }
