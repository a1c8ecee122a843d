package forward

import (
	"io"
	"runtime/debug"
	"sync/atomic"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment"
)

// spareSegments is how many segment durations an upload may take longer than at best
// before viewers notice: players begin three segments before the end (RFC 8216
// §6.3.3), and play one of these while they load the next.
const spareSegments = 2

// pather is Files whose sockets tell what is on its way, of live and backlog together.
type pather interface {
	Path() (output.Path, bool)
}

// offer is what live was given since it last began to work, in bytes of segments.
type offer struct {
	number  uint64 // of output.Path's connection
	written uint64
	settled uint64 // delivered whole
	acked   uint64 // the largest so far
	dropped uint64
	current *segment.Segment // being uploaded
	sending []*meter         // its files
}

// meter counts what the transport has taken of one file.
type meter struct{ n atomic.Int64 }

// open counts from the beginning again each time the file is opened: for every
// attempt.
func (m *meter) open(open func() (io.ReadCloser, error)) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		r, err := open()
		if err != nil {
			return nil, err
		}
		m.n.Store(0)
		return &metered{r, m}, nil
	}
}

type metered struct {
	io.ReadCloser
	m *meter
}

// Read implements io.Reader.
func (r *metered) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.m.n.Add(int64(n))
	return n, err
}

// Path is what is known of live's way to the receiver, in bytes of segments. Written
// are the segments that are closed; Outstanding those of them that wait for live, and
// of the one that is being uploaded what the receiver's TCP has not acknowledged;
// Dropped those that live has left to the backlog or given up. The backlog itself is
// in none of them. Budget is spareSegments long, Segment one.
//
// ok is false before the first segment, and while the last attempt of live has failed;
// connection is another number after that. It may be called from any goroutine.
func (d *Destination) Path() (p output.Path, connection uint64, ok bool) {
	defer func() {
		if e := recover(); e != nil {
			d.log.Error("destination panicked", "panic", e, "stack", string(debug.Stack()))
			d.mu.Lock()
			d.mute = true
			d.mu.Unlock()
			p, connection, ok = output.Path{}, 0, false
		}
	}()
	d.mu.Lock()
	l, mute := d.running, d.mute
	d.mu.Unlock()
	if l == nil || mute {
		return output.Path{}, 0, false
	}
	return l.path()
}

func (l *life) path() (p output.Path, connection uint64, ok bool) {
	files, tells := l.files.(pather)
	if !tells {
		return output.Path{}, 0, false
	}
	socket, _ := files.Path() // without a connection nothing is on its way
	w := l.src.Window()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.cur.started || l.liveErr != nil {
		return output.Path{}, 0, false
	}
	o, waiting := &l.offer, l.waiting(w)
	var sent uint64 // of the segment that is being uploaded
	for _, m := range o.sending {
		sent += uint64(m.n.Load())
	}
	under := uint64(0)
	if o.current != nil {
		sent = min(sent, uint64(o.current.Bytes()))
		under = sent - min(socket.Outstanding, sent)
	}
	o.acked = max(o.acked, o.settled+under)
	o.written = max(o.written, o.acked+o.dropped)
	rest := o.written - o.acked
	o.dropped = max(o.dropped, rest-min(waiting-min(under, waiting), rest))
	return output.Path{
		At: output.Now(), Written: o.written, Dropped: o.dropped, Outstanding: rest - o.dropped,
		Retransmitted: socket.Retransmitted, RTT: socket.RTT, MinRTT: socket.MinRTT,
		Budget:     spareSegments * w.TargetDuration,
		AppLimited: o.current == nil || socket.AppLimited,
		Segment:    w.TargetDuration,
	}, o.number, true
}

// waiting is how many bytes live still has to deliver. l.mu is held.
func (l *life) waiting(w *segment.Window) (n uint64) {
	if l.set.Mode == InOrder {
		return uint64(max(l.ledger.bytes, 0))
	}
	current := l.offer.current
	for _, s := range w.Segments {
		if s.Sequence >= l.cur.next && s.Sequence < l.ledger.seen {
			n += uint64(s.Bytes())
		}
		if current != nil && s.Sequence == current.Sequence {
			current = nil
		}
	}
	if current != nil { // it has left the window meanwhile
		n += uint64(current.Bytes())
	}
	return n
}

// offered takes in a segment that has come. l.mu is held.
func (l *life) offered(s *segment.Segment) {
	if l.set.Mode == InOrder || s.Sequence >= l.cur.next {
		l.offer.written += uint64(s.Bytes())
	}
}

// reconnected begins the counts anew: live works, again. l.mu is held.
func (l *life) reconnected() {
	l.d.mu.Lock()
	l.d.connections++
	n := l.d.connections
	l.d.mu.Unlock()
	l.offer = offer{number: n, written: l.waiting(l.src.Window())}
}

// sends notes what live is about to upload, and counts how far that is.
func (l *life) sends(seg *segment.Segment, files []output.File) {
	meters := make([]*meter, len(files))
	for i := range files {
		meters[i] = &meter{}
		files[i].Open = meters[i].open(files[i].Open)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.offer.current, l.offer.sending = seg, meters
}

// sent notes that the upload has ended.
func (l *life) sent() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.offer.current, l.offer.sending = nil, nil
}

// Advise sets what a bit rate controller wants. The same again changes nothing. It may
// be called from any goroutine, and does not block. Segments are sent whole or not at
// all, so:
//
//   - Pace does nothing: TCP's congestion control paces.
//   - Shed has the backlog wait; live, with its pictures, goes on.
//   - Pause has live wait too, after the segment that is being uploaded. Afterwards it
//     goes on as after an outage: with what the playlist has then, the rest as the
//     destination's mode has it.
//   - Flush, when it has another value than before, has live go on with the last three
//     target durations, unless everything is to be sent in its order.
func (d *Destination) Advise(a output.PathAdvice) {
	d.mu.Lock()
	before, l := d.advice, d.running
	d.advice = a
	if l != nil {
		l.gov.restrain(a)
	}
	d.mu.Unlock()
	switch now := shedding(a); {
	case now == shedding(before):
	case now == "":
		d.log.Info("bit rate policy: nothing is held back any more")
	default:
		d.log.Info("bit rate policy", "holds back", now)
	}
	if l != nil && a.Flush != before.Flush {
		l.stale.Store(true)
	}
}

// runs makes a life the running one, which gets the advice; nil for its end.
func (d *Destination) runs(l *life) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running, d.mute = l, false
	if l != nil {
		l.gov.restrain(d.advice)
	}
}

// shedding is Status.Shedding.
func shedding(a output.PathAdvice) string {
	switch {
	case a.Pause:
		return ShedAll
	case a.Shed:
		return ShedBacklog
	}
	return ""
}

// sheddingWords are what Status.Text adds.
var sheddingWords = map[string]string{
	ShedBacklog: "; older segments wait, since the link carries no more",
	ShedAll:     "; nothing is sent for now, since the link does not carry it as well",
}
