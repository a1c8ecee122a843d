// Package programme runs a stream's way from its input to its hub: it opens
// the source, chooses the encoders, and reports what comes out.
package programme

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/capture/file"
	"github.com/encoderbox/encoderbox/capture/pattern"
	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/reconcile"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/passthrough"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/hub"
)

// Spec is what a programme is made of. Paths are absolute or relative to the
// working folder.
type Spec struct {
	Input config.Input
	Video config.Video
	Audio config.Audio
}

// Programme is one run of a stream's input and encoders: a reconcile.Runner
// and Updater.
type Programme struct {
	hub    *hub.Hub
	report *status.StreamReporter
	log    *slog.Logger

	mu      sync.Mutex // guards the fields below
	spec    Spec
	encoder encode.Encoder // nil until it runs, and for passthrough
	format  media.VideoFormat
}

var (
	_ reconcile.Runner  = (*Programme)(nil)
	_ reconcile.Updater = (*Programme)(nil)
)

// New returns a programme that writes to h.
func New(spec Spec, h *hub.Hub, report *status.StreamReporter, log *slog.Logger) *Programme {
	return &Programme{spec: spec, hub: h, report: report, log: log}
}

// Run works until ctx ends or the input fails. It returns reconcile.ErrDone at
// the end of a file that is not looped. ready is called with the first packet.
func (p *Programme) Run(ctx context.Context, ready func()) error {
	spec := p.current()
	p.report.SetInput(status.Input{Kind: spec.Input.Kind, State: status.InputStarting})
	in, err := openInput(spec.Input, p.hub.Clock())
	if err != nil {
		p.report.Clear(ConditionIncomplete)
		return err
	}
	p.reportNotes(in)
	plan, err := newPlan(spec, in)
	if err != nil {
		return errors.Join(err, in.Close())
	}
	p.log.Info("input open", "input", in.Description, "video", plan.videoEncoder, "audio", plan.audioEncoder)
	err = p.run(ctx, spec, in, plan, ready)
	if closeErr := in.Close(); closeErr != nil && ctx.Err() == nil {
		err = errors.Join(err, closeErr)
	}
	if errors.Is(err, file.ErrEnd) {
		p.setInput(spec, in, status.InputEnded, 0)
		p.log.Info("input ended", "input", in.Description)
		return reconcile.ErrDone
	}
	return err
}

// Update changes the bit rate of the running encoder.
func (p *Programme) Update(spec any) error {
	next, ok := spec.(Spec)
	if !ok {
		return fmt.Errorf("programme: not a programme's spec: %T", spec)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	same := p.spec
	same.Video.Bitrate = next.Video.Bitrate
	if same != next || p.encoder == nil {
		return reconcile.ErrRestart
	}
	if err := p.encoder.Update(settings(next.Video, p.format)); err != nil {
		if errors.Is(err, encode.ErrRestart) {
			return reconcile.ErrRestart
		}
		return err
	}
	p.spec = next
	p.log.Info("bit rate changed", "bitrate", next.Video.Bitrate)
	return nil
}

func (p *Programme) current() Spec {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spec
}

// run joins input, encoders and hub, and waits for all of them.
func (p *Programme) run(ctx context.Context, spec Spec, in *capture.Input, plan plan, ready func()) error {
	group, ctx := newTasks(ctx, p.log)
	defer p.setEncoder(nil, media.VideoFormat{})
	defer p.hub.OnKeyRequest(nil)
	m := &meter{next: p.hub, first: func() {
		ready()
		p.setInput(spec, in, status.InputRunning, 0)
	}}
	p.hub.Announce(plan.kinds...)
	defer p.hub.Announce() // no programme now: who comes waits for the next
	out := plan.audioWriter(m)
	var feed *encode.Feed
	switch {
	case plan.passthrough:
		group.Go(func() error { return passthrough.Run(ctx, in.Packets, passthrough.New(plan.filter(out))) })
	case in.Frames != nil:
		encoder, err := p.makeEncoder(in)
		if err != nil {
			return err
		}
		feed = encode.NewFeed(spec.Video.GOP.Std())
		p.hub.OnKeyRequest(feed.RequestKey)
		startVideo(ctx, group, in, feed, encoder, out)
	}
	if plan.encodeAudio {
		if err := startAudio(ctx, group, spec, in, m); err != nil {
			group.Go(func() error { return err }) // ends what has been started
			return group.Wait()
		}
	}
	group.Go(func() error { return p.watch(ctx, spec, in, plan, m, feed) })
	return group.Wait()
}

func (p *Programme) setEncoder(e encode.Encoder, f media.VideoFormat) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.encoder, p.format = e, f
}

// watch reports once a second.
func (p *Programme) watch(ctx context.Context, spec Spec, in *capture.Input, plan plan, m *meter, feed *encode.Feed) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var dropped uint64
	for {
		m.tick(p.hub.Clock().Now())
		target := 0
		if !plan.passthrough {
			target = int(p.current().Video.Bitrate)
		}
		p.report.SetMedia(m.video(plan.videoEncoder, target), m.audio(plan.audioEncoder))
		if n := lost(in, feed); n != dropped {
			dropped = n
			p.setInput(spec, in, status.InputRunning, dropped)
		}
		select {
		case <-ctx.Done():
			p.report.SetMedia(nil, nil)
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// lost is how many pictures were not encoded: the source had no free buffer
// for them, or the encoder no time.
func lost(in *capture.Input, feed *encode.Feed) (n uint64) {
	if s, ok := in.Frames.(interface{ Skipped() uint64 }); ok {
		n = s.Skipped()
	}
	if feed != nil {
		n += feed.Stats().Dropped
	}
	return n
}

// ConditionIncomplete (a warning): the input plays, but not all of it.
const ConditionIncomplete = "input.incomplete"

func (p *Programme) reportNotes(in *capture.Input) {
	if len(in.Notes) == 0 {
		p.report.Clear(ConditionIncomplete)
		return
	}
	p.report.Raise(status.Condition{
		Code: ConditionIncomplete, Severity: status.Warning,
		Message: "not all of the input plays: " + in.Description + "; for the rest, copy or convert the file again",
	})
}

func (p *Programme) setInput(spec Spec, in *capture.Input, state status.InputState, dropped uint64) {
	p.report.SetInput(status.Input{
		Kind: spec.Input.Kind, Description: in.Description, State: state, Dropped: dropped,
	})
}

func openInput(in config.Input, clock *media.Clock) (*capture.Input, error) {
	switch in.Kind {
	case "pattern":
		return pattern.Open(pattern.Config{
			Width: in.Width, Height: in.Height, FrameRate: in.FrameRate.Rational(),
		}, clock)
	case "file":
		return file.Open(file.Config{Path: in.Path, AudioPath: in.AudioPath, Loop: in.Loop}, clock)
	}
	return nil, fmt.Errorf("input kind %q is not known", in.Kind)
}

func settings(v config.Video, format media.VideoFormat) encode.Settings {
	return encode.Settings{Format: format, Bitrate: int(v.Bitrate), MaxBitrate: int(v.MaxBitrate)}
}

// plan is how an input becomes packets.
type plan struct {
	kinds                      []media.Kind
	passthrough                bool // Packets go through as they are
	encodeAudio                bool // Samples are encoded
	silence                    bool // silent sound is added
	dropAudio                  bool // sound among Packets is not wanted
	videoEncoder, audioEncoder string
}

func newPlan(spec Spec, in *capture.Input) (plan, error) {
	p := plan{passthrough: in.Packets != nil}
	switch {
	case p.passthrough && spec.Video.Encoder == "software":
		return p, fmt.Errorf("input %s is already encoded: set video.encoder to \"auto\" or \"passthrough\"", in.Description)
	case !p.passthrough && spec.Video.Encoder == "passthrough":
		return p, fmt.Errorf("input %s is raw video, which cannot pass through: set video.encoder to \"auto\" or \"software\"", in.Description)
	}
	if in.Frames != nil || slices.Contains(in.Kinds, media.Video) {
		p.kinds = append(p.kinds, media.Video)
		p.videoEncoder = "openh264 (software)"
		if p.passthrough {
			p.videoEncoder = "passthrough"
		}
	}
	p.planAudio(spec.Audio.Mode, in)
	if len(p.kinds) == 0 {
		return p, fmt.Errorf("input %s leaves nothing to send: it has no video, and audio.mode is %q", in.Description, spec.Audio.Mode)
	}
	return p, nil
}

// planAudio decides what is heard. Silence needs a picture to go with.
func (p *plan) planAudio(mode string, in *capture.Input) {
	hasVideo := len(p.kinds) > 0
	hasAudio := in.Samples != nil || slices.Contains(in.Kinds, media.Audio)
	useInput := hasAudio && (mode == "auto" || mode == "input")
	p.dropAudio = p.passthrough && hasAudio && !useInput
	switch {
	case useInput && p.passthrough:
		p.audioEncoder = "passthrough"
	case useInput:
		p.encodeAudio, p.audioEncoder = true, "aac (software)"
	case hasVideo && (mode == "auto" || mode == "silence"):
		p.silence, p.audioEncoder = true, "silence"
	default:
		return
	}
	p.kinds = append(p.kinds, media.Audio)
}

// filter is w without the sound that is not wanted.
func (p plan) filter(w media.Writer) media.Writer {
	if !p.dropAudio {
		return w
	}
	return media.WriterFunc(func(packet media.Packet) {
		if packet.Track.Kind() != media.Audio {
			w.Write(packet)
		}
	})
}
