package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/fmp4"
	"github.com/encoderbox/encoderbox/output/segment"
)

// maxReel is below the longest file of FAT.
const maxReel = 4<<30 - 64<<20

// writer is a reel being written.
type writer struct {
	j    *Journal
	r    *reel
	f    file // nil until the first write
	keep *keeper
	trail

	told     []Gap  // that the head has from others
	cause    string // of what is missing before it
	head     []byte // until it is written
	batch    []byte
	payload  int
	entries  []*entry // complete with the batch
	last     uint64   // segment that is complete, or the one before the first
	duration time.Duration
	have     [media.Audio + 1]bool // kinds of track in the batch
}

// newWriter begins a reel with the tracks of a segment. Nothing is written yet.
func (j *Journal) newWriter(seg *segment.Segment, win *segment.Window, keep *keeper) (*writer, error) {
	r := &reel{files: j.files, writing: true}
	r.Version, r.Run, r.Kept, r.First, r.Begin = version, seg.Run, keep != nil, seg.Sequence, wallOf(seg)
	var tracks []*media.Track
	for _, k := range kinds() {
		m := seg.Media(k)
		if m == nil {
			continue
		}
		init := m.Init
		if init == nil {
			init = win.Init(k) // a gap need not have one
		}
		if init == nil {
			continue
		}
		r.inits[k] = init
		r.Inits = append(r.Inits, header{init.ID, init.Name, init.Data})
		tracks = append(tracks, init.Track)
	}
	moov, err := fmp4.InitFrom(seg.Start+seg.TimeOffset, tracks...)
	if err != nil {
		return nil, err
	}
	j.mu.Lock()
	told := j.gaps
	j.gaps = nil
	j.mu.Unlock()
	r.Gaps = slices.Clip(told)
	return &writer{told: told, j: j, r: r, keep: keep, trail: trail{sum: sha256.New()}, head: moov, last: seg.Sequence - 1}, nil
}

// goesOn says whether a segment continues the reel.
func (w *writer) goesOn(seg *segment.Segment, keep *keeper, cfg *Config) bool {
	if seg.Run != w.r.Run || seg.Sequence != w.last+1 || seg.Discontinuity || keep != w.keep || w.full(cfg) {
		return false
	}
	for _, k := range kinds() {
		if m := seg.Media(k); m != nil && m.Init != nil && !w.takes(k, m.Init) {
			return false
		}
	}
	return true
}

// takes says whether chunks under a header fit the reel's.
func (w *writer) takes(k media.Kind, init *segment.Init) bool {
	have := w.r.inits[k]
	return have != nil && (have == init || have.Name == init.Name && bytes.Equal(have.Data, init.Data))
}

// full says that the next segment belongs to the next reel.
func (w *writer) full(cfg *Config) bool {
	limit := cfg.ReelLength
	if w.keep != nil {
		limit = w.keep.Length
	}
	size := w.r.bytes + int64(len(w.batch))
	if cfg.MaxBytes > 0 && (w.keep == nil || cfg.Loop) && size > max(cfg.MaxBytes/8, 1<<20) {
		return true // only whole reels can be deleted for new ones
	}
	return limit > 0 && w.duration >= limit || size > maxReel
}

func (w *writer) pending() bool { return len(w.batch) > 0 || len(w.entries) > 0 }

// paired says that the batch has chunks of all tracks.
func (w *writer) paired() bool {
	for _, k := range kinds() {
		if w.r.inits[k] != nil && !w.have[k] {
			return false
		}
	}
	return true
}

// append reads a chunk into the batch, behind its record.
func (w *writer) append(n *entry, step segment.Step) error {
	m, seg := step.Media, step.Segment
	chunk := m.Chunks[step.Chunk]
	k := media.Video
	if m == seg.Audio {
		k = media.Audio
	}
	if m.Init == nil || !w.takes(k, m.Init) {
		return errors.New("it is of another track than the reel")
	}
	c := chunkRecord{
		bytes: chunk.Bytes, sequence: seg.Sequence, kind: k, discontinuity: seg.Discontinuity, independent: seg.Independent,
		offset: seg.TimeOffset, name: m.Name, start: m.Start, wall: m.Wall, chunk: chunk,
	}
	begin := len(w.batch)
	b, _ := appendChunkRecord(w.batch, &c)
	at := len(b)
	b = slices.Grow(b, int(chunk.Bytes))[:at+int(chunk.Bytes)]
	w.batch = b[:begin]
	if err := readAt(m.Content, b[at:], chunk.Offset); err != nil {
		return err
	}
	sealChunk(b[begin:at], checksum(b[at:]))
	pos := w.r.bytes + int64(at)
	if w.f == nil {
		pos += w.headSize()
	}
	if chunk.Independent {
		w.fragments[k] = append(w.fragments[k], fragmentOf(w.r.inits[k].Track, chunk.Start+seg.TimeOffset, pos, b[at:]))
	}
	if n.seg == nil {
		n.seg = &segment.Segment{Sequence: seg.Sequence, Run: seg.Run, TimeOffset: seg.TimeOffset, Start: seg.Start,
			Discontinuity: seg.Discontinuity, Independent: seg.Independent}
	}
	n.take(&c, pos, w.r.inits[k], samplesIn(b[at:]))
	w.batch = b
	w.payload += int(chunk.Bytes)
	w.have[k] = true
	return nil
}

func readAt(c segment.Content, p []byte, offset int64) error {
	if c == nil {
		return fs.ErrNotExist
	}
	f, err := c.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	_, err = io.ReadFull(f, p)
	return err
}

// headSize is that of all before the first chunk. The head's record is made
// with the first chunk, and nothing it says changes after that.
func (w *writer) headSize() int64 {
	if !bytes.Contains(w.head, []byte(boxID)) {
		data, err := json.Marshal(w.r.head)
		if err != nil {
			data = nil // cannot be: plain fields
		}
		w.head = appendRecord(w.head, recordHead, data)
	}
	return int64(len(w.head))
}

// close ends a segment: its record goes into the batch. whole says that all of
// it is in the reel.
func (w *writer) close(seg *segment.Segment, n *entry, broken bool) (whole bool) {
	whole = !broken
	for _, k := range kinds() {
		if m := seg.Media(k); m != nil && !m.Gap && len(n.at[k]) != len(m.Chunks) {
			whole = false
		}
	}
	switch {
	case whole:
		w.final(seg, n)
	case n.seg == nil:
		return false // nothing of it is there
	default:
		n.end()
		n.partial = true
	}
	w.last = seg.Sequence
	w.duration += n.seg.Duration
	b, at := beginRecord(w.batch, recordSegment)
	e := encoder{b}
	n.append(&e)
	w.batch = endRecord(e.b, at)
	w.entries = append(w.entries, n)
	return whole
}

// final is the segment as the stream has it, with content in the reel.
func (w *writer) final(seg *segment.Segment, n *entry) {
	s := *seg
	for _, k := range kinds() {
		if m := seg.Media(k); m != nil {
			m := *m
			m.Content, m.Init = nil, w.r.inits[k]
			set(&s, k, &m)
		}
	}
	n.seg = &s
}

// flush makes the batch durable, and what is complete with it visible.
func (w *writer) flush() error {
	w.takeMarks()
	if len(w.batch) == 0 {
		return nil
	}
	if err := w.j.abandoned(); err != nil {
		return err
	}
	if w.f == nil {
		if err := w.create(); err != nil {
			return err
		}
	}
	head := len(w.head)
	data := w.batch
	if head > 0 {
		data = append(w.head, w.batch...)
	}
	w.sum.Write(data)
	if _, err := w.f.Write(data); err != nil {
		return err
	}
	if err := errors.Join(w.f.datasync(), w.j.abandoned()); err != nil {
		return err
	}
	if head > 0 {
		if err := errors.Join(w.j.fs.rename(w.r.name+temporary, w.r.name), w.j.fs.sync()); err != nil {
			return err
		}
		w.head = nil
	}
	w.show(int64(len(data)), head > 0)
	return nil
}

// show makes what is durable visible.
func (w *writer) show(bytes int64, begun bool) {
	j, r := w.j, w.r
	j.mu.Lock()
	defer j.mu.Unlock()
	r.bytes += bytes
	for _, n := range w.entries {
		r.attach(n)
		r.add(n)
		j.stats.Segments++
		j.stats.Stored += n.seg.Duration
	}
	j.stats.Payload += uint64(w.payload)
	j.stats.Written += uint64(bytes)
	j.stats.Syncs++
	if begun {
		j.reels = append(j.reels, r)
		sortReels(j.reels)
		j.writing = r
	}
	w.batch, w.entries, w.payload = w.batch[:0], nil, 0
	if cap(w.batch) > maxBatch {
		w.batch = nil
	}
	w.have = [media.Audio + 1]bool{}
}

// takeMarks puts marks into the batch.
func (w *writer) takeMarks() {
	j := w.j
	j.mu.Lock()
	marks := j.marks
	j.marks = nil
	w.r.Marks = append(slices.Clip(w.r.Marks), marks...)
	j.mu.Unlock()
	for _, m := range marks {
		data, err := json.Marshal(m)
		if err == nil {
			w.batch = appendRecord(w.batch, recordMark, data)
		}
	}
}

// create begins the file under a name that no other has.
func (w *writer) create() error {
	j := w.j
	if err := j.usable(); err != nil {
		return err
	}
	if err := j.fs.prepare(); err != nil {
		return err
	}
	name, err := j.unique(w.baseName())
	if err != nil {
		return err
	}
	j.mu.Lock()
	w.r.name = name
	j.mu.Unlock()
	w.f, err = j.fs.create(name + temporary)
	return err
}

func (w *writer) baseName() string {
	name := ""
	if w.keep != nil && w.keep.Name != nil {
		name = clean(w.keep.Name(w.r.Begin, w.keep.part))
		w.keep.part++
	}
	if name == "" {
		name = fmt.Sprintf("reel-%012d", w.r.First)
	}
	return name
}

// clean makes a name that every file system takes.
func clean(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '-'
		}
		return r
	}, name)
	name = strings.TrimLeft(strings.TrimRight(name, ". "), ". ")
	for len(name) > 180 {
		_, n := lastRune(name)
		name = name[:len(name)-n]
	}
	return name
}

// unique is a name with extension of which nothing is there.
func (j *Journal) unique(base string) (string, error) {
	for i := 1; i < 10_000; i++ {
		name := base + extension
		if i > 1 {
			name = fmt.Sprintf("%s-%d%s", base, i, extension)
		}
		_, err := j.fs.size(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			// A checksum whose reel is gone is replaced with this one's.
			return name, nil
		case err != nil:
			return "", err
		}
	}
	return "", fmt.Errorf("journal: ten thousand files are named %s", base)
}

// finish closes the reel. What waits to be written is not part of it.
func (w *writer) finish() error {
	if w.f == nil {
		return nil
	}
	f := w.f
	w.f = nil
	if len(w.head) > 0 { // never made durable
		return f.Close()
	}
	err := errors.Join(w.j.closeReel(w.r, f, &w.trail), f.Close())
	j := w.j
	j.mu.Lock()
	w.r.writing, j.writing = false, nil
	j.mu.Unlock()
	return err
}

// abandon leaves the reel as it is.
func (w *writer) abandon() {
	if len(w.head) > 0 {
		for _, g := range w.told {
			w.j.Lost(g) // goes into the next one
		}
	}
	if w.f != nil {
		_ = w.f.Close()
	}
}
