package programme

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/encode/resize"
	"github.com/encoderbox/encoderbox/media"
)

// coding is a run's way from pictures to packets, as far as a setting changes it.
type coding struct {
	feed      *encode.Feed
	sizes     *resize.Runner
	frameTime time.Duration // between the input's pictures; 0: not known
	sound     bool          // there is sound beside the pictures
	hold      func(bool)    // tells that no pictures come
	skip      func(bool)    // tells that none come for a moment
}

// control keeps what the encoder's side was told, and does it. It has a lock of its
// own: the programme's is held while a device is opened.
type control struct {
	mu      sync.Mutex // guards the fields below
	setting rate.Setting
	told    bool // setting is SetRate's; else it follows the spec
	coding  *coding
}

// SetRate has the pictures coded as the setting says from now on, in place of what
// the spec has, until the programme ends: over changes of its input too. A bit rate
// that is not positive is left as it was. Key asks for a key picture each time that
// it rises; in the first setting it is where the count begins. A programme without
// sound goes on with pictures where AudioOnly is set. It may be called at any time,
// from any goroutine, and does not block; the same again does nothing.
func (p *Programme) SetRate(s rate.Setting) {
	c := &p.control
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.Bitrate <= 0 {
		s.Bitrate = c.setting.Bitrate
	}
	if c.told && s == c.setting {
		return
	}
	key := c.told && s.Key > c.setting.Key
	c.setting, c.told = s, true
	c.apply()
	if key && c.coding != nil {
		c.coding.feed.RequestKey()
	}
}

// follow has the pictures coded as the spec says, unless SetRate has said otherwise.
func (c *control) follow(bitrate int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told || c.setting.Bitrate == bitrate {
		return
	}
	c.setting = rate.Setting{Bitrate: bitrate}
	c.apply()
}

// begin has a run do what was told so far; end lets go of it.
func (c *control) begin(run *coding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.coding = run
	c.apply()
}

func (c *control) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.coding != nil {
		c.coding.hold(false)
		c.coding.skip(false)
	}
	c.coding = nil
}

// runs says that pictures are being coded.
func (c *control) runs() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.coding != nil
}

func (c *control) current() rate.Setting {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.setting
}

// apply does what the setting says. c.mu is held.
func (c *control) apply() {
	run, s := c.coding, c.setting
	if run == nil {
		return
	}
	run.sizes.Set(s.Bitrate, s.Divider, s.Scale)
	stop := s.AudioOnly && run.sound
	run.feed.Thin(encode.Thinning{
		Divider: min(max(1, s.Divider), encode.MaxDivider), FrameTime: run.frameTime, Skip: s.Skip, Stop: stop,
	})
	run.hold(stop)
	run.skip(s.Skip && run.sound)
}

// counted is what was coded since the programme was made. It is written by the
// goroutines that write packets.
type counted struct{ video, audio, pictures atomic.Uint64 }

func (c *counted) add(p media.Packet) {
	n := uint64(len(p.Data))
	if p.Track.Kind() == media.Audio {
		c.audio.Add(n)
		return
	}
	c.video.Add(n)
	c.pictures.Add(1)
}

// EncoderState is what was coded since the programme was made, at a time of the
// stream's clock, which is monotonic. false: no pictures are being coded here, since
// they come coded, or the input is not open.
func (p *Programme) EncoderState() (rate.EncoderState, bool) {
	if !p.control.runs() {
		return rate.EncoderState{}, false
	}
	return rate.EncoderState{
		At: p.hub.Clock().Now(), Video: p.counted.video.Load(), Audio: p.counted.audio.Load(),
		Pictures: p.counted.pictures.Load(),
	}, true
}
