package media

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestTimescaleTicksSurviveTheRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scale := rapid.SampledFrom([]int{1000, 12800, 44100, 48000, 90000, 10_000_000}).Draw(t, "scale")
		// A thousand days of any of them, either side of zero.
		ticks := rapid.Int64Range(-86400*1000*int64(scale), 86400*1000*int64(scale)).Draw(t, "ticks")
		if back := ToTimescale(FromTimescale(ticks, scale), scale); back != ticks {
			t.Fatalf("%d/%d came back as %d", ticks, scale, back)
		}
	})
}

func TestFrameTimeDoesNotDrift(t *testing.T) {
	ntsc := Rational{30000, 1001}
	// 30 days of 29.97 fps: 77,682,317 frames, against float arithmetic.
	n := int64(77_682_317)
	got, want := ntsc.FrameTime(n).Seconds(), float64(n)*1001/30000
	if math.Abs(got-want) > 1e-6 {
		t.Errorf("frame %d at %f s, want %f", n, got, want)
	}
	if d := (Rational{25, 1}).FrameTime(1); d != 40*time.Millisecond {
		t.Errorf("25 fps lasts %v a frame", d)
	}
}

func TestRational(t *testing.T) {
	for _, c := range []struct {
		r    Rational
		text string
		f    float64
	}{
		{Rational{25, 1}, "25", 25},
		{Rational{30000, 1001}, "30000/1001", 29.97002997002997},
		{Rational{}, "0/0", 0},
	} {
		if c.r.String() != c.text || c.r.Float() != c.f {
			t.Errorf("%v: %q, %v", c, c.r.String(), c.r.Float())
		}
	}
}

func TestBufferIsFreedOnceAtTheLastRelease(t *testing.T) {
	freed := 0
	f := Frame{Buffer: NewBuffer(VideoFormat{}, [3]Plane{}, func(*Buffer) { freed++ })}
	second := f.Retain()
	f.Release()
	if freed != 0 {
		t.Fatal("freed while still referenced")
	}
	second.Release()
	if freed != 1 {
		t.Fatalf("freed %d times", freed)
	}
	mustPanic(t, "Release", f.Release)
	Frame{}.Release()
}

func TestBufferReuse(t *testing.T) {
	b := NewBuffer(VideoFormat{}, [3]Plane{}, nil)
	mustPanic(t, "Reuse in use", b.Reuse)
	Frame{Buffer: b}.Release()
	mustPanic(t, "Retain of a freed frame", func() { Frame{Buffer: b}.Retain() })
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s did not panic", what)
		}
	}()
	f()
}

func TestClockMapsToWallTimeOnceItIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble's time begins in 2000: not set
		c := NewClock()
		time.Sleep(time.Minute)
		if _, ok := c.Wall(c.Now()); ok {
			t.Error("wall time known before the system clock was set")
		}
		time.Sleep(time.Until(earliest.Add(time.Hour)))
		wall, ok := c.Wall(c.Now())
		if !ok || !wall.Equal(time.Now()) {
			t.Errorf("wall %v, want %v", wall, time.Now())
		}
		if c.Until(c.Now()+time.Second) != time.Second {
			t.Error("Until is off")
		}
	})
}

func TestSamplesDuration(t *testing.T) {
	s := Samples{Format: AudioFormat{48000, 2}, Data: make([]int16, 960*2)}
	if s.Duration() != 20*time.Millisecond {
		t.Errorf("duration %v", s.Duration())
	}
}

func TestFrameDuration(t *testing.T) {
	sound := func(c Codec, rate int) *Track { return &Track{Codec: c, Audio: &AudioParams{SampleRate: rate}} }
	for _, c := range []struct {
		track *Track
		want  time.Duration
	}{
		{sound(AAC, 44100), 23219954},
		{sound(AAC, 48000), 21333333},
		{sound(MP3, 48000), 24 * time.Millisecond},
		{sound(MP3, 24000), 24 * time.Millisecond},
		{sound(MP3, 22050), 26122448},
		{sound(Opus, 48000), 20 * time.Millisecond},
		{sound(AAC, 0), 0},
		{&Track{Codec: H264, Video: &VideoParams{FrameRate: Rational{25, 1}}}, 40 * time.Millisecond},
		{&Track{Codec: H264, Video: &VideoParams{}}, 0},
	} {
		if got := c.track.FrameDuration(); got != c.want {
			t.Errorf("%v: %v, want %v", c.track, got, c.want)
		}
	}
}

func TestTrackInWords(t *testing.T) {
	for want, track := range map[string]*Track{
		"no track":                    nil,
		"h264 640x360 30000/1001 fps": {Codec: H264, Video: &VideoParams{Width: 640, Height: 360, FrameRate: Rational{30000, 1001}}},
		"h264 640x360":                {Codec: H264, Video: &VideoParams{Width: 640, Height: 360}},
		"aac 48000 Hz 2 ch":           {Codec: AAC, Audio: &AudioParams{SampleRate: 48000, Channels: 2}},
	} {
		if got := track.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestTracksAreEqualByWhatTheyDescribe(t *testing.T) {
	video := func() *Track {
		return &Track{Codec: H264, Video: &VideoParams{Width: 16, Height: 16, FrameRate: Rational{25, 1}, SPS: []byte{1}, PPS: []byte{2}}}
	}
	audio := func() *Track {
		return &Track{Codec: AAC, Audio: &AudioParams{SampleRate: 48000, Channels: 2, Config: []byte{3}}}
	}
	if !video().Equal(video()) || !audio().Equal(audio()) {
		t.Error("equal ones differ")
	}
	if video().Equal(audio()) || audio().Equal(video()) {
		t.Error("video equals audio")
	}
	for name, change := range map[string]func(v *VideoParams, a *AudioParams){
		"size":   func(v *VideoParams, a *AudioParams) { v.Height, a.Channels = 32, 1 },
		"rate":   func(v *VideoParams, a *AudioParams) { v.FrameRate, a.SampleRate = Rational{30, 1}, 44100 },
		"config": func(v *VideoParams, a *AudioParams) { v.SPS, a.Config = []byte{9}, []byte{9} },
		"more":   func(v *VideoParams, a *AudioParams) { v.PPS, a.Config = []byte{2, 2}, []byte{3, 3} },
	} {
		v, a := video(), audio()
		change(v.Video, a.Audio)
		if v.Equal(video()) || a.Equal(audio()) {
			t.Errorf("another %s is equal", name)
		}
	}
}
