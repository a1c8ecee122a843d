package journal

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/fmp4"
	"github.com/encoderbox/encoderbox/output/segment"
)

// extension of reels, and of the file with a reel's checksum behind that.
const (
	extension         = ".mp4"
	checksumExtension = ".sha256"
	temporary         = ".journal.tmp"
)

// Reel is a file of the journal. It is a copy: nothing in it changes.
type Reel struct {
	Name        string // of the file
	Path        string
	Run         string // of the segmenter
	First, Last uint64 // sequence numbers
	Begin, End  time.Time
	Duration    time.Duration
	Bytes       int64
	Kept        bool // a recording
	Writing     bool
	SHA256      string // hexadecimal; empty while it is written
	Marks       []Mark
	Tracks      []*media.Track
}

// Mark is a place in a reel that somebody marked.
type Mark struct {
	Time time.Time     `json:"time"`
	At   time.Duration `json:"at"` // from the reel's begin
	Text string        `json:"text"`
}

// Gap is a part of wall-clock time of which nothing is held, and why.
type Gap = segment.Gap

// head is what a reel says of itself at its begin.
type head struct {
	Version int      `json:"version"`
	Run     string   `json:"run"`
	Kept    bool     `json:"kept"`
	Inits   []header `json:"inits"`
	// Gaps before the reel: their causes cannot be seen from the reels.
	Gaps []Gap `json:"gaps,omitempty"`
}

// header is a CMAF header as files keep it.
type header struct {
	ID   uint64 `json:"id"`
	Name string `json:"name"`
	Data []byte `json:"data"`
}

// summary is what opening a closed reel reads of it, however long it is.
type summary struct {
	head
	First      uint64        `json:"first"`
	Last       uint64        `json:"last"`
	Partial    bool          `json:"partial"` // the last segment lacks its end
	Begin      time.Time     `json:"begin"`
	End        time.Time     `json:"end"`
	Duration   time.Duration `json:"duration"`
	Marks      []Mark        `json:"marks,omitempty"`
	IndexAt    int64         `json:"index"`
	IndexBytes int64         `json:"index_bytes"`
}

// reel is a file of the journal. What is written is guarded by Journal.mu; a
// closed one never changes, unless it was cut short and is gone on with.
type reel struct {
	summary
	files   *files
	name    string
	bytes   int64 // that are durable
	sha     string
	writing bool
	inits   [media.Audio + 1]*segment.Init
	// entries of one that has no index on storage: it is being written, or could
	// not be repaired.
	entries []*entry
	payload int64
	rest    *rest // of one that was cut short within a segment, until it is gone on with
}

func (r *reel) public(dir string) Reel {
	out := Reel{
		Name: r.name, Path: filepath.Join(dir, r.name), Run: r.Run, First: r.First, Last: r.Last,
		Begin: r.Begin, End: r.End, Duration: r.Duration, Bytes: r.bytes, Kept: r.Kept, Writing: r.writing,
		SHA256: r.sha, Marks: slices.Clone(r.Marks),
	}
	for _, i := range r.inits {
		if i != nil {
			out.Tracks = append(out.Tracks, i.Track)
		}
	}
	return out
}

// stored says whether the reel has a segment whole.
func (r *reel) stored(sequence uint64) bool {
	return r.First <= sequence && sequence <= r.Last && (sequence != r.Last || !r.Partial)
}

// add takes the next segment.
func (r *reel) add(n *entry) {
	if len(r.entries) == 0 {
		r.First = n.seg.Sequence
		r.Begin = wallOf(n.seg)
	}
	r.entries = append(r.entries, n)
	r.Last, r.Partial = n.seg.Sequence, n.partial
	r.Duration += n.seg.Duration
	if w := wallOf(n.seg); !w.IsZero() {
		r.End = w.Add(n.seg.Duration)
		if r.Begin.IsZero() { // the time became known within the reel
			r.Begin = r.End.Add(-r.Duration)
		}
	}
	r.payload += n.seg.Bytes()
}

// wallOf is the wall-clock time at which a segment begins; zero if not known.
func wallOf(s *segment.Segment) time.Time {
	for _, k := range kinds() {
		if m := s.Media(k); m != nil && !m.Wall.IsZero() {
			return m.Wall.Add(s.Start - m.Start)
		}
	}
	return time.Time{}
}

func (r *reel) setInits() error {
	for _, h := range r.Inits {
		t, err := fmp4.ReadInit(h.Data)
		if err != nil {
			return err
		}
		r.inits[t.Kind()] = &segment.Init{ID: h.ID, Name: h.Name, Track: t, Data: h.Data}
	}
	return nil
}

// trail is what the footer of a reel needs of all that stands before it.
type trail struct {
	sum       hash.Hash
	fragments [media.Audio + 1][]fragment
}

// footer is what closes a reel of r's bytes, with an index of the size told.
func (r *reel) footer(fragments [media.Audio + 1][]fragment) (b []byte, index int64, err error) {
	b, at := beginRecord(nil, recordIndex)
	e := encoder{b}
	e.u(uint64(len(r.entries)))
	for _, n := range r.entries {
		n.append(&e)
	}
	b = endRecord(e.b, at)
	s := r.summary
	s.IndexAt, s.IndexBytes = r.bytes, int64(len(b))
	data, err := json.Marshal(s)
	if err != nil {
		return nil, 0, fmt.Errorf("journal: summary of %s: %w", r.name, err)
	}
	b = appendRecord(b, recordSummary, binary.BigEndian.AppendUint32(data, uint32(recordOverhead+len(data)+4)))
	return appendMfra(b, fragments), s.IndexBytes, nil
}

// readSummary reads the end of a closed reel. errRecord says that it has none.
func readSummary(f io.ReaderAt, size int64) (*summary, error) {
	var tail [16]byte
	if size < 64 {
		return nil, errRecord
	}
	if _, err := f.ReadAt(tail[:], size-16); err != nil {
		return nil, err
	}
	mfra := int64(binary.BigEndian.Uint32(tail[12:]))
	if string(tail[4:8]) != "mfro" || mfra > size-8 {
		return nil, errRecord
	}
	end := size - mfra
	if _, err := f.ReadAt(tail[:8], end-8); err != nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(tail[:]))
	if n < int64(recordOverhead) || n > end || n > maxRecord {
		return nil, errRecord
	}
	record := make([]byte, n)
	if _, err := f.ReadAt(record, end-n); err != nil {
		return nil, err
	}
	kind, body, err := parseRecord(record)
	if err != nil || kind != recordSummary || len(body) < 4 {
		return nil, errRecord
	}
	s := &summary{}
	if json.Unmarshal(body[:len(body)-4], s) != nil || s.Version != version || s.IndexAt+s.IndexBytes != end-n {
		return nil, errRecord
	}
	return s, nil
}

// version of the format.
const version = 1

// readIndex reads the segments of a closed reel.
func (r *reel) readIndex(f io.ReaderAt) ([]*entry, error) {
	if r.IndexBytes < 0 || r.IndexAt < 0 || r.IndexAt+r.IndexBytes > r.bytes {
		return nil, fmt.Errorf("journal: index of %s is damaged: %w", r.name, errRecord)
	}
	b := make([]byte, r.IndexBytes)
	if _, err := f.ReadAt(b, r.IndexAt); err != nil {
		return nil, fmt.Errorf("journal: index of %s: %w", r.name, err)
	}
	kind, body, err := parseRecord(b)
	if err != nil || kind != recordIndex {
		return nil, fmt.Errorf("journal: index of %s is damaged: %w", r.name, errRecord)
	}
	d := decoder{b: body}
	count := d.u()
	var out []*entry
	for range count {
		n := r.readEntry(&d)
		if d.bad {
			return nil, fmt.Errorf("journal: index of %s is damaged: %w", r.name, errRecord)
		}
		out = append(out, n)
	}
	return out, nil
}
