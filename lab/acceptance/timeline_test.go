package acceptance

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
)

// contents is what a receiver must find. The zero value of a part: nothing of
// that kind.
type contents struct {
	width, height int
	frameRate     float64
	sampleRate    int
	// lossless: no picture may be missing. An encoder that has to share the
	// machine may leave pictures out; a file that passes through may not.
	lossless bool
}

// rounding is how far two neighbouring times may be off their distance: RTMP
// counts in milliseconds, and each is rounded.
const rounding = 1100 * time.Microsecond

// check judges the streams and the times of every packet.
func (c contents) check(p *peer.Probed) error {
	if err := p.CheckTimestamps(); err != nil {
		return err
	}
	v, a := p.First("video"), p.First("audio")
	if (v != nil) != (c.frameRate > 0) || (a != nil) != (c.sampleRate > 0) || len(p.Streams) != c.count() {
		return fmt.Errorf("streams are %+v, want %+v", p.Streams, c)
	}
	if v != nil {
		if v.Codec != "h264" || v.Width != c.width || v.Height != c.height {
			return fmt.Errorf("video is %s %dx%d, want %+v", v.Codec, v.Width, v.Height, c)
		}
		if err := c.pictures(p); err != nil {
			return fmt.Errorf("video: %w", err)
		}
	}
	if a != nil {
		if a.Codec != "aac" || a.Profile != "LC" || a.SampleRate != c.sampleRate {
			return fmt.Errorf("audio is %s %s %d Hz, want %+v", a.Codec, a.Profile, a.SampleRate, c)
		}
		frame := time.Duration(1024 * float64(time.Second) / float64(c.sampleRate))
		if err := evenly(times(p, "audio"), frame, 1); err != nil {
			return fmt.Errorf("audio: %w", err)
		}
	}
	return nil
}

func (c contents) count() (n int) {
	if c.frameRate > 0 {
		n++
	}
	if c.sampleRate > 0 {
		n++
	}
	return n
}

// pictures judges the presentation times, in their order, and with them the
// frame rate. Those after the last decode time are left out: where a recording
// ends, pictures that are shown before them may not have been sent yet.
func (c contents) pictures(p *peer.Probed) error {
	missing := 1
	if !c.lossless {
		missing = int(c.frameRate) // a second, at most
	}
	var last time.Duration
	for _, pkt := range p.Packets {
		if pkt.Kind == "video" {
			last = pkt.DTS.Duration
		}
	}
	pts := times(p, "video")
	slices.Sort(pts)
	pts = slices.DeleteFunc(pts, func(at time.Duration) bool { return at > last })
	return evenly(pts, time.Duration(float64(time.Second)/c.frameRate), missing)
}

// evenly checks that neighbouring times are one step apart, or up to most steps.
func evenly(times []time.Duration, step time.Duration, most int) error {
	if len(times) < 25 {
		return fmt.Errorf("only %d packets", len(times))
	}
	for i := 1; i < len(times); i++ {
		d := times[i] - times[i-1]
		steps := math.Round(float64(d) / float64(step))
		if steps < 1 || steps > float64(most) || (d-time.Duration(steps*float64(step))).Abs() > rounding {
			return fmt.Errorf("packet %d of %d: %v after %v, which is at %v; a step is %v", i, len(times), d, i-1, times[i-1], step)
		}
	}
	return nil
}

func times(p *peer.Probed, kind string) (pts []time.Duration) {
	for _, pkt := range p.Packets {
		if pkt.Kind == kind {
			pts = append(pts, pkt.PTS.Duration)
		}
	}
	return pts
}
