package hub

import "github.com/encoderbox/encoderbox/media"

// Shed is what of a programme a reader leaves out, for a receiver whose way carries
// less than all of it.
type Shed uint8

// What can be left out.
const (
	ShedNothing Shed = iota
	// ShedVideo: no pictures, from the next key picture on. Every packet of sound is
	// a sync point meanwhile.
	ShedVideo
	// ShedAll: nothing at all, from now on; what is queued is left out too.
	ShedAll
)

// Shed sets what is left out from now on; the same again changes nothing. Where
// pictures have been left out, they begin again with the next key picture, which
// carries Gap; no key picture is asked for, since that would cost the other readers.
// What is left out is counted by itself, in packets (ReaderStats.Shed). It may be
// called from any goroutine, and does not block.
func (r *Reader) Shed(what Shed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.shed == what {
		return
	}
	r.shed = what
	if what != ShedAll {
		return
	}
	for r.n > 0 {
		r.stats.Shed++
		r.stats.DroppedBytes += uint64(len(r.pop().packet.Data))
	}
	r.begins()
}

// Flush drops what is queued. The reader goes on with the next sync point, which
// carries Gap. It may be called from any goroutine, and does not block.
func (r *Reader) Flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n > 0 {
		r.drop(r.n)
		r.begins()
	}
}

// begins has the reader wait for a sync point, after all that was queued is gone.
// r.mu is held.
func (r *Reader) begins() {
	r.synced = false
	if r.started {
		r.markGap()
	}
}

// leavesOut says whether a packet is shed, and follows the borders of the GOPs. r.mu is
// held.
func (r *Reader) leavesOut(p media.Packet) bool {
	if r.shed == ShedAll {
		r.noVideo = r.noVideo || p.Track.Kind() == media.Video
		r.missing(p)
		return true
	}
	if p.Track.Kind() != media.Video {
		return false
	}
	if p.Key {
		r.noVideo = r.shed == ShedVideo
	}
	if r.noVideo {
		r.missing(p)
	}
	return r.noVideo
}

// missing marks that the next packet of the kind follows a loss.
func (r *Reader) missing(p media.Packet) {
	if r.started {
		r.gap[p.Track.Kind()] = true
	}
}
