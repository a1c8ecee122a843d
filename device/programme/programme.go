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
	"syscall"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/capture/file"
	"github.com/encoderbox/encoderbox/capture/live"
	"github.com/encoderbox/encoderbox/capture/pattern"
	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/hardware"
	"github.com/encoderbox/encoderbox/device/reconcile"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/m2m"
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
	Sound Sound  // what destinations want beside Audio
	Board string // the configured model: another one is other hardware
	// EpochLocked has key pictures lie on multiples of Video.GOP since 1970.
	EpochLocked bool
}

// Options are what a programme works with. All are needed but Address.
type Options struct {
	Stream   string // its name
	Hub      *hub.Hub
	Hardware *hardware.Box
	Report   *status.StreamReporter
	Log      *slog.Logger
	Address  func() string // of the page, for the slate; "" while there is none
	// Health is told when a hardware encoder does not come back by itself (false),
	// and when pictures come out again (true). One that cannot even be opened
	// after that is no better, and sound alone is no sign of life.
	Health func(good bool)
}

// Programme is one run of a stream's input and encoders: a reconcile.Runner
// and Updater.
type Programme struct {
	name    string
	hub     *hub.Hub
	hw      *hardware.Box
	report  *status.StreamReporter
	log     *slog.Logger
	address func() string
	health  func(good bool)

	control control
	counted counted

	mu    sync.Mutex // guards the fields below
	spec  Spec
	sound *renditions // nil while no sound is encoded
	// A time of the stream's clock and what it is for people, see wall.
	since     time.Duration
	sinceWall time.Time

	changes changes
	slate   slate
}

var (
	_ reconcile.Runner  = (*Programme)(nil)
	_ reconcile.Updater = (*Programme)(nil)
)

// New returns a programme that writes to the hub.
func New(spec Spec, o Options) *Programme {
	p := &Programme{
		spec: spec, name: o.Stream, hub: o.Hub, hw: o.Hardware,
		report: o.Report, log: o.Log, address: o.Address, health: o.Health,
	}
	p.control.follow(int(spec.Video.Bitrate.Max))
	return p
}

// Run works until ctx ends or the input fails. It returns reconcile.ErrDone at
// the end of a file that is not looped. ready is called with the first picture,
// or the first packet of a programme without any.
// An input whose format the stream follows is opened anew at each change.
func (p *Programme) Run(ctx context.Context, ready func()) error {
	defer func() { p.tellChange(p.changes.rest(time.Now())) }()
	for {
		err := p.once(ctx, ready)
		if !errors.Is(err, live.ErrChanged) || ctx.Err() != nil {
			return err
		}
		p.log.Info("the stream follows its input", "reason", err)
	}
}

// once opens the input, and runs it to its end.
func (p *Programme) once(ctx context.Context, ready func()) error {
	spec := p.current()
	p.report.SetInput(status.Input{Kind: spec.Input.Kind, State: status.InputStarting})
	in, err := p.openInput(ctx, spec.Input)
	if err != nil {
		p.report.Clear(ConditionIncomplete)
		return err
	}
	defer p.clearSignal()
	defer p.slate.use(in)()
	p.reportNotes(in)
	plan, err := newPlan(spec, in)
	if err != nil {
		return errors.Join(err, in.Close())
	}
	p.log.Info("input open", "input", in.Description, "audio", plan.audioEncoder)
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

// Update changes between which bounds the bit rate is, and in which further codecs
// there is sound. Once SetRate was called the pictures' bit rate is its alone.
func (p *Programme) Update(spec any) error {
	next, ok := spec.(Spec)
	if !ok {
		return fmt.Errorf("programme: not a programme's spec: %T", spec)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	same := p.spec
	same.Video.Bitrate, same.Sound = next.Video.Bitrate, next.Sound
	if same != next {
		return reconcile.ErrRestart
	}
	p.control.follow(int(next.Video.Bitrate.Max))
	if p.spec = next; p.sound != nil {
		p.sound.set(next.Sound)
	}
	return nil
}

func (p *Programme) current() Spec {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spec
}

// run joins input, encoders and hub, and waits for all of them.
func (p *Programme) run(ctx context.Context, spec Spec, in *capture.Input, plan plan, ready func()) (err error) {
	m := &meter{next: p.hub, counted: &p.counted, proof: plan.kinds[0], first: func() {
		ready()
		p.setDead(false)
		p.setInput(spec, in, status.InputRunning, 0)
	}}
	defer func() {
		if errors.Is(err, m2m.ErrDead) && !waitingHelps(err) {
			p.setDead(true)
		}
	}()
	var encoder *chosen
	if !plan.passthrough && in.Frames != nil {
		if encoder, err = p.chooseEncoder(spec.Video, in); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, encoder.Close()) }()
		plan.videoEncoder = encoder.name
		p.log.Info("encoder open", "video", encoder.name)
	} else {
		p.report.Clear(ConditionSoftware)
	}
	group, ctx := newTasks(ctx, p.log)
	defer p.hub.OnKeyRequest(nil)
	if plan.encodeAudio { // before readers are told of the programme, and ended after that
		p.startSound(in.Audio)
		defer p.endSound()
	}
	p.hub.Announce(plan.kinds...)
	defer p.hub.Announce() // no programme now: who comes waits for the next
	out := plan.audioWriter(m)
	var feed *encode.Feed
	switch {
	case plan.passthrough:
		group.Go(func() error { return passthrough.Run(ctx, in.Packets, passthrough.New(plan.filter(out))) })
	case in.Frames != nil:
		feed = encode.NewFeed(spec.Video.GOP.Std())
		if spec.EpochLocked {
			feed.AlignKeys(p.epoch)
		}
		p.hub.OnKeyRequest(feed.RequestKey)
		sizes := p.sizes(encoder)
		p.control.begin(&coding{
			feed: feed, sizes: sizes, frameTime: frameTime(in.Video),
			sound: slices.Contains(plan.kinds, media.Audio), hold: p.hub.HoldPictures, skip: p.hub.SkipPictures,
		})
		defer p.control.end()
		startVideo(ctx, group, in, feed, encoder, sizes, out)
	}
	var late *lateness
	if plan.encodeAudio {
		if late, err = p.startAudio(ctx, group, spec, in, m); err != nil {
			group.Go(func() error { return err }) // ends what has been started
			return group.Wait()
		}
		defer late.end()
	}
	group.Go(func() error { return p.watch(ctx, &watched{spec, in, plan, m, feed, encoder, late}) })
	return group.Wait()
}

// epoch is where 1970 lies on the stream's clock.
func (p *Programme) epoch() (at time.Duration, known bool) {
	wall, known := p.hub.Clock().Wall(0)
	return -time.Duration(wall.UnixNano()), known
}

// waitingHelps says that another program has the encoder, or the memory that it
// needs: no new boot is called for.
func waitingHelps(err error) bool {
	return errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.ENOMEM)
}

// setDead tells whether the hardware encoder needs a new boot.
func (p *Programme) setDead(dead bool) {
	p.health(!dead)
	if !dead {
		p.report.Clear(ConditionDead)
		return
	}
	p.report.Raise(status.Condition{
		Code: ConditionDead, Severity: status.Error,
		Message: "the hardware encoder does not come back by itself: switch the box off and on; a watchdog, where there is one, resets it",
	})
}

// watched is what a run's reports are made from.
type watched struct {
	spec    Spec
	in      *capture.Input
	plan    plan
	meter   *meter
	feed    *encode.Feed // nil for passthrough
	encoder *chosen      // nil for passthrough
	late    *lateness    // nil where no sound is encoded
}

// watch reports once a second. A driver that does not return from a call is
// found here: the encoder, which waits for it, can tell nobody.
func (p *Programme) watch(ctx context.Context, w *watched) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	dropped, shown, stuck := uint64(0), status.InputStarting, false
	_, live := w.in.Frames.(capture.LiveReporter)
	for {
		w.meter.tick(p.hub.Clock().Now())
		p.report.SetMedia(p.video(w), w.meter.audio(w.plan.audioEncoder))
		if w.encoder != nil && w.encoder.stuck != nil && w.encoder.stuck() != stuck {
			stuck = !stuck
			p.setDead(stuck)
		}
		p.reportSound(w.in)
		if w.late != nil {
			w.late.tick(time.Now())
		}
		p.tellChange(p.changes.due(time.Now()))
		if n, state := lost(w.in, w.feed), w.meter.state(); live || n != dropped || state != shown {
			dropped, shown = n, state
			p.setInput(w.spec, w.in, state, dropped)
		}
		select {
		case <-ctx.Done():
			p.report.SetMedia(nil, nil)
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// video is what status shows of the encoder; nil before its first packet.
func (p *Programme) video(w *watched) *status.Video {
	target := 0
	if !w.plan.passthrough {
		target = p.control.current().Bitrate
	}
	v := w.meter.video(w.plan.videoEncoder, target)
	if v != nil && w.feed != nil {
		left := w.feed.Stats()
		v.Divided, v.Skipped = left.Divided, left.Skipped
	}
	if v != nil && w.encoder != nil && w.encoder.hw != nil {
		s := w.encoder.hw.Stats()
		v.Hardware = &status.HardwareEncoder{
			Device: s.Device, Driver: s.Driver, Healthy: s.Healthy,
			Recoveries: s.Recoveries, Restarts: s.Restarts, ErrorBuffers: s.ErrorBuffers, Skipped: s.Skipped,
			LiveBitrate: s.LiveBitrate, LiveKey: s.LiveKey,
		}
	}
	return v
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
		Kind: spec.Input.Kind, Description: describe(in), State: state, Dropped: dropped, Signal: p.signalOf(in),
	})
}

func (p *Programme) openInput(ctx context.Context, in config.Input) (*capture.Input, error) {
	clock := p.hub.Clock()
	switch in.Kind {
	case "pattern":
		return pattern.Open(pattern.Config{
			Width: in.Width, Height: in.Height, FrameRate: in.FrameRate.Rational(),
		}, clock)
	case "file":
		return file.Open(file.Config{Path: in.Path, AudioPath: in.AudioPath, Loop: in.Loop}, clock)
	case "capture":
		return p.hw.OpenInput(ctx, hardware.Input{
			Device: in.Device, AudioDevice: in.AudioDevice, EDID: in.EDID,
			Width: in.Width, Height: in.Height, FrameRate: in.FrameRate.Rational(),
			Follow: in.OnChange == "follow", Stream: p.name, Address: p.address,
			OnChange: p.reportSignal, Log: p.log,
		}, clock)
	}
	return nil, fmt.Errorf("input kind %q is not known", in.Kind)
}

// frameTime is the time between pictures; 0 where it is not known.
func frameTime(f media.VideoFormat) time.Duration {
	if f.FrameRate.IsZero() {
		return 0
	}
	return f.FrameRate.FrameTime(1)
}

func settings(v config.Video, format media.VideoFormat) encode.Settings {
	return encode.Settings{Format: format, Bitrate: int(v.Bitrate.Max), MaxBitrate: int(v.BitrateCeiling)}
}
