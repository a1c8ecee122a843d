package bottleneck

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/link/trace"
)

func TestAPacketWaitsForTheOpportunityThenForTheDelay(t *testing.T) {
	var log []Event
	l := live(t, Config{Trace: trace.Constant(6e6), QueueBytes: 15_000, Delay: 20 * ms, Log: func(e Event) { log = append(log, e) }}) // one each 2 ms
	for id := range uint64(3) {
		require.Equal(t, Queued, l.Offer(ms, Packet{Size: 1500, ID: id}))
	}
	packets, bytes := l.Backlog()
	require.Equal(t, []int{3, 4500}, []int{packets, bytes})
	require.Equal(t, []time.Duration{22 * ms, 24 * ms, 26 * ms}, arrivals(l, time.Second))
	_, ok := l.Next()
	require.False(t, ok, "it is empty")
	require.Equal(t, Event{At: 4 * ms, Kind: Dequeue, Packet: Packet{Size: 1500, ID: 1}, Queue: 1500, Wait: 3 * ms}, log[4])
	require.Equal(t, "4000,dequeue,0,1,1500,1500,3000\n", string(log[4].AppendCSV(nil)))
}

func TestAnOpportunityCarriesItsBytes(t *testing.T) {
	l := live(t, Config{Trace: trace.Constant(12e6), QueueBytes: 15_000}) // one each millisecond
	for _, size := range []int{500, 500, 600, 2400, 100} {                // 1000, then 600 over two, …
		l.Offer(0, Packet{Size: size})
	}
	require.Equal(t, []time.Duration{ms, ms, 2 * ms, 3 * ms, 3 * ms}, arrivals(l, time.Second))
}

func TestAnOpportunityThatFindsNothingIsLost(t *testing.T) {
	l := live(t, Config{Trace: trace.Constant(12e6), QueueBytes: 15_000})
	require.Equal(t, Queued, l.Offer(100*ms+ms/2, Packet{Size: 1500}))
	require.Equal(t, Queued, l.Offer(100*ms+ms/2, Packet{Size: 1500}))
	require.Equal(t, []time.Duration{101 * ms, 102 * ms}, arrivals(l, time.Second))
}

func TestTheTailIsDroppedByBytes(t *testing.T) {
	l := live(t, Config{Trace: trace.Constant(12e6), QueueBytes: 3100})
	require.Equal(t, Queued, l.Offer(0, Packet{Size: 1500}))
	require.Equal(t, Queued, l.Offer(0, Packet{Size: 1500}))
	require.Equal(t, Dropped, l.Offer(0, Packet{Size: 101}))
	require.Equal(t, Queued, l.Offer(0, Packet{Size: 100}))
	require.Equal(t, Queued, l.Offer(ms, Packet{Size: 1500}), "the first has left")
}

func TestJitterKeepsTheOrderUnlessToldOtherwise(t *testing.T) {
	for _, reorder := range []bool{false, true} {
		l := live(t, Config{Trace: trace.Constant(12e6), QueueBytes: 1 << 20, Delay: 10 * ms, Jitter: 50 * ms, Reorder: reorder, Seed: 1})
		for id := range uint64(200) {
			l.Offer(0, Packet{Size: 1500, ID: id})
		}
		inOrder, n := true, uint64(0)
		for at, ok := l.Next(); ok; at, ok = l.Next() {
			if p, ok := l.Take(at); ok {
				inOrder = inOrder && p.ID == n
				n++
				require.GreaterOrEqual(t, at, time.Duration(p.ID+11)*ms)
			}
		}
		require.EqualValues(t, 200, n)
		require.Equal(t, !reorder, inOrder)
	}
}

func TestLossIsAsOftenAndAsLongAsAsked(t *testing.T) {
	for _, c := range []struct {
		loss       Loss
		rate, mean float64 // length of the bursts
	}{{Loss{Rate: .02}, .02, 1.02}, {Bursts(.01, 8), .01, 8}} {
		random := rand.New(rand.NewPCG(1, 1))
		var s lossState
		lost, bursts, before := 0, 0, false
		const n = 500_000
		for i := range n {
			now := s.lost(c.loss, time.Duration(i)*ms, random)
			if now {
				lost++
			}
			if now && !before {
				bursts++
			}
			before = now
		}
		require.InEpsilon(t, c.rate, float64(lost)/n, .08)
		require.InEpsilon(t, c.rate, c.loss.Mean(), 1e-6)
		require.InEpsilon(t, c.mean, float64(lost)/float64(bursts), .08)
	}
}

// A sender that sends one packet a second, as a TCP's timer does, finds every burst over.
func TestABurstDoesNotWaitForPackets(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	s := lossState{}
	lost := 0
	for i := range 10_000 {
		s.bad = true
		if s.lost(Bursts(.01, 8), time.Duration(i+1)*time.Second, random) {
			lost++
		}
	}
	require.InDelta(t, 10_000*.01/.99/8, lost, 10)
}

// A flow of a constant rate below the capacity waits for the next opportunity alone; one
// above it for what has piled up: (rate − capacity) ÷ capacity of the time.
func TestAConstantFlowWaitsAsReckoned(t *testing.T) {
	const interval = 1600 * time.Microsecond // 7.5 Mb/s
	for _, c := range []struct{ capacity, slope float64 }{{12e6, 0}, {6e6, .25}, {3e6, 1.5}} {
		slot := time.Duration(12000 / c.capacity * 1e9)
		l := live(t, Config{Trace: trace.Constant(c.capacity), QueueBytes: 1 << 30, Log: func(e Event) {
			if e.Kind == Dequeue {
				sent := time.Duration(e.ID) * interval
				require.InDelta(t, c.slope*float64(sent), float64(e.Wait), float64(slot+ms), "at %v", sent)
			}
		}})
		for id := range uint64(5000) {
			l.Offer(time.Duration(id)*interval, Packet{Size: 1500, ID: id})
		}
		require.NotEmpty(t, arrivals(l, time.Minute))
	}
}

// What comes in goes out, is dropped, is lost, or is still there, whatever the link.
func TestNoByteIsLostToTheModel(t *testing.T) {
	drops := 0
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 2))
		tr, err := trace.LTE().Generate(seed, 10*time.Second)
		require.NoError(t, err)
		sums := map[Kind]int{}
		l := live(t, Config{
			Trace: tr, QueueBytes: 20_000 + random.IntN(200_000), CoDel: seed%2 == 0, Delay: 30 * ms, Jitter: 20 * ms, Reorder: seed%3 == 0,
			Loss: Loss{Rate: .05}, Seed: seed, Log: func(e Event) { sums[e.Kind] += e.Size },
		})
		offered, taken := 0, 0
		for now := time.Duration(0); now < 20*time.Second; now += time.Duration(random.IntN(2_000_000)) {
			p := Packet{Size: 40 + random.IntN(1460)}
			offered += p.Size
			l.Offer(now, p)
			for p, ok := l.Take(now); ok; p, ok = l.Take(now) {
				taken += p.Size
			}
		}
		_, queued := l.Backlog()
		flying := 0
		for _, a := range l.flight.a[l.flight.head:] {
			flying += a.Size
		}
		drops += sums[Tail] + sums[CoDel]
		require.Equal(t, offered, sums[Enqueue]+sums[Tail])
		require.Equal(t, sums[Enqueue], sums[CoDel]+sums[Dequeue]+queued)
		require.Equal(t, sums[Dequeue], sums[Lost]+sums[Arrive]+flying)
		require.Equal(t, taken, sums[Arrive])
	}
	require.Positive(t, drops)
}

func TestLinksThatCannotBeAreRefused(t *testing.T) {
	ok := Config{Trace: trace.Constant(1e6), QueueBytes: 15_000}
	for _, spoil := range []func(*Config){
		func(c *Config) { c.Trace = nil }, func(c *Config) { c.QueueBytes = 1000 }, func(c *Config) { c.Delay = -1 },
		func(c *Config) { c.Jitter = -1 }, func(c *Config) { c.Loss.Rate = 1.5 }, func(c *Config) { c.Loss.End = -1 },
	} {
		c := ok
		spoil(&c)
		_, err := New(c)
		require.Error(t, err)
	}
}
