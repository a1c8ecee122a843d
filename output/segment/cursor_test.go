package segment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// walk takes what a cursor has at once: "7v0 7a0 7. +2:10v0" are chunks of the
// picture and the sound of segment 7, its end, and a chunk of 10 after two lost.
func walk(t *testing.T, c *Cursor) (out []string) {
	t.Helper()
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for {
		step, err := c.Next(done)
		if errors.Is(err, context.Canceled) {
			return out
		}
		if err != nil {
			return append(out, err.Error())
		}
		out = append(out, words(step))
	}
}

func words(s Step) string {
	text := fmt.Sprint(s.Segment.Sequence)
	switch {
	case s.Closed && s.Segment.Gap():
		text += "x"
	case s.Closed:
		text += "."
	default:
		text += fmt.Sprintf("%c%d", s.Media.Name[0], s.Chunk)
	}
	if s.Lost > 0 {
		text = fmt.Sprintf("+%d:%s", s.Lost, text)
	}
	return text
}

func TestCursorTakesChunksAsTheyCompleteSegmentBySegment(t *testing.T) {
	for _, lag := range []time.Duration{0, 1500 * time.Millisecond, -1500 * time.Millisecond} {
		bubble(t, Config{}, both, func(r *rig) {
			t := r.t
			video, audio := segmenttest.Video(), segmenttest.Audio()
			c := NewCursor(r.seg, 0)
			var steps []string
			files := map[string][]byte{}
			early := 0 // chunks taken before their segment was closed
			done, cancel := context.WithCancel(t.Context())
			cancel()
			for _, p := range mixed(lag, pictures(video, 0, 175, every(50)), sounds(audio, 0, 7*time.Second)) {
				r.write(p)
				for {
					step, err := c.Next(done)
					if err != nil {
						break
					}
					steps = append(steps, words(step))
					if step.Closed {
						continue
					}
					if r.all[step.Segment.Sequence] == nil {
						early++
					}
					b, err := readAll(step.Media)
					if err != nil {
						t.Fatal(err)
					}
					chunk := step.Media.Chunks[step.Chunk]
					files[step.Media.Name] = append(files[step.Media.Name], b[chunk.Offset:][:chunk.Bytes]...)
				}
			}
			got := " " + strings.Join(steps, " ")
			for _, want := range []string{" 0v0", " 0v1", " 0a0", " 1v0", " 1a1", " 2a1"} {
				if strings.Count(got, want+" ") != 1 {
					t.Errorf("sound later by %v: steps%s: not one%s", lag, got, want)
				}
			}
			for i, s := range steps {
				if i > 0 && s[0] < steps[i-1][0] || i > 0 && s[0] > steps[i-1][0] && steps[i-1][1:] != "." {
					t.Errorf("sound later by %v: %s follows %s", lag, s, steps[i-1])
				}
			}
			if early < 5 {
				t.Errorf("sound later by %v: %d chunks came before their segment's end", lag, early)
			}
			for name, b := range r.files {
				if !bytes.Equal(files[name], b) {
					t.Errorf("%s: %d bytes by chunks, %d in the file", name, len(files[name]), len(b))
				}
			}
		})
	}
}

func TestCursorWaitsForAChunkAndWakes(t *testing.T) {
	bubble(t, Config{}, videoOnly, func(r *rig) {
		t := r.t
		got := make(chan string, 1)
		c := NewCursor(r.seg, 0)
		go func() {
			step, err := c.Next(t.Context())
			got <- fmt.Sprint(words(step), err)
		}()
		r.write(pictures(segmenttest.Video(), 0, 25, every(50))...)
		synctest.Wait()
		if len(got) > 0 {
			t.Fatalf("%s before a chunk was complete", <-got)
		}
		r.write(pictures(segmenttest.Video(), time.Second, 1, at())...)
		if s := <-got; s != "0v0<nil>" {
			t.Errorf("step %s", s)
		}
	})
}

// seg is a closed segment of n chunks of picture, or a gap.
func seg(sequence uint64, n int) *Segment {
	m := &Media{Name: fmt.Sprintf("video_00_%d.m4s", sequence), Gap: n == 0}
	for i := range n {
		m.Chunks = append(m.Chunks, Chunk{Start: time.Duration(i)})
	}
	return &Segment{Sequence: sequence, Video: m}
}

// fixed is a source whose window is set.
type fixed struct{ w *Window }

func (f *fixed) Window() *Window { return f.w }

func TestCursor(t *testing.T) {
	list := func(s ...*Segment) []*Segment { return s }
	cases := []struct {
		name    string
		after   uint64
		windows []*Window
		want    string
	}{
		{"begins with the oldest there is", 0, []*Window{{Expired: list(seg(5, 1)), Segments: list(seg(6, 1))}}, "5v0 5. 6v0 6."},
		{"begins behind a number, lost ones counted", 3, []*Window{{Expired: list(seg(5, 1)), Segments: list(seg(6, 1))}}, "+1:5v0 5. 6v0 6."},
		{"number zero", 0, []*Window{{Segments: list(seg(0, 1), seg(1, 1))}}, "0v0 0. 1v0 1."},
		{"number zero grows", 0, []*Window{{Open: list(seg(0, 1))}, {Open: list(seg(0, 2))}, {Segments: list(seg(0, 2))}}, "0v0 0v1 0."},
		{"gaps", 0, []*Window{{Segments: list(seg(7, 1), seg(8, 0), seg(9, 1))}}, "7v0 7. 8x 9v0 9."},
		{"two are open", 0, []*Window{{Open: list(seg(7, 1), seg(8, 1))}, {Segments: list(seg(7, 2)), Open: list(seg(8, 1))}}, "7v0 7v1 7. 8v0"},
		{"half read, then expired", 0, []*Window{{Open: list(seg(7, 1))}, {Segments: list(seg(10, 1))}}, "7v0 +3:10v0 10."},
		{"half read, then lost", 0, []*Window{{Open: list(seg(7, 1))}, {Segments: list(seg(7, 0)), Open: list(seg(8, 1))}}, "7v0 7x 8v0"},
		{"a new run jumps: numbers that never were are not lost", 0, []*Window{{Segments: list(seg(7, 1))}, {Segments: list(seg(500, 1)), base: 500}}, "7v0 7. 500v0 500."},
		{"a new run jumps, and some of it expired", 0, []*Window{{Segments: list(seg(7, 1))}, {Segments: list(seg(503, 1)), base: 500}}, "7v0 7. +3:503v0 503."},
		{"an empty window between", 0, []*Window{{Segments: list(seg(7, 1))}, {}, {Segments: list(seg(8, 1))}}, "7v0 7. 8v0 8."},
		{"the end", 0, []*Window{{Segments: list(seg(7, 1)), Ended: true}}, "7v0 7. EOF"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			source := &fixed{}
			cursor := NewCursor(source, c.after)
			var got []string
			for _, w := range c.windows {
				source.w = w
				got = append(got, walk(t, cursor)...)
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%s\nwant %s", s, c.want)
			}
		})
	}
	if _, err := NewCursor(&fixed{&Window{Ended: true}}, 0).Next(t.Context()); err != io.EOF {
		t.Errorf("end of nothing: %v", err)
	}
}

// Whatever kills segmenters, a cursor gets every chunk there ever was, once.
func TestCursorGoesOnBehindARestart(t *testing.T) {
	dir := folder(t.TempDir() + "/live")
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)))
		v := newViewer(t)
		live := NewLive()
		c := NewCursor(live, 0)
		cfg := killConfig
		cfg.Dir, cfg.Live, cfg.Grace = string(dir), live, time.Minute
		taken := map[string][]byte{}
		done, cancel := context.WithCancel(t.Context())
		cancel()
		take := func() {
			for {
				step, err := c.Next(done)
				if err != nil {
					return
				}
				if step.Lost > 0 {
					t.Errorf("%d lost before %d", step.Lost, step.Segment.Sequence)
				}
				if step.Closed {
					continue
				}
				b, err := readAll(step.Media)
				if err != nil {
					t.Fatal(err)
				}
				chunk := step.Media.Chunks[step.Chunk]
				taken[step.Media.Name] = append(taken[step.Media.Name], b[chunk.Offset:][:chunk.Bytes]...)
			}
		}
		for n := range 40 {
			newProcess(t, cfg, &mortal{dir, 7 * n % 90, n%2 == 0}).live(v, 6*time.Second, func(*Window) {})
			take()
		}
		if len(taken) < 50 || len(taken) != len(v.data) {
			t.Errorf("%d files taken, %d seen", len(taken), len(v.data))
		}
		for name, b := range v.data {
			if !bytes.Equal(taken[name], b) {
				t.Errorf("%s: %d bytes taken, %d seen", name, len(taken[name]), len(b))
			}
		}
	})
}

var _ = []Source{(*Segmenter)(nil), (*Live)(nil)}
