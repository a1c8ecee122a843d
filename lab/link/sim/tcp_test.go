package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/link/score"
	"github.com/encoderbox/encoderbox/lab/link/trace"
)

// downloads runs greedy connections for a minute, and returns what each delivered in
// its second half, in bits per second, and the longest wait in that time.
func downloads(t *testing.T, c bottleneck.Config, controls ...congestion) (each []float64, longest time.Duration) {
	t.Helper()
	clk := &clock{}
	c.Log = func(e bottleneck.Event) {
		if e.Kind == bottleneck.Dequeue && e.At > 30*time.Second {
			longest = max(longest, e.Wait)
		}
	}
	c.Delay = 20 * ms
	l, err := bottleneck.New(c)
	require.NoError(t, err)
	var paths []*path
	clk.links = []*wire{{l, func(p bottleneck.Packet) { paths[p.Flow].receive(p) }}}
	var all []*tcp
	got := make([]int64, len(controls))
	for i, control := range controls {
		paths = append(paths, &path{clock: clk, forward: l, flow: i, back: &back{clock: clk, delay: 20 * ms}})
		tc := newTCP(paths[i], control)
		tc.receiver.read = func(end int64) {
			require.GreaterOrEqual(t, end, got[i], "the stream is in order")
			require.LessOrEqual(t, end, tc.sent)
			got[i] = end
		}
		greedy(tc, 0, time.Minute)
		all = append(all, tc)
	}
	clk.run(30 * time.Second)
	half := append([]int64{}, got...)
	clk.run(time.Minute)
	for i, tc := range all {
		each = append(each, float64(got[i]-half[i])*8/30)
		require.Equal(t, len(tc.segments), tc.flight+tc.lost+tc.sacked, "every segment is somewhere")
		require.LessOrEqual(t, tc.una, got[i])
	}
	return each, longest
}

func config(bitrate float64, queue time.Duration, loss float64) bottleneck.Config {
	return bottleneck.Config{Trace: trace.Constant(bitrate), QueueBytes: int(bitrate / 8 * queue.Seconds()), Loss: bottleneck.Loss{Rate: loss}}
}

func TestCubicFillsALinkAndItsQueue(t *testing.T) {
	each, wait := downloads(t, config(6e6, 300*ms, 0), newCubic())
	require.InEpsilon(t, 6e6*segment/(segment+tcpHeader), each[0], .03)
	require.InEpsilon(t, 300*ms, wait, .1)
}

func TestBBRFillsALinkAndLeavesTheQueue(t *testing.T) {
	each, wait := downloads(t, config(6e6, 300*ms, 0), newBBR())
	require.InEpsilon(t, 6e6*segment/(segment+tcpHeader), each[0], .06)
	require.Less(t, wait, 120*ms)
}

// The rate of RFC 5681's control under random loss is about 1.2 × MSS ÷ (RTT × √p); at
// this round trip CUBIC is no faster by much.
func TestCubicYieldsToRandomLossAndBBRDoesNot(t *testing.T) {
	each, _ := downloads(t, config(20e6, 300*ms, .02), newCubic())
	require.InEpsilon(t, 1.2*segment*8/(.04*.1414), each[0], .35)
	each, _ = downloads(t, config(20e6, 300*ms, .02), newBBR())
	require.Greater(t, each[0], 15e6)
}

func TestConnectionsOfOneKindShare(t *testing.T) {
	each, _ := downloads(t, config(8e6, 300*ms, 0), newCubic(), newCubic())
	require.InEpsilon(t, 8e6*segment/(segment+tcpHeader), each[0]+each[1], .04)
	require.Greater(t, min(each[0], each[1])/max(each[0], each[1]), .5)
}

func TestTCPOutlivesAnOutage(t *testing.T) {
	tr, err := trace.Steps(trace.Step{Bitrate: 6e6, For: 35 * time.Second}, trace.Step{For: 5 * time.Second}, trace.Step{Bitrate: 6e6, For: time.Minute})
	require.NoError(t, err)
	for _, control := range []congestion{newCubic(), newBBR()} {
		each, _ := downloads(t, bottleneck.Config{Trace: tr, QueueBytes: 225_000}, control)
		require.Greater(t, each[0], 6e6*18/30., "25 s of 30, less what the timer has doubled to")
	}
}

// pushed is a stream over TCP on a link, without a law.
func pushed(t *testing.T, bitrate float64, l law.Spec) (*clock, *push) {
	t.Helper()
	c := &clock{}
	link, err := bottleneck.New(bottleneck.Config{Trace: trace.Constant(bitrate), QueueBytes: 50_000, Delay: 20 * ms})
	require.NoError(t, err)
	p := &path{clock: c, forward: link, frames: &frames{}, back: &back{clock: c, delay: 20 * ms}}
	c.links = []*wire{{link, func(q bottleneck.Packet) { p.receive(q) }}}
	return c, newPush(newTCP(p, newCubic()), l, 2*time.Second, false)
}

func (p *push) picture(size int, key bool) int {
	n := p.frames.next(p.clock.now)
	p.frames.all[n].Bytes, p.frames.all[n].Key = size, key
	p.write(n, size)
	return n
}

func TestTheQueueIsBeforeTheSocketWithItsMark(t *testing.T) {
	for _, c := range []struct {
		unsent      int
		least, most int64 // in the socket
	}{{16 << 10, 16 << 10, 64 << 10}, {0, 80 << 10, 4 << 20}} {
		clk, p := pushed(t, 1e6, law.Spec{Unsent: c.unsent})
		for range 60 {
			p.picture(10_000, false)
			clk.run(clk.now + Picture)
		}
		require.GreaterOrEqual(t, p.buffered(), c.least)
		require.LessOrEqual(t, p.buffered(), c.most)
		s := p.sample()
		require.EqualValues(t, 600_000, s.Written)
		require.Equal(t, uint64(p.bytes+p.buffered()), s.Outstanding)
		require.False(t, s.AppLimited)
		require.Equal(t, int(p.given), int(p.written))
		clk.run(clk.now + 10*time.Second)
		p.sample()
		s = p.sample()
		require.Zero(t, s.Outstanding)
		require.True(t, s.AppLimited)
		for _, f := range p.frames.all {
			require.NotEqual(t, score.Never, f.Arrived)
		}
	}
}

func TestAFlushDropsUpToTheNextKeyPicture(t *testing.T) {
	clk, p := pushed(t, 1e6, law.Spec{Unsent: 16 << 10})
	for range 30 {
		p.picture(10_000, false)
	}
	before := p.sample()
	p.flush()
	s := p.sample()
	require.Equal(t, before.Written, s.Written)
	require.Equal(t, before.Outstanding, s.Outstanding+s.Dropped)
	require.Positive(t, s.Dropped)
	lost := p.picture(10_000, false)
	key := p.picture(10_000, true)
	clk.run(10 * time.Second)
	require.Equal(t, score.Never, p.frames.all[lost].Arrived)
	require.NotEqual(t, score.Never, p.frames.all[key].Arrived)
}

func TestABoundedQueueDropsAndSaysHowFullItIs(t *testing.T) {
	_, p := pushed(t, 1e6, law.Spec{Unsent: 16 << 10, Queue: 20})
	for range 60 {
		p.picture(10_000, false)
	}
	q := p.ownQueue()
	require.Equal(t, 20, q.Packets)
	require.InDelta(t, 1, q.Fill, 0)
	require.Positive(t, p.sample().Dropped)
}
