package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/link/scenario"
	"github.com/encoderbox/encoderbox/lab/link/score"
	"github.com/encoderbox/encoderbox/lab/link/trace"
)

// srtWorld is a running one, with its connection.
func srtWorld(t *testing.T, s scenario.Scenario, bitrate int) (*world, *srt) {
	t.Helper()
	w, err := newWorld(s, constant(bitrate), law.SRT, 1)
	require.NoError(t, err)
	c, ok := w.senders[0].to[0].transport.(*srt)
	require.True(t, ok)
	return w, c
}

func TestSRTRepairsLosses(t *testing.T) {
	s := named(t, "loss-5", 60*time.Second)
	w, c := srtWorld(t, s, 2_000_000)
	w.clock.run(60*time.Second + after)
	losses := .05 / .95 * float64(c.fresh)
	require.Greater(t, float64(c.resent), .85*losses)
	require.Less(t, float64(c.resent), 1.6*losses, "some are reported again before the repair has come")
	require.Zero(t, c.dropped)
	res := score.Judge(w.record(w.senders[0], w.senders[0].to[0]))
	require.Zero(t, res.Late+res.Lost)
	require.Less(t, res.DelayMax, 500.0)
}

func TestSRTCountsEveryByte(t *testing.T) {
	for _, name := range []string{"loss-5", "low", "outage-3s", "lte", "codel"} {
		w, c := srtWorld(t, named(t, name, 60*time.Second), 4_000_000)
		for at := time.Second; at < 60*time.Second; at += 777 * ms {
			w.clock.run(at)
			held := uint64(0)
			for _, p := range c.buffer {
				held += uint64(p.size)
			}
			s := c.sample()
			require.Equal(t, held, s.Outstanding)
			require.LessOrEqual(t, s.Outstanding+s.Dropped, s.Written, name)
			require.LessOrEqual(t, c.r.expected, c.fresh, "nothing is acknowledged that was not sent")
			for _, p := range c.buffer {
				require.LessOrEqual(t, w.clock.now-p.written, 2*time.Second+60*ms, "TLPKTDROP")
			}
		}
	}
}

func TestSRTGivesUpWhatIsTooLate(t *testing.T) {
	w, _ := srtWorld(t, named(t, "outage-3s", 60*time.Second), 2_000_000)
	w.clock.run(60*time.Second + after)
	r := w.record(w.senders[0], w.senders[0].to[0])
	for _, f := range r.Frames {
		switch {
		case f.At > 40*time.Second && f.At < 40900*ms:
			require.False(t, r.OnTime(f), "written more than the latency before the end of the outage, at %v", f.At)
		case f.At < 39*time.Second || f.At > 43*time.Second:
			require.True(t, r.OnTime(f), "%v", f.At)
		}
	}
}

func TestSRTBreaksAndConnectsAgain(t *testing.T) {
	w, c := srtWorld(t, named(t, "outage-20s", 90*time.Second), 2_000_000)
	w.clock.run(44 * time.Second)
	require.EqualValues(t, 1, c.connection())
	w.clock.run(46 * time.Second)
	require.Zero(t, c.connection(), "nothing was heard for five seconds")
	w.clock.run(61 * time.Second)
	require.EqualValues(t, 2, c.connection())
	s := c.sample()
	require.Less(t, s.Written, uint64(300_000), "counters begin anew")
	w.clock.run(90 * time.Second)
	require.Zero(t, c.sample().Dropped)
	require.Less(t, c.sample().Outstanding, uint64(60_000))
}

func TestSRTIsPaced(t *testing.T) {
	tr := trace.Constant(100e6)
	l, err := bottleneck.New(bottleneck.Config{Trace: tr, QueueBytes: 1 << 20})
	require.NoError(t, err)
	c := &clock{}
	var last time.Duration
	p := &path{clock: c, forward: l, frames: &frames{}, back: &back{clock: c}}
	s := newSRT(p, time.Second)
	c.links = []*wire{{l, func(q bottleneck.Packet) {
		last = c.now
		p.receive(q)
	}}}
	s.setPace(2e6)
	s.write(p.frames.next(0), 100*srtPayload)
	c.run(time.Second)
	require.InEpsilon(t, 99*(srtPayload+srtHeader)*8/2e6, last.Seconds(), .1)
	require.NotEqual(t, score.Never, p.frames.all[0].Arrived)
}
