package segment

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/hub"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

var errKilled = errors.New("killed")

// mortal is a folder of a process that is killed at one of its operations: in
// its middle, where it has one.
type mortal struct {
	folder
	left int  // operations until then
	torn bool // half of the last one happens
}

// dies counts an operation; half is what happens of the last one.
func (s *mortal) dies(half func()) {
	if s.left--; s.left >= 0 {
		return
	}
	if s.torn && half != nil {
		half()
	}
	panic(errKilled)
}

func (s *mortal) create(name string) (file, error) {
	s.dies(nil)
	f, err := s.folder.create(name)
	return &mortalFile{f, s}, err
}

func (s *mortal) remove(name string) error {
	s.dies(nil)
	return s.folder.remove(name)
}

func (s *mortal) salvage(name string, size int64) (Content, error) {
	s.dies(func() { _ = os.Truncate(s.path(name)+temporary, size) })
	return s.folder.salvage(name, size)
}

func (s *mortal) appendIndex(b []byte) error {
	s.dies(func() { _ = s.folder.appendIndex(b[:len(b)*2/3]) })
	return s.folder.appendIndex(b)
}

func (s *mortal) replaceIndex(b []byte) error {
	s.dies(func() { _ = os.WriteFile(s.path(indexName)+temporary, b[:len(b)/2], 0o600) })
	return s.folder.replaceIndex(b)
}

type mortalFile struct {
	file
	s *mortal
}

func (f *mortalFile) write(bufs [][]byte) error {
	f.s.dies(func() {
		all := bytes.Join(bufs, nil)
		_ = f.file.write([][]byte{all[:len(all)/2]})
	})
	return f.file.write(bufs)
}

func (f *mortalFile) commit() (Content, error) {
	f.s.dies(nil)
	return f.file.commit()
}

// process is a segmenter on a folder, without hub and goroutine.
type process struct {
	*Segmenter
	rep incidents
	now func() time.Duration
}

// incidents is a recorder of incidents too.
type incidents struct {
	recorder
	told []output.Incident
}

func (i *incidents) Report(n output.Incident) { i.told = append(i.told, n) }

func newProcess(t *testing.T, cfg Config, store storage) *process {
	t.Helper()
	p := &process{}
	h := hub.New(media.NewClock())
	h.OnKeyRequest(func() {})
	var err error
	if p.Segmenter, err = newSegmenter(cfg, h, &p.rep, store); err != nil {
		t.Fatal(err)
	}
	p.index.growth = 3000 // a few segments
	p.now = h.Clock().Now
	return p
}

// live segments d of a stream in real time until it is killed.
func (p *process) live(v *viewer, d time.Duration, started func(*Window)) (killed bool) {
	defer func() {
		if err := recover(); err == errKilled {
			killed = true
		} else if err != nil {
			panic(err)
		}
		v.see(p.Window())
	}()
	p.begin()
	started(p.Window())
	video, audio := segmenttest.Video(), segmenttest.Audio()
	p.programme([]*media.Track{video, audio})
	start := p.now()
	for _, packet := range mixed(0, pictures(video, start, int(d/frame), every(50)), sounds(audio, start, d)) {
		time.Sleep(packet.DTS - p.now())
		packet.At = p.now()
		p.add(packet)
		v.see(p.Window())
	}
	p.cut.finish()
	return false
}

var killConfig = Config{Chunk: 500 * time.Millisecond, Segments: 3, Grace: 3 * time.Second}

func TestKilledAtEveryOperation(t *testing.T) {
	for _, torn := range []bool{false, true} {
		ended := false
		for n := 0; !ended; n++ {
			dir := folder(t.TempDir() + "/live")
			name := fmt.Sprint("operation ", n, ", torn ", torn)
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)))
				v := newViewer(t)
				cfg := killConfig
				cfg.Dir = string(dir)
				p := newProcess(t, cfg, &mortal{dir, n, torn})
				ended = !p.live(v, 11*time.Second, func(*Window) {})
				before := p.Window()
				time.Sleep(700 * time.Millisecond)
				// Killed again while it takes up what is there, then left alone.
				for again := range 3 {
					p = newProcess(t, cfg, &mortal{dir, again, torn})
					p.live(v, 0, func(*Window) {})
				}
				p = newProcess(t, cfg, dir)
				p.live(v, 5*time.Second, func(w *Window) { v.survived(before, w) })
				if w := p.Window(); len(w.Segments) < 3 || len(p.rep.conditions) > 0 || p.stats.Lost > 0 {
					t.Errorf("%d segments in the end, conditions %v, %+v", len(w.Segments), p.rep.conditions, p.stats)
				}
				for _, i := range p.rep.told {
					if i.Err != nil || i.Kind == output.Gap {
						t.Errorf("incident %+v", i)
					}
				}
				onlyTheWindow(t, dir, p.Window())
			})
			if t.Failed() {
				t.Fatal(name)
			}
		}
	}
}

// onlyTheWindow checks that nothing is on disk but the window's files.
func onlyTheWindow(t *testing.T, dir folder, w *Window) {
	t.Helper()
	files, err := dir.list()
	if err != nil {
		t.Fatal(err)
	}
	for s := range w.All {
		for _, m := range []*Media{s.Video, s.Audio} {
			if m != nil && !m.Gap {
				delete(files, m.Name)
			}
		}
	}
	if len(files) > 0 {
		t.Errorf("on disk, but in no window: %v", files)
	}
}

func TestKilledTimeAndAgain(t *testing.T) {
	for _, locked := range []bool{false, true} {
		dir := folder(t.TempDir() + "/live")
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)))
			random := rand.New(rand.NewPCG(seed, 0))
			v := newViewer(t)
			cfg := killConfig
			cfg.Dir, cfg.EpochLocked = string(dir), locked
			before := &Window{}
			for range 100 {
				time.Sleep(time.Duration(random.Int64N(int64(300 * time.Millisecond))))
				p := newProcess(t, cfg, &mortal{dir, random.IntN(150), random.IntN(2) == 0})
				p.live(v, time.Minute, func(w *Window) { v.survived(before, w) })
				before = p.Window()
				if len(before.Expired) > 12 {
					t.Fatalf("%d expired segments pile up", len(before.Expired))
				}
				for _, i := range p.rep.told {
					if i.Err != nil {
						t.Fatalf("incident %+v", i)
					}
				}
				if before.Run == "" { // killed before it had anything to show
					before = v.last
				}
			}
			if len(v.names) < 100 {
				t.Errorf("%d files in all", len(v.names))
			}
		})
	}
}

func TestRestartGoesOnBehindADiscontinuity(t *testing.T) {
	dir := folder(t.TempDir() + "/live")
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)))
		v := newViewer(t)
		cfg := Config{Dir: string(dir), Segments: 5, Live: NewLive()}
		restart := func(change func(*Config), down, d time.Duration, want string) {
			t.Helper()
			change(&cfg)
			time.Sleep(down)
			first := cfg.Live.Window()
			p := newProcess(t, cfg, dir)
			p.live(v, d, func(*Window) {})
			select {
			case <-first.Next():
			default:
				t.Error("who waits for the window of the former run is not woken")
			}
			if got := listing(p.Window()); got != want {
				t.Errorf("listed %s\nwant   %s", got, want)
			}
		}
		keep := func(*Config) {}
		restart(keep, 0, 9*time.Second, "0: 2s 2s 2s 2s 1s")
		restart(keep, time.Second, 4*time.Second, "0: 2s 2s 1s |2s 2s") // three target durations, and five segments
		restart(keep, time.Second, 0, "0: 2s 2s 1s |2s 2s")
		restart(func(c *Config) { c.Duration = 4 * time.Second }, time.Second, 9*time.Second, "0: |2s 2s |4s 4s 1s")
		restart(func(c *Config) { c.Duration = 2 * time.Second }, time.Second, 4*time.Second, "2: 1s |2s 2s")
		restart(keep, time.Minute, 4*time.Second, "3: |2s 2s")
		restart(func(c *Config) { c.After = p(v).Sequence + 3 }, 0, 2*time.Second, "4: 2s 2sx 2sx 2sx |2s")
		restart(func(c *Config) { c.After = p(v).Sequence + 300 }, 0, 2*time.Second, "5: |2s")
		if got := p(v).Sequence; got != cfg.After+1 {
			t.Errorf("segment %d, want %d", got, cfg.After+1)
		}
	})
}

// p is the newest segment that was seen.
func p(v *viewer) *Segment { return v.last.Segments[len(v.last.Segments)-1] }

// listing is EXT-X-DISCONTINUITY-SEQUENCE and the segments as in rig.durations.
func listing(w *Window) string {
	var out []string
	for _, s := range w.Segments {
		d := s.Duration.Round(time.Millisecond).String()
		if s.Discontinuity {
			d = "|" + d
		}
		if s.Gap() {
			d += "x"
		}
		out = append(out, d)
	}
	return fmt.Sprintf("%d: %s", w.Discontinuities, strings.Join(out, " "))
}

func TestDamagedIndexIsReportedAndDropped(t *testing.T) {
	damage := map[string]func([]byte) []byte{
		"one bit":     func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
		"foreign":     func([]byte) []byte { return []byte("# Makefile\nall:\n") },
		"a hole":      func(b []byte) []byte { return append(b[:len(b)/3:len(b)/3], b[len(b)/2:]...) },
		"empty lines": func(b []byte) []byte { return append([]byte("\n\n"), b...) },
	}
	for name, spoil := range damage {
		dir := folder(t.TempDir() + "/live")
		synctest.Test(t, func(t *testing.T) {
			v := newViewer(t)
			cfg := Config{Dir: string(dir)}
			newProcess(t, cfg, dir).live(v, 7*time.Second, func(*Window) {})
			last := p(v).Sequence
			b, err := dir.readIndex()
			if err != nil {
				t.Fatal(err)
			}
			if err := dir.replaceIndex(spoil(b)); err != nil {
				t.Fatal(err)
			}
			v = newViewer(t)
			after := newProcess(t, cfg, dir)
			after.live(v, 5*time.Second, func(w *Window) {
				if len(w.Segments) > 0 {
					t.Errorf("%s: %d segments listed", name, len(w.Segments))
				}
			})
			if got := after.Window().Segments[0]; got.Sequence <= last || !got.Discontinuity {
				t.Errorf("%s: goes on with %d after %d, discontinuity %v", name, got.Sequence, last, got.Discontinuity)
			}
			if len(after.rep.told) != 1 || after.rep.told[0].Blame != output.BlameDisk || !strings.Contains(after.rep.told[0].Err.Error(), string(dir)) {
				t.Errorf("%s: incidents %+v", name, after.rep.told)
			}
			onlyTheWindow(t, dir, after.Window())
		})
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte("00000000 {}\n"))
	var log []byte
	for _, r := range []record{
		{Format: indexFormat},
		{Init: &initRecord{1, "video_00_init1.mp4", segmenttest.Video(), []byte{1}}},
		{Segment: &segmentRecord{Sequence: 7, Video: &mediaRecord{Name: "video_00_7.m4s", Init: "video_00_init1.mp4", Chunks: []Chunk{{Bytes: 5}}}}},
		{Segment: &segmentRecord{Sequence: 8, Open: true, Video: &mediaRecord{Name: "video_00_8.m4s", Init: "video_00_init1.mp4", Chunks: []Chunk{{Bytes: 5}}}}},
		{State: &stateRecord{Last: 7, Listed: 7, Oldest: 7}},
	} {
		log = appendRecord(log, r)
	}
	f.Add(log)
	f.Fuzz(func(t *testing.T, data []byte) {
		// With right checksums, so that what is behind them is reached.
		var fixed []byte
		for i, line := range bytes.Split(data, []byte{'\n'}) {
			if _, r, ok := bytes.Cut(line, []byte{' '}); ok || i > 0 {
				line = r
			}
			fixed = fmt.Appendf(fixed, "%08x %s\n", checksum(line), line)
		}
		for _, b := range [][]byte{data, fixed} {
			h, err := readIndex(b)
			if err != nil {
				continue
			}
			for i, p := range h.segments {
				if i > 0 && p.Sequence <= h.segments[i-1].Sequence {
					t.Errorf("segment %d after %d", p.Sequence, h.segments[i-1].Sequence)
				}
				for _, m := range []*Media{p.Video, p.Audio} {
					if m != nil && (!ours.MatchString(m.Name) || !m.Gap && (m.Init == nil || m.Init.Track == nil)) {
						t.Errorf("%+v", m)
					}
				}
			}
		}
	})
}
