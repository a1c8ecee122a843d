// Package segment cuts one stream into CMAF segments and keeps a sliding
// window of them on disk. What is visible is complete: a segment appears in
// the Window, and its file under its name, only after all of it was written.
//
// What is on disk outlives the segmenter and the process, at whatever moment
// they end: the next Segmenter of the folder takes it up and goes on behind it.
// Clear deletes it.
//
// Decisions a reader of the package should know:
//   - Video and audio are cut at the same time and share sequence numbers:
//     segment n of one is the sound of segment n of the other.
//   - A loss before a key picture (media.Packet.Gap: packets the segmenter was
//     too slow for, a source that restarted) begins a segment with
//     Discontinuity. Players then join what follows without a hole in their
//     buffers; without the sign they stall at the hole. A loss without a key
//     picture (pictures the encoder skipped) is a hole of the picture only:
//     the picture before it is shown longer and nothing else happens.
//   - A segment that could not be stored stays in the window as a Gap, so that
//     sequence numbers and times of what follows keep their places (RFC
//     8216bis §4.4.4.7).
package segment

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// Init is the CMAF header of one track. It is immutable.
type Init struct {
	ID    uint64 // rises with every header of a run; equal headers share it
	Name  string // file name within the stream
	Track *media.Track
	Data  []byte
}

// Chunk is one complete CMAF chunk within a segment's file.
type Chunk struct {
	Offset, Bytes int64
	Start         time.Duration // decode time of its first sample
	Duration      time.Duration
	Independent   bool // begins with a sync sample
}

// Media is one track's part of a segment. It is immutable once its segment is
// in a Window.
type Media struct {
	Name     string // file name within the stream
	Init     *Init
	Start    time.Duration // PTS of the first sample
	Duration time.Duration // sum of the samples' durations
	Wall     time.Time     // Start as wall-clock time; zero while that is not known
	Chunks   []Chunk
	Samples  int
	Bytes    int64
	// Gap says that there is no such file: it could not be stored, or the track
	// had nothing in this time.
	Gap bool
	// Content has the file's bytes; nil for a Gap.
	Content Content
}

// Content is where the bytes of a Media are: its chunks in order, nothing else.
type Content interface {
	// Open opens them. Many readers may do so at once; each closes what it opened.
	// The error is fs.ErrNotExist once they have been deleted.
	Open() (io.ReadSeekCloser, error)
}

// path is a complete file on the live window's file system.
type path string

// Open implements Content.
func (p path) Open() (io.ReadSeekCloser, error) { return os.Open(string(p)) }

// part is the first bytes of a file that is being written, or was when the part
// was made.
type part struct {
	file  string // its name once complete
	bytes int64
}

// Open implements Content.
func (p part) Open() (io.ReadSeekCloser, error) {
	f, err := os.Open(p.file + temporary)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = os.Open(p.file)
	}
	if err != nil {
		return nil, err
	}
	return struct {
		io.ReadSeeker
		io.Closer
	}{io.NewSectionReader(f, 0, p.bytes), f}, nil
}

// Segment is a closed list of chunks of each track. It is immutable once it
// is in a Window.
type Segment struct {
	Sequence uint64
	Run      string // of the segmenter that cut it
	// TimeOffset is what the times in its files are more than Start, Media.Start
	// and Chunk.Start, which are on the clock of the stream as it was then. In
	// one Window it is the same for all.
	TimeOffset time.Duration
	Start      time.Duration // PTS on the stream's clock
	Duration   time.Duration
	// Discontinuity says that it does not continue the segment before.
	Discontinuity bool
	// Independent says that it begins with a key picture; false after a forced cut.
	Independent  bool
	Video, Audio *Media // nil for a track the programme does not have

	left time.Duration // time of this run's stream at which it left the playlist
}

// Bytes of all tracks.
func (s *Segment) Bytes() (n int64) {
	for _, m := range []*Media{s.Video, s.Audio} {
		if m != nil {
			n += m.Bytes
		}
	}
	return n
}

// Gap says that no track has a file.
func (s *Segment) Gap() bool {
	return (s.Video == nil || s.Video.Gap) && (s.Audio == nil || s.Audio.Gap)
}

// Media is the part of one kind of track, nil if there is none.
func (s *Segment) Media(k media.Kind) *Media {
	if k == media.Audio {
		return s.Audio
	}
	return s.Video
}

// Window is one state of the stream's segments: an immutable snapshot.
type Window struct {
	// Run tells this run of the segmenter from every other one. It is part of
	// the names of the files cut in it, so that caches never mix two runs; not of
	// epoch-locked ones, whose numbers alone tell them apart.
	Run string
	// Version rises with every window of a run whose Segments, or anything else
	// that playlists are made of, is not that of the one before. A window that is
	// newer for its Open segments alone has the Version of the one before.
	Version uint64
	// TimeOffset is what the times in the files are more than those in Segments.
	TimeOffset time.Duration
	// TargetDuration is constant from the first segment of a run on: whole
	// seconds, and no segment's duration rounds to more.
	TargetDuration time.Duration
	Video, Audio   *Init      // of the programme now; nil for a track it does not have
	Segments       []*Segment // listed, oldest first
	// Open are the segments being written, oldest first, at most two, each with its
	// complete chunks so far: the older one may still wait for sound. A track's
	// part that has no complete chunk yet is nil.
	Open []*Segment
	// Ended says that nothing will follow: a finished part of a programme.
	Ended   bool
	Expired []*Segment // no longer listed, still there for slow players
	// Discontinuities is how many segments with Discontinuity have left Segments.
	Discontinuities uint64
	// PeakBitrate of the segments since the tracks last changed, bits per second.
	PeakBitrate int64

	base uint64 // the first number of the unbroken row of numbers that Segments ends
	next chan struct{}
}

// Next is closed when a newer Window is there: at every chunk that completes.
// Who renders playlists looks at Run and Version.
func (w *Window) Next() <-chan struct{} { return w.next }

// Duration of the listed segments.
func (w *Window) Duration() (d time.Duration) {
	for _, s := range w.Segments {
		d += s.Duration
	}
	return d
}

// Bytes on disk, expired segments included.
func (w *Window) Bytes() (n int64) {
	for _, s := range w.Segments {
		n += s.Bytes()
	}
	for _, s := range w.Expired {
		n += s.Bytes()
	}
	return n
}

// Init returns the header of the tracks of one kind, nil if there is none.
func (w *Window) Init(k media.Kind) *Init {
	if k == media.Audio {
		return w.Audio
	}
	return w.Video
}

// All yields the segments whose files are there, oldest first.
func (w *Window) All(yield func(*Segment) bool) {
	for _, list := range [][]*Segment{w.Expired, w.Segments} {
		for _, s := range list {
			if !yield(s) {
				return
			}
		}
	}
}
