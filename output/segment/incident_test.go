package segment

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// slow is storage whose writes take their time.
type slow struct {
	folder
	delay time.Duration
}

func (s *slow) create(name string) (file, error) {
	f, err := s.folder.create(name)
	return &slowFile{f, s}, err
}

type slowFile struct {
	file
	s *slow
}

func (f *slowFile) write(b [][]byte) error {
	time.Sleep(f.s.delay)
	return f.file.write(b)
}

func inBubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

func TestIncidentsNameTheirCause(t *testing.T) {
	type stream struct {
		*process
		store *slow
		lag   time.Duration // of the encoder
		video *media.Track
		audio *media.Track
	}
	feed := func(s *stream, ps ...media.Packet) {
		for _, p := range ps {
			time.Sleep(p.DTS + s.lag - s.now())
			p.At = p.DTS + s.lag
			s.add(p)
		}
	}
	const s = time.Second
	cases := []struct {
		name string
		run  func(*stream)
		want string
	}{
		{"all is well", func(x *stream) {
			feed(x, mixed(0, pictures(x.video, 0, 150, every(50)), sounds(x.audio, 0, 6*s))...)
		}, ""},
		{"slow storage", func(x *stream) {
			x.store.delay = 1500 * time.Millisecond
			feed(x, mixed(0, pictures(x.video, 0, 70, every(50)), sounds(x.audio, 0, 3*s))...)
		}, "late by disk"},
		{"an encoder that lags", func(x *stream) {
			x.lag = 1500 * time.Millisecond
			feed(x, mixed(0, pictures(x.video, 0, 110, every(50)), sounds(x.audio, 0, 4*s))...)
		}, "late by encoder, late by encoder"},
		{"pictures that stay away", func(x *stream) {
			feed(x, mixed(0, pictures(x.video, 0, 30, every(50)), pictures(x.video, 4*s, 60, every(50)), sounds(x.audio, 0, 6400*time.Millisecond))...)
		}, "late by input, gap by "},
		{"no sound any more", func(x *stream) {
			feed(x, mixed(0, pictures(x.video, 0, 600, every(50)), sounds(x.audio, 0, 4*s), sounds(x.audio, 12*s, 4*s))...)
		}, "late by input, gap by input, late by input, gap by input"}, // the segment in which it ends waits for it
		{"dropped packets", func(x *stream) {
			x.dropped(7)
			x.dropped(7)
		}, "drop by disk"},
	}
	for _, c := range cases {
		dir := folder(t.TempDir() + "/live")
		inBubble(t, c.name, func(t *testing.T) {
			x := &stream{store: &slow{folder: dir}, video: segmenttest.Video(), audio: segmenttest.Audio()}
			x.process = newProcess(t, Config{Dir: string(dir), Segments: 20}, x.store)
			x.begin()
			x.programme([]*media.Track{x.video, x.audio})
			c.run(x)
			var got []string
			for _, i := range x.rep.told {
				if i.Subject == "" || i.Detail == "" && i.Symptom != output.SymptomDiscontinuity {
					t.Errorf("incident without words: %+v", i)
				}
				got = append(got, fmt.Sprintf("%s by %s", i.Kind, i.Blame))
			}
			if s := strings.Join(got, ", "); s != c.want {
				t.Errorf("%s, want %s", s, c.want)
			}
		})
	}
}
