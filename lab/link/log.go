package link

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
)

// logChunk is how many events are allocated at a time: a log that grows does not
// copy what it has, which would hold up the packets.
const logChunk = 1 << 14

// Log keeps what happened in a queue, up to a bound; later events are counted only.
// Its methods may be called from any goroutine.
type Log struct {
	mu     sync.Mutex // guards the fields below
	chunks [][]bottleneck.Event
	n      int
	limit  int
	missed int64
	flows  []Flow
}

func newLog(limit int) *Log { return &Log{limit: limit} }

func (l *Log) add(e bottleneck.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n >= l.limit {
		l.missed++
		return
	}
	if l.n%logChunk == 0 {
		l.chunks = append(l.chunks, make([]bottleneck.Event, 0, logChunk))
	}
	e.Data = nil // the buffer is used again
	last := &l.chunks[len(l.chunks)-1]
	*last = append(*last, e)
	l.n++
}

// name is told each flow once, in order.
func (l *Log) name(f Flow) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flows = append(l.flows, f)
}

// Events returns all events so far, oldest first, without Data. At counts from the
// link's start, as Link.Now; Flow is an index into Flows.
func (l *Log) Events() []bottleneck.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Concat(l.chunks...)
}

// Missed is how many events came after the log was full.
func (l *Log) Missed() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.missed
}

// Flows are the connections seen, in the order of their first packets.
func (l *Log) Flows() []Flow {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.flows)
}

// Reset forgets all events, not the flows: what is logged next is a new run's.
func (l *Log) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.chunks, l.n, l.missed = nil, 0, 0
}

// WriteCSV writes all events, and before them a line "# flow N: …" for each flow.
func (l *Log) WriteCSV(w io.Writer) error {
	b := bufio.NewWriter(w)
	for i, f := range l.Flows() {
		fmt.Fprintf(b, "# flow %d: %v\n", i, f)
	}
	line := []byte(bottleneck.Columns)
	for _, e := range l.Events() {
		_, _ = b.Write(line) // Flush tells
		line = e.AppendCSV(line[:0])
	}
	_, _ = b.Write(line)
	if err := b.Flush(); err != nil {
		return fmt.Errorf("link: write the log: %w", err)
	}
	return nil
}

// Carried is how many bytes of a flow left the queue from one moment on and before
// another; of all flows when flow is below 0.
func Carried(events []bottleneck.Event, flow int, from, to time.Duration) (n int64) {
	for _, e := range events {
		if e.Kind == bottleneck.Dequeue && e.At >= from && e.At < to && (flow < 0 || e.Flow == flow) {
			n += int64(e.Size)
		}
	}
	return n
}
