// Package m2m is H.264 by the hardware: a V4L2 stateful memory-to-memory
// encoder behind encode.Encoder, driven as the kernel's dev-encoder.rst says,
// with what drivers make of it provided for (Quirks).
//
// Pictures lie in the encoder's own memory, which it shares as a capture.Pool:
// those that were drawn or captured there are queued by their number, and no
// byte of them is touched. Any other picture is copied into it once. The coded
// picture is copied once, out of the driver's memory into the packet.
//
//   - The parameter sets are the stream's first, normalised as the software
//     encoder's are, and kept: one track serves the whole run, restarts and
//     recoveries of the hardware included. Sets that change later without making
//     another track are put in front of every key picture they hold for.
//   - Packet.Key marks key pictures that were asked for, and the first after a
//     restart. IDR pictures that the driver makes of its own accord, because its
//     longest GOP is short, are pictures like any other.
//   - SEI stays. Filler data stays too: an encoder that makes it has promised a
//     constant bit rate in its parameter sets, and a buffer model without it
//     would not hold; where bytes are dearer, there is Quirks.StripFiller. Access
//     unit delimiters go.
//   - After a damaged or lost picture nothing goes out before the next key
//     picture, which is asked for at once; its packet carries Gap.
package m2m

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/media"
)

// ErrDead says that the encoder was opened anew several times and coded
// nothing: only a new boot may help.
var ErrDead = errors.New("the hardware encoder is dead")

// maxRecoveries is how many recoveries without one coded picture make ErrDead.
const maxRecoveries = 5

// Config of an encoder.
type Config struct {
	Settings encode.Settings
	// Device is a path, or a driver's or card's name; "" or "auto" is the first
	// encoder there is.
	Device string
	// Prefer are the pixel formats that the source can give, best first. None
	// means that of Settings.
	Prefer []media.PixelFormat
	Quirks Quirks
	Log    *slog.Logger // nil: none
	Sys    fs.FS        // root of sysfs; nil: /sys
	Dev    string       // folder of the device nodes; "": /dev

	kernel system // tests put their own here
}

func (c Config) system() system {
	if c.kernel != nil {
		return c.kernel
	}
	l := linux{sys: c.Sys, dev: c.Dev}
	if l.sys == nil {
		l.sys = os.DirFS("/sys")
	}
	if l.dev == "" {
		l.dev = "/dev"
	}
	return l
}

// Encoder is encode.Encoder by a V4L2 device.
type Encoder struct {
	cfg      Config
	settings encode.Settings // as made, MaxBitrate filled in
	sys      system
	log      *slog.Logger
	pool     pool
	poll     poller
	running  atomic.Bool
	closed   atomic.Bool

	bitrate atomic.Int64 // the driver's, wanted from the next picture on
	divider atomic.Int64 // of the pictures that come, see encode.Settings
	key     atomic.Bool  // the next picture is to be a key picture
	stats   counters

	// New's, then Run's, then Close's.
	session   *session
	codedSize int // least size of a coded picture's buffer, 0: as the picture's size says
}

var _ encode.Puller = (*Encoder)(nil)

// New opens the device, agrees with it on format, rate and controls, and
// allocates. Close must follow, after Run has returned.
func New(c Config) (*Encoder, error) {
	s := c.Settings
	if s.MaxBitrate == 0 {
		s.MaxBitrate = s.Bitrate
	}
	f := s.Format
	switch {
	case f.Width <= 0 || f.Height <= 0 || f.Width%2 != 0 || f.Height%2 != 0:
		return nil, fmt.Errorf("m2m: picture size %dx%d is not even and positive", f.Width, f.Height)
	case !f.FrameRate.IsZero() && (f.FrameRate.Num < 0 || f.FrameRate.Den < 0 || f.FrameRate.Float() > 240):
		return nil, fmt.Errorf("m2m: frame rate %v is outside 0 to 240", f.FrameRate)
	case s.Bitrate <= 0:
		return nil, fmt.Errorf("m2m: bit rate %d is not positive", s.Bitrate)
	case s.Divider < 0 || s.Divider > encode.MaxDivider:
		return nil, fmt.Errorf("m2m: divider %d is outside 1 to %d", s.Divider, encode.MaxDivider)
	case s.MaxBitrate < s.Bitrate:
		return nil, fmt.Errorf("m2m: highest bit rate %d is below the bit rate %d", s.MaxBitrate, s.Bitrate)
	}
	e := &Encoder{cfg: c, settings: s, sys: c.system(), log: c.Log, codedSize: c.Quirks.CodedSize}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	e.want(s)
	e.stats.began = time.Now()
	var err error
	if e.poll, err = e.sys.poller(); err != nil {
		return nil, fmt.Errorf("m2m: %w", err)
	}
	if e.session, err = e.openSession(); err != nil {
		return nil, errors.Join(err, e.poll.Close())
	}
	e.stats.name(e.session.dev)
	e.stats.healthy.Store(true)
	e.log.Info("hardware encoder", "device", e.session.dev.Path(), "driver", e.session.dev.Info().Driver,
		"format", e.session.formats.raw.String(), "buffers", e.session.inputs, "shared", e.session.exported)
	return e, nil
}

// Pool is the encoder's memory for pictures.
func (e *Encoder) Pool() capture.Pool { return &e.pool }

// Update implements encode.Encoder. A MaxBitrate of zero leaves it as it was.
func (e *Encoder) Update(s encode.Settings) error {
	if err := e.settings.Change(s); err != nil {
		return fmt.Errorf("m2m: %w", err)
	}
	e.want(s)
	return nil
}

// want has pictures coded with the rate of s. Drivers go by the frame rate that
// they were told, not by the pictures' times: where only every second picture comes,
// each is to have twice as much.
func (e *Encoder) want(s encode.Settings) {
	e.divider.Store(int64(max(1, s.Divider)))
	e.bitrate.Store(int64(s.Rate(e.settings.MaxBitrate)))
}

// RequestKey implements encode.Encoder.
func (e *Encoder) RequestKey() { e.key.Store(true) }

// Run implements encode.Encoder. It recovers from whatever the hardware does,
// and returns ErrDead where that does not help. Once it has returned nil it, or
// RunFeed, may be called again: another stream then begins, with a track of its own,
// in the same memory.
func (e *Encoder) Run(ctx context.Context, frames <-chan media.Frame, w media.Writer) error {
	if err := e.begin(); err != nil {
		return err
	}
	inner, cancel := context.WithCancel(ctx)
	feed := newFeeder(e.poll.Wake)
	done := make(chan struct{})
	go func() {
		defer close(done)
		feed.run(inner, frames)
	}()
	r := newRun(e, feed, w)
	err := r.loop(ctx)
	cancel()
	<-done
	feed.drop()
	r.end()
	e.running.Store(err != nil)
	return err
}

// RunFeed implements encode.Puller: as Run, with no goroutine but the caller's.
func (e *Encoder) RunFeed(ctx context.Context, feed *encode.Feed, w media.Writer) error {
	if err := e.begin(); err != nil {
		feed.Stop()
		return err
	}
	feed.Pull(e.poll.Wake)
	defer context.AfterFunc(ctx, e.poll.Wake)()
	frames := &puller{feed: feed}
	r := newRun(e, frames, w)
	err := r.loop(ctx)
	frames.drop()
	r.end()
	e.running.Store(err != nil)
	return err
}

// begin says whether a Run may begin: one at a time, and none after one that failed.
func (e *Encoder) begin() error {
	switch {
	case e.closed.Load():
		return errors.New("m2m: Run is called after Close")
	case e.running.Swap(true):
		return errors.New("m2m: Run is called while another runs, or after one that failed")
	}
	return nil
}

// Close gives the device and its memory back; pictures that are in use keep
// theirs until their last Release. Run must have returned.
func (e *Encoder) Close() error {
	if e.closed.Swap(true) {
		return nil
	}
	if e.session != nil {
		e.session.close(e)
		e.session = nil
	}
	e.stats.healthy.Store(false)
	return e.poll.Close()
}
