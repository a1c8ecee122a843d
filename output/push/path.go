package push

import (
	"sync"
	"sync/atomic"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/hub"
)

// flow is what was given to one connection and how far that has come: in the hub's
// ring, in the packet that is being written, and beyond that in the transport.
type flow struct {
	number uint64          // of the connection, from 1
	conn   output.PathConn // nil: it does not tell
	count  func() uint64   // the transport's Written without what a running Write has added; nil: unknown
	reader *hub.Reader
	mute   atomic.Bool // Path has panicked

	mu      sync.Mutex // guards the fields below
	writing bool
	mark    uint64 // count when the running Write began
	done    uint64 // bytes of the packets whose Write has ended
	written uint64 // the largest Path.Written so far
	dropped uint64
}

// counter is a PathConn whose Written costs no system call.
type counter interface{ Written() uint64 }

func newFlow(conn output.Conn, reader *hub.Reader) *flow {
	f := &flow{reader: reader}
	f.conn, _ = conn.(output.PathConn)
	if c, ok := conn.(counter); ok && f.conn != nil {
		f.count = c.Written
	}
	return f
}

// writes notes that a packet is about to be written.
func (f *flow) writes() {
	if f.count == nil {
		return
	}
	n := f.count()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writing, f.mark = true, n
}

// wrote notes that its Write has ended.
func (f *flow) wrote(p media.Packet) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writing = false
	f.done += uint64(len(p.Data))
}

// join adds to the transport's path what lies before it.
func (f *flow) join(p output.Path) output.Path {
	f.mu.Lock()
	defer f.mu.Unlock()
	st := f.reader.Stats()
	queued := uint64(st.Bytes)
	if inHand := st.Taken - f.done; !f.writing {
		queued += inHand // read, and about to be written
	} else if taken := max(p.Written, f.mark) - f.mark; taken < inHand {
		queued += inHand - taken
	}
	if f.count == nil {
		queued = uint64(st.Bytes) // which part of the packet in hand is in the transport, nobody knows
	}
	acked := p.Written - min(p.Outstanding+p.Dropped, p.Written)
	f.dropped = max(f.dropped, p.Dropped+st.DroppedBytes)
	f.written = max(f.written, p.Written+queued+st.DroppedBytes, acked+f.dropped)
	p.At = output.Now()
	p.Written, p.Dropped, p.Outstanding = f.written, f.dropped, f.written-f.dropped-acked
	p.AppLimited = p.AppLimited && queued == 0
	return p
}

// Path is what is known of the way to the receiver, the queue before the transport
// included: hub ring and the packet that is being written count as outstanding, what
// the ring lost or Advise had flushed as dropped; what Advise has left out counts
// nowhere. connection is another number for each connection, never 0 when ok. ok is
// false while there is no connection, and for kinds that know nothing of it. It may be
// called from any goroutine, and blocks no longer than a few system calls.
func (d *Destination) Path() (p output.Path, connection uint64, ok bool) {
	d.advising.Lock()
	f := d.flow
	d.advising.Unlock()
	if f == nil || f.conn == nil {
		return output.Path{}, 0, false
	}
	if p, ok = d.pathOf(f); !ok {
		return output.Path{}, 0, false
	}
	return f.join(p), f.number, true
}

// pathOf makes a panic of the connection's a line in the log, and asks it no more.
func (d *Destination) pathOf(f *flow) (p output.Path, ok bool) {
	if f.mute.Load() {
		return output.Path{}, false
	}
	panicked := true
	defer func() {
		if panicked {
			f.mute.Store(true)
		}
	}()
	defer d.survive()
	p, ok = f.conn.Path()
	panicked = false
	return p, ok
}

// Advise sets what a bit rate controller wants, for this connection and those to come.
// The same again changes nothing. It may be called from any goroutine, and blocks no
// longer than a system call.
//
//   - Pace is passed on to connections that have a pacer.
//   - Shed leaves pictures out, from the next key picture on; sound goes on. They
//     begin again with the next key picture.
//   - Pause leaves out everything, what is queued too. The connection stays for as long
//     as the receiver keeps it. That nothing is written then is neither a stall nor a
//     silence (Spec.Timeout), and no alarm (Spec.MinBitrate); nor is it with Shed.
//   - Flush, when it has another value than before, drops what is queued; it does
//     not concern connections to come.
func (d *Destination) Advise(a output.PathAdvice) {
	d.advising.Lock()
	defer d.advising.Unlock()
	d.mu.Lock()
	before := d.advice
	d.advice = a
	d.mu.Unlock()
	if a == before {
		return
	}
	switch now := shedding(a); {
	case now == shedding(before):
	case now == "":
		d.log.Info("bit rate policy: nothing is left out any more")
	default:
		d.log.Info("bit rate policy", "leaves out", now)
	}
	if f := d.flow; f != nil {
		d.tell(f, a, before)
	}
}

// begin makes a connection the running one, which gets the advice; nil for its end.
func (d *Destination) begin(f *flow) {
	d.advising.Lock()
	defer d.advising.Unlock()
	d.flow = f
	if f == nil {
		return
	}
	d.connections++
	f.number = d.connections
	d.mu.Lock()
	a := d.advice
	d.mu.Unlock()
	d.tell(f, a, output.PathAdvice{Flush: a.Flush})
}

// tell passes on what has changed. d.advising is held.
func (d *Destination) tell(f *flow, a, before output.PathAdvice) {
	if a.Flush != before.Flush {
		f.reader.Flush()
	}
	switch shedding(a) {
	case ShedAll:
		f.reader.Shed(hub.ShedAll)
	case ShedVideo:
		f.reader.Shed(hub.ShedVideo)
	default:
		f.reader.Shed(hub.ShedNothing)
	}
	if f.conn == nil || a.Pace == before.Pace {
		return
	}
	defer d.survive()
	if err := f.conn.Pace(a.Pace); err != nil {
		d.log.Debug("pace not set", "error", err) // the connection is about to end, and says why
	}
}

// restrained says that less than the whole programme is sent because Advise wants it.
func (d *Destination) restrained() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return shedding(d.advice) != ""
}

// shedding is Status.Shedding of an active connection.
func shedding(a output.PathAdvice) string {
	switch {
	case a.Pause:
		return ShedAll
	case a.Shed:
		return ShedVideo
	}
	return ""
}

// sheddingWords are Status.Reason of Status.Shedding.
var sheddingWords = map[string]string{
	ShedVideo: "sound only for now: the link does not carry the pictures as well",
	ShedAll:   "nothing is sent for now: the link does not carry it as well",
}
