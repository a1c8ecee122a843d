package segment

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/hub"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// recorder is a Reporter that remembers.
type recorder struct {
	mu         sync.Mutex // guards the fields below
	conditions map[string]string
	history    []string // "+code" and "-code", transitions only
	stats      Stats
}

func (r *recorder) Raise(code, message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conditions == nil {
		r.conditions = map[string]string{}
	}
	if r.conditions[code] == "" {
		r.history = append(r.history, "+"+code)
	}
	r.conditions[code] = message
}

func (r *recorder) Clear(code string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conditions[code] != "" {
		r.history = append(r.history, "-"+code)
	}
	delete(r.conditions, code)
}

func (r *recorder) Stats(s Stats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats = s
}

func (r *recorder) message(code string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conditions[code]
}

// fakeStore is a folder whose writes fail while fail is set.
type fakeStore struct {
	folder
	fail error
}

func (s *fakeStore) create(name string) (file, error) {
	f, err := s.folder.create(name)
	if err != nil {
		return nil, err
	}
	return &fakeFile{f, s}, nil
}

type fakeFile struct {
	file
	s *fakeStore
}

func (f *fakeFile) write(b [][]byte) error {
	if f.s.fail != nil {
		return f.s.fail
	}
	return f.file.write(b)
}

// rig is a running segmenter with a hub in front. It works in a synctest bubble.
type rig struct {
	t     *testing.T
	hub   *hub.Hub
	seg   *Segmenter
	rep   recorder
	store fakeStore
	ready int
	all   map[uint64]*Segment // every segment that was ever listed
	files map[string][]byte   // and its files
	stop  func()
}

// bubble runs a test with a segmenter in virtual time.
func bubble(t *testing.T, cfg Config, kinds []media.Kind, test func(*rig)) {
	t.Helper()
	dir := t.TempDir() + "/live"
	synctest.Test(t, func(t *testing.T) {
		if cfg.Dir == "" {
			cfg.Dir = dir
		}
		r := &rig{t: t, hub: hub.New(media.NewClock()), all: map[uint64]*Segment{}, files: map[string][]byte{}}
		r.store.folder = folder(cfg.Dir)
		r.hub.Announce(kinds...)
		r.hub.OnKeyRequest(func() {}) // an encoder of ours, unless the test says otherwise
		seg, err := newSegmenter(cfg, r.hub, &r.rep, &r.store)
		if err != nil {
			t.Fatal(err)
		}
		r.seg = seg
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- seg.Run(ctx, func() { r.ready++ }) }()
		stopped := false
		r.stop = func() {
			if stopped {
				return
			}
			stopped = true
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		}
		synctest.Wait()
		test(r)
		r.stop()
	})
}

// write feeds packets one by one and collects the segments they complete.
func (r *rig) write(ps ...media.Packet) {
	r.t.Helper()
	for _, p := range ps {
		r.hub.Write(p)
		synctest.Wait()
		r.collect()
	}
}

func (r *rig) collect() {
	r.t.Helper()
	for _, s := range r.seg.Window().Segments {
		if r.all[s.Sequence] != nil {
			continue
		}
		r.all[s.Sequence] = s
		for _, m := range []*Media{s.Video, s.Audio} {
			if m == nil || m.Gap {
				continue
			}
			b, err := readAll(m)
			if err != nil {
				r.t.Fatalf("segment %d is listed, but: %v", s.Sequence, err)
			}
			if int64(len(b)) != m.Bytes {
				r.t.Errorf("segment %d: %d bytes on disk, %d told", s.Sequence, len(b), m.Bytes)
			}
			r.files[m.Name] = b
		}
	}
}

// segments are all that were listed, in order, without holes in their numbers.
func (r *rig) segments() []*Segment {
	r.t.Helper()
	out := slices.SortedFunc(func(yield func(*Segment) bool) {
		for _, s := range r.all {
			if !yield(s) {
				return
			}
		}
	}, func(a, b *Segment) int { return int(a.Sequence) - int(b.Sequence) })
	for i, s := range out {
		if i > 0 && s.Sequence != out[i-1].Sequence+1 {
			r.t.Fatalf("segment %d follows %d", s.Sequence, out[i-1].Sequence)
		}
	}
	return out
}

// samples reads the segments' files of one kind back, by the rules of CMAF.
func (r *rig) samples(k media.Kind) (out [][]mp4.FullSample) {
	r.t.Helper()
	for _, s := range r.segments() {
		m := s.Media(k)
		if m == nil || m.Gap {
			out = append(out, nil)
			continue
		}
		init, err := segmenttest.Header(m.Init.Data)
		if err != nil {
			r.t.Fatal(err)
		}
		samples, err := segmenttest.Segment(init, r.files[m.Name])
		if err != nil {
			r.t.Fatalf("%s: %v", m.Name, err)
		}
		if len(samples) != m.Samples {
			r.t.Errorf("%s: %d samples, %d told", m.Name, len(samples), m.Samples)
		}
		out = append(out, samples)
	}
	return out
}

// durations of the segments as "2s 3s!", with "!" behind a forced start, "|"
// before a discontinuity and "x" for a gap.
func (r *rig) durations() string {
	r.t.Helper()
	var out []string
	for _, s := range r.segments() {
		d := s.Duration.Round(time.Millisecond).String()
		if !s.Independent {
			d += "!"
		}
		if s.Discontinuity {
			d = "|" + d
		}
		if s.Video != nil && s.Video.Gap {
			d += "x"
		}
		out = append(out, d)
	}
	return strings.Join(out, " ")
}

func (r *rig) expect(want string) {
	r.t.Helper()
	if got := r.durations(); got != want {
		r.t.Errorf("segments %s\nwant     %s", got, want)
	}
}

const frame = 40 * time.Millisecond

var (
	both      = []media.Kind{media.Video, media.Audio}
	videoOnly = []media.Kind{media.Video}
	audioOnly = []media.Kind{media.Audio}
)

// pictures are n of 25 a second from start on, a key picture at every time of
// keys (counted in pictures).
func pictures(t *media.Track, start time.Duration, n int, key func(i int) bool) (out []media.Packet) {
	for i := range n {
		out = append(out, segmenttest.Picture(t, start+time.Duration(i)*frame, key(i), 100+i%7))
	}
	return out
}

func every(n int) func(int) bool { return func(i int) bool { return i%n == 0 } }

func at(is ...int) func(int) bool { return func(i int) bool { return slices.Contains(is, i) } }

func sounds(t *media.Track, start, d time.Duration) (out []media.Packet) {
	for i := 0; ; i++ {
		p := segmenttest.Sound(t, start, i)
		if p.PTS >= start+d {
			return out
		}
		out = append(out, p)
	}
}

// mixed orders packets as they arrive: by decode time, with sound later by lag.
func mixed(lag time.Duration, lists ...[]media.Packet) (out []media.Packet) {
	for _, l := range lists {
		out = append(out, l...)
	}
	arrival := func(p media.Packet) time.Duration {
		if p.Track.Kind() == media.Audio {
			return p.DTS + lag
		}
		return p.DTS
	}
	slices.SortStableFunc(out, func(a, b media.Packet) int { return int(arrival(a) - arrival(b)) })
	return out
}

var errFull = errors.New("no space left on device")

// readAll is a Media's file.
func readAll(m *Media) ([]byte, error) {
	return readContent(m.Content)
}

func readContent(c Content) ([]byte, error) {
	f, err := c.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
