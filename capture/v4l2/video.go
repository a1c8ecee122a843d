// Package v4l2capture takes pictures from the devices of the kernel's Video4Linux:
// HDMI bridges, with their timings and EDID, on a node of their own or behind a
// media controller; USB grabbers and cameras, raw or MJPEG; and sensors that
// deliver YUV. Wherever driver and encoder agree on the memory's layout the
// device writes the encoder's own buffers, and no sample passes the process.
package v4l2capture

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/capture/live"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// Config says which device, and what is wanted of it.
type Config struct {
	// Selector is "auto" (or empty): the best device there is, an HDMI bridge
	// before a USB device before others; a device node, "/dev/video0"; a USB
	// socket, "usb:1-1.4"; or the name of a card, a driver or a bus as
	// Found has them.
	Selector string
	// Prefer are drivers, best first, that "auto" takes before all others: what the
	// board's model knows. Among the rest, and within a driver, the kind decides.
	Prefer []string
	// Input is the number or name of the device's input; empty: the one it has.
	Input string
	// Width, Height and FrameRate are wished of a device that offers a choice, a
	// camera; zero: as it comes, at best 1920x1080 and 30 frames a second. What a
	// receiver gets is its source's choice.
	Width, Height int
	FrameRate     media.Rational
	// EDID is what a receiver tells its source, whole blocks of 128 bytes. nil:
	// it is left as it is.
	EDID []byte
	Sys  fs.FS  // root of sysfs
	Dev  string // folder of the device nodes; empty: /dev
	// Quirks are those of a device on this board; nil: none.
	Quirks func(v4l2.Info) Quirks
	Log    *slog.Logger // nil: none
}

// Quirks are what drivers and boards do not tell of themselves: data of the
// board's model.
type Quirks struct {
	// EDIDWait is how long Open waits for a source after a new EDID: it sees the
	// hot-plug line rise, 100 ms later on a TC358743, reads, and switches its
	// output, which takes some of them seconds. Zero: 3 s.
	EDIDWait time.Duration
	// StrideAlign is what the device's DMA needs of a row's length beyond what
	// its driver rounds to. Zero: nothing.
	StrideAlign int
	// ForceCopy is the reason, in words, why this device is not given the
	// encoder's memory; empty: it is.
	ForceCopy string
	// MaxPixelRate is how many pixels a second the board's wiring carries, of the
	// picture alone: two CSI lanes end at 1080p50, whose pixel clock is that of
	// 1080p60. Zero: what the driver accepts.
	MaxPixelRate float64
	// Bridge is the name, or its beginning, of the entity that has timings and
	// EDID, for a media controller whose links lead to several. Empty: the first
	// that is found.
	Bridge string
	// BusCode is the format between bridge and receiver. Zero: the first that
	// both take of UYVY and YUYV.
	BusCode v4l2.BusCode
	// MinQueued is how many pictures the driver keeps before it finishes one.
	// Zero: 2.
	MinQueued int
	// ArrivalTime has pictures stamped as they arrive, for a driver whose own
	// times are wrong.
	ArrivalTime bool
}

const (
	// statePoll is how long Open waits for a change of a state that it has told
	// already.
	statePoll = 2 * time.Second
	// settle is how long a receiver gets to lock on its source.
	settle = 300 * time.Millisecond
	// defaultEDIDWait: see Quirks.EDIDWait.
	defaultEDIDWait = 3 * time.Second
)

// Video is a picture device, there or not. It implements live.Video.
type Video struct {
	cfg   Config
	clock *media.Clock
	sys   system

	opening sync.Mutex // one Open at a time; guards the fields below
	known   identity
	told    capture.Signal // of the last Open, where it failed
	edidOf  string         // node whose EDID was written

	said   repeats
	parent atomic.Pointer[string] // of the device found last
}

// New returns a Video. It does not look for the device; Open does.
func New(cfg Config, clock *media.Clock) *Video {
	if cfg.Selector == "" {
		cfg.Selector = selectAuto
	}
	if cfg.Dev == "" {
		cfg.Dev = "/dev"
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Video{cfg: cfg, clock: clock, sys: linux{cfg.Sys, cfg.Dev}}
}

// Open implements live.Video.
func (v *Video) Open(ctx context.Context) (live.VideoSession, error) {
	v.opening.Lock()
	defer v.opening.Unlock()
	s, err := v.open(ctx)
	if err != nil {
		v.told = capture.SignalStarting
		if e := (*capture.SignalError)(nil); errors.As(err, &e) {
			v.told = e.Signal
		}
		return nil, err
	}
	v.told = capture.SignalOK
	return s, nil
}

// Parent is the sysfs path of the physical device that was found last, with a
// signal or without, as v4l2.Node has it: by it the sound card of the same device
// is known. It is empty before there was one. It may be called from any goroutine.
func (v *Video) Parent() string {
	if p := v.parent.Load(); p != nil {
		return *p
	}
	return ""
}

func (v *Video) open(ctx context.Context) (*session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	src, err := v.find()
	if err != nil {
		return nil, err
	}
	s := &session{
		source: src, cfg: &v.cfg, sys: v.sys, log: v.cfg.Log.With("device", src.name()), said: &v.said,
		stamp: newStamper(v.clock, v.sys.now, src.quirks.ArrivalTime),
	}
	if err := v.prepare(ctx, s); err != nil {
		// That a device is hard to close is no news beside why it is closed.
		_ = s.Close()
		return nil, err
	}
	level, times := s.said.tell(slog.LevelInfo, "opened "+src.name()+" "+s.describe())
	s.log.LogAttrs(ctx, level, "capture device opened",
		slog.String("arrives", s.describe()), slog.String("bus", src.node.Info.Bus), times)
	return s, nil
}

// prepare takes the session to where its format is known.
func (v *Video) prepare(ctx context.Context, s *session) error {
	p, err := v.sys.poller()
	if err != nil {
		return err
	}
	s.wake = &waker{poller: p}
	s.poll = p
	defer wakeAtEnd(ctx, s.wake)()
	s.subscribe()
	wrote, err := s.writeEDID(v.edidOf)
	if err != nil {
		return err
	}
	patience := settle
	if wrote {
		v.edidOf = s.node.Path
		patience = cmp.Or(s.quirks.EDIDWait, defaultEDIDWait)
	}
	for {
		err := s.setUp(ctx, patience)
		e := (*capture.SignalError)(nil)
		if err == nil || !errors.As(err, &e) || e.Signal != v.told || patience >= statePoll {
			return err
		}
		patience = statePoll // nothing new: wait for something that is
	}
}

// wakeAtEnd wakes w when ctx ends. stop, which is called in any case, returns
// when that is over.
func wakeAtEnd(ctx context.Context, w *waker) (stop func()) {
	done := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() { defer close(done); w.Wake() })
	return func() {
		if !cancel() {
			<-done
		}
	}
}

// waker is a poller that may be woken after it was closed: a pool's OnFree can
// be under way still when it was removed.
type waker struct {
	mu     sync.Mutex // guards poller
	poller poller
}

func (w *waker) Wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.poller != nil {
		w.poller.Wake()
	}
}

func (w *waker) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.poller
	w.poller = nil
	if p == nil {
		return nil
	}
	return p.Close()
}
