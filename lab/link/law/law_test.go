package law

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/encode/rate"
)

const ms = time.Millisecond

var limits = rate.Limits{Min: 500_000, Start: 3_000_000, Max: 8_000_000}

func TestLawsAreFoundByName(t *testing.T) {
	for _, s := range All() {
		got, ok := ByName(s.Name)
		require.True(t, ok)
		require.Equal(t, s.Title, got.Title)
		require.NotEmpty(t, s.Transports)
		a := s.New(limits).Step(rate.Sample{RTT: 40 * ms, Budget: 2 * time.Second})
		require.GreaterOrEqual(t, a.Target, limits.Min, s.Name)
		require.LessOrEqual(t, a.Target, limits.Max, s.Name)
	}
	_, ok := ByName("none")
	require.False(t, ok)
	srt, _ := ByName("belacoder")
	require.True(t, srt.Over(SRT))
	require.False(t, srt.Over(RTMP))
}

func TestFixedStaysWhereItIs(t *testing.T) {
	for _, s := range []rate.Sample{{}, {RTT: time.Second, Outstanding: 1 << 30, Dropped: 1 << 20}} {
		require.Equal(t, 3_000_000, Fixed(3_000_000).Step(s).Target)
	}
}

// belaRun steps a law each 20 ms for some time, with the packets in the buffer and the
// RTT that are told for each, and returns the targets.
func belaRun(l rate.Law, from, d time.Duration, at func(time.Duration) (packets int, rtt time.Duration)) (targets []int) {
	for now := from; now < from+d; now += rate.Interval {
		packets, rtt := at(now)
		out := uint64(packets) * belaPacket
		written := uint64(now/ms)*700 + 1<<30 // 5.6 Mb/s are sent
		targets = append(targets, l.Step(rate.Sample{
			At: now, Written: written + out, Outstanding: out, RTT: rtt, Budget: 2 * time.Second,
		}).Target)
	}
	return targets
}

func steady(packets int, rtt time.Duration) func(time.Duration) (int, time.Duration) {
	return func(time.Duration) (int, time.Duration) { return packets, rtt }
}

func last(all []int) int { return all[len(all)-1] }

// atFloor is the law after it was forced to the floor, with quiet signs since.
func atFloor() rate.Law {
	l := Belacoder(limits)
	belaRun(l, 0, time.Second, steady(20, 40*ms))
	belaRun(l, time.Second, 40*ms, steady(20, 700*ms))
	return l
}

func TestBelacoderStartsAtTheMaximum(t *testing.T) {
	require.Equal(t, limits.Max, belaRun(Belacoder(limits), 0, time.Second, steady(20, 40*ms))[0])
}

func TestBelacoderGoesToTheFloorAtAThirdOfTheLatency(t *testing.T) {
	l := Belacoder(limits)
	belaRun(l, 0, time.Second, steady(20, 40*ms))
	require.Equal(t, limits.Min, last(belaRun(l, time.Second, 20*ms, steady(20, 667*ms))))
}

func TestBelacoderGoesToTheFloorWhenTheBufferIsFourTimesItsMean(t *testing.T) {
	l := Belacoder(limits)
	belaRun(l, 0, 2*time.Second, steady(20, 40*ms))
	require.Equal(t, limits.Max, last(belaRun(l, 2*time.Second, 20*ms, steady(45, 40*ms))), "not below 50 packets")
	belaRun(l, 2020*ms, 60*time.Second, steady(20, 40*ms))
	// The jump itself is jitter; the buffer has to be above four times both.
	require.Equal(t, limits.Max, last(belaRun(l, 63*time.Second, 20*ms, steady(40, 40*ms))))
	rising := func(now time.Duration) (int, time.Duration) { return 40 + int((now-63020*ms)/(2*ms)), 40 * ms }
	require.Contains(t, belaRun(l, 63020*ms, 2*time.Second, rising), limits.Min)
}

func TestBelacoderGoesDownATenthEach250ms(t *testing.T) {
	l := Belacoder(limits)
	belaRun(l, 0, time.Second, steady(20, 40*ms))
	targets := belaRun(l, time.Second, time.Second, steady(20, 450*ms)) // above a fifth, below a third of 2 s
	var steps []int
	for i := 1; i < len(targets); i++ {
		if targets[i] != targets[i-1] {
			steps = append(steps, targets[i-1]-targets[i])
		}
	}
	require.Equal(t, 7_100_000, targets[0])
	require.Equal(t, []int{810_000, 729_000, 656_100}, steps[:3])
}

func TestBelacoderTakesMildSignsAt200ms(t *testing.T) {
	l := Belacoder(limits)
	belaRun(l, 0, 5*time.Second, steady(20, 40*ms))
	rising := func(now time.Duration) (int, time.Duration) { return 20, 40*ms + (now-5*time.Second)/10 }
	targets := belaRun(l, 5*time.Second, time.Second, rising) // to 140 ms: clearly above its mean, not of 400 ms
	first := slices.IndexFunc(targets, func(target int) bool { return target < limits.Max })
	require.Less(t, first, 15)
	require.Equal(t, limits.Max-belaCut, targets[first])
	require.Equal(t, limits.Max-belaCut, targets[first+9])
	require.Equal(t, limits.Max-2*belaCut, targets[first+10])
	require.Equal(t, limits.Max-3*belaCut, targets[first+20])
}

func TestBelacoderGoesUpSlowly(t *testing.T) {
	l := atFloor()
	// The jitter of the outage must have been forgotten.
	targets := belaRun(l, 1040*ms, 60*time.Second, steady(20, 40*ms))
	reached := 0
	for i, target := range targets {
		if target >= 6_000_000 {
			reached = i
			break
		}
	}
	at := time.Duration(reached) * rate.Interval
	require.Greater(t, at, 20*time.Second, "0.5 to 6 Mb/s takes long, which is what it is known for")
	require.Less(t, at, 40*time.Second)
}

func TestBelacoderDoesNotTakeAStandingBufferForNormal(t *testing.T) {
	l := Belacoder(limits)
	targets := belaRun(l, 0, 20*time.Second, steady(900, 100*ms)) // 1.7 s at 5.6 Mb/s
	require.Less(t, last(targets), limits.Min*5/4)
}

func TestBelacoderWaitsForTheFirstRoundTrip(t *testing.T) {
	require.Equal(t, limits.Max, last(belaRun(Belacoder(limits), 0, time.Second, steady(20, 0))))
}

// watched steps a law of RTMP for some time; sent is in bits per second.
func watched(l rate.Law, from, d time.Duration, q OwnQueue, sent float64) (targets []int) {
	w, _ := l.(QueueWatcher)
	for now := from; now < from+d; now += rate.Interval {
		q.Sent = uint64(now.Seconds() * sent / 8)
		w.Watch(q)
		targets = append(targets, l.Step(rate.Sample{At: now}).Target)
	}
	return targets
}

func TestOBSGoesDownToTheSendRate(t *testing.T) {
	for _, c := range []struct {
		name    string
		packets int
		span    time.Duration
		want    int
	}{
		{"few packets", 4, time.Second, limits.Max},
		{"a short time", 20, 199 * ms, limits.Max},
		{"congested", 5, 200 * ms, 2_000_000},
	} {
		l := OBS(limits)
		watched(l, 0, 3*time.Second, OwnQueue{}, 2e6)
		got := last(watched(l, 3*time.Second, time.Second, OwnQueue{Packets: c.packets, Span: c.span}, 2e6))
		require.InDelta(t, c.want, got, 2000, c.name)
	}
}

func TestOBSGoesUpATenthOfTheOriginalEach4s(t *testing.T) {
	l := OBS(limits)
	watched(l, 0, 3*time.Second, OwnQueue{}, 2e6)
	watched(l, 3*time.Second, 20*ms, OwnQueue{Packets: 9, Span: time.Second}, 2e6)
	targets := watched(l, 3020*ms, 8100*ms, OwnQueue{}, 2e6)
	require.InDelta(t, 2_000_000, targets[3900/20], 2000)
	require.InDelta(t, 2_800_000, targets[4100/20], 2000)
	require.InDelta(t, 3_600_000, last(targets), 2000)
	require.Equal(t, limits.Max, last(watched(l, 12*time.Second, time.Minute, OwnQueue{}, 2e6)), "and not beyond")
}

func TestRootEncoderDecidesEach5s(t *testing.T) {
	l := RootEncoder(limits)
	targets := watched(l, 0, 5*time.Second, OwnQueue{Fill: .5}, 4e6)
	require.Equal(t, limits.Max, last(targets))
	require.InDelta(t, 3_200_000, last(watched(l, 5*time.Second, 20*ms, OwnQueue{Fill: .2}, 4e6)), 2000, "0.8 of what was sent")
	targets = watched(l, 5020*ms, 5*time.Second, OwnQueue{Fill: .19}, 4e6)
	require.InDelta(t, 3_200_000, targets[len(targets)-2], 2000)
	require.InDelta(t, 4_800_000, last(targets), 2000, "1.2 of it")
}
