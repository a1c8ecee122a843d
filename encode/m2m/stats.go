package m2m

import "sync/atomic"

// Stats tell what became of the pictures, and of the driver's promises.
type Stats struct {
	Device, Driver string // "/dev/video11", "bcm2835-codec"
	// Healthy: it is open and does what it is told, as far as is known. After a
	// failure it takes a coded picture.
	Healthy bool

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
}

func (c *counters) name(d device) {
	path, driver := d.Path(), d.Info().Driver
	c.device.Store(&path)
	c.driver.Store(&driver)
}

// Stats are the counters so far. It may be called from any goroutine.
func (e *Encoder) Stats() Stats {
	c := &e.stats
	return Stats{
		Device: *c.device.Load(), Driver: *c.driver.Load(), Healthy: c.healthy.Load(),
		Pictures: c.pictures.Load(), Recoveries: c.recoveries.Load(), Restarts: c.restarts.Load(),
		ErrorBuffers: c.errors.Load(), Skipped: c.skip.Load(), Strays: c.stray.Load(), Copied: c.copied.Load(),
		LiveBitrate: promise(c.bitrate.Load()).String(), LiveKey: promise(c.key.Load()).String(),
	}
}
