package rate

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// uploads is a path that is given a segment each length, which an upload takes at the
// link's rate after a request.
type uploads struct {
	capacity func(time.Duration) float64
	length   time.Duration
	request  time.Duration
	told     time.Duration // what samples say of length; 0: length
	puts     float64       // what the encoder puts out of what it is told; 0: all

	now     time.Duration
	held    float64 // of the segment that is being made
	written float64
	acked   float64
	wait    time.Duration // until the upload's first byte
	busy    time.Duration // with uploads, since the last segment
	took    []time.Duration
	targets []int
	reasons []Reason
}

// step is a millisecond in which so much is coded, bits per second.
func (u *uploads) step(rate float64) {
	if u.now > 0 && u.now%u.length == 0 {
		if u.written == u.acked {
			u.wait = u.request
		}
		u.written += u.held
		u.held = 0
		u.took, u.busy = append(u.took, u.busy), 0
	}
	u.held += rate / 8000
	if u.written > u.acked {
		u.busy += time.Millisecond
		if u.wait -= time.Millisecond; u.wait < 0 {
			u.acked = min(u.acked+u.capacity(u.now)/8000, u.written)
		}
	}
	u.now += time.Millisecond
}

func (u *uploads) sample() Sample {
	told := u.told
	if told == 0 {
		told = u.length
	}
	return Sample{
		At: time.Hour + u.now, Written: uint64(u.written), Outstanding: uint64(u.written) - uint64(u.acked),
		RTT: 30 * time.Millisecond, MinRTT: 30 * time.Millisecond, Budget: 2 * told, Segment: told,
	}
}

// run is a while under a controller.
func (u *uploads) run(c *Controller, length time.Duration) {
	if u.puts == 0 {
		u.puts = 1
	}
	a := c.advice
	for end := u.now + length; u.now < end; {
		rate := float64(a.Target) * u.puts
		if a.Skip {
			rate = 0
		}
		u.step(rate)
		if u.now%Interval == 0 {
			a = c.Step(u.sample())
			u.targets, u.reasons = append(u.targets, a.Target), append(u.reasons, a.Reason)
		}
	}
}

// mean is that of the targets of the last while.
func (u *uploads) mean(of time.Duration) float64 {
	sum, last := 0., u.targets[len(u.targets)-int(of/Interval):]
	for _, t := range last {
		sum += float64(t)
	}
	return sum / float64(len(last))
}

// share is the longest part of a segment's duration that one of the last uploads took.
func (u *uploads) share(of int) float64 {
	return slices.Max(u.took[len(u.took)-of:]).Seconds() / u.length.Seconds()
}

func TestSegmentsUseMostOfTheTimeThereIs(t *testing.T) {
	for _, length := range []time.Duration{2 * time.Second, 4 * time.Second, 6 * time.Second, 10 * time.Second} {
		for _, carries := range []float64{1e6, 6e6} {
			t.Run(fmt.Sprint(length, carries), func(t *testing.T) {
				u := &uploads{capacity: constant(carries), length: length, request: 150 * time.Millisecond, told: length * 3 / 2}
				u.run(New(Limits{Min: 300_000, Start: 600_000, Max: 8_000_000}), 10*length)
				if m := u.mean(2*length) / carries; m < 0.66 || m > 0.82 {
					t.Errorf("%.2f of what the link carries", m)
				}
				if s := u.share(3); s < 0.7 || s > 0.9 {
					t.Errorf("an upload takes %.2f of its segment's duration", s)
				}
				if slices.Contains(u.reasons, Limited) || slices.Contains(u.reasons, Outage) {
					t.Errorf("reasons: %v", slices.Compact(u.reasons))
				}
			})
		}
	}
}

func TestSegmentsReachTheHighestRateWhereUploadsTakeNoTime(t *testing.T) {
	u := &uploads{capacity: constant(1e9), length: 4 * time.Second, request: 5 * time.Millisecond}
	u.run(New(testLimits), 40*time.Second)
	if u.mean(4*time.Second) < 8e6 || u.reasons[len(u.reasons)-1] != AtMax {
		t.Errorf("%.0f: %v", u.mean(4*time.Second), u.reasons[len(u.reasons)-1])
	}
}

func TestSegmentsFollowSteps(t *testing.T) {
	u := &uploads{capacity: stepDown, length: 2 * time.Second, request: 100 * time.Millisecond}
	c := New(testLimits)
	u.run(c, 40*time.Second)
	if m := u.mean(4 * time.Second); m < 1.2e6 || m > 1.7e6 {
		t.Errorf("%.0f where the link carries 2 Mb/s", m)
	}
	if down := u.targets[int(22*time.Second/Interval)]; down > 2_000_000 {
		t.Errorf("%d two seconds after a step down to that", down)
	}
	if waits := u.written - u.acked; waits > 2e6/8*1.8 {
		t.Errorf("%.0f bytes wait", waits)
	}
	u.run(c, 12*time.Second)
	if m := u.mean(2 * time.Second); m < 4.2e6 {
		t.Errorf("%.0f twelve seconds after the link carries 6 Mb/s again", m)
	}
}

func TestSegmentsTellAnEncoderThatNeedsNoMore(t *testing.T) {
	u := &uploads{capacity: constant(6e6), length: 2 * time.Second, request: 50 * time.Millisecond, puts: 0.4}
	u.run(New(testLimits), 40*time.Second)
	if m, why := u.mean(2*time.Second), u.reasons[len(u.reasons)-1]; why != Limited || m > 6e6 {
		t.Errorf("%.0f: %v", m, why)
	}
}

func TestSegmentsComeBackAfterAnOutage(t *testing.T) {
	u := &uploads{capacity: gone(21*time.Second, 4*time.Second), length: 2 * time.Second, request: 100 * time.Millisecond}
	c := New(testLimits)
	u.run(c, 25*time.Second)
	if u.reasons[len(u.reasons)-1] != Outage {
		t.Errorf("in an outage: %v", u.reasons[len(u.reasons)-1])
	}
	u.run(c, 15*time.Second)
	if m := u.mean(2 * time.Second); m < 4e6 {
		t.Errorf("%.0f fifteen seconds after it", m)
	}
}

// The overhead was learnt over a second each: one with a segment of two seconds in it has
// twice as much written as coded.
func TestSegmentsAreNoOverhead(t *testing.T) {
	for _, length := range []time.Duration{time.Second, 2 * time.Second, 5 * time.Second} {
		u := &uploads{capacity: constant(6e6), length: length, request: 100 * time.Millisecond, told: length + time.Second}
		s := NewStream(StreamConfig{Min: 500_000, Start: 1_000_000, Max: 6_000_000})
		var d Decision
		coded, pictures := 0., uint64(0)
		d.Setting.Bitrate = 1_000_000
		for u.now < time.Minute {
			video := float64(d.Setting.Bitrate)
			coded += video / 8000
			u.step((video + 128_000) * 1.02)
			if u.now%(40*time.Millisecond) == 0 {
				pictures++
			}
			if u.now%Interval != 0 {
				continue
			}
			at := time.Hour + u.now
			d = s.Step(EncoderState{At: at, Video: uint64(coded), Audio: uint64(u.now / time.Millisecond * 16), Pictures: pictures},
				[]PathState{{Name: "a", Connection: 1, Sample: u.sample()}})
			u.targets = append(u.targets, d.Setting.Bitrate)
		}
		if m := u.mean(2 * length); m < 3.9e6 || m > 4.9e6 {
			t.Errorf("%v: %.0f of video where the link carries 6 Mb/s, overhead %.2f", length, m, s.paths[0].overhead.ratio)
		}
	}
}
