package programme

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/board/models"
	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/hardware"
	"github.com/encoderbox/encoderbox/device/reconcile"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/hub"
)

// newProgramme returns one without a spec, on a machine without an encoder of
// its own as far as the board model goes.
func newProgramme(h *hub.Hub, report *status.StreamReporter) *Programme {
	log := slog.New(slog.DiscardHandler)
	hw, err := hardware.New(models.Generic.Name, &hardware.Arrivals{}, log)
	if err != nil {
		panic(err) // the model is one of ours
	}
	return New(Spec{}, Options{
		Stream: "main", Hub: h, Hardware: hw, Report: report, Log: log,
		Address: func() string { return "" }, Health: func(bool) {},
	})
}

type nothing struct{}

func (nothing) Run(context.Context, media.Writer) error { return nil }

type noFrames struct{}

func (noFrames) Run(context.Context, func(media.Frame)) error { return nil }

type noSamples struct{}

func (noSamples) Run(context.Context, func(media.Samples)) error { return nil }

func TestPlan(t *testing.T) {
	encoded := func(kinds ...media.Kind) *capture.Input {
		return &capture.Input{Packets: nothing{}, Kinds: kinds, Description: "clip.mp4"}
	}
	raw := &capture.Input{Frames: noFrames{}, Samples: noSamples{}, Description: "pattern"}
	mute := &capture.Input{Frames: noFrames{}, Description: "clip.y4m"}
	both := []media.Kind{media.Video, media.Audio}
	for name, c := range map[string]struct {
		encoder, mode string
		in            *capture.Input
		kinds         []media.Kind
		video, audio  string
		err           string
	}{
		"raw":                         {"auto", "auto", raw, both, "", "aac (software)", ""},
		"raw without sound":           {"auto", "auto", mute, both, "", "silence", ""},
		"raw, the input's sound only": {"auto", "input", mute, both[:1], "", "", ""},
		"raw, no sound wanted":        {"auto", "off", raw, both[:1], "", "", ""},
		"raw, silence wanted":         {"software", "silence", raw, both, "", "silence", ""},
		"encoded":                     {"auto", "auto", encoded(both...), both, "passthrough", "passthrough", ""},
		"encoded without sound":       {"auto", "auto", encoded(media.Video), both, "passthrough", "silence", ""},
		"encoded, silence wanted":     {"passthrough", "silence", encoded(both...), both, "passthrough", "silence", ""},
		"encoded, no sound wanted":    {"auto", "off", encoded(both...), both[:1], "passthrough", "", ""},
		"sound only":                  {"auto", "auto", encoded(media.Audio), both[1:], "", "passthrough", ""},
		"sound only, none wanted":     {"auto", "off", encoded(media.Audio), nil, "", "", "leaves nothing to send"},
		"encoded into software":       {"software", "auto", encoded(both...), nil, "", "", "already encoded"},
		"encoded into hardware":       {"hardware", "auto", encoded(both...), nil, "", "", "already encoded"},
		"raw into passthrough":        {"passthrough", "auto", raw, nil, "", "", "raw video"},
	} {
		t.Run(name, func(t *testing.T) {
			var spec Spec
			spec.Video.Encoder, spec.Audio.Mode = c.encoder, c.mode
			p, err := newPlan(spec, c.in)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), c.in.Description) {
					t.Errorf("error %v, want one with %q and the input", err, c.err)
				}
				return
			}
			if err != nil || !slices.Equal(p.kinds, c.kinds) || p.videoEncoder != c.video || p.audioEncoder != c.audio {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
}

func TestFilterDropsTheSoundThatIsNotWanted(t *testing.T) {
	var got []media.Kind
	w := plan{dropAudio: true}.filter(media.WriterFunc(func(p media.Packet) { got = append(got, p.Track.Kind()) }))
	w.Write(media.Packet{Track: &media.Track{Codec: media.AAC}})
	w.Write(media.Packet{Track: &media.Track{Codec: media.H264}})
	if !slices.Equal(got, []media.Kind{media.Video}) {
		t.Errorf("passed %v", got)
	}
}

func TestMeterMeasuresRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := media.NewClock()
		begun := 0
		m := &meter{next: media.WriterFunc(func(media.Packet) {}), counted: &counted{}, proof: media.Video, first: func() { begun++ }}
		track := &media.Track{Codec: media.H264, Video: &media.VideoParams{Width: 640, Height: 360, SPS: []byte{0x67, 0x42, 0xc0, 0x1f}}}
		if m.video("x", 1) != nil || m.audio("x") != nil {
			t.Error("a track before the first packet")
		}
		for n := range 10 * 25 {
			if n%25 == 0 {
				m.tick(clock.Now())
			}
			m.Write(media.Packet{Track: track, Key: n%50 == 0, Data: make([]byte, 5000)})
			time.Sleep(40 * time.Millisecond)
		}
		m.tick(clock.Now())
		v := m.video("x", 900_000)
		if v.FrameRate != 25 || v.Bitrate != 25*5000*8 || v.Frames != 250 || v.KeyFrames != 5 || v.Target != 900_000 || v.Codec != "avc1.42c01f" {
			t.Errorf("%+v", v)
		}
		if begun != 1 || m.audio("x") != nil {
			t.Errorf("begun %d times", begun)
		}
	})
}

// The real pattern and encoders, for as long as it takes to see them work.
func TestPatternRunsAndChangesItsBitRateLive(t *testing.T) {
	store := status.NewStore("")
	h := hub.New(media.NewClock())
	defer h.Close()
	spec := Spec{
		Input: config.Input{Kind: "pattern", Width: 320, Height: 180, FrameRate: config.FrameRate{Num: 25, Den: 1}},
		Video: config.Video{Encoder: "auto", Bitrate: config.VideoBitrate{Max: 500_000}, BitrateCeiling: 1_000_000, GOP: config.Duration(time.Second)},
		Audio: config.Audio{Mode: "auto", Bitrate: 64_000},
	}
	p := newProgramme(h, store.Stream("main"))
	p.spec = spec
	early := spec
	early.Video.Bitrate.Max = 600_000
	if err := p.Update(early); err != nil || p.control.current().Bitrate != 600_000 {
		t.Errorf("Update before Run: %v, %+v", err, p.control.current())
	}
	r := h.Subscribe(hub.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- p.Run(ctx, func() { close(ready) }) }()
	<-ready
	tracks, err := r.Tracks(t.Context())
	if err != nil || len(tracks) != 2 || tracks[0].Video.Width != 320 || tracks[1].Audio.SampleRate != 48000 {
		t.Fatalf("tracks %v, %v", tracks, err)
	}
	changed := spec
	changed.Video.Bitrate.Max = 900_000
	if err := p.Update(changed); err != nil {
		t.Errorf("live bit rate: %v", err)
	}
	other := changed
	other.Video.GOP *= 2
	if err := p.Update(other); !errors.Is(err, reconcile.ErrRestart) {
		t.Errorf("another GOP: %v", err)
	}
	for keys := 0; keys < 2; {
		packet, err := r.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if packet.Track == tracks[0] && packet.Key {
			keys++
		} else if packet.Track != tracks[0] && packet.Track != tracks[1] {
			t.Fatal("another track after a live change")
		}
	}
	if in := store.Load().Streams[0].Input; in.State != status.InputRunning || in.Description == "" {
		t.Errorf("status %+v", in)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func TestAnInputThatPlaysInPartIsACondition(t *testing.T) {
	store := status.NewStore("")
	p := newProgramme(hub.New(media.NewClock()), store.Stream("main"))
	p.reportNotes(&capture.Input{Description: "cut.mp4: h264 (cut short)", Notes: []string{"cut short"}})
	got := store.Load().Streams[0].Conditions
	if len(got) != 1 || got[0].Code != ConditionIncomplete || got[0].Severity != status.Warning || !strings.Contains(got[0].Message, "cut.mp4: h264 (cut short)") {
		t.Errorf("conditions %+v", got)
	}
	p.reportNotes(&capture.Input{Description: "whole.mp4: h264"})
	if got := store.Load().Streams[0].Conditions; len(got) != 0 {
		t.Errorf("still there: %+v", got)
	}
}

// Two clocks are never read at once. Without care the same moment would be
// another at each report.
func TestASignalsTimeStaysTheSame(t *testing.T) {
	p := newProgramme(hub.New(media.NewClock()), status.NewStore("").Stream("main"))
	first := p.wall(time.Second)
	p.sinceWall = first.Add(-3 * time.Millisecond) // read a little apart
	if got := p.wall(time.Second); !got.Equal(p.sinceWall) || got.Equal(first) {
		t.Errorf("%v, was %v", got, first)
	}
	p.sinceWall = first.Add(-time.Hour) // the system's clock was set
	if got := p.wall(time.Second); got.Sub(first).Abs() > time.Second {
		t.Errorf("%v after the clock was set, want about %v", got, first)
	}
	if got := p.wall(3 * time.Second); got.Sub(first).Round(time.Second) != 2*time.Second {
		t.Errorf("two seconds later: %v after %v", got, first)
	}
}
