package alsa

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"
	"unsafe"

	"github.com/gen2brain/alsa"
	"golang.org/x/sys/unix"
)

// Format is how a card lays its samples in memory.
type Format uint8

// The formats that are taken, all of them little-endian, best first.
const (
	S16    Format = iota + 1
	S24Of3        // three bytes
	S24           // the lower 24 of 32 bits
	S32
)

// String is ALSA's name of the format.
func (f Format) String() string {
	if i := slices.IndexFunc(formats, func(k kind) bool { return k.format == f }); i >= 0 {
		return formats[i].name
	}
	return "unknown format"
}

type kind struct {
	format Format
	name   string
	alsa   alsa.PcmFormat
	bytes  int
}

var formats = []kind{
	{S16, "S16_LE", alsa.SNDRV_PCM_FORMAT_S16_LE, 2},
	{S24Of3, "S24_3LE", alsa.SNDRV_PCM_FORMAT_S24_3LE, 3},
	{S24, "S24_LE", alsa.SNDRV_PCM_FORMAT_S24_LE, 4},
	{S32, "S32_LE", alsa.SNDRV_PCM_FORMAT_S32_LE, 4},
}

// params are what was agreed with a card.
type params struct {
	Rate, Channels int
	Format         Format
	Period, Buffer int // frames
}

// state of a card.
type state uint8

const (
	running state = iota + 1
	overrun       // or suspended: to be started again
	stopped
	disconnected
)

// status is a look at a card: at time At (CLOCK_MONOTONIC) it had captured
// Available frames more than were read.
type status struct {
	State     state
	Available int
	At        time.Duration
}

// device is an open card. Its methods but Wake belong to one goroutine.
type device interface {
	Params() params
	// Start starts the card, also after an overrun; its frames count from zero.
	Start() error
	// Wait waits until a period is there, the card is in trouble, or Wake was
	// called. ready is false after a time-out or a wake.
	Wait(timeout time.Duration) (ready bool, err error)
	// Wake ends the Wait under way, or the next. Any goroutine may call it.
	Wake()
	Status() (status, error)
	// Read returns the next period, valid until the next call. It blocks if it is
	// not there yet.
	Read() ([]byte, error)
	Close() error
}

// card is a device of the kernel.
type card struct {
	pcm    *alsa.PCM
	params params
	fd     uintptr
	wake   int // eventfd
	period []byte
	boxed  any // period, converted once
	polled [2]unix.PollFd
	status pcmStatus
}

const (
	periodTime = 10 * time.Millisecond
	// bufferTime is how long the box may have no time for the card before sound
	// is lost. It costs memory alone: what is there is read by the period.
	bufferTime = 500 * time.Millisecond
)

// openCard opens a card at a rate, or another that it can do.
func openCard(c Card, rate int) (device, error) {
	can, err := alsa.PcmParamsGet(uint(c.Number), uint(c.Device), alsa.PCM_IN)
	if err != nil {
		return nil, fmt.Errorf("alsa: ask hw:%d,%d what it can do: %w", c.Number, c.Device, err)
	}
	tries, err := attempts(can, rate)
	if err != nil {
		return nil, fmt.Errorf("alsa: hw:%d,%d: %w", c.Number, c.Device, err)
	}
	var failed error
	for _, try := range tries {
		pcm, err := alsa.PcmOpen(uint(c.Number), uint(c.Device), alsa.PCM_IN|alsa.PCM_NONBLOCK|alsa.PCM_NORESTART|alsa.PCM_MONOTONIC, &try)
		if err == nil {
			return newCard(pcm)
		}
		failed = fmt.Errorf("alsa: open hw:%d,%d at %d Hz, %d channels, %d periods of %d frames: %w",
			c.Number, c.Device, try.Rate, try.Channels, try.PeriodCount, try.PeriodSize, err)
		if !errors.Is(err, syscall.EINVAL) {
			break
		}
	}
	return nil, failed
}

func newCard(pcm *alsa.PCM) (*card, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("alsa: make an eventfd: %w", err), pcm.Close())
	}
	c := pcm.Config()
	i := slices.IndexFunc(formats, func(k kind) bool { return k.alsa == c.Format })
	d := &card{
		pcm: pcm, fd: pcm.Fd(), wake: wake,
		params: params{
			Rate: int(c.Rate), Channels: int(c.Channels), Format: formats[i].format,
			Period: int(c.PeriodSize), Buffer: int(pcm.BufferSize()),
		},
		period: make([]byte, int(c.PeriodSize)*int(c.Channels)*formats[i].bytes),
	}
	d.boxed = d.period
	return d, nil
}

func (d *card) Params() params { return d.params }

func (d *card) Start() error {
	if err := d.pcm.Prepare(); err != nil {
		return fmt.Errorf("alsa: prepare: %w", err)
	}
	if err := d.pcm.Start(); err != nil {
		return fmt.Errorf("alsa: start: %w", err)
	}
	return nil
}

func (d *card) Wait(timeout time.Duration) (ready bool, err error) {
	d.polled = [2]unix.PollFd{{Fd: int32(d.fd), Events: unix.POLLIN}, {Fd: int32(d.wake), Events: unix.POLLIN}}
	_, err = unix.Poll(d.polled[:], int(timeout/time.Millisecond))
	switch {
	case errors.Is(err, unix.EINTR):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("alsa: wait for sound: %w", err)
	}
	if d.polled[1].Revents != 0 {
		var count [8]byte
		_, _ = unix.Read(d.wake, count[:]) // only resets it
	}
	return d.polled[0].Revents != 0, nil
}

func (d *card) Wake() {
	one := [8]byte{1}
	_, _ = unix.Write(d.wake, one[:]) // EAGAIN: it is set already
}

func (d *card) Status() (status, error) {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, d.fd, ioctlStatus, uintptr(unsafe.Pointer(&d.status)))
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return status{}, fmt.Errorf("alsa: status: %w", errno)
		}
		return d.status.decode(), nil
	}
}

func (d *card) Read() ([]byte, error) {
	n, err := d.pcm.Read(d.boxed)
	switch {
	case err != nil:
		return nil, fmt.Errorf("alsa: read: %w", err)
	case n != d.params.Period:
		return nil, fmt.Errorf("alsa: read: %d of %d frames: %w", n, d.params.Period, syscall.EIO)
	}
	return d.period, nil
}

func (d *card) Close() error {
	err := d.pcm.Close()
	if e := unix.Close(d.wake); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("alsa: close: %w", err)
	}
	return nil
}
