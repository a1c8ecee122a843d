package usbip

import (
	"encoding/binary"
	"math"
	"time"
)

const (
	payloadHeader = 2 // its length and its flags
	flash         = 100 * time.Millisecond
	beepHz        = 1000
	beepLevel     = 12000

	videoInterval = 125 * time.Microsecond << (videoPeriod - 1)
	audioInterval = time.Millisecond
)

// source fills the packets of an isochronous endpoint. It belongs to the
// goroutine of the endpoint.
type source interface {
	interval() time.Duration
	// packet is what the device sends in the interval that begins at a time of
	// its clock, at most room bytes. It may be empty.
	packet(at time.Duration, room int) []byte
}

// videoSource sends pictures, each as fast as the bus takes it.
type videoSource struct {
	device *Device
	mode   mode
	next   int64  // number of the next picture
	rest   []byte // of the picture on its way
	frame  byte   // the flag that changes with each picture
}

func (v *videoSource) interval() time.Duration { return videoInterval }

func (v *videoSource) packet(at time.Duration, room int) []byte {
	v.device.mu.Lock()
	alternate, m := v.device.videoAlternate, v.device.mode
	v.device.mu.Unlock()
	if alternate == 0 || room <= payloadHeader {
		v.rest, v.next = nil, 0
		return nil
	}
	if m != v.mode || v.next == 0 {
		v.mode, v.rest = m, nil
		v.next = pictureAt(at, m.rate) + 1
	}
	if len(v.rest) == 0 && at >= pictureTime(v.next, m.rate) {
		v.begin(at)
	}
	if len(v.rest) == 0 {
		return nil
	}
	n := min(len(v.rest), min(room, m.payload())-payloadHeader)
	const endOfHeader, endOfFrame = 0x80, 2
	flags := endOfHeader | v.frame
	if n == len(v.rest) {
		flags |= endOfFrame
	}
	out := append([]byte{payloadHeader, flags}, v.rest[:n]...)
	v.rest = v.rest[n:]
	return out
}

// begin makes the newest picture that is due.
func (v *videoSource) begin(at time.Duration) {
	n := pictureAt(at, v.mode.rate)
	v.next = n + 1
	d := v.device
	d.mu.Lock()
	f, frozen := d.faults, d.frozen
	cut := f.Truncate > 0 && !f.Stalled
	if cut {
		d.faults.Truncate--
	}
	d.mu.Unlock()
	if f.Stalled {
		return
	}
	if f.Pattern == Frozen {
		n = frozen
	}
	p := draw(v.mode.size, n, pictureTime(n, v.mode.rate)%time.Second < flash, f.Pattern)
	if v.mode.format == formatMJPEG {
		v.rest = p.jpeg()
	} else {
		v.rest = p.yuyv()
	}
	if cut {
		v.rest = v.rest[:len(v.rest)/2]
	}
	v.frame ^= 1
}

// audioSource sends samples: a beep when a second begins. Those that a late host
// did not fetch wait, and go out in larger packets when it is back.
type audioSource struct {
	device *Device
	ppm    int
	base   time.Duration // when the clock had its rate changed
	offset int64         // samples before
	sent   int64         // samples, since the clock began
	starts int           // the start that it has seen; 0 when it sends nothing
}

const audioFIFO = sampleRate // samples; when it overflows, all are lost

func (a *audioSource) interval() time.Duration { return audioInterval }

func (a *audioSource) packet(at time.Duration, room int) []byte {
	a.device.mu.Lock()
	f, alternate, starts := a.device.faults, a.device.audioAlternate, a.device.audioStarts
	a.device.mu.Unlock()
	if f.AudioPPM != a.ppm {
		a.offset, a.base, a.ppm = a.taken(at), at, f.AudioPPM
	}
	to := a.taken(at + audioInterval)
	switch {
	case alternate == 0 || f.Silent:
		a.starts = 0
		return nil
	case a.starts != starts:
		a.starts, a.sent = starts, a.taken(at)
	case to-a.sent > audioFIFO:
		a.sent = a.taken(at)
	}
	n := min(int(to-a.sent), room/(2*channels))
	out := make([]byte, 0, 2*channels*n)
	for range n {
		var v int16
		if !f.Muted && f.Pattern != Blue {
			v = beep(a.base + time.Duration(float64(a.sent-a.offset)/a.rate()*float64(time.Second)))
		}
		for range channels {
			out = binary.LittleEndian.AppendUint16(out, uint16(v)) //nolint:gosec // two's complement is meant
		}
		a.sent++
	}
	return out
}

func (a *audioSource) rate() float64 { return sampleRate * (1 + float64(a.ppm)/1e6) }

// taken is how many samples the card has taken at a time.
func (a *audioSource) taken(at time.Duration) int64 {
	return a.offset + int64(math.Floor((at-a.base).Seconds()*a.rate()+1e-6))
}

// beep is the sound at a time.
func beep(at time.Duration) int16 {
	at %= time.Second
	if at >= flash {
		return 0
	}
	return int16(beepLevel * math.Sin(2*math.Pi*beepHz*at.Seconds()))
}
