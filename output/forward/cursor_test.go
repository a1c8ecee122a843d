package forward

import (
	"os"
	"reflect"
	"testing"
)

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func full() *cursor {
	return &cursor{
		target: 77, started: true, begin: 5, next: 90, listing: true, listed: 84, discontinuities: 3, current: true,
		done: ranges{{5, 20}, {40, 41}, {60, 89}}, run: "a1", names: []string{"video_a1_84.m4s", "audio_a1_84.m4s"},
	}
}

func TestCursorSurvives(t *testing.T) {
	for name, c := range map[string]*cursor{"full": full(), "empty": {}, "fresh": {started: true, begin: 9, next: 9}} {
		got, err := unmarshalCursor(c.marshal())
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestDamagedCursorIsNoticed(t *testing.T) {
	good := full().marshal()
	for i := range good {
		bad := append([]byte(nil), good...)
		bad[i] ^= 0x10
		if _, err := unmarshalCursor(bad); err == nil {
			t.Errorf("byte %d changed: not noticed", i)
		}
		if _, err := unmarshalCursor(good[:i]); err == nil {
			t.Errorf("cut off at %d: not noticed", i)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(full().marshal())
	f.Add((&cursor{}).marshal())
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, in := range [][]byte{b, resealed(b)} {
			c, err := unmarshalCursor(in)
			if err != nil {
				continue
			}
			again, err := unmarshalCursor(c.marshal())
			if err != nil || !reflect.DeepEqual(again, c) {
				t.Fatalf("read %+v, wrote and read %+v, %v", c, again, err)
			}
			for i, s := range c.done {
				if s.last < s.first || i > 0 && s.first <= c.done[i-1].last+1 {
					t.Fatalf("spans %v", c.done)
				}
			}
			if hole, ok := c.pending(c.next); ok && (hole.first < c.begin || c.done.contains(hole.first)) {
				t.Fatalf("pending %v in %+v", hole, c)
			}
		}
	})
}

// resealed gives any bytes the frame of a cursor, so that fuzzing gets past it.
func resealed(b []byte) []byte {
	c := append([]byte(magic), b...)
	return seal(c)
}

func TestRanges(t *testing.T) {
	var r ranges
	for _, n := range []uint64{5, 3, 9, 4, 8, 1} {
		r = r.add(span{n, n})
	}
	if want := (ranges{{1, 1}, {3, 5}, {8, 9}}); !reflect.DeepEqual(r, want) {
		t.Errorf("got %v, want %v", r, want)
	}
	for n, want := range map[uint64]span{0: {0, 0}, 1: {2, 2}, 3: {6, 7}, 9: {10, 12}} {
		if got, ok := r.missing(n, 12); !ok || got != want {
			t.Errorf("missing from %d: %v, %v", n, got, ok)
		}
	}
	if _, ok := r.missing(3, 5); ok {
		t.Error("3 to 5 are there")
	}
	if r = r.add(span{2, 20}); !reflect.DeepEqual(r, ranges{{1, 20}}) {
		t.Errorf("merged: %v", r)
	}
	r = nil
	for n := range uint64(maxSpans + 3) {
		r = r.add(span{2 * n, 2 * n})
	}
	r, lost := r.shrink()
	if len(r) != maxSpans || len(lost) != 3 || lost[0] != (span{1, 1}) || r[0] != (span{0, 6}) {
		t.Errorf("shrunk to %d spans from %v, lost %v", len(r), r[0], lost)
	}
}
