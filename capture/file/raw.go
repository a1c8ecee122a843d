package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// openY4MInput opens a Y4M file with the WAV file that goes with it, if any.
func openY4MInput(cfg Config, f *os.File, size int64, clock *media.Clock) (*capture.Input, error) {
	head := make([]byte, min(size, maxY4MHeader))
	if _, err := f.ReadAt(head, 0); err != nil {
		return nil, err
	}
	h, err := parseY4M(head)
	if err != nil {
		return nil, err
	}
	at, err := y4mFrames(f, h, size)
	if err != nil {
		return nil, err
	}
	o := &origin{clock: clock}
	in := &capture.Input{
		Video: h.format,
		Frames: &FrameSource{f: f, at: at, format: h.format, loop: cfg.Loop, origin: o,
			pool: capture.NewPool(h.format, nil)},
		Description: fmt.Sprintf("%dx%d %v fps, raw", h.format.Width, h.format.Height, h.format.FrameRate),
		Close:       f.Close,
	}
	if h.interlaced {
		in.Description += " (interlaced, shown as it is)"
	}
	audio, audioSize, path, err := openSound(cfg)
	if err != nil {
		return nil, fmt.Errorf("its sound %s: %w", path, err)
	}
	if audio == nil {
		return in, nil
	}
	s, err := newSampleSource(audio, audioSize, cfg.Loop, o)
	if err != nil {
		audio.Close()
		return nil, fmt.Errorf("its sound %s: %w", path, err)
	}
	n := int64(len(at))
	s.start = func(loop int64) int64 {
		return media.ToTimescale(h.format.FrameRate.FrameTime(loop*n), s.wav.format.SampleRate)
	}
	in.Samples, in.Audio = s, s.wav.format
	in.Description += fmt.Sprintf(", %s: %v", filepath.Base(path), s)
	in.Notes = s.notes(filepath.Base(path) + ": ")
	in.Close = func() error { return errors.Join(f.Close(), audio.Close()) }
	return in, nil
}

// openSound opens the WAV file of a Y4M file; nil when there is none and none
// was asked for.
func openSound(cfg Config) (f *os.File, size int64, path string, err error) {
	if path = cfg.AudioPath; path == "" {
		path = strings.TrimSuffix(cfg.Path, filepath.Ext(cfg.Path)) + ".wav"
	}
	f, size, err = openRegular(path)
	if cfg.AudioPath == "" && errors.Is(err, fs.ErrNotExist) {
		return nil, 0, path, nil
	}
	if err != nil {
		return nil, 0, path, err
	}
	head := make([]byte, 12)
	if n, _ := f.ReadAt(head, 0); sniff(head[:n]) != kindWAV {
		f.Close()
		return nil, 0, path, errors.New("not a WAV file")
	}
	return f, size, path, nil
}

// openWAVInput opens a WAV file that is played on its own.
func openWAVInput(cfg Config, f *os.File, size int64, clock *media.Clock) (*capture.Input, error) {
	s, err := newSampleSource(f, size, cfg.Loop, &origin{clock: clock})
	if err != nil {
		return nil, err
	}
	return &capture.Input{
		Samples:     s,
		Audio:       s.wav.format,
		Description: s.String(),
		Notes:       s.notes(""),
		Close:       f.Close,
	}, nil
}

// origin is the time of the first frame and the first sample. The part that
// runs first sets it, the other one joins.
type origin struct {
	clock *media.Clock
	once  sync.Once
	at    time.Duration
}

func (o *origin) get() time.Duration {
	o.once.Do(func() { o.at = o.clock.Now() })
	return o.at
}

// FrameSource delivers the pictures of a Y4M file at their times. Frames are
// numbered through all loops, so the rate holds across the seams exactly.
type FrameSource struct {
	f       io.ReaderAt
	at      []int64
	format  media.VideoFormat
	loop    bool
	origin  *origin
	pool    *capture.MemoryPool
	skipped atomic.Uint64
}

var _ capture.FrameSource = (*FrameSource)(nil)

// Skipped counts the frames that were due and not delivered, because every
// buffer was still held downstream, or because the source was more than a
// second late.
func (s *FrameSource) Skipped() uint64 { return s.skipped.Load() }

// Run implements capture.FrameSource. It begins with the frame that is due.
func (s *FrameSource) Run(ctx context.Context, emit func(media.Frame)) error {
	start := s.origin.get()
	pace := capture.NewPacer(s.origin.clock)
	at := func(n int64) time.Duration { return start + s.format.FrameRate.FrameTime(n) }
	from := func(t time.Duration) int64 {
		n := max(0, int64(math.Ceil((t-start).Seconds()*s.format.FrameRate.Float()))-1)
		for at(n) < t {
			n++
		}
		return n
	}
	count := int64(len(s.at))
	for n := from(s.origin.clock.Now()); ; n++ {
		if err := pace.Wait(ctx, at(n)); err != nil {
			return err
		}
		if !s.loop && n >= count {
			return ErrEnd
		}
		if pace.Late(at(n)) > capture.MaxLate {
			present := from(s.origin.clock.Now())
			s.skipped.Add(uint64(present - n))
			n = present - 1
			continue
		}
		b := s.pool.Get()
		if b == nil {
			s.skipped.Add(1)
			continue
		}
		frame := media.Frame{Buffer: b, PTS: at(n)}
		if err := s.read(b, s.at[n%count]); err != nil {
			frame.Release()
			return fmt.Errorf("read frame %d: %w", n%count+1, err)
		}
		emit(frame)
	}
}

func (s *FrameSource) read(b *media.Buffer, at int64) error {
	for _, p := range b.Planes {
		if _, err := s.f.ReadAt(p.Data, at); err != nil {
			return err
		}
		at += int64(len(p.Data))
	}
	return nil
}

// SampleSource delivers the sound of a WAV file in runs of 20 ms, each when its
// last sample is due. In a loop the sound begins anew together with the
// picture, cut off or followed by silence as its length demands.
type SampleSource struct {
	wav     *wav
	loop    bool
	origin  *origin
	start   func(loop int64) int64 // the sample at which a loop begins
	run     int64
	silence []int16
	scratch []byte
	skipped atomic.Uint64
}

var _ capture.SampleSource = (*SampleSource)(nil)

func newSampleSource(f io.ReaderAt, size int64, loop bool, o *origin) (*SampleSource, error) {
	w, err := openWAV(f, size)
	if err != nil {
		return nil, err
	}
	s := &SampleSource{wav: w, loop: loop, origin: o, run: int64(w.format.SampleRate / 50)}
	s.start = func(loop int64) int64 { return loop * w.samples }
	s.silence = make([]int16, int(s.run)*w.format.Channels)
	return s, nil
}

func (s *SampleSource) String() string {
	d := fmt.Sprintf("%d Hz %d ch, raw", s.wav.format.SampleRate, s.wav.format.Channels)
	if s.wav.cut {
		d += " (" + cutShort + ")"
	}
	return d
}

// cutShort says of sound that its file ends before its header does.
const cutShort = "cut short"

// notes are capture.Input's, with what the sound is called before each.
func (s *SampleSource) notes(prefix string) []string {
	if s.wav.cut {
		return []string{prefix + cutShort}
	}
	return nil
}

// Skipped counts the runs that were never delivered because the source was
// more than a second late.
func (s *SampleSource) Skipped() uint64 { return s.skipped.Load() }

// Run implements capture.SampleSource. It begins with the run that is due.
func (s *SampleSource) Run(ctx context.Context, emit func(media.Samples)) error {
	start := s.origin.get()
	pace := capture.NewPacer(s.origin.clock)
	at := func(run int64) time.Duration {
		return start + media.SamplesToDuration(run*s.run, s.wav.format.SampleRate)
	}
	from := func(t time.Duration) int64 {
		i := max(0, media.ToTimescale(t-start, s.wav.format.SampleRate)/s.run-1)
		for at(i) < t {
			i++
		}
		return i
	}
	for i := from(s.origin.clock.Now()); ; i++ {
		if err := pace.Wait(ctx, at(i+1)); err != nil {
			return err
		}
		if !s.loop && i*s.run >= s.wav.samples {
			return ErrEnd
		}
		if pace.Late(at(i)) > capture.MaxLate {
			present := from(s.origin.clock.Now())
			s.skipped.Add(uint64(present - i))
			i = present - 1
			continue
		}
		data, err := s.samples(i * s.run)
		if err != nil {
			return err
		}
		emit(media.Samples{Format: s.wav.format, PTS: at(i), Data: data})
	}
}

// samples is one run, from the given sample of the whole time line on.
func (s *SampleSource) samples(first int64) ([]int16, error) {
	loop := int64(0)
	if s.loop {
		loop = first / max(1, s.start(1))
		for loop > 0 && s.start(loop) > first {
			loop--
		}
		for s.start(loop+1) <= first {
			loop++
		}
	}
	data := make([]int16, 0, len(s.silence))
	for at := first; at < first+s.run; {
		end := first + s.run // of the part that lies in this loop
		if s.loop {
			end = min(end, s.start(loop+1))
		}
		local := at - s.start(loop)
		n := min(end-at, max(0, s.wav.samples-local))
		if n > 0 {
			var err error
			if data, s.scratch, err = s.wav.read(data, local, n, s.scratch); err != nil {
				return nil, err
			}
		}
		data = append(data, s.silence[:int(end-at-n)*s.wav.format.Channels]...)
		at, loop = end, loop+1
	}
	return data, nil
}
