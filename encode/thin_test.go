package encode

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/media"
)

// passed puts frames of these times into a pulled feed, and returns those that came
// out, with the keys among them.
func passed(t *testing.T, f *Feed, times []time.Duration) (out, keys []time.Duration) {
	t.Helper()
	var src frames
	for _, at := range times {
		frame := src.at(0)
		frame.PTS = at
		f.Put(frame)
		if got, ok, _ := f.Take(); ok {
			require.Equal(t, at, got.PTS)
			out = append(out, at)
			if got.ForceKey {
				keys = append(keys, at)
			}
			got.Release()
		}
	}
	require.Zero(t, src.alive.Load())
	return out, keys
}

// times are n times from the number first on, each off by up to jitter.
func times(first, n int, each, jitter time.Duration) (list []time.Duration) {
	rnd := rand.New(rand.NewPCG(3, 5))
	for i := range n {
		at := time.Second + time.Duration(first+i)*each
		if jitter > 0 {
			at += time.Duration(rnd.Int64N(int64(2*jitter))) - jitter
		}
		list = append(list, at)
	}
	return list
}

func TestDividerHalves(t *testing.T) {
	const each = time.Second / 30
	for name, c := range map[string]struct {
		thin  Thinning
		times []time.Duration
		want  int
	}{
		"regular":                    {Thinning{Divider: 2, FrameTime: each}, times(0, 600, each, 0), 300},
		"times in milliseconds":      {Thinning{Divider: 2, FrameTime: each}, rounded(times(0, 600, each, 0)), 300},
		"jitter of a third":          {Thinning{Divider: 2, FrameTime: each}, times(0, 600, each, each/3), 300},
		"0.1 % slower than nominal":  {Thinning{Divider: 2, FrameTime: each}, times(0, 6000, each*1001/1000, 0), 3000},
		"0.1 % faster than nominal":  {Thinning{Divider: 2, FrameTime: each}, times(0, 6000, each*1000/1001, 0), 3000},
		"every third is missing":     {Thinning{Divider: 2, FrameTime: each}, without(times(0, 900, each, 0), 3), 300},
		"already at half":            {Thinning{Divider: 2, FrameTime: each}, times(0, 300, 2*each, 0), 300},
		"frame rate not known":       {Thinning{Divider: 2}, times(0, 600, each, each/3), 300},
		"by three":                   {Thinning{Divider: 3, FrameTime: each}, times(0, 600, each, each/4), 200},
		"one is all":                 {Thinning{Divider: 1, FrameTime: each}, times(0, 60, each, 0), 60},
		"the zero value is all":      {Thinning{}, times(0, 60, each, 0), 60},
		"an outage of a minute":      {Thinning{Divider: 2, FrameTime: each}, append(times(0, 300, each, 0), times(2100, 300, each, 0)...), 300},
		"twice the nominal rate":     {Thinning{Divider: 2, FrameTime: each}, times(0, 1200, each/2, 0), 300},
		"by one in, as a source may": {Thinning{Divider: 2, FrameTime: each}, times(1, 601, each, 0), 301},
	} {
		t.Run(name, func(t *testing.T) {
			f := NewFeed(0)
			f.Thin(c.thin)
			out, _ := passed(t, f, c.times)
			require.InDelta(t, c.want, len(out), 0.015*float64(c.want))
			s := f.Stats()
			require.Equal(t, FeedStats{Delivered: uint64(len(out)), Divided: uint64(len(c.times) - len(out))}, s)
			for i := 1; i < len(out) && c.thin.Divider == 2 && c.thin.FrameTime > 0; i++ {
				require.Greater(t, out[i]-out[i-1], each*9/10, "picture %d", i)
			}
		})
	}
}

func rounded(list []time.Duration) (out []time.Duration) {
	for _, t := range list {
		out = append(out, t.Truncate(time.Millisecond))
	}
	return out
}

func without(list []time.Duration, every int) (out []time.Duration) {
	for i, t := range list {
		if i%every != 0 {
			out = append(out, t)
		}
	}
	return out
}

// The key pictures of a stream are the same with half the pictures as with all.
func TestDividerLeavesTheKeysWhereTheyAre(t *testing.T) {
	for _, gop := range []time.Duration{time.Second, 1500 * time.Millisecond, 2000 * time.Millisecond, 700 * time.Millisecond} {
		list := times(0, 900, time.Second/30, 8*time.Millisecond)
		_, want := passed(t, NewFeed(gop), list)
		f := NewFeed(gop)
		f.Thin(Thinning{Divider: 2, FrameTime: time.Second / 30})
		out, keys := passed(t, f, list)
		require.Equal(t, want, keys, "a GOP of %v", gop)
		require.InDelta(t, 450+len(keys)/2, len(out), 25, "a GOP of %v", gop)
	}
}

func TestDividerLosesNoForcedKey(t *testing.T) {
	var src frames
	f := NewFeed(0)
	f.Thin(Thinning{Divider: 2, FrameTime: frameTime})
	f.Pull(func() {})
	var keys, all []int
	for n := range 20 {
		if n == 9 {
			f.RequestKey()
		}
		frame := src.at(n)
		frame.ForceKey = n == 4 || n == 5 || n == 13
		f.Put(frame)
		if got, ok, _ := f.Take(); ok {
			all = append(all, n)
			if got.ForceKey {
				keys = append(keys, n)
			}
			got.Release()
		}
	}
	require.Equal(t, []int{0, 4, 5, 9, 13}, keys)
	require.Equal(t, []int{0, 2, 4, 5, 7, 9, 11, 13, 15, 17, 19}, all)
	require.Zero(t, src.alive.Load())
}

// A picture that waits for a busy encoder is not replaced by one that is left out.
func TestLeftOutPictureTakesNoOthersPlace(t *testing.T) {
	var src frames
	f := NewFeed(0)
	f.Thin(Thinning{Divider: 2, FrameTime: frameTime})
	f.Pull(func() {})
	f.Put(src.at(0))
	f.Put(src.at(1))
	got, ok, _ := f.Take()
	require.True(t, ok)
	require.Zero(t, got.PTS)
	got.Release()
	require.Equal(t, FeedStats{Delivered: 1, Divided: 1}, f.Stats())
}

func TestSkipGoesOnInTheSameGOP(t *testing.T) {
	const each = 40 * time.Millisecond
	f := NewFeed(time.Second)
	before, keys := passed(t, f, times(0, 10, each, 0))
	require.Len(t, before, 10)
	require.Len(t, keys, 1)
	f.Thin(Thinning{Skip: true})
	none, _ := passed(t, f, times(10, 5, each, 0))
	require.Empty(t, none)
	f.Thin(Thinning{})
	after, keys := passed(t, f, times(15, 5, each, 0))
	require.Len(t, after, 5)
	require.Empty(t, keys, "no key picture was due")
	require.Equal(t, FeedStats{Delivered: 15, Skipped: 5}, f.Stats())
}

func TestKeyThatIsDueOrForcedDuringSkipComesAfterIt(t *testing.T) {
	const each = 40 * time.Millisecond
	for name, ask := range map[string]func(f *Feed, src *frames){
		"due":       func(f *Feed, src *frames) { f.Put(src.at(30)) },
		"requested": func(f *Feed, _ *frames) { f.RequestKey() },
		"forced": func(f *Feed, src *frames) {
			frame := src.at(12)
			frame.ForceKey = true
			f.Put(frame)
		},
	} {
		var src frames
		f := NewFeed(time.Second)
		passed(t, f, times(0, 10, each, 0))
		f.Thin(Thinning{Skip: true})
		ask(f, &src)
		f.Thin(Thinning{})
		first := 15
		if name == "due" {
			first = 31
		}
		out, keys := passed(t, f, times(first, 3, each, 0))
		require.Len(t, out, 3, name)
		require.Equal(t, out[:1], keys, name)
		require.Zero(t, src.alive.Load(), name)
	}
}

func TestStopEndsInAKeyPicture(t *testing.T) {
	const each = 40 * time.Millisecond
	f := NewFeed(0)
	passed(t, f, times(0, 10, each, 0))
	f.Thin(Thinning{Stop: true})
	f.Thin(Thinning{Stop: true, Skip: true})
	none, _ := passed(t, f, times(10, 5, each, 0))
	require.Empty(t, none)
	f.Thin(Thinning{Divider: 2, FrameTime: each})
	out, keys := passed(t, f, times(15, 6, each, 0))
	require.Len(t, out, 3)
	require.Equal(t, out[:1], keys)
	require.Equal(t, FeedStats{Delivered: 13, Divided: 3, Skipped: 5}, f.Stats())
}

// Break ends Run and keeps the picture on offer; after Resume it is a key picture.
func TestBreakKeepsThePictureAndResumeBeginsWithAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var src frames
		f, out, _, end := running(t, 0, 2)
		f.Put(src.at(0))
		(<-out[0]).Release()
		(<-out[1]).Release()
		f.Put(src.at(1))
		synctest.Wait() // it is on offer
		f.Break()
		require.NoError(t, <-end)
		_, open := <-out[0]
		require.False(t, open)
		require.EqualValues(t, 1, src.alive.Load())
		f.Put(src.at(2))
		f.Stop() // as an encoder does that ends
		require.False(t, f.Ended())

		f.Resume()
		next, again := make(chan media.Frame), make(chan error, 1)
		go func() { again <- f.Run(t.Context(), next) }()
		got := <-next
		require.Equal(t, 2*frameTime, got.PTS)
		require.True(t, got.ForceKey)
		got.Release()
		f.Close()
		require.NoError(t, <-again)
		require.True(t, f.Ended())
		require.Equal(t, FeedStats{Delivered: 2, Dropped: 1}, f.Stats())
		require.Zero(t, src.alive.Load())
	})
}

func TestBreakOfAPulledFeed(t *testing.T) {
	var src frames
	f, woken := NewFeed(0), 0
	f.Pull(func() { woken++ })
	f.Put(src.at(0))
	f.Break()
	require.Equal(t, 2, woken)
	_, ok, done := f.Take()
	require.False(t, ok)
	require.True(t, done)
	f.Stop()
	f.Resume()
	f.Pull(func() {})
	got, ok, done := f.Take()
	require.True(t, ok)
	require.False(t, done)
	require.True(t, got.ForceKey)
	got.Release()
	f.Put(src.at(1))
	f.Stop()
	require.Zero(t, src.alive.Load())
}

// After a puller an encoder with a channel may follow.
func TestRunAfterAPuller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var src frames
		f := NewFeed(0)
		f.Pull(func() {})
		f.Break()
		f.Stop()
		f.Resume()
		out, end := make(chan media.Frame), make(chan error, 1)
		go func() { end <- f.Run(t.Context(), out) }()
		synctest.Wait() // it waits for a picture
		f.Put(src.at(0))
		(<-out).Release()
		f.Close()
		require.NoError(t, <-end)
		require.Zero(t, src.alive.Load())
	})
}

// For the race detector: everything at once.
func TestThinAndBreakAtAnyTime(t *testing.T) {
	var src frames
	f := NewFeed(10 * frameTime)
	ctx, cancel := context.WithCancel(t.Context())
	changed, coded := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(changed)
		for n := 0; ctx.Err() == nil; n++ {
			f.Thin(Thinning{Divider: n % 3, FrameTime: frameTime, Skip: n%5 == 0, Stop: n%7 == 0})
			if n%4 == 0 {
				f.Break()
			}
			f.RequestKey()
			time.Sleep(50 * time.Microsecond)
		}
	}()
	go func() {
		defer close(coded)
		for !f.Ended() {
			out := make(chan media.Frame)
			go func() { _ = f.Run(context.Background(), out) }()
			for frame := range out {
				frame.Release()
			}
			f.Resume()
		}
	}()
	for n := range 3000 {
		f.Put(src.at(n))
		if n%10 == 0 {
			time.Sleep(20 * time.Microsecond)
		}
	}
	cancel()
	<-changed
	f.Close()
	<-coded
	s := f.Stats()
	require.EqualValues(t, 3000, s.Delivered+s.Dropped+s.Divided+s.Skipped+s.Stale)
	require.Zero(t, src.alive.Load())
}
