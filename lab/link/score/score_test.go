package score

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	ms  = time.Millisecond
	sec = time.Second
)

// record is ten seconds of ten pictures of 1000 bytes each, all 50 ms after they were
// written on a link of 20 ms, at a usable capacity of 100 kb/s.
func record() *Record {
	r := &Record{From: 0, To: 10 * sec, Max: 1e6, Base: 20 * ms, Budget: 500 * ms, Picture: 100 * ms, Arrived: 20 * sec}
	for i := range 100 {
		at := time.Duration(i) * 100 * ms
		r.Frames = append(r.Frames, Frame{At: at, Bytes: 1000, Key: i%20 == 0, Arrived: at + 50*ms})
		r.Points = append(r.Points, Point{At: at, Target: 80_000})
	}
	for range 10 {
		r.Usable = append(r.Usable, 100_000)
	}
	return r
}

func TestARunWithoutTrouble(t *testing.T) {
	r := record()
	r.Waits = []time.Duration{4 * ms, ms, 2 * ms, 3 * ms}
	got := Judge(r)
	require.InDelta(t, .8, got.OnTime, 1e-9)
	require.InDelta(t, 80_000, got.Goodput, 1e-6)
	require.Equal(t, Result{
		OnTime: got.OnTime, Goodput: got.Goodput, Usable: 100_000, DelayP50: 30, DelayP95: 30, DelayMax: 30,
		QueueP50: 2, QueueP95: 4, QueueMax: 4, Frames: 100, Down: -1, Back: -1,
	}, got)
}

func TestOnlyWhatIsJudgedCounts(t *testing.T) {
	r := record()
	r.From, r.To = 5*sec, 9*sec
	r.Frames[0].Arrived, r.Frames[95].Arrived = Never, Never
	got := Judge(r)
	require.Equal(t, 40, got.Frames)
	require.Zero(t, got.Lost)
	require.InDelta(t, .8, got.OnTime, 1e-9)
}

func TestLateLostAndSkippedPictures(t *testing.T) {
	r := record()
	r.Frames[11].Arrived = r.Frames[11].At + 521*ms // one late; its followers to picture 20 lean on it
	r.Frames[33].Arrived = Never
	r.Frames[77].Skipped, r.Frames[77].Bytes = true, 100 // its followers do not
	r.Frames[90].Arrived = r.Frames[90].At + 520*ms      // just in time
	got := Judge(r)
	require.Equal(t, []int{1, 1, 1}, []int{got.Late, got.Lost, got.Skipped})
	require.InDelta(t, .9+.7+.1, got.Bad, 1e-9)
	require.InDelta(t, (97*1000+100)*8/10., got.Goodput, 1e-6)
	require.InDelta(t, 501, got.DelayMax, 1e-9)
	r.Patient = true // nothing leans on what came late only
	require.InDelta(t, .1+.7+.1, Judge(r).Bad, 1e-9)
}

func TestDelaysAreThoseBeyondTheLinksOwn(t *testing.T) {
	r := record()
	r.Bases = []Base{{From: 5 * sec, Delay: 40 * ms}}
	got := Judge(r)
	require.InDelta(t, 10, got.DelayP50, 1e-9)
	require.InDelta(t, 30, got.DelayMax, 1e-9)
}

func TestTimesToFollow(t *testing.T) {
	r := record()
	r.Changes = []Change{{At: 2 * sec, From: 100_000, To: 40_000, Until: 5 * sec}, {At: 5 * sec, From: 40_000, To: 100_000, Until: 10 * sec}}
	for i := range r.Points {
		switch at := r.Points[i].At; {
		case at < 2400*ms:
			r.Points[i].Target = 80_000
		case at < 6*sec:
			r.Points[i].Target = 40_000
		case at < 6500*ms:
			r.Points[i].Target = 90_000 // it does not stay there
		case at < 7*sec:
			r.Points[i].Target = 20_000
		default:
			r.Points[i].Target = 90_000
		}
	}
	got := Judge(r)
	require.InDelta(t, .4, got.Down, 1e-9)
	require.InDelta(t, 2, got.Back, 1e-9)
	require.InDelta(t, (40_000+50_000+70_000+70_000)*6/1e6, got.Movement, 1e-9)

	r.Changes = []Change{{At: 7 * sec, From: 50_000, To: 200_000, Until: 10 * sec}, {At: 3 * sec, From: 50_000, To: 10_000, Until: 5 * sec}}
	got = Judge(r)
	require.InDelta(t, 3, got.Back, 1e-9, "never")
	require.InDelta(t, 2, got.Down, 1e-9, "never")
}

func TestTheOutagesOwnTrouble(t *testing.T) {
	r := record()
	r.Changes = ChangesOf([]float64{1e5, 1e5, 1e5, 0, 0, 1e5, 1e5, 1e5, 1e5, 1e5}, 0)
	require.Equal(t, []Change{
		{At: 3 * sec, From: 1e5, To: 0, Until: 5 * sec, Outage: true}, {At: 5 * sec, From: 0, To: 1e5, Until: 10 * sec, Outage: true},
	}, r.Changes)
	for i := range r.Frames {
		if i >= 30 && i < 40 {
			r.Frames[i].Arrived = Never
		}
	}
	r.Frames[1].Arrived = Never // long before it: another trouble
	got := Judge(r)
	require.InDelta(t, 1, got.OutageBad, 1e-9)
	require.InDelta(t, 1+1.9, got.Bad, 1e-9)
	require.InDelta(t, -1, got.Down, 0, "nothing to come down to")
}

func TestSmallChangesAreNone(t *testing.T) {
	require.Empty(t, ChangesOf([]float64{100, 95, 104, 100}, 0))
	require.Len(t, ChangesOf([]float64{100, 50, 100}, 0), 2)
	require.Len(t, ChangesOf([]float64{100, 50, 100}, sec), 1, "what is not judged")
	require.Empty(t, ChangesOf(nil, 0))
}

func TestNothingAtAllIsNoPanic(t *testing.T) {
	require.Equal(t, Result{Down: -1, Back: -1}, Judge(&Record{}))
	require.Equal(t, Result{Down: -1, Back: -1}, Merge(nil))
}

func TestMergeOfStreamsThatRanTogether(t *testing.T) {
	a := Result{OnTime: .8, DelayP95: 100, DelayMax: 500, Late: 3, Down: 1, Back: -1, Movement: 10}
	b := Result{OnTime: .6, DelayP95: 300, DelayMax: 400, Late: 4, Down: 2, Back: -1, Movement: 20}
	require.Equal(t, a, Merge([]Result{a}))
	got := Merge([]Result{a, b})
	require.InDelta(t, .7, got.OnTime, 1e-9)
	got.OnTime = 0
	require.Equal(t, Result{DelayP95: 200, DelayMax: 500, Late: 7, Down: 2, Back: -1, Movement: 15}, got)
	require.InDelta(t, .8, a.OnTime, 0, "the parts stay")
}
