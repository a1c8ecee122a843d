package encode

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPulledFeedGivesTheNewestMarked(t *testing.T) {
	var src frames
	f, woken := NewFeed(5*frameTime), 0
	f.Pull(func() { woken++ })
	for n := range 3 {
		f.Put(src.at(n))
	}
	require.Equal(t, 3, woken)
	require.EqualValues(t, 1, src.alive.Load(), "older frames are released at once")
	got, ok, done := f.Take()
	require.True(t, ok)
	require.False(t, done)
	require.Equal(t, 2*frameTime, got.PTS)
	require.True(t, got.ForceKey, "the first is a key picture")
	got.Release()
	_, ok, done = f.Take()
	require.False(t, ok || done)

	keys := map[int]bool{}
	for n := 3; n < 14; n++ {
		if n == 10 {
			f.RequestKey()
		}
		f.Put(src.at(n))
		got, ok, _ := f.Take()
		require.True(t, ok)
		keys[n] = got.ForceKey
		got.Release()
	}
	for n, key := range keys {
		require.Equal(t, n == 7 || n == 10 || n == 12, key, "picture %d", n)
	}
	require.Equal(t, FeedStats{Delivered: 12, Dropped: 2}, f.Stats())
	require.Zero(t, src.alive.Load())
}

func TestPulledFeedRefusesWhatIsNotLater(t *testing.T) {
	var src frames
	f := NewFeed(time.Second)
	f.Pull(func() {})
	f.Put(src.at(1))
	got, _, _ := f.Take()
	got.Release()
	late := src.at(1)
	late.ForceKey = true
	f.Put(late)
	_, ok, _ := f.Take()
	require.False(t, ok)
	f.Put(src.at(2))
	got, ok, _ = f.Take()
	require.True(t, ok)
	require.True(t, got.ForceKey, "the key that the refused one was to be")
	got.Release()
	require.EqualValues(t, 1, f.Stats().Stale)
	require.Zero(t, src.alive.Load())
}

func TestPulledFeedEnds(t *testing.T) {
	var src frames
	f, woken := NewFeed(time.Second), 0
	f.Pull(func() { woken++ })
	f.Put(src.at(0))
	f.Close()
	require.Equal(t, 2, woken)
	got, ok, done := f.Take()
	require.True(t, ok)
	require.False(t, done, "what was in the slot comes first")
	got.Release()
	_, ok, done = f.Take()
	require.False(t, ok)
	require.True(t, done)

	f = NewFeed(time.Second)
	f.Pull(func() {})
	f.Put(src.at(0))
	f.Stop()
	f.Put(src.at(1))
	require.Zero(t, src.alive.Load(), "nothing is kept after the end")
}
