// Package usbip is a USB grabber made of software: a high-speed device with a
// camera (USB Video Class 1.1) and a sound card (USB Audio Class 1) that talks to
// the kernel's virtual host controller (vhci-hcd) by the USB/IP protocol. The
// kernel's own uvcvideo and snd-usb-audio then drive it.
//
// Its pictures and its sound come from one clock: each second begins with a
// flash and a beep.
package usbip

import (
	"sync"
	"time"
)

// Config is what the device says of itself.
type Config struct {
	Vendor, ProductID      int
	Maker, Product, Serial string
}

// Device is the grabber. It goes on when it is unplugged: its clock, its faults
// and its pattern stay.
type Device struct {
	config Config
	epoch  time.Time

	mu             sync.Mutex // guards the fields below
	wanted, mode   mode
	videoAlternate int
	audioAlternate int
	audioStarts    int // how often the host began to take sound
	faults         Faults
	frozen         int64 // the picture that Frozen shows
}

// Faults are what a test does to the device.
type Faults struct {
	Pattern  Pattern
	Stalled  bool // it sends no pictures
	Muted    bool // the sound is digital silence
	Silent   bool // it sends no samples
	Truncate int  // so many pictures are cut in half
	AudioPPM int  // how much faster the sound card's clock is
}

// NewDevice returns a device whose clock begins now.
func NewDevice(config Config) *Device {
	m := negotiate(nil)
	return &Device{config: config, epoch: time.Now(), wanted: m, mode: m, faults: Faults{Pattern: Moving}}
}

// Change changes the faults. When f returns, they hold for all that is sent.
func (d *Device) Change(f func(*Faults)) {
	now := d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.faults.Pattern
	f(&d.faults)
	if before != Frozen && d.faults.Pattern == Frozen {
		d.frozen = pictureAt(now, d.mode.rate)
	}
}

// now is the device's clock.
func (d *Device) now() time.Duration { return time.Since(d.epoch) }

// unplugged forgets what the host had set.
func (d *Device) unplugged() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.videoAlternate, d.audioAlternate = 0, 0
	d.wanted = negotiate(nil)
	d.mode = d.wanted
}

// pictureAt is the number of the picture that is the newest at a time. Number
// n is of the time n/rate.
func pictureAt(at time.Duration, rate int) int64 {
	return int64(at) * int64(rate) / int64(time.Second)
}

// pictureTime is when the picture was taken, rounded up so that pictureAt of it is n.
func pictureTime(n int64, rate int) time.Duration {
	return time.Duration((n*int64(time.Second) + int64(rate) - 1) / int64(rate))
}
