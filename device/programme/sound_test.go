package programme

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/hub"
)

// Further codecs come and go with the wishes of destinations while the programme
// runs: the main tracks, and who reads them, notice nothing.
func TestSoundInFurtherCodecsComesAndGoesLive(t *testing.T) {
	h := hub.New(media.NewClock())
	defer h.Close()
	spec := Spec{
		Input: config.Input{Kind: "pattern", Width: 320, Height: 180, FrameRate: config.FrameRate{Num: 25, Den: 1}},
		Video: config.Video{Encoder: "software", Bitrate: config.VideoBitrate{Max: 500_000}, BitrateCeiling: 1_000_000, GOP: config.Duration(time.Second)},
		Audio: config.Audio{Mode: "auto", Bitrate: 64_000},
		Sound: Sound{Opus: 64_000},
	}
	p := newProgramme(h, status.NewStore("").Stream("main"))
	p.spec = spec
	main := h.Subscribe(hub.Options{})
	opus := h.Subscribe(hub.Options{Codecs: []media.Codec{media.H264, media.Opus}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx, func() {}) }()
	tracks, err := opus.Tracks(t.Context())
	if err != nil || len(tracks) != 2 || tracks[1].Codec != media.Opus {
		t.Fatalf("tracks %v, %v: they are to wait for what is wanted from the beginning", tracks, err)
	}
	mp3 := h.Subscribe(hub.Options{Codecs: []media.Codec{media.MP3}})
	if tracks, err := mp3.Tracks(t.Context()); err != nil || len(tracks) != 0 {
		t.Errorf("tracks %v, %v before MP3 is wanted", tracks, err)
	}
	spec.Sound = Sound{Opus: 96_000, MP3: 128_000}
	if err := p.Update(spec); err != nil {
		t.Fatal(err)
	}
	if tracks, err := mp3.Tracks(t.Context()); err != nil || len(tracks) != 1 || tracks[0].Codec != media.MP3 {
		t.Errorf("tracks %v, %v of MP3", tracks, err)
	}
	follows(t, mp3, media.MP3, 20)
	spec.Sound.MP3 = 0
	if err := p.Update(spec); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = mp3.Read(t.Context())
	}
	if !errors.Is(err, hub.ErrNothing) {
		t.Errorf("MP3 that nobody wants ended with %v", err)
	}
	follows(t, opus, media.Opus, 60)
	follows(t, main, media.AAC, 60)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	if p.sound != nil {
		t.Error("encoders are left")
	}
}

// follows reads n packets of a codec, each where the one before ends.
func follows(t *testing.T, r *hub.Reader, c media.Codec, n int) {
	t.Helper()
	var last media.Packet
	for n > 0 {
		p, err := r.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if p.Track.Codec != c {
			continue
		}
		if step := p.PTS - last.PTS; last.Track != nil && (p.Track != last.Track || p.Gap || (step-p.Track.FrameDuration()).Abs() > time.Microsecond) {
			t.Errorf("%v: %v after the one before, gap %v", c, step, p.Gap)
		}
		last = p
		n--
	}
}

func TestSoundThatPassesThroughIsNotOffered(t *testing.T) {
	h := hub.New(media.NewClock())
	defer h.Close()
	spec := Spec{
		Input: config.Input{Kind: "pattern", Width: 320, Height: 180, FrameRate: config.FrameRate{Num: 25, Den: 1}},
		Video: config.Video{Encoder: "software", Bitrate: config.VideoBitrate{Max: 500_000}, BitrateCeiling: 1_000_000, GOP: config.Duration(time.Second)},
		Audio: config.Audio{Mode: "silence"},
		Sound: Sound{Opus: 64_000, MP3: 64_000},
	}
	p := newProgramme(h, status.NewStore("").Stream("main"))
	p.spec = spec
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx, func() {}) }()
	whip := h.Subscribe(hub.Options{Codecs: []media.Codec{media.H264, media.Opus}})
	if tracks, err := whip.Tracks(t.Context()); err != nil || len(tracks) != 1 {
		t.Errorf("tracks %v, %v", tracks, err)
	}
	spec.Sound.Opus = 96_000
	if err := p.Update(spec); err != nil {
		t.Errorf("a wish that cannot be met restarts nothing: %v", err)
	}
	cancel()
	<-done
}

// What a codec had no processor time for stays counted when nobody wants the codec any more.
func TestSoundLeftOutOfFurtherCodecsIsCounted(t *testing.T) {
	h := hub.New(media.NewClock())
	defer h.Close()
	format := media.AudioFormat{SampleRate: 48_000, Channels: 2}
	r := newRenditions(h, format, slog.New(slog.DiscardHandler))
	defer r.end()
	r.set(Sound{MP3: 128_000})
	if n := r.leftOut(); n != 0 {
		t.Errorf("%v left out of nothing", n)
	}
	second := make([]int16, format.SampleRate*format.Channels)
	for n := range 1000 { // far faster than it can be coded
		r.Put(media.Samples{Format: format, PTS: time.Duration(n) * time.Second, Data: second})
	}
	before := r.leftOut()
	if before < time.Second {
		t.Fatalf("%v left out of 1000 s at once", before)
	}
	r.set(Sound{})
	if n := r.leftOut(); n < before {
		t.Errorf("%v left out, %v before the codec was retired", n, before)
	}
}
