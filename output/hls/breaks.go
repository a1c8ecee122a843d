package hls

import (
	"slices"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/output/segment"
)

// maxOffsets bounds how many playlists that slide over the archive are told
// apart.
const maxOffsets = 64

// breaks counts EXT-X-DISCONTINUITY-SEQUENCE of playlists that slide over the
// archive. It must not fall, nor rise but for a discontinuity that left, and an
// archive does not know where a playlist began: so what each offset has listed is
// remembered. After a restart of the box it counts anew.
type breaks struct {
	mu      sync.Mutex // guards offsets
	offsets []*breaksOf
}

// breaksOf is the count of one offset.
type breaksOf struct {
	offset time.Duration
	seen   uint64   // the newest number that was listed
	listed []uint64 // numbers of segments with a discontinuity, in the list or behind
	gone   uint64   // how many have left
}

// count sets the discontinuities of the playlist of an offset.
func (b *breaks) count(offset time.Duration, w *segment.Window) {
	if len(w.Segments) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.offsets, func(o *breaksOf) bool { return o.offset == offset })
	o := &breaksOf{offset: offset}
	if i >= 0 {
		o = b.offsets[i]
		b.offsets = slices.Delete(b.offsets, i, i+1)
	}
	b.offsets = append(b.offsets, o) // the one used last
	b.offsets = b.offsets[max(0, len(b.offsets)-maxOffsets):]
	for _, s := range w.Segments {
		if s.Sequence > o.seen {
			o.seen = s.Sequence
			if s.Discontinuity {
				o.listed = append(o.listed, s.Sequence)
			}
		}
	}
	for len(o.listed) > 0 && o.listed[0] < w.Segments[0].Sequence {
		o.listed = o.listed[1:]
		o.gone++
	}
	w.Discontinuities = o.gone
}
