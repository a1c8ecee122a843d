package journal

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/fmp4"
	"github.com/encoderbox/encoderbox/output/segment"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// memory is content of the live window; gone once it expired.
type memory struct {
	mu   sync.Mutex
	data []byte
	gone bool
}

type nopSeekCloser struct{ io.ReadSeeker }

func (nopSeekCloser) Close() error { return nil }

func (m *memory) Open() (io.ReadSeekCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone {
		return nil, fs.ErrNotExist
	}
	return nopSeekCloser{bytes.NewReader(m.data)}, nil
}

// feed is a live window that tests fill, two chunks a second-long track part.
type feed struct {
	t       testing.TB
	mu      sync.Mutex
	win     *segment.Window
	changed chan struct{}
	begin   time.Time // wall-clock time of stream time 0
	now     time.Duration
	keep    int // segments in the window
	run     string
	seq     uint64
	inits   [3]*segment.Init
	chunks  uint32
	all     map[string][]byte // every file that was made
	order   []uint64
	breaks  bool
	opened  *segment.Segment
	bytes   int // of a picture
}

const chunkTime = time.Second

func newFeed(t testing.TB) *feed {
	f := &feed{t: t, win: &segment.Window{TargetDuration: 2 * time.Second}, changed: make(chan struct{}),
		begin: time.Now().UTC(), keep: 6, run: "aa", seq: 100, all: map[string][]byte{}, bytes: 200}
	f.tracks()
	return f
}

// tracks begins with new headers.
func (f *feed) tracks() {
	for _, t := range []*media.Track{segmenttest.Video(), segmenttest.Audio()} {
		data, err := fmp4.Init(t)
		if err != nil {
			f.t.Fatal(err)
		}
		f.inits[t.Kind()] = &segment.Init{ID: 1, Name: fmt.Sprintf("%v_%s_init1.mp4", t.Kind(), f.run), Track: t, Data: data}
	}
}

// restart is another run of the segmenter after a pause.
func (f *feed) restart(run string, pause time.Duration) {
	f.run, f.breaks = run, true
	f.now += pause
	f.seq += 5
	f.tracks()
}

func (f *feed) Window() *segment.Window {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.win
}

func (f *feed) wait() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *feed) publish(change func(w *segment.Window)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := *f.win
	w.Version++
	w.Video, w.Audio, w.TimeOffset, w.Run = f.inits[media.Video], f.inits[media.Audio], segment.TimeOffset, f.run
	change(&w)
	f.win = &w
	close(f.changed)
	f.changed = make(chan struct{})
}

// chunk makes the next second of the open segment.
func (f *feed) chunk() {
	if f.opened == nil {
		f.opened = &segment.Segment{Sequence: f.seq, Run: f.run, TimeOffset: segment.TimeOffset, Start: f.now,
			Discontinuity: f.breaks, Independent: true}
		f.breaks = false
	}
	next := *f.opened
	var video, audio []media.Packet
	for i := range 25 {
		first := i == 0 && f.opened.Video == nil
		video = append(video, segmenttest.Picture(f.inits[media.Video].Track, f.now+time.Duration(i)*40*time.Millisecond, first, f.bytes+i))
	}
	for i := 0; ; i++ {
		p := segmenttest.Sound(f.inits[media.Audio].Track, f.now, i)
		if p.PTS >= f.now+chunkTime {
			break
		}
		audio = append(audio, p)
	}
	for k, samples := range map[media.Kind][]media.Packet{media.Video: video, media.Audio: audio} {
		f.part(&next, k, samples)
	}
	f.now += chunkTime
	f.opened = &next
	f.publish(func(w *segment.Window) { w.Open = []*segment.Segment{&next} })
}

func (f *feed) part(s *segment.Segment, k media.Kind, samples []media.Packet) {
	f.chunks++
	header, err := fmp4.AppendHeader(nil, fmp4.Chunk{Sequence: f.chunks, Samples: samples, End: f.now + chunkTime,
		Offset: segment.TimeOffset, SegmentStart: s.Media(k) == nil})
	if err != nil {
		f.t.Fatal(err)
	}
	for _, p := range samples {
		header = append(header, p.Data...)
	}
	m := segment.Media{Name: fmt.Sprintf("%v_%s_%d.m4s", k, s.Run, s.Sequence), Init: f.inits[k], Start: samples[0].PTS,
		Wall: f.begin.Add(samples[0].PTS), Content: &memory{}}
	if old := s.Media(k); old != nil {
		m = *old
	}
	m.Chunks = append(m.Chunks[:len(m.Chunks):len(m.Chunks)], segment.Chunk{Offset: m.Bytes, Bytes: int64(len(header)),
		Start: samples[0].DTS, Duration: chunkTime, Independent: samples[0].Key})
	m.Bytes += int64(len(header))
	m.Duration += chunkTime
	m.Samples += len(samples)
	c := m.Content.(*memory)
	c.mu.Lock()
	c.data = append(c.data[:len(c.data):len(c.data)], header...)
	f.all[m.Name] = c.data
	c.mu.Unlock()
	set(s, k, &m)
}

// close ends the open segment.
func (f *feed) close() {
	s := *f.opened
	s.Duration = s.Video.Duration
	f.opened = nil
	f.order = append(f.order, f.seq)
	f.seq++
	f.publish(func(w *segment.Window) {
		w.Open = nil
		w.Segments = append(w.Segments[:len(w.Segments):len(w.Segments)], &s)
		for len(w.Segments) > f.keep {
			for _, k := range kinds() {
				c := w.Segments[0].Media(k).Content.(*memory)
				c.mu.Lock()
				c.gone = true
				c.mu.Unlock()
			}
			w.Segments = w.Segments[1:]
		}
	})
}

// play goes on in real time for n segments of two chunks.
func (f *feed) play(n int) {
	for range n {
		for range 2 {
			time.Sleep(chunkTime)
			f.chunk()
		}
		f.close()
	}
	time.Sleep(time.Millisecond)
}

// tape is segment.Cursor over a feed.
type tape struct {
	feed  *feed
	inner *segment.Cursor
}

func tapeOf(src Source, after uint64) cursor {
	return &tape{src.(*feed), segment.NewCursor(src, after)}
}

func (c *tape) Next(ctx context.Context) (segment.Step, error) {
	for {
		changed := c.feed.wait()
		inner, cancel := context.WithCancel(ctx)
		cancel()
		step, err := c.inner.Next(inner)
		if err == nil {
			return step, nil
		}
		select {
		case <-ctx.Done():
			return segment.Step{}, ctx.Err()
		case <-changed:
		}
	}
}

// recorder is a Reporter.
type recorder struct {
	mu         sync.Mutex
	conditions map[string]string
	history    []string
}

func (r *recorder) Raise(code, message string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conditions == nil {
		r.conditions = map[string]string{}
	}
	if _, ok := r.conditions[code]; !ok {
		r.history = append(r.history, "+"+code)
	}
	r.conditions[code] = message
}

func (r *recorder) Clear(code string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.conditions[code]; ok {
		r.history = append(r.history, "-"+code)
	}
	delete(r.conditions, code)
}

func (r *recorder) Stats(Stats) {}

func (r *recorder) has(code string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.conditions[code]
	return ok
}
