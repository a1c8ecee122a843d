package hub

import (
	"slices"

	"github.com/encoderbox/encoderbox/media"
)

// rendition is the programme's sound in a further codec.
type rendition struct {
	codec media.Codec
	track *media.Track // of this programme; nil until its first packet
}

// Offer sets in which codecs, other than its main track's, the programme has its
// sound too.
// Its packets come by WriteOffered, to the readers that name the codec. Offer may
// be called at any time, before Announce too, and holds until the next call:
// readers of what stays, and those without Options.Codecs, notice nothing. A reader whose choice changes goes on with the other track, behind a
// Gap; one that is left with nothing gets ErrNothing.
func (h *Hub) Offer(codecs ...media.Codec) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var offers []rendition
	for _, c := range slices.Compact(slices.Sorted(slices.Values(codecs))) {
		next := rendition{codec: c}
		if old := h.offered(c); old != nil {
			next = *old
		}
		offers = append(offers, next)
	}
	if slices.Equal(offers, h.offers) {
		return
	}
	h.offers = offers
	h.forgetWithdrawn()
	h.renew()
}

// forgetWithdrawn drops the packets of what is no longer offered from the cache:
// a codec that is offered anew must not begin with old sound.
func (h *Hub) forgetWithdrawn() {
	kept := h.cache[:0]
	h.cacheBytes = 0
	for _, p := range h.cache {
		if p.Track == h.tracks[p.Track.Kind()] || h.offered(p.Track.Codec) != nil {
			kept = append(kept, p)
			h.cacheBytes += len(p.Data)
		}
	}
	clear(h.cache[len(kept):])
	h.cache = kept
}

func (h *Hub) offered(c media.Codec) *rendition {
	for i := range h.offers {
		if h.offers[i].codec == c {
			return &h.offers[i]
		}
	}
	return nil
}

// WriteOffered is Write for a packet of an offered codec; one that is not, or no
// longer, is dropped.
func (h *Hub) WriteOffered(p media.Packet) {
	p.At = h.clock.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	o := h.offered(p.Track.Codec)
	if h.closed || o == nil || !h.announced(p.Track.Kind()) {
		return
	}
	for _, known := range h.lastOffers {
		if known.Equal(p.Track) {
			p.Track = known
		}
	}
	if o.track != p.Track {
		o.track = p.Track
		h.lastOffers = slices.DeleteFunc(h.lastOffers, func(t *media.Track) bool { return t.Codec == p.Track.Codec })
		h.lastOffers = append(h.lastOffers, p.Track)
		h.renew()
	}
	h.cachePacket(p, false) // the main sound's packets begin the cache
	for r := range h.readers {
		r.offer(p, false, false)
	}
}

// renew tells everyone who waits that tracks or offers have changed, and has
// every reader choose anew.
func (h *Hub) renew() {
	close(h.changed)
	h.changed = make(chan struct{})
	for r := range h.readers {
		r.choose()
	}
}

// choice is what a reader gets of one kind.
type choice struct {
	codec media.Codec // 0: nothing
	track *media.Track
	// open: the track has not come yet, or nor has the one it hangs on.
	open bool
}

// choice finds what a reader that takes these codecs gets of a kind; nil stands
// for the main tracks.
func (h *Hub) choice(kind media.Kind, codecs []media.Codec) choice {
	main := h.tracks[kind]
	switch {
	case !h.announced(kind):
		return choice{}
	case codecs == nil && main == nil:
		return choice{open: true}
	case codecs == nil:
		return choice{codec: main.Codec, track: main}
	}
	for _, c := range codecs {
		switch o := h.offered(c); {
		case c.Kind() != kind:
		case o != nil:
			return choice{codec: c, track: o.track, open: o.track == nil}
		case main == nil:
			return choice{open: true}
		case main.Codec == c:
			return choice{codec: c, track: main}
		}
	}
	return choice{}
}

// currentTracks is a snapshot of what a reader gets, video first and never nil;
// or nil while some of it is missing, and what to wait for.
func (h *Hub) currentTracks(codecs []media.Codec) ([]*media.Track, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	tracks := make([]*media.Track, 0, len(h.kinds))
	if len(h.kinds) == 0 {
		return nil, h.changed
	}
	for _, k := range h.kinds {
		switch c := h.choice(k, codecs); {
		case c.open:
			return nil, h.changed
		case c.track != nil:
			tracks = append(tracks, c.track)
		}
	}
	return tracks, nil
}
