// Package hub is the only fan-out of a stream: encoders write packets in,
// every output reads them through a Reader of its own. A slow reader never
// slows the writer nor another reader.
package hub

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/encoderbox/encoderbox/media"
)

// Bounds of the cached GOP. A GOP that outgrows them is not cached, and
// JoinCached readers start at the next sync point instead.
const (
	maxCachePackets = 8192
	maxCacheBytes   = 32 << 20
)

// Hub distributes the packets of one stream. It outlives the programme that
// feeds it: a restarted source announces itself and goes on writing, and
// readers stay subscribed across it.
//
// A programme has its main tracks, at most one of each kind, and may offer its
// sound in further codecs beside them (Offer). What a reader gets of all that,
// Options.Codecs says.
//
// A sync point is a packet a reader can start with: a video key picture, or
// any packet where the reader gets no video. All methods are safe for
// concurrent use.
type Hub struct {
	clock   *media.Clock
	held    atomic.Bool // see HoldPictures
	skipped atomic.Bool // see SkipPictures

	mu         sync.Mutex // guards the fields below and orders Write with Subscribe
	kinds      []media.Kind
	tracks     [media.Audio + 1]*media.Track // the main ones of this programme so far
	known      [media.Audio + 1]*media.Track // the last of each kind, of earlier programmes too
	offers     []rendition
	lastOffers []*media.Track // the last of each codec, of earlier offers too
	changed    chan struct{}  // closed, and made anew, with every change of the above
	cache      []media.Packet // since the last sync point
	cacheBytes int
	readers    map[*Reader]struct{}
	requestKey func()
	closed     bool
}

// New returns a hub whose packets are stamped by clock.
func New(clock *media.Clock) *Hub {
	return &Hub{
		clock:   clock,
		changed: make(chan struct{}),
		readers: map[*Reader]struct{}{},
	}
}

// Clock of the stream.
func (h *Hub) Clock() *media.Clock { return h.clock }

// Announce says which kinds of main track the programme that now begins has. It
// is called before the programme's first packet. Readers skip to its first sync
// point, which carries Gap if they have read anything before. Without kinds
// there is no programme: Tracks waits, and new readers find nothing cached.
// What is offered beside them stays (Offer).
func (h *Hub) Announce(kinds ...media.Kind) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kinds = slices.Sorted(slices.Values(kinds)) // video first
	h.tracks = [media.Audio + 1]*media.Track{}
	for i := range h.offers {
		h.offers[i].track = nil
	}
	h.dropCache()
	for r := range h.readers {
		r.resync()
	}
	h.renew()
}

// OnKeyRequest sets what a reader that joins by JoinNextKey calls to ask the
// encoder for a key picture. f must not block nor call the hub. Nil for a
// source that cannot make key pictures on request.
func (h *Hub) OnKeyRequest(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requestKey = f
}

// RequestKey asks the programme's encoder for a key picture, where it makes them on
// request. It does not block.
func (h *Hub) RequestKey() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.requestKey != nil {
		h.requestKey()
	}
}

// KeysOnRequest says whether the programme's encoder makes key pictures when
// they are asked for. Where it does not, they come when the source likes.
func (h *Hub) KeysOnRequest() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.requestKey != nil
}

// Write hands a packet of a main track to every reader that gets it. It never
// blocks: a full reader loses packets (see Reader). Packets of a kind that was
// not announced are dropped, as are all packets after Close.
//
// A track that is equal to the last one of its kind is that one, also when a
// restarted programme brings it: its readers then go on as after any gap.
func (h *Hub) Write(p media.Packet) {
	p.At = h.clock.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	kind := p.Track.Kind()
	if h.closed || !h.announced(kind) {
		return
	}
	if known := h.known[kind]; known != nil && known.Equal(p.Track) {
		p.Track = known
	}
	h.known[kind] = p.Track
	if h.tracks[kind] != p.Track {
		h.tracks[kind] = p.Track
		h.renew()
	}
	sync := h.isSync(p)
	h.cachePacket(p, sync)
	for r := range h.readers {
		r.offer(p, true, sync)
	}
}

// Close ends the hub: readers get what they have queued and then io.EOF.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.closed = true
	h.dropCache()
	for r := range h.readers {
		r.end()
	}
}

func (h *Hub) announced(k media.Kind) bool {
	return slices.Contains(h.kinds, k)
}

func (h *Hub) isSync(p media.Packet) bool {
	if p.Track.Kind() == media.Video {
		return p.Key
	}
	return !h.announced(media.Video)
}

func (h *Hub) cachePacket(p media.Packet, sync bool) {
	if sync {
		h.dropCache()
	} else if len(h.cache) == 0 {
		return // nothing to start with yet
	}
	if len(h.cache) == maxCachePackets || h.cacheBytes+len(p.Data) > maxCacheBytes {
		h.dropCache()
		return
	}
	h.cache = append(h.cache, p)
	h.cacheBytes += len(p.Data)
}

// dropCache empties the cache and lets go of the packets' memory.
func (h *Hub) dropCache() {
	clear(h.cache)
	h.cache = h.cache[:0]
	h.cacheBytes = 0
}
