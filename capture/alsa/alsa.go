// Package alsa captures sound from the kernel's sound cards: the audio function
// of a USB grabber, the I2S card behind an HDMI bridge, a line input. What it
// delivers is on the stream's clock, whatever the card's crystal does
// (capture/drift).
//
// Every card's sound becomes 48000 Hz stereo, or what Convert asks for, so that
// another card, or an HDMI source that changes from 48 to 44.1 kHz, does not
// change the stream's track. A mono card is heard in both channels; of more than
// two channels the first two are taken.
//
// gen2brain/alsa opens cards and sets their parameters. Its blocking Read and
// its recovery are not used: after an overrun it neither prepares nor returns,
// but tries for ever; its default lets a card overrun unnoticed (stop threshold
// of ten buffers); its Wait cannot be woken; and its time of the frames is read
// apart from their number. So reading is done here when a poll with a wake-up
// says that a period is there, overruns are handled here, and the pair of
// frames and time comes from the driver's status, in one piece.
package alsa

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"syscall"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/capture/drift"
	"github.com/encoderbox/encoderbox/capture/live"
	"github.com/encoderbox/encoderbox/media"
)

// Config of a sound input.
type Config struct {
	// Selector chooses the card: "" or "auto" (see Video), "hw:1,0" (card and
	// device; the card by number or id), or the card's id or name, or a part of
	// its name. "none": there is no sound.
	Selector string
	// Video tells where the picture comes from now: the sysfs path of the
	// device, as v4l2.Node.Parent has it, or the USB device's "1-1.4"; "" when it
	// is not known. Under "auto" the card that is the same USB device is taken,
	// else one that Hints names, else the only one that captures. May be nil.
	Video func() string
	// Hints are (parts of) the names of cards that carry the sound of an HDMI
	// bridge, of the board's model.
	Hints []string

	Proc fs.FS        // the root of /proc/asound; nil: that
	Sys  fs.FS        // the root of sysfs; nil: /sys
	Log  *slog.Logger // nil: none
}

// None is the Selector for no sound.
const None = "none"

// Audio implements live.Audio.
type Audio struct {
	config Config
	clock  *media.Clock
	open   func(card Card, rate int) (device, error)

	mu     sync.Mutex     // guards the fields below
	actual map[string]int // rate at which a card really runs, where its driver is wrong
	opened string         // what was opened last, as it was logged
}

var (
	_ live.Audio        = (*Audio)(nil)
	_ live.AudioSession = (*Session)(nil)
	_ live.Converter    = (*Session)(nil)
)

// New returns the sound input; nothing is opened yet.
func New(config Config, clock *media.Clock) *Audio {
	if config.Proc == nil {
		config.Proc = os.DirFS("/proc/asound")
	}
	if config.Sys == nil {
		config.Sys = os.DirFS("/sys")
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	return &Audio{config: config, clock: clock, open: openCard, actual: map[string]int{}}
}

// preferred are the rates asked for, best first: the stream's, then those that
// lose least.
var preferred = []int{48000, 96000, 44100, 192000, 88200, 32000, 16000, 8000}

// Open implements live.Audio. It does not block longer than the driver does.
func (a *Audio) Open(ctx context.Context) (live.AudioSession, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	card, err := a.choose()
	if err != nil {
		return nil, err
	}
	d, err := a.open(card, preferred[0])
	if err != nil {
		return nil, a.opening(card, err)
	}
	s := &Session{audio: a, card: card, device: d, clock: a.clock, log: a.config.Log}
	s.rate = a.rateOf(card, d.Params().Rate)
	if err := s.Convert(media.AudioFormat{SampleRate: 48000, Channels: 2}); err != nil {
		return nil, errors.Join(&capture.SignalError{Signal: capture.SignalUnsupported, Detail: card.String(), Err: err}, d.Close())
	}
	p := d.Params()
	a.logOpened(card, s.rate, p)
	return s, nil
}

// logOpened says which card it is, once: a card whose clock stops, as an HDMI
// receiver's does, is opened anew every few seconds.
func (a *Audio) logOpened(card Card, rate int, p params) {
	level, what := slog.LevelInfo, fmt.Sprint(card, rate, p)
	a.mu.Lock()
	if what == a.opened {
		level = slog.LevelDebug
	}
	a.opened = what
	a.mu.Unlock()
	a.config.Log.Log(context.Background(), level, "sound card opened", "card", card.String(), "rate", rate, "channels", p.Channels,
		"format", p.Format.String(), "period", p.Period, "buffer", p.Buffer)
}

// opening says in words why a card cannot be opened.
func (a *Audio) opening(card Card, err error) error {
	e := &capture.SignalError{Signal: capture.SignalUnsupported, Detail: card.String(), Err: err}
	switch {
	case errors.Is(err, syscall.EBUSY):
		e.Signal, e.Detail = capture.SignalNone, card.String()+" is in use by another program"
	case gone(err):
		e.Signal = capture.SignalDeviceLost
	case errors.Is(err, fs.ErrPermission):
		e.Detail = card.String() + ": no permission; the daemon's user must be in the group audio"
	}
	return e
}

// gone says whether an error means that the card is not there any more.
func gone(err error) bool {
	for _, e := range []syscall.Errno{syscall.ENODEV, syscall.ENXIO, syscall.ENOENT, syscall.EBADFD, syscall.ESHUTDOWN} {
		if errors.Is(err, e) {
			return true
		}
	}
	return errors.Is(err, os.ErrClosed)
}

// rateOf is the rate of a card by what was seen of it, else by its driver.
func (a *Audio) rateOf(card Card, driver int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r, ok := a.actual[rateKey(card, driver)]; ok {
		return r
	}
	return driver
}

func (a *Audio) setRate(card Card, driver, actual int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.actual[rateKey(card, driver)] = actual
}

func rateKey(card Card, driver int) string {
	return fmt.Sprintf("%s %s %d", card.ID, card.Parent, driver)
}

// Stats of a session.
type Stats struct {
	drift.Stats
	Overruns uint64 // times that the card ran over, or was suspended, and was restarted
}
