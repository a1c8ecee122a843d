package hub

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/encoderbox/encoderbox/media"
)

// Join says where in the stream a reader begins.
type Join uint8

// The ways of joining.
const (
	// JoinCached begins with the cached packets since the last sync point: at
	// once, and up to a GOP behind. While pictures are held (Hub.HoldPictures) that
	// may be long ago: then it begins with the next packet of sound. For pushes.
	JoinCached Join = iota
	// JoinNextKey begins at the next sync point and asks the encoder for one:
	// no delay is carried along. For WebRTC and the like.
	JoinNextKey
	// JoinStill is JoinCached also while pictures are held, for those who show the
	// last one again.
	JoinStill
)

// Defaults of Options.
const (
	DefaultMaxPackets = 2048
	DefaultMaxBytes   = 16 << 20
)

// Options of a subscription.
type Options struct {
	Join Join
	// Codecs are those the reader takes, by preference: of each kind it gets the first
	// in the list that the programme has, and nothing of a kind that is not in the
	// list. Without video, every packet is a sync point. Nil: the programme's main
	// tracks, which is what it has without Offer.
	Codecs []media.Codec
	// Bounds of the reader's queue; zero means the default. A single packet
	// larger than MaxBytes still passes when nothing else is queued.
	MaxPackets, MaxBytes int
}

// ReaderStats are a reader's counters.
type ReaderStats struct {
	Packets int    // queued now
	Bytes   int    // queued now
	Dropped uint64 // packets lost because the reader was too slow, or flushed
	Shed    uint64 // packets left out because Shed wanted it so

	Taken        uint64 // bytes that Read has returned, all in all
	DroppedBytes uint64 // that the queue gave up, for whatever reason, or had no room for
}

// Reader is one output's view of the stream. When its queue is full it skips
// to the newest sync point in it, or to the next to come; the first packet of
// each track after that carries Gap, and what was lost is counted.
//
// Read and Tracks are called from one goroutine; Stats and Close from any.
type Reader struct {
	hub  *Hub
	opts Options
	wake chan struct{} // holds a token when something changed for Read

	// Of a reader with Options.Codecs, guarded by the hub's lock: the codec it gets
	// of each kind, 0 for none, and whether that includes video.
	codecs [media.Audio + 1]media.Codec
	video  bool

	mu      sync.Mutex // guards the fields below
	ring    []entry    // a ring of length cap; head is the oldest
	head    int
	n       int
	bytes   int
	synced  bool                  // a sync point has been queued and nothing lost since
	started bool                  // something was queued since the subscription
	gap     [media.Audio + 1]bool // by kind: the next packet queued follows a loss
	stats   ReaderStats           // its counters; Packets and Bytes are not kept
	shed    Shed                  // what is wanted
	noVideo bool                  // pictures are being left out; ends with a key picture
	ended   bool
	nothing bool // the programme has nothing of what the reader takes
}

// ErrNothing is the error of Read when the programme has no track, or no longer
// any, of what Options.Codecs names.
var ErrNothing = errors.New("the stream has nothing of what is taken")

type entry struct {
	packet media.Packet
	sync   bool
}

// Subscribe adds a reader. The caller closes it.
func (h *Hub) Subscribe(o Options) *Reader {
	if o.MaxPackets <= 0 {
		o.MaxPackets = DefaultMaxPackets
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	r := &Reader{hub: h, opts: o, wake: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		r.ended = true
		return r
	}
	h.readers[r] = struct{}{}
	r.choose()
	switch {
	case o.Join == JoinStill, o.Join == JoinCached && !h.PicturesHeld():
		r.pushCached()
	case o.Join == JoinNextKey && h.requestKey != nil && r.takesVideo():
		h.requestKey()
	}
	return r
}

// Tracks waits until the programme has all the tracks that the reader gets, and
// returns them, video before audio: none where it has nothing of what
// Options.Codecs names. It returns io.EOF once the hub is closed.
func (r *Reader) Tracks(ctx context.Context) ([]*media.Track, error) {
	for {
		if r.hasEnded() {
			return nil, io.EOF
		}
		tracks, wait := r.hub.currentTracks(r.opts.Codecs)
		if tracks != nil {
			return tracks, nil
		}
		select {
		case <-wait:
		case <-r.wake:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Read returns the next packet, waiting for it until ctx ends. The first one
// is a sync point. After Close, or when the hub has closed and the queue is
// empty, it returns io.EOF. While the programme has nothing for the reader, it
// returns ErrNothing.
func (r *Reader) Read(ctx context.Context) (media.Packet, error) {
	for {
		if p, ok := r.TryRead(); ok {
			return p, nil
		}
		if r.hasEnded() {
			// The last packet may have come between the two checks.
			if p, ok := r.TryRead(); ok {
				return p, nil
			}
			return media.Packet{}, io.EOF
		}
		if r.hasNothing() {
			return media.Packet{}, ErrNothing
		}
		select {
		case <-r.wake:
		case <-ctx.Done():
			return media.Packet{}, context.Cause(ctx)
		}
	}
}

// TryRead returns the next packet if one is queued.
func (r *Reader) TryRead() (media.Packet, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n == 0 {
		return media.Packet{}, false
	}
	p := r.pop().packet
	r.stats.Taken += uint64(len(p.Data))
	return p, true
}

// Stats is a snapshot of the reader's counters.
func (r *Reader) Stats() ReaderStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	st := r.stats
	st.Packets, st.Bytes = r.n, r.bytes
	return st
}

// Close ends the subscription and drops what is queued. Safe to call twice.
func (r *Reader) Close() {
	r.hub.mu.Lock()
	delete(r.hub.readers, r)
	r.hub.mu.Unlock()
	r.mu.Lock()
	for r.n > 0 {
		r.pop()
	}
	r.mu.Unlock()
	r.end()
}

func (r *Reader) hasEnded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

func (r *Reader) hasNothing() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.nothing
}

func (r *Reader) end() {
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	r.notify()
}

func (r *Reader) notify() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// resync makes the reader wait for the next sync point, keeping what is queued.
func (r *Reader) resync() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.synced = false
	if r.started {
		r.gap[media.Video], r.gap[media.Audio] = true, true
	}
}

// push queues one packet, making room by dropping older ones.
func (r *Reader) push(p media.Packet, sync bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	if r.leavesOut(p) {
		r.stats.Shed++
		return
	}
	sync = sync || r.noVideo
	if !r.mayBegin(p, sync) {
		r.lose(p)
		return
	}
	if r.n > 0 && (r.n == r.opts.MaxPackets || r.bytes+len(p.Data) > r.opts.MaxBytes) {
		r.overflow(sync)
		if !r.mayBegin(p, sync) {
			r.lose(p)
			return
		}
	}
	kind := p.Track.Kind()
	p.Gap = p.Gap || r.gap[kind]
	r.gap[kind] = false
	r.synced, r.started = true, true
	r.append(entry{p, sync})
	r.notify()
}

// mayBegin says whether a packet can be queued: it is a sync point, or continues what
// is there. While pictures are held no other sync point would come than sound, and
// pictures are left out until a key picture. r.mu is held.
func (r *Reader) mayBegin(p media.Packet, sync bool) bool {
	if r.synced || sync {
		return true
	}
	if p.Track.Kind() == media.Video || !r.hub.PicturesHeld() {
		return false
	}
	r.noVideo = true
	return true
}

// overflow makes room: it drops what lies before the newest sync point of the
// queue, or everything when the incoming packet is a sync point itself, or when
// the queue has no other, or would stay as full as its bounds.
func (r *Reader) overflow(incomingSync bool) {
	keep := r.n
	if !incomingSync {
		for i := r.n - 1; i > 0 && keep == r.n; i-- {
			if r.at(i).sync {
				keep = i
			}
		}
	}
	r.drop(keep)
	if r.bytes >= r.opts.MaxBytes {
		r.drop(r.n)
	}
	r.synced = r.n > 0
	r.markGap()
}

// drop gives up the oldest n packets of the queue.
func (r *Reader) drop(n int) {
	for range n {
		r.stats.Dropped++
		r.stats.DroppedBytes += uint64(len(r.pop().packet.Data))
	}
}

// lose counts a packet that cannot be queued, since one before it is missing.
func (r *Reader) lose(p media.Packet) {
	if r.started {
		r.stats.Dropped++
		r.stats.DroppedBytes += uint64(len(p.Data))
	}
}

// markGap sets Gap on the first packet of each kind in the queue, or on the
// next to be queued.
func (r *Reader) markGap() {
	r.gap[media.Video], r.gap[media.Audio] = true, true
	for i := range r.n {
		p := &r.at(i).packet
		if kind := p.Track.Kind(); r.gap[kind] {
			p.Gap, r.gap[kind] = true, false
		}
	}
}

func (r *Reader) at(i int) *entry { return &r.ring[(r.head+i)%len(r.ring)] }

func (r *Reader) pop() entry {
	e := r.ring[r.head]
	r.ring[r.head] = entry{}
	r.head = (r.head + 1) % len(r.ring)
	r.n--
	r.bytes -= len(e.packet.Data)
	return e
}

func (r *Reader) append(e entry) {
	if r.n == len(r.ring) {
		grown := make([]entry, max(16, min(2*r.n, r.opts.MaxPackets)))
		for i := range r.n {
			grown[i] = *r.at(i)
		}
		r.ring, r.head = grown, 0
	}
	*r.at(r.n) = e
	r.n++
	r.bytes += len(e.packet.Data)
}
