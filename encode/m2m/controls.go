package m2m

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
	"github.com/encoderbox/encoderbox/media/v4l2"

	"github.com/encoderbox/encoderbox/encode"
)

// longGOP is the distance between key pictures that nobody asks for, where the
// driver takes that much: they are asked for.
const longGOP = 1<<16 - 1

// controls are the controls a driver has.
type controls struct {
	dev device
	has map[v4l2.ControlID]v4l2.Control
	log *slog.Logger
	q   Quirks
	// scale makes the rate control's bit rate of the real one: the driver's frame
	// rate may be a rounded one, and the budget of a picture follows from it.
	scale float64
	// peak is the highest value of the control for it, where the driver has one and
	// no constant bit rate: it then goes with the bit rate. 0: it stays as it is.
	peak int
}

func listControls(d device, q Quirks, log *slog.Logger) (*controls, error) {
	list, err := d.Controls()
	if err != nil {
		return nil, err
	}
	c := &controls{dev: d, q: q, log: log, scale: 1, has: map[v4l2.ControlID]v4l2.Control{}}
	for _, ctl := range list {
		if !ctl.Flags.Has(v4l2.ControlDisabled) {
			c.has[ctl.ID] = ctl
		}
	}
	return c, nil
}

// minimum is the value of a control that says how many buffers are needed.
func (c *controls) minimum(id v4l2.ControlID) int {
	if _, ok := c.has[id]; !ok {
		return 1
	}
	v, err := c.dev.Get(id)
	if err != nil || v < 1 || v > 32 {
		return 1
	}
	return int(v)
}

// configure sets everything that holds for the whole stream, and the bit rate
// it begins with. A control that is missing, or has no such value, is left as
// it is, but for those without which the stream would be another.
func (c *controls) configure(s encode.Settings, bitrate int) error {
	if _, ok := c.has[v4l2.CtrlBitrate]; !ok {
		return errors.New("the driver has no control for the bit rate")
	}
	if err := c.noBFrames(); err != nil {
		return err
	}
	profile := c.profile()
	if err := c.level(s); err != nil {
		return err
	}
	if profile >= v4l2.ProfileMain {
		c.try(v4l2.CtrlH264EntropyMode, v4l2.EntropyCABAC)
	}
	if profile >= v4l2.ProfileHigh {
		c.try(v4l2.CtrlH2648x8Transform, 1)
	}
	constant := c.try(v4l2.CtrlBitrateMode, v4l2.BitrateCBR)
	c.try(v4l2.CtrlFrameRCEnable, 1)
	c.try(v4l2.CtrlFrameSkipMode, 0)
	c.try(v4l2.CtrlGOPSize, longGOP)
	c.try(v4l2.CtrlH264IPeriod, longGOP)
	// Repeated sets cost nothing: those that stay the same are taken out.
	c.try(v4l2.CtrlHeaderMode, v4l2.HeaderJoined)
	c.try(v4l2.CtrlRepeatSeqHeader, 1)
	c.try(v4l2.CtrlPrependSPSPPSToIDR, 1)
	c.try(v4l2.CtrlAUDelimiter, 0)
	highest := c.scaled(s.MaxBitrate)
	if c.try(v4l2.CtrlBitratePeak, int64(highest)) && !constant {
		c.peak = highest
	}
	return c.setBitrate(bitrate)
}

// scaled is the value of the control for a bit rate.
func (c *controls) scaled(bitrate int) int {
	return int(float64(max(bitrate, c.q.MinBitrate))*c.scale + 0.5)
}

// effective is the bit rate that the driver works with for one that is asked for.
func (c *controls) effective(bitrate int) int {
	return int(float64(c.inRange(v4l2.CtrlBitrate, int64(c.scaled(bitrate)))) / c.scale)
}

// setBitrate sets the bit rate. A peak is never below it on the way, since drivers
// refuse that.
func (c *controls) setBitrate(bitrate int) error {
	rate := c.scaled(bitrate)
	if c.peak == 0 {
		return c.set(v4l2.CtrlBitrate, int64(rate))
	}
	const headroom = 1.5 // as much as a variable rate is worth in a congested uplink
	top := min(c.peak, int(headroom*float64(rate)))
	had, err := c.dev.Get(v4l2.CtrlBitratePeak)
	if err != nil || had < int64(top) {
		c.setPeak(top)
	}
	if err := c.set(v4l2.CtrlBitrate, int64(rate)); err != nil {
		return err
	}
	if had > int64(top) {
		c.setPeak(top)
	}
	return nil
}

// setPeak sets the peak; one that a driver refuses stays as it is from then on.
func (c *controls) setPeak(v int) {
	if !c.try(v4l2.CtrlBitratePeak, int64(v)) {
		c.peak = 0
	}
}

// noBFrames: pictures out of order would cost latency, and DTS.
func (c *controls) noBFrames() error {
	ctl, ok := c.has[v4l2.CtrlBFrames]
	if !ok {
		return nil
	}
	if err := c.set(v4l2.CtrlBFrames, 0); err != nil {
		c.log.Debug("a control of the encoder stays as it is", "error", err)
	}
	v, err := c.dev.Get(v4l2.CtrlBFrames)
	if n := max(v, ctl.Min); n > 0 && (err == nil || ctl.Min > 0) {
		return fmt.Errorf("the driver insists on B-frames (%d at least)", n)
	}
	return nil
}

// profile sets the best profile there is and returns it.
func (c *controls) profile() int64 {
	for _, p := range []int64{v4l2.ProfileHigh, v4l2.ProfileMain, v4l2.ProfileConstrainedBaseline, v4l2.ProfileBaseline} {
		if c.offers(v4l2.CtrlH264Profile, p) && c.try(v4l2.CtrlH264Profile, p) {
			return p
		}
	}
	return v4l2.ProfileBaseline
}

// level sets the lowest level that holds the stream: a higher one makes players
// refuse it, a lower one makes encoders stall.
func (c *controls) level(s encode.Settings) error {
	f := s.Format
	rate := rateOf(f)
	if need := int(h264.LevelFor(f.Width, f.Height, rate, 0)); c.q.MaxLevel > 0 && need > c.q.MaxLevel {
		return fmt.Errorf("%dx%d at %v frames a second needs level %.1f; this encoder goes up to %.1f: choose a smaller size or rate",
			f.Width, f.Height, rate, float64(need)/10, float64(c.q.MaxLevel)/10)
	}
	idc := int(h264.LevelFor(f.Width, f.Height, rate, s.MaxBitrate))
	if c.q.MaxLevel > 0 {
		idc = min(idc, c.q.MaxLevel)
	}
	ctl, ok := c.has[v4l2.CtrlH264Level]
	if !ok {
		return nil
	}
	best := int64(-1)
	for _, item := range ctl.Menu { // the lowest that is enough, or else the highest
		have, ok := v4l2.H264LevelIDC(int64(item.Index))
		if !ok {
			continue
		}
		best = int64(item.Index)
		if have >= idc {
			break
		}
	}
	if best >= 0 {
		c.try(v4l2.CtrlH264Level, best)
	}
	return nil
}

// offers says that a menu has a choice.
func (c *controls) offers(id v4l2.ControlID, v int64) bool {
	return slices.ContainsFunc(c.has[id].Menu, func(m v4l2.MenuItem) bool { return int64(m.Index) == v })
}

// try sets a control that the stream can do without, and says whether it took.
func (c *controls) try(id v4l2.ControlID, v int64) bool {
	ctl, ok := c.has[id]
	if !ok || ctl.Flags.Has(v4l2.ControlReadOnly) ||
		ctl.Type == v4l2.ControlMenu && !c.offers(id, v) {
		return false
	}
	if err := c.set(id, v); err != nil {
		c.log.Debug("a control of the encoder stays as it is", "error", err)
		return false
	}
	return true
}

// set brings the value into the control's range and sets it.
func (c *controls) set(id v4l2.ControlID, v int64) error {
	return c.dev.Set(id, c.inRange(id, v))
}

func (c *controls) inRange(id v4l2.ControlID, v int64) int64 {
	if ctl := c.has[id]; ctl.Type == v4l2.ControlInteger || ctl.Type == v4l2.ControlInteger64 {
		v = min(max(v, ctl.Min), ctl.Max)
		if ctl.Step > 1 {
			v -= (v - ctl.Min) % ctl.Step
		}
	}
	return v
}

// forceKey makes the picture queued next a key picture.
func (c *controls) forceKey() error { return c.dev.Set(v4l2.CtrlForceKeyFrame, 1) }

func (c *controls) canForceKey() bool {
	_, ok := c.has[v4l2.CtrlForceKeyFrame]
	return ok && !c.q.NoForceKey
}

// rateOf is the frame rate to code for: rate control needs one.
func rateOf(f media.VideoFormat) media.Rational {
	if f.FrameRate.IsZero() {
		return media.Rational{Num: 30, Den: 1}
	}
	return f.FrameRate
}
