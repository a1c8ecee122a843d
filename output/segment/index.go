package segment

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// The index is a log beside the segments' files, for the segmenter that comes
// after this one: a line a record, each a CRC-32C in hexadecimal, a space and a
// record in JSON. A chunk's record is written behind its bytes and before it is
// seen in a Window, a closed segment's behind its files' renaming. So what was
// ever seen is in it, and a torn last line is no damage. A log that has grown is
// written anew.

// indexFormat is the first record's, and tells this format from all others.
const indexFormat = "segments 1"

// indexGrowth is index.growth, but in tests.
const indexGrowth = 64 << 10

// record has one of its fields.
type record struct {
	Format  string         `json:"format,omitempty"`
	Init    *initRecord    `json:"init,omitempty"`
	Segment *segmentRecord `json:"segment,omitempty"`
	State   *stateRecord   `json:"state,omitempty"`
}

// initRecord comes before the first segment that names it.
type initRecord struct {
	ID    uint64       `json:"id"`
	Name  string       `json:"name"`
	Track *media.Track `json:"track"`
	Data  []byte       `json:"data"`
}

// segmentRecord is a closed segment, or a new chunk of an open one.
type segmentRecord struct {
	Sequence      uint64        `json:"seq"`
	Run           string        `json:"run"`
	Open          bool          `json:"open,omitempty"`
	Offset        time.Duration `json:"offset"`
	Start         time.Duration `json:"start"`
	Duration      time.Duration `json:"dur"`
	Discontinuity bool          `json:"disc,omitempty"`
	Independent   bool          `json:"ind,omitempty"`
	Video         *mediaRecord  `json:"video,omitempty"`
	Audio         *mediaRecord  `json:"audio,omitempty"`
}

// mediaRecord is one track's part; of an open segment, with its new chunk alone.
type mediaRecord struct {
	Name     string        `json:"name"`
	Init     string        `json:"init,omitempty"`
	Start    time.Duration `json:"start"`
	Duration time.Duration `json:"dur"`
	Wall     time.Time     `json:"wall,omitzero"`
	Samples  int           `json:"n,omitempty"`
	Gap      bool          `json:"gap,omitempty"`
	Chunks   []Chunk       `json:"chunks,omitempty"`
}

// stateRecord is what holds from then on.
type stateRecord struct {
	At              time.Time     `json:"at"`
	Target          time.Duration `json:"target"`
	Base            uint64        `json:"base"`
	Last            uint64        `json:"last"`           // the highest number of a closed segment
	Oldest          uint64        `json:"oldest"`         // number of the oldest one that is kept
	Listed          uint64        `json:"listed"`         // number of the oldest one listed
	Left            []time.Time   `json:"left,omitempty"` // of a new log: when those from Oldest to Listed left the playlist
	Discontinuities uint64        `json:"discs"`
}

func checksum(data []byte) uint32 { return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) }

func appendRecord(dst []byte, r record) []byte {
	data, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("segment: record of the index: %v", err)) // times after the year 9999 alone
	}
	dst = fmt.Appendf(dst, "%08x ", checksum(data))
	return append(append(dst, data...), '\n')
}

// index is what the segmenter writes the log by.
type index struct {
	store  storage
	known  map[string]bool // headers in the log, by name
	size   int             // bytes in the log
	fresh  int             // bytes when it was last written anew
	growth int             // bytes it grows, at least, until it is written anew
	broken error           // why the log cannot be appended to; it needs to be written anew
	buf    []byte
}

// add appends records. A failure is kept, and mended by the next rewrite.
func (x *index) add(rs ...record) {
	if x.broken != nil {
		return
	}
	x.buf = x.buf[:0]
	if x.size == 0 {
		x.buf = appendRecord(x.buf, record{Format: indexFormat})
	}
	for _, r := range rs {
		x.buf = appendRecord(x.buf, r)
	}
	if x.broken = x.store.appendIndex(x.buf); x.broken == nil {
		x.size += len(x.buf)
	}
}

// inits are records of those headers that are not in the log yet.
func (x *index) inits(segments ...*Segment) (rs []record) {
	for _, s := range segments {
		for _, m := range []*Media{s.Video, s.Audio} {
			if m != nil && m.Init != nil && !x.known[m.Init.Name] {
				x.known[m.Init.Name] = true
				rs = append(rs, record{Init: &initRecord{m.Init.ID, m.Init.Name, m.Init.Track, m.Init.Data}})
			}
		}
	}
	return rs
}

// chunk records the newest chunk of one part of an open segment.
func (x *index) chunk(seg *Segment, k media.Kind, m *Media) {
	r := segmentRecordOf(seg)
	r.Open, r.Video, r.Audio = true, nil, nil
	part := mediaRecordOf(m)
	part.Chunks = part.Chunks[len(part.Chunks)-1:]
	if k == media.Audio {
		r.Audio = part
	} else {
		r.Video = part
	}
	of := Segment{Video: m}
	x.add(append(x.inits(&of), record{Segment: r})...)
}

// closed records complete segments and what the window with them is. The window
// is not published yet.
func (x *index) closed(segs []*Segment, w *Window, last uint64) {
	rs := x.inits(segs...)
	for _, s := range segs {
		rs = append(rs, record{Segment: segmentRecordOf(s)})
	}
	x.add(append(rs, record{State: stateRecordOf(w, last)})...)
}

// due says that the log is to be written anew.
func (x *index) due() bool { return x.broken != nil || x.size > x.fresh+max(x.growth, x.fresh) }

// rewrite makes the log that of w alone. left is when an expired segment did.
func (x *index) rewrite(w *Window, last uint64, left func(*Segment) time.Time) {
	x.known = map[string]bool{}
	state := stateRecordOf(w, last)
	for _, s := range w.Expired {
		state.Left = append(state.Left, left(s))
	}
	all := slices.Concat(w.Expired, w.Segments, w.Open)
	rs := append([]record{{Format: indexFormat}}, x.inits(all...)...)
	for i, s := range all {
		r := segmentRecordOf(s)
		r.Open = i >= len(all)-len(w.Open)
		rs = append(rs, record{Segment: r})
	}
	x.buf = x.buf[:0]
	for _, r := range append(rs, record{State: state}) {
		x.buf = appendRecord(x.buf, r)
	}
	if x.broken = x.store.replaceIndex(x.buf); x.broken == nil {
		x.size, x.fresh = len(x.buf), len(x.buf)
	}
}

func segmentRecordOf(s *Segment) *segmentRecord {
	return &segmentRecord{
		Sequence: s.Sequence, Run: s.Run, Offset: s.TimeOffset, Start: s.Start, Duration: s.Duration,
		Discontinuity: s.Discontinuity, Independent: s.Independent,
		Video: mediaRecordOf(s.Video), Audio: mediaRecordOf(s.Audio),
	}
}

func mediaRecordOf(m *Media) *mediaRecord {
	if m == nil {
		return nil
	}
	r := &mediaRecord{
		Name: m.Name, Start: m.Start, Duration: m.Duration, Wall: m.Wall, Samples: m.Samples, Gap: m.Gap, Chunks: m.Chunks,
	}
	if m.Init != nil {
		r.Init = m.Init.Name
	}
	return r
}

func stateRecordOf(w *Window, last uint64) *stateRecord {
	s := &stateRecord{
		At: time.Now().UTC(), Target: w.TargetDuration, Base: w.base, Last: last,
		Listed: last + 1, Discontinuities: w.Discontinuities,
	}
	if len(w.Segments) > 0 {
		s.Listed = w.Segments[0].Sequence
	}
	s.Oldest = s.Listed
	if len(w.Expired) > 0 {
		s.Oldest = w.Expired[0].Sequence
	}
	return s
}

// history is what an index says.
type history struct {
	stateRecord
	segments []*past // by rising number
	inits    map[string]*Init
}

// past is a segment of a history. Its parts have no Content yet.
type past struct {
	*Segment
	open bool
	left time.Time // the playlist; zero while it is listed
}

var errForeign = errors.New("it is of another format")

// readIndex reads a log. A last line that is torn is ignored.
func readIndex(data []byte) (*history, error) {
	h := &history{inits: map[string]*Init{}}
	for n := 1; len(data) > 0; n++ {
		line, rest, whole := bytes.Cut(data, []byte{'\n'})
		if !whole {
			break
		}
		r, err := readRecord(line)
		if err == nil {
			err = h.apply(r, n == 1)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		data = rest
	}
	return h, nil
}

func readRecord(line []byte) (r record, err error) {
	sum, data, ok := bytes.Cut(line, []byte{' '})
	if !ok {
		return r, errForeign
	}
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if err != nil {
		return r, errForeign
	}
	if checksum(data) != uint32(want) {
		return r, errors.New("its checksum is wrong")
	}
	return r, json.Unmarshal(data, &r)
}

func (h *history) apply(r record, first bool) error {
	if first != (r.Format == indexFormat) {
		return errForeign
	}
	switch {
	case r.Init != nil:
		t := r.Init.Track
		if t == nil || (t.Codec.Kind() == media.Video) != (t.Video != nil) || (t.Codec.Kind() == media.Audio) != (t.Audio != nil) {
			return fmt.Errorf("header %q without its track", r.Init.Name)
		}
		h.inits[r.Init.Name] = &Init{ID: r.Init.ID, Name: r.Init.Name, Track: t, Data: r.Init.Data}
	case r.Segment != nil:
		return h.segment(r.Segment)
	case r.State != nil:
		return h.state(r.State)
	}
	return nil
}

func (h *history) segment(r *segmentRecord) error {
	s := &Segment{
		Sequence: r.Sequence, Run: r.Run, TimeOffset: r.Offset, Start: r.Start, Duration: r.Duration,
		Discontinuity: r.Discontinuity, Independent: r.Independent,
	}
	i, found := slices.BinarySearchFunc(h.segments, r.Sequence, func(p *past, n uint64) int {
		return cmp.Compare(p.Sequence, n)
	})
	if found && !h.segments[i].open || !found && i < len(h.segments) && !r.Open {
		return fmt.Errorf("segment %d twice, or out of order", r.Sequence)
	}
	if !found {
		h.segments = slices.Insert(h.segments, i, &past{Segment: s, open: r.Open})
	}
	p := h.segments[i]
	for _, part := range []struct {
		kind media.Kind
		r    *mediaRecord
		old  *Media
		new  **Media
	}{{media.Video, r.Video, p.Video, &s.Video}, {media.Audio, r.Audio, p.Audio, &s.Audio}} {
		m, err := h.media(part.kind, part.r)
		if err != nil {
			return fmt.Errorf("segment %d: %w", r.Sequence, err)
		}
		if r.Open {
			m, err = joined(part.old, m)
		}
		if err == nil && m != nil {
			err = m.check()
		}
		if err != nil {
			return fmt.Errorf("segment %d: %w", r.Sequence, err)
		}
		*part.new = m
	}
	p.Segment, p.open = s, r.Open
	return nil
}

func (h *history) media(k media.Kind, r *mediaRecord) (*Media, error) {
	if r == nil {
		return nil, nil
	}
	name := ours.FindStringSubmatch(r.Name)
	if name == nil || name[1] != k.String() || name[3] != "" {
		return nil, fmt.Errorf("%q is no file of %v", r.Name, k)
	}
	m := &Media{
		Name: r.Name, Start: r.Start, Duration: r.Duration, Wall: r.Wall, Samples: r.Samples, Gap: r.Gap, Chunks: r.Chunks,
	}
	if r.Init != "" {
		if m.Init = h.inits[r.Init]; m.Init == nil || m.Init.Track.Kind() != k {
			return nil, fmt.Errorf("header %q of %s is missing", r.Init, r.Name)
		}
	}
	return m, nil
}

// joined is a part with one more chunk; or what there is, if there is one only.
func joined(old, chunk *Media) (*Media, error) {
	switch {
	case chunk == nil:
		return old, nil
	case old == nil:
		return chunk, nil
	case old.Name != chunk.Name:
		return nil, fmt.Errorf("%s goes on as %s", old.Name, chunk.Name)
	}
	chunk.Chunks = append(old.Chunks, chunk.Chunks...)
	return chunk, nil
}

// check adds the part's bytes up.
func (m *Media) check() error {
	if m.Gap != (len(m.Chunks) == 0) || !m.Gap && m.Init == nil || m.Duration < 0 || m.Samples < 0 {
		return fmt.Errorf("%s is half a record", m.Name)
	}
	m.Bytes = 0
	for _, c := range m.Chunks {
		if c.Offset != m.Bytes || c.Bytes <= 0 || c.Bytes > 1<<40 || c.Duration < 0 {
			return fmt.Errorf("%s has a chunk out of place", m.Name)
		}
		m.Bytes += c.Bytes
	}
	return nil
}

func (h *history) state(r *stateRecord) error {
	if r.Target < 0 || r.Listed > r.Last+1 {
		return errors.New("a state that cannot be")
	}
	h.segments = slices.DeleteFunc(h.segments, func(p *past) bool { return p.Sequence < r.Oldest && !p.open })
	for i, p := range h.segments {
		switch {
		case p.Sequence >= r.Listed || p.open || !p.left.IsZero():
		case i < len(r.Left):
			p.left = r.Left[i]
		default:
			p.left = r.At
		}
	}
	h.stateRecord = *r
	h.Left = nil
	return nil
}
