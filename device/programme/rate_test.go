package programme

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/hub"
)

// rated is a programme of the pattern that runs, and a reader of what it makes.
type rated struct {
	t    *testing.T
	p    *Programme
	r    *hub.Reader
	done chan error
}

func patternSpec() Spec {
	return Spec{
		Input: config.Input{Kind: "pattern", Width: 320, Height: 180, FrameRate: config.FrameRate{Num: 25, Den: 1}},
		Video: config.Video{Encoder: "software", Bitrate: config.VideoBitrate{Max: 500_000}, BitrateCeiling: 1_000_000, GOP: config.Duration(time.Minute)},
		Audio: config.Audio{Mode: "auto", Bitrate: 64_000},
	}
}

// runRated starts a programme after early was done to it.
func runRated(t *testing.T, spec Spec, early func(*Programme)) *rated {
	h := hub.New(media.NewClock())
	t.Cleanup(h.Close)
	p := newProgramme(h, status.NewStore("").Stream("main"))
	p.spec = spec
	early(p)
	x := &rated{t: t, p: p, r: h.Subscribe(hub.Options{}), done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { x.done <- p.Run(ctx, func() {}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-x.done; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
	return x
}

// until reads packets until one is as wanted, and returns it.
func (x *rated) until(what string, is func(media.Packet) bool) media.Packet {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), 30*time.Second)
	defer cancel()
	for {
		packet, err := x.r.Read(ctx)
		if err != nil {
			x.t.Fatalf("no %s: %v", what, err)
		}
		if is(packet) {
			return packet
		}
	}
}

func isPicture(p media.Packet) bool { return p.Track.Kind() == media.Video }
func isKey(p media.Packet) bool     { return isPicture(p) && p.Key }

func TestSettingBeforeRunIsKept(t *testing.T) {
	x := runRated(t, patternSpec(), func(p *Programme) {
		if _, ok := p.EncoderState(); ok {
			t.Error("an encoder before Run")
		}
		p.SetRate(rate.Setting{Bitrate: 300_000, Divider: 2, Scale: 2, Key: 7})
	})
	if v := x.until("picture", isPicture).Track.Video; v.Width != 160 || v.Height != 90 {
		t.Errorf("%dx%d", v.Width, v.Height)
	}
	x.p.SetRate(rate.Setting{Bitrate: 300_000, Divider: 1, Scale: 2, Key: 7})
	first := x.until("picture", isPicture)
	for range 20 {
		next := x.until("picture", isPicture)
		if next.Key {
			t.Error("a key picture that nobody asked for")
		}
		if next.PTS-first.PTS < 60*time.Millisecond {
			x.p.SetRate(rate.Setting{Bitrate: 600_000, Key: 7})
			if p := x.until("larger picture", func(p media.Packet) bool { return isPicture(p) && p.Track != next.Track }); !p.Key || p.Track.Video.Width != 320 {
				t.Errorf("a new track of %d×%d, key %v", p.Track.Video.Width, p.Track.Video.Height, p.Key)
			}
			return // 25 a second again
		}
		first = next
	}
	t.Error("still half the pictures")
}

func TestEachRiseOfKeyIsOneKeyPicture(t *testing.T) {
	set := rate.Setting{Bitrate: 400_000, Divider: 1, Scale: 1, Key: 3}
	x := runRated(t, patternSpec(), func(p *Programme) { p.SetRate(set) })
	x.until("first picture", isKey)
	for range 2 {
		set.Key++
		x.p.SetRate(set)
		x.p.SetRate(set) // the same again
		x.until("key picture", isKey)
		for n := range 15 {
			if x.until("picture", isPicture).Key {
				t.Errorf("another key picture, %d later", n)
			}
		}
	}
	set.Key = 1 // another controller begins to count
	x.p.SetRate(set)
	for range 15 {
		if x.until("picture", isPicture).Key {
			t.Error("a key picture for a count that fell")
		}
	}
}

func TestSoundAloneAndPicturesAgain(t *testing.T) {
	x := runRated(t, patternSpec(), func(*Programme) {})
	x.until("first picture", isKey)
	x.p.SetRate(rate.Setting{Bitrate: 400_000, AudioOnly: true})
	// One or two may be on their way. Then there is a second of sound alone.
	last := x.until("sound", func(p media.Packet) bool { return !isPicture(p) }).PTS
	pictures := 0
	x.until("a second of sound", func(p media.Packet) bool {
		if isPicture(p) {
			last = p.PTS
			pictures++
		}
		return !isPicture(p) && p.PTS > last+time.Second
	})
	if pictures > 15 {
		t.Errorf("%d pictures", pictures)
	}
	state, ok := x.p.EncoderState()
	if !ok || state.Video == 0 || state.Audio == 0 || state.Pictures == 0 {
		t.Errorf("%+v, %v", state, ok)
	}
	x.p.SetRate(rate.Setting{Bitrate: 400_000})
	if p := x.until("picture", isPicture); !p.Key {
		t.Error("it goes on without a key picture")
	}
	x.until("more pictures", isPicture)
	after, _ := x.p.EncoderState()
	if after.At <= state.At || after.Video <= state.Video || after.Audio <= state.Audio || after.Pictures <= state.Pictures {
		t.Errorf("%+v after %+v", after, state)
	}
}

// Readers that cut by pictures must know that none come for a moment.
func TestTheHubIsToldOfSkippedPictures(t *testing.T) {
	x := runRated(t, patternSpec(), func(*Programme) {})
	x.until("first picture", isKey)
	for _, skip := range []bool{true, false} {
		x.p.SetRate(rate.Setting{Bitrate: 400_000, Skip: skip})
		if x.p.hub.PicturesSkipped() != skip || x.p.hub.PicturesHeld() {
			t.Errorf("skip %v: %v, held %v", skip, x.p.hub.PicturesSkipped(), x.p.hub.PicturesHeld())
		}
	}
}

func TestWithoutSoundPicturesGoOn(t *testing.T) {
	spec := patternSpec()
	spec.Audio.Mode = "off"
	x := runRated(t, spec, func(p *Programme) { p.SetRate(rate.Setting{Bitrate: 400_000, AudioOnly: true}) })
	for range 5 {
		x.until("picture", isPicture)
	}
}

func TestPicturesLeftOutAreShown(t *testing.T) {
	p := newProgramme(hub.New(media.NewClock()), status.NewStore("").Stream("main"))
	m := &meter{next: media.WriterFunc(func(media.Packet) {}), counted: &p.counted, proof: media.Video, first: func() {}}
	m.Write(media.Packet{Track: &media.Track{Codec: media.H264, Video: &media.VideoParams{Width: 320, Height: 180}}})
	feed := encode.NewFeed(time.Minute)
	put := func(ms int) {
		b := media.NewBuffer(media.VideoFormat{}, [3]media.Plane{}, func(*media.Buffer) {})
		feed.Put(media.Frame{Buffer: b, PTS: time.Duration(ms) * time.Millisecond})
	}
	put(0)
	feed.Thin(encode.Thinning{Skip: true})
	put(40)
	put(80)
	if v := p.video(&watched{meter: m, feed: feed}); v.Divided != 0 || v.Skipped != 2 {
		t.Errorf("%+v", v)
	}
	if n := lost(&capture.Input{}, feed); n != 0 {
		t.Errorf("%d pictures that nobody wanted count as lost", n)
	}
	if v := p.video(&watched{meter: m}); v.Skipped != 0 { // passthrough
		t.Errorf("%+v", v)
	}
}

// The bounds are the spec's, the rate within them is SetRate's, whoever comes last.
func TestUpdateLeavesTheRateToSetRate(t *testing.T) {
	p := newProgramme(hub.New(media.NewClock()), status.NewStore("").Stream("main"))
	p.spec = patternSpec()
	next := p.spec
	next.Video.Bitrate = config.VideoBitrate{Min: 100_000, Start: 200_000, Max: 700_000, Mode: "fixed", Policy: "protect-all"}
	if err := p.Update(next); err != nil || p.control.current().Bitrate != 700_000 {
		t.Errorf("%v, %+v", err, p.control.current())
	}
	p.SetRate(rate.Setting{Bitrate: 250_000})
	next.Video.Bitrate.Max = 600_000
	if err := p.Update(next); err != nil || p.control.current().Bitrate != 250_000 {
		t.Errorf("%v, %+v", err, p.control.current())
	}
	p.SetRate(rate.Setting{Skip: true})
	if s := p.control.current(); s.Bitrate != 250_000 || !s.Skip {
		t.Errorf("%+v", s)
	}
}
