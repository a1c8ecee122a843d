package config

import (
	"testing"

	"pgregory.net/rapid"
)

func TestNotations(t *testing.T) {
	cases := []struct {
		name string
		read func(string) (string, error)
		in   string
		want string // "" when refused
	}{
		{"bit rate in megabits", text[Bitrate], "2.5M", "2.5M"},
		{"bit rate in kilobits shows as megabits", text[Bitrate], "2500k", "2.5M"},
		{"bit rate as a number", text[Bitrate], "2500000", "2.5M"},
		{"bit rate with unit", text[Bitrate], "2.5 Mb/s", "2.5M"},
		{"bit rate with bps", text[Bitrate], "800kbps", "800k"},
		{"odd bit rate stays exact", text[Bitrate], "1234567", "1234567"},
		{"bit rate of a fraction of a bit", text[Bitrate], "0.0001k", ""},
		{"bit rate in exponent notation", text[Bitrate], "1e6", ""},
		{"bit rate in hexadecimal", text[Bitrate], "0x10", ""},
		{"bit rate beyond 32 bits", text[Bitrate], "3G", ""},
		{"bit rate negative", text[Bitrate], "-1M", ""},
		{"bit rate with an unknown unit", text[Bitrate], "2.5X", ""},
		{"bit rate empty", text[Bitrate], "", ""},
		{"bit rate unit alone", text[Bitrate], "b/s", ""},
		{"size in MiB", text[Size], "8MiB", "8MiB"},
		{"size of a disk", text[Size], "64GB", "64GB"},
		{"size in tebibytes", text[Size], "1024GiB", "1TiB"},
		{"size in decimal megabytes", text[Size], "8MB", "8MB"},
		{"size in bytes", text[Size], "8388608", "8MiB"},
		{"size without number", text[Size], "MiB", ""},
		{"frame rate whole", text[FrameRate], "30", "30"},
		{"frame rate as a fraction", text[FrameRate], "30000/1001", "30000/1001"},
		{"frame rate fraction is reduced", text[FrameRate], "50/2", "25"},
		{"frame rate NTSC short form", text[FrameRate], "29.97", "30000/1001"},
		{"frame rate film short form", text[FrameRate], "23.976", "24000/1001"},
		{"frame rate film shorter form", text[FrameRate], "23.98", "24000/1001"},
		{"frame rate 59.94", text[FrameRate], "59.94", "60000/1001"},
		{"frame rate 24 is not NTSC", text[FrameRate], "24", "24"},
		{"frame rate 12.5 is exact", text[FrameRate], "12.5", "25/2"},
		{"frame rate zero", text[FrameRate], "0", "0"},
		{"frame rate over zero", text[FrameRate], "30/0", ""},
		{"frame rate with two slashes", text[FrameRate], "30/1/1", ""},
		{"duration in seconds", text[Duration], "2s", "2s"},
		{"duration of whole minutes", text[Duration], "60s", "1m"},
		{"duration of whole hours", text[Duration], "3600s", "1h"},
		{"duration of an hour and seconds", text[Duration], "1h0m1s", "1h0m1s"},
		{"duration without unit", text[Duration], "2", ""},
		{"duration negative", text[Duration], "-2s", ""},
		{"window in segments", text[Window], "6", "6"},
		{"window as a time", text[Window], "30s", "30s"},
		{"window of nothing", text[Window], "0", ""},
		{"window negative", text[Window], "-6", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.read(c.in)
			if (err != nil) != (c.want == "") || err == nil && got != c.want {
				t.Errorf("%q: got %q, %v, want %q", c.in, got, err, c.want)
			}
		})
	}
}

type textual[T any] interface {
	*T
	UnmarshalText([]byte) error
	String() string
}

func text[T any, P textual[T]](in string) (string, error) {
	var v T
	err := P(&v).UnmarshalText([]byte(in))
	return P(&v).String(), err
}

// What String writes, UnmarshalText reads back as the same value.
func TestNotationsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Bitrate(rapid.IntRange(0, 1<<31-1).Draw(t, "bitrate"))
		var b2 Bitrate
		if err := b2.UnmarshalText([]byte(b.String())); err != nil || b2 != b {
			t.Fatalf("%d wrote %q, read %d, %v", int(b), b, int(b2), err)
		}
		s := Size(rapid.Int64Range(0, 1<<62).Draw(t, "size"))
		var s2 Size
		if err := s2.UnmarshalText([]byte(s.String())); err != nil || s2 != s {
			t.Fatalf("%d wrote %q, read %d, %v", int(s), s, int(s2), err)
		}
		d := Duration(rapid.Int64Range(0, 1<<60).Draw(t, "duration"))
		var d2 Duration
		if err := d2.UnmarshalText([]byte(d.String())); err != nil || d2 != d {
			t.Fatalf("%d wrote %q, read %d, %v", int64(d), d, int64(d2), err)
		}
	})
}

func TestWindowCount(t *testing.T) {
	second := Duration(1e9)
	for _, c := range []struct {
		w    Window
		seg  Duration
		want int
	}{
		{Window{Segments: 6}, 2 * second, 6},
		{Window{Duration: 30 * second}, 2 * second, 15},
		{Window{Duration: 31 * second}, 2 * second, 16},
	} {
		if got := c.w.Count(c.seg); got != c.want {
			t.Errorf("%v of %v: got %d, want %d", c.w, c.seg, got, c.want)
		}
	}
}
