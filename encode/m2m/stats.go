package m2m

import (
	"sync/atomic"
	"time"
)

// Stats tell what became of the pictures, and of the driver's promises.
type Stats struct {
	Device, Driver string // "/dev/video11", "bcm2835-codec"
	// Healthy: it is open and does what it is told, as far as is known. After a
	// failure it takes a coded picture.
	Healthy bool
	// Stuck: a call to the driver has not returned for half a minute. Nothing in
	// this process can end it, Run neither goes on nor returns, and only a new boot
	// may help, as with ErrDead.
	Stuck bool

	Pictures     uint64 // coded
	Recoveries   uint64 // times the device was opened anew after a failure
	Restarts     uint64 // times the stream was begun anew to make a change hold
	ErrorBuffers uint64 // coded pictures that the driver marked damaged, or that were
	Skipped      uint64 // pictures that went in and did not come out
	Strays       uint64 // coded buffers that belong to no picture
	Copied       uint64 // pictures that were not in the encoder's memory

	// LiveBitrate and LiveKey say whether a change of the bit rate and a request
	// for a key picture hold at once: "yes", "refused: restarts", "ignored:
	// restarts", or "" while it is not known.
	LiveBitrate, LiveKey string
}

// promise is what became of one.
type promise int32

const (
	unknown promise = iota
	kept
	refused
	ignored
)

func (p promise) String() string {
	switch p {
	case kept:
		return "yes"
	case refused:
		return "refused: restarts"
	case ignored:
		return "ignored: restarts"
	case unknown:
	}
	return ""
}

// restarts says that a change takes a restart.
func (p promise) restarts() bool { return p == refused || p == ignored }

// counters are Stats while they change.
type counters struct {
	device, driver                                              atomic.Pointer[string]
	healthy                                                     atomic.Bool
	pictures, recoveries, restarts, errors, skip, stray, copied atomic.Uint64
	bitrate, key                                                atomic.Int32 // promise

	began time.Time
	heard atomic.Int64 // time since began at which Run was last not in a call, 0: it has nothing to do
}

// stuckAfter is longer than any driver takes that ever returns: bcm2835 needs
// 2 s to stop a queue.
const stuckAfter = 30 * time.Second

// alive is called by Run before it calls the driver. idle: what it waits for
// next is a frame, for as long as that takes.
func (c *counters) alive(idle bool) {
	if idle {
		c.heard.Store(0)
		return
	}
	c.heard.Store(int64(max(1, time.Since(c.began))))
}

func (c *counters) stuck() bool {
	heard := time.Duration(c.heard.Load())
	return heard > 0 && time.Since(c.began)-heard >= stuckAfter
}

func (c *counters) name(d device) {
	path, driver := d.Path(), d.Info().Driver
	c.device.Store(&path)
	c.driver.Store(&driver)
}

// Stats are the counters so far. It may be called from any goroutine.
func (e *Encoder) Stats() Stats {
	c := &e.stats
	stuck := c.stuck()
	return Stats{
		Device: *c.device.Load(), Driver: *c.driver.Load(), Healthy: c.healthy.Load() && !stuck, Stuck: stuck,
		Pictures: c.pictures.Load(), Recoveries: c.recoveries.Load(), Restarts: c.restarts.Load(),
		ErrorBuffers: c.errors.Load(), Skipped: c.skip.Load(), Strays: c.stray.Load(), Copied: c.copied.Load(),
		LiveBitrate: promise(c.bitrate.Load()).String(), LiveKey: promise(c.key.Load()).String(),
	}
}
