package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// at is 25 pictures a second from one second to another, of a rate.
func at(from, to, rate int) (list []coded) {
	for n := from * 25; n < to*25; n++ {
		list = append(list, coded{pts: time.Duration(n) * 40 * time.Millisecond, bits: rate / 25})
	}
	return list
}

func TestRespondMeasuresWhatTheEncoderDid(t *testing.T) {
	steps := []step{{0, 4_000_000}, {4 * time.Second, 1_000_000}, {8 * time.Second, 4_000_000}}
	// Down a second late, up not at all.
	pictures := append(at(0, 5, 4_000_000), at(5, 12, 1_000_000)...)
	got := respond(pictures, steps, 12*time.Second)
	require.Len(t, got, 2)
	down, up := got[0], got[1]
	require.Equal(t, []int{4_000_000, 1_000_000, 1_000_000, 4_000_000}, []int{down.from, down.to, up.from, up.to})
	require.InDelta(t, 1.25, down.after.Seconds(), 0.05)
	require.InDelta(t, 4, down.worst, 0.01)
	require.InDelta(t, 3, down.debt.Seconds(), 0.1)
	require.InDelta(t, 1, down.steady, 0.01)
	require.Negative(t, up.after)
	require.InDelta(t, 0.25, up.steady, 0.01)
	require.Less(t, up.debt, 100*time.Millisecond)
}

func TestOptionsAreChecked(t *testing.T) {
	o := options{hold: 6 * time.Second, divider: 1}
	require.NoError(t, o.parse("1280x720", "4M,500k"))
	require.Equal(t, []int{4_000_000, 500_000}, o.rates)
	require.ErrorContains(t, o.parse("720p", "4M"), "size")
	require.ErrorContains(t, o.parse("1280x720", "4M,fast"), "fast")
	o.divider = 0
	require.ErrorContains(t, o.parse("1280x720", "4M"), "divider")
}
