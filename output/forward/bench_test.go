package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

const (
	s          = time.Second
	segmentDur = 2 * s
	windowLen  = 6
	videoBytes = 100_000
	audioBytes = 8_000
)

type memory []byte

func (m memory) Open() (io.ReadSeekCloser, error) { return nopCloser{bytes.NewReader(m)}, nil }

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// stream is a fake timeline with storage that keeps what somebody wants.
type stream struct {
	mu       sync.Mutex
	w        *segment.Window
	run      string
	next     uint64
	all      map[string][]byte // every file ever made
	made     []uint64          // every number
	stored   map[uint64]*segment.Segment
	wants    map[int]uint64
	wantings int // calls of Want
	spilled  int // segments that went to storage
	ids      int
	video    *segment.Init
	audio    *segment.Init
	gone     bool // storage cannot be read
}

func newStream(run string, first uint64) *stream {
	st := &stream{run: run, next: first, all: map[string][]byte{}, stored: map[uint64]*segment.Segment{}, wants: map[int]uint64{}}
	st.w = &segment.Window{Run: run, TargetDuration: segmentDur}
	st.header()
	return st
}

// header begins a new run's headers.
func (st *stream) header() {
	st.video = &segment.Init{Name: "video_" + st.run + "_init1.mp4", Track: segmenttest.Video(), Data: []byte("video header " + st.run)}
	st.audio = &segment.Init{Name: "audio_" + st.run + "_init1.mp4", Track: segmenttest.Audio(), Data: []byte("audio header " + st.run)}
	st.all[st.video.Name], st.all[st.audio.Name] = st.video.Data, st.audio.Data
}

// reboot begins a new run with an empty live window and other numbers; what is
// stored stays.
func (st *stream) reboot(run string, first uint64) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.run, st.next = run, first
	st.header()
	st.w = &segment.Window{Run: run, TargetDuration: segmentDur}
	clear(st.wants)
}

func (st *stream) content(name string, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(len(st.all)), byte(len(st.all) >> 8)}).Read(b) // never fails
	st.all[name] = b
	return b
}

// cut makes one more segment.
func (st *stream) cut() {
	st.mu.Lock()
	defer st.mu.Unlock()
	n := st.next
	st.next++
	st.made = append(st.made, n)
	start := time.Duration(n) * segmentDur
	part := func(kind string, size int, i *segment.Init) *segment.Media {
		name := fmt.Sprintf("%s_%s_%d.m4s", kind, st.run, n)
		return &segment.Media{
			Name: name, Init: i, Start: start, Duration: segmentDur, Samples: 50, Bytes: int64(size),
			Content: memory(st.content(name, size)), Wall: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(start),
		}
	}
	seg := &segment.Segment{
		Sequence: n, Start: start, Duration: segmentDur, Independent: true,
		Video: part("video", videoBytes, st.video), Audio: part("audio", audioBytes, st.audio),
	}
	w := *st.w
	w.Version++
	w.Video, w.Audio = st.video, st.audio
	w.Segments = append(slices.Clone(w.Segments), seg)
	if len(w.Segments) > windowLen {
		w.Expired = append(slices.Clone(w.Expired), w.Segments[0])
		w.Segments = w.Segments[1:]
	}
	if len(w.Expired) > windowLen {
		w.Expired = w.Expired[1:]
	}
	st.w = &w
	for old := range w.All {
		for _, from := range st.wants {
			if old.Sequence >= from && st.stored[old.Sequence] == nil {
				st.stored[old.Sequence] = old
				st.spilled++
			}
		}
	}
}

func (st *stream) Window() *segment.Window {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.w
}

func (st *stream) Segment(n uint64) (*segment.Segment, bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for seg := range st.w.All {
		if seg.Sequence == n {
			return seg, true
		}
	}
	if st.gone {
		return nil, false
	}
	seg, ok := st.stored[n]
	return seg, ok
}

func (st *stream) After(n uint64) (best *segment.Segment, ok bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	look := func(seg *segment.Segment) {
		if seg.Sequence > n && (best == nil || seg.Sequence < best.Sequence) {
			best = seg
		}
	}
	if !st.gone {
		for _, seg := range st.stored {
			look(seg)
		}
	}
	for seg := range st.w.All {
		look(seg)
	}
	return best, best != nil
}

func (st *stream) Want(_ string, from uint64) func() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.ids++
	st.wantings++
	id := st.ids
	st.wants[id] = from
	return func() {
		st.mu.Lock()
		defer st.mu.Unlock()
		delete(st.wants, id)
	}
}

func (st *stream) wanted() int {
	st.mu.Lock()
	defer st.mu.Unlock()
	return len(st.wants)
}

// server is an origin in memory behind a link of so many bytes a second, which
// uploads share piece by piece; in virtual time.
type server struct {
	mu      sync.Mutex
	rate    float64
	free    time.Time // when the link has carried all it was given
	down    bool
	files   map[string][]byte
	puts    map[string]int // that were stored
	log     []entry
	live    int64 // bytes taken without a pace
	paced   int64
	failPut func(name string, attempt int) (stored bool, err error)
	tries   map[string]int
	noHead  bool
	heads   int
	deleted map[string]bool
	broken  []string // playlists that named what was not there
}

type entry struct {
	at    time.Time
	name  string
	bytes int
	paced bool
}

func newServer(rate float64) *server {
	return &server{rate: rate, files: map[string][]byte{}, puts: map[string]int{}, tries: map[string]int{}, deleted: map[string]bool{}}
}

var errDown = errors.New("no route to origin.example: is the network up?")

func (v *server) Put(ctx context.Context, f output.File) error {
	v.mu.Lock()
	v.tries[f.Name]++
	attempt, down := v.tries[f.Name], v.down
	v.mu.Unlock()
	if down {
		return fmt.Errorf("%w: %w", output.ErrNotSent, errDown)
	}
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	var body []byte
	buf := make([]byte, 16<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if f.Pace != nil {
				if err := f.Pace(ctx, n); err != nil {
					return err
				}
			}
			if err := v.carry(ctx, n); err != nil {
				return err
			}
			body = append(body, buf[:n]...)
			v.mu.Lock()
			if f.Pace != nil {
				v.paced += int64(n)
			} else {
				v.live += int64(n)
			}
			v.log = append(v.log, entry{time.Now(), f.Name, n, f.Pace != nil})
			v.mu.Unlock()
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if f.New && v.files[f.Name] != nil {
		return &output.AnswerError{Status: 412, Cause: CauseRejected, Text: "there already"}
	}
	stored, err := true, error(nil)
	if v.failPut != nil {
		stored, err = v.failPut(f.Name, attempt)
	}
	if stored {
		v.check(f.Name, body)
		v.files[f.Name] = body
		v.puts[f.Name]++
	}
	return err
}

// carry is the link: so long does it take n bytes.
func (v *server) carry(ctx context.Context, n int) error {
	v.mu.Lock()
	if v.free.Before(time.Now()) {
		v.free = time.Now()
	}
	v.free = v.free.Add(time.Duration(float64(n) / v.rate * float64(time.Second)))
	wait := time.Until(v.free)
	v.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait):
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.down {
		return errDown
	}
	return nil
}

// check notes a playlist that names what is not there. v.mu is held.
func (v *server) check(name string, body []byte) {
	if !strings.HasSuffix(name, ".m3u8") {
		return
	}
	for _, ref := range references(string(body)) {
		if v.files[ref] == nil {
			v.broken = append(v.broken, name+": "+ref)
		}
	}
}

// references are the files that a playlist names, gaps left out.
func references(playlist string) (refs []string) {
	gap := false
	for line := range strings.Lines(playlist) {
		line = strings.TrimSpace(line)
		if _, rest, ok := strings.Cut(line, `URI="`); ok {
			ref, _, _ := strings.Cut(rest, `"`)
			refs = append(refs, ref)
		}
		switch {
		case strings.HasPrefix(line, "#EXT-X-GAP"):
			gap = true
		case line != "" && line[0] != '#':
			if !gap {
				refs = append(refs, line)
			}
			gap = false
		}
	}
	return refs
}

func (v *server) Stat(_ context.Context, name string) (output.FileInfo, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.heads++
	switch b, ok := v.files[name]; {
	case v.down:
		return output.FileInfo{}, errDown
	case v.noHead:
		return output.FileInfo{}, errors.ErrUnsupported
	case ok:
		return output.FileInfo{Size: int64(len(b))}, nil
	}
	return output.FileInfo{}, fs.ErrNotExist
}

func (v *server) Delete(_ context.Context, name string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.down {
		return errDown
	}
	for n, b := range v.files {
		if strings.HasSuffix(n, ".m3u8") && slices.Contains(references(string(b)), name) {
			v.broken = append(v.broken, n+": "+name+" deleted")
		}
	}
	delete(v.files, name)
	v.deleted[name] = true
	return nil
}

func (v *server) Close() error { return nil }

func (v *server) set(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f()
}
