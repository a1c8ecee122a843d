package journal

import (
	"crypto/sha256"
	"encoding"
	"fmt"
	"slices"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment"
)

// rest is what it takes to go on with a reel that was cut short within a
// segment of which the live window may have more: the trail before its footer.
// Stored in a reel of its own, that segment would be in two recordings.
type rest struct {
	sum       []byte // state of the hash
	fragments [media.Audio + 1][]fragment
}

// rest of a reel as it is read so far.
func (s *scanner) rest() *rest {
	sum, err := s.sum.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return nil // cannot be: the hash has a state
	}
	return &rest{sum, [media.Audio + 1][]fragment{media.Video: slices.Clone(s.fragments[media.Video]), media.Audio: slices.Clone(s.fragments[media.Audio])}}
}

// resume goes on with the reel that the segment at hand was cut short in, if
// there is one and the live window has all that it has of it.
func (s *spill) resume() error {
	j, seg := s.j, s.now.seg
	r, left := j.cutShort(seg.Sequence)
	if r == nil || r.Run != seg.Run || r.Kept != (s.now.keep != nil) {
		return nil
	}
	entries := j.entriesOf(r)
	if len(entries) == 0 {
		return nil
	}
	n := entries[len(entries)-1].clone()
	w := &writer{j: j, r: r, keep: s.now.keep, trail: trail{sum: sha256.New()}, last: seg.Sequence - 1}
	if !n.partial || n.seg.Sequence != seg.Sequence || !w.begins(n, seg) {
		return nil
	}
	defer j.fs.begin()()
	if left == nil { // it was closed by a daemon that was killed before it went on
		var err error
		if left, err = j.restOf(r); err != nil || left == nil {
			return err
		}
	}
	w.fragments = left.fragments
	if err := w.sum.(encoding.BinaryUnmarshaler).UnmarshalBinary(left.sum); err != nil {
		return fmt.Errorf("journal: go on with %s: %w", r.name, err)
	}
	if err := w.reopen(entries[:len(entries)-1]); err != nil {
		return fmt.Errorf("journal: go on with %s: %w", r.name, err)
	}
	n.partial = false
	s.w, s.now.n, s.cause = w, n, ""
	return nil
}

// cutShort is the reel that ends within a segment, with its rest if that is known.
// What ends within that or an older one will not be gone on with later.
func (j *Journal) cutShort(sequence uint64) (found *reel, left *rest) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range j.reels {
		if r.Last > sequence {
			continue
		}
		if r.Last == sequence && r.Partial && r.IndexAt > 0 {
			found, left = r, r.rest
		}
		r.rest = nil
	}
	return found, left
}

// restOf reads a closed reel; nil where it does not end within a segment.
func (j *Journal) restOf(r *reel) (*rest, error) {
	f, err := j.fs.open(r.name)
	if err != nil {
		return nil, fmt.Errorf("journal: go on with %s: %w", r.name, err)
	}
	defer f.Close()
	s, err := scan(&reel{files: j.files, name: r.name}, f, r.IndexAt)
	if err != nil {
		return nil, err
	}
	if s.r.bytes != r.IndexAt {
		return nil, nil //nolint:nilnil // it is damaged
	}
	return s.left, nil
}

// begins says whether the reel has the begin of a segment as the stream has it.
func (w *writer) begins(n *entry, seg *segment.Segment) bool {
	for _, k := range kinds() {
		have, all := n.seg.Media(k), seg.Media(k)
		if have == nil {
			continue
		}
		if all == nil || all.Gap || all.Name != have.Name || all.Init == nil || !w.takes(k, all.Init) || len(all.Chunks) < len(have.Chunks) {
			return false
		}
		for i, c := range have.Chunks {
			if o := all.Chunks[i]; o.Bytes != c.Bytes || o.Offset != c.Offset || o.Duration != c.Duration {
				return false
			}
		}
	}
	return true
}

// reopen takes the footer off a reel, whose whole segments are given. Cut short
// from here on, it is a torn one again.
func (w *writer) reopen(whole []*entry) error {
	j, r := w.j, w.r
	f, err := j.fs.edit(r.name)
	if err != nil {
		return err
	}
	if err = j.abandoned(); err == nil {
		if err = f.Truncate(r.IndexAt); err == nil {
			err = f.datasync()
		}
	}
	if err != nil {
		_ = f.Close()
		return err
	}
	w.f = f
	j.mu.Lock()
	defer j.mu.Unlock()
	j.cache.drop(r.name)
	begin := r.Begin
	r.bytes, r.sha, r.writing, r.IndexAt, r.IndexBytes = r.IndexAt, "", true, 0, 0
	r.entries, r.Last, r.Partial, r.Duration, r.payload = make([]*entry, 0, len(whole)+1), w.last, false, 0, 0
	for _, n := range whole {
		r.add(n)
	}
	r.Begin = begin
	w.duration = r.Duration
	j.writing = r
	return nil
}

// clone is a copy that can be added to.
func (n *entry) clone() *entry {
	seg := *n.seg
	out := &entry{seg: &seg, partial: n.partial}
	for _, k := range kinds() {
		out.at[k] = slices.Clone(n.at[k])
		if m := n.seg.Media(k); m != nil {
			m := *m
			m.Chunks = slices.Clone(m.Chunks)
			set(&seg, k, &m)
		}
	}
	return out
}

// has says that a chunk is in the reel already.
func (n *entry) has(step segment.Step) bool {
	k := media.Video
	if step.Media == step.Segment.Audio {
		k = media.Audio
	}
	return step.Chunk < len(n.at[k])
}
