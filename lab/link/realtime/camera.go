package realtime

import (
	"time"

	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/media"
)

func (s *sender) newCamera() (camera, error) {
	if s.job.Live {
		return newLive(s)
	}
	track, err := s.ladder.Track()
	if err != nil {
		return nil, err
	}
	track.Video.FrameRate = media.Rational{Num: perSecond, Den: 1}
	return &stored{sender: s, track: track, position: s.job.Start}, nil
}

// bitrate is what the pictures may have of what is advised, bits per second.
func (s *sender) bitrate(a rate.Advice) float64 {
	return max(float64(a.Target-soundRate)/overhead(s.job.Transport), float64(s.ladder.Rungs[0].Bitrate))
}

// stored is a camera whose pictures have been coded before. A picture that is left out
// is seen again the next time, so that what is sent can be decoded.
type stored struct {
	sender   *sender
	track    *media.Track
	position int     // of the next picture in the footage
	credit   float64 // bits that were not used
}

func (c *stored) sees() int { return c.position }

func (c *stored) picture(number int, at time.Duration, a rate.Advice) {
	if a.Skip {
		return
	}
	p := c.next(c.sender.bitrate(a))
	c.sender.coded(number, p.MSE, media.Packet{Track: c.track, PTS: at, DTS: at, Key: p.Key, Data: c.sender.ladder.Data(p)})
}

// next is the picture to send. Of the two rungs about the bit rate, the lower one is
// taken while more has been sent than was told: by the rungs' bit rates, not by the
// pictures' sizes, which differ within a GOP.
func (c *stored) next(bitrate float64) Stored {
	rungs := c.sender.ladder.Rungs
	i := 0
	for i+1 < len(rungs) && float64(rungs[i+1].Bitrate) <= bitrate {
		i++
	}
	if i+1 < len(rungs) {
		low, high := float64(rungs[i].Bitrate), float64(rungs[i+1].Bitrate)
		if c.credit+bitrate >= high {
			i++
			c.credit += bitrate - high
		} else {
			c.credit += bitrate - low
		}
		c.credit = min(max(c.credit, low-high), high-low)
	}
	p := rungs[i].Pictures[c.position]
	c.position = (c.position + 1) % len(rungs[i].Pictures)
	return p
}

// key goes on to the next key picture of the footage.
func (c *stored) key() {
	c.position = (c.position + gop - 1) / gop * gop % c.sender.ladder.Len()
}

func (c *stored) close() error { return nil }
