package trace

import (
	"bytes"
	"compress/gzip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const ms = time.Millisecond

func TestAFileBeginsAgainAtItsLastMoment(t *testing.T) {
	tr, err := Read(strings.NewReader("# a comment\n0\n3\n3\n\n10\n"), "a")
	require.NoError(t, err)
	require.Equal(t, 10*ms, tr.Period())
	var got []time.Duration
	for i := range int64(9) {
		got = append(got, tr.At(i)/ms)
	}
	require.Equal(t, []time.Duration{0, 3, 3, 10, 10, 13, 13, 20, 20}, got)
}

func TestIndexIsTheFirstOpportunityAtOrAfterAMoment(t *testing.T) {
	tr, err := Read(strings.NewReader("0\n3\n3\n10\n"), "a")
	require.NoError(t, err)
	for at := -ms; at < 60*ms; at += ms / 2 {
		i := tr.Index(at)
		require.GreaterOrEqual(t, tr.At(i), at, "at %v", at)
		if i > 0 {
			require.Less(t, tr.At(i-1), at, "at %v", at)
		}
	}
}

func TestBitsAreThoseOfTheOpportunitiesBetween(t *testing.T) {
	tr, err := Read(strings.NewReader("1\n2\n5\n5\n10\n"), "a")
	require.NoError(t, err)
	require.InDelta(t, 4*12000, tr.Bits(0, 6*ms), 0)
	require.InDelta(t, 3*12000, tr.Bits(2*ms, 6*ms), 0)
	require.InDelta(t, 10*12000, tr.Bits(ms, 21*ms), 0, "two rounds")
	require.InDelta(t, 5*12000/.01, tr.Bitrate(), 0)
	require.Equal(t, []float64{4 * 12000 / .006, 2 * 12000 / .006}, tr.Rates(6*ms, 12*ms))
}

func TestConstantAndSteppedLinksCarryWhatIsAsked(t *testing.T) {
	require.InDelta(t, 6e6, Constant(6e6).Bitrate(), 1)
	require.InDelta(t, 700e3, Constant(700e3).Bitrate(), 1000)
	require.InDelta(t, 6e6*.5, Constant(6e6).Bits(ms, 501*ms), 12000)
	require.Zero(t, Constant(0).Bits(0, time.Hour))
	tr, err := Steps(Step{6e6, time.Second}, Step{0, 3 * time.Second}, Step{2e6, time.Second})
	require.NoError(t, err)
	require.Equal(t, 5*time.Second, tr.Period())
	require.InDelta(t, 6e6, tr.Bits(ms, time.Second+ms), 12000)
	require.Zero(t, tr.Bits(time.Second+ms, 4*time.Second))
	require.InDelta(t, 2e6, tr.Bits(4*time.Second+ms, 5*time.Second+ms), 12000)
	require.InDelta(t, 6e6, tr.Bits(5*time.Second+ms, 6*time.Second+ms), 12000, "it begins again")
}

func TestStepsThatCannotBeAreRefused(t *testing.T) {
	for _, bad := range [][]Step{{}, {{0, time.Second}}, {{-1, time.Second}}, {{1e6, 0}}} {
		_, err := Steps(bad...)
		require.Error(t, err, "%v", bad)
	}
}

func TestScaleAndFirst(t *testing.T) {
	tr := Constant(6e6)
	half, err := tr.Scale(.5)
	require.NoError(t, err)
	require.InDelta(t, 3e6, half.Bitrate(), 1000)
	more, err := tr.Scale(2.5)
	require.NoError(t, err)
	require.InDelta(t, 15e6, more.Bitrate(), 1000)
	_, err = tr.Scale(0)
	require.Error(t, err)
	_, err = tr.Scale(1e-9)
	require.ErrorIs(t, err, errEmpty)
	first, err := tr.First(2 * time.Second)
	require.NoError(t, err)
	require.Equal(t, 2*time.Second, first.Period())
	require.InDelta(t, 6e6, first.Bitrate(), 12000)
	all, err := tr.First(time.Hour)
	require.NoError(t, err)
	require.Same(t, tr, all)
}

func TestATraceIsReadAsItWasWritten(t *testing.T) {
	tr, err := LTE().Generate(1, 10*time.Second)
	require.NoError(t, err)
	var plain, packed bytes.Buffer
	n, err := tr.WriteTo(&plain)
	require.NoError(t, err)
	require.EqualValues(t, plain.Len(), n)
	z := gzip.NewWriter(&packed)
	_, err = z.Write(plain.Bytes())
	require.NoError(t, err)
	require.NoError(t, z.Close())
	for _, r := range []*bytes.Buffer{&plain, &packed} {
		back, err := Read(r, "a")
		require.NoError(t, err)
		require.Equal(t, tr.Period(), back.Period())
		require.True(t, slices.Equal(tr.ms, back.ms[:len(tr.ms)]))
	}
}

func TestErrorsNameFileAndLine(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"1\n2\nthree\n", `read trace a: line 3: "three" is no time in milliseconds`},
		{"1\n5\n4\n", "read trace a: line 3: 4 ms is before the 5 ms of the line above"},
		{"-1\n", "read trace a: line 1: -1 ms is not between 0 and a week"},
		{"1\n9999999999\n", "read trace a: line 2: 9999999999 ms is not between 0 and a week"},
		{"NaN\n", `read trace a: line 1: "NaN" is no time in milliseconds`},
		{"", "read trace a: no delivery opportunity at all"},
		{"# nothing\n", "read trace a: no delivery opportunity at all"},
		{"0\n0\n", "read trace a: all at moment 0"},
		{strings.Repeat("x", 60), `read trace a: line 1: "` + strings.Repeat("x", 40) + `…" is no time in milliseconds`},
		{"1\n" + strings.Repeat("1", 1<<17), "read trace a: after line 1: bufio.Scanner: token too long"},
	} {
		_, err := Read(strings.NewReader(c.text), "a")
		require.EqualError(t, err, c.want)
	}
	_, err := Read(strings.NewReader("\x1f\x8bnot gzip"), "a")
	require.ErrorContains(t, err, "read trace a: ")
	_, err = Open("/nowhere/trace")
	require.ErrorContains(t, err, "/nowhere/trace")
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("1\n2\n2\n"))
	f.Add([]byte{0x1f, 0x8b, 8, 0})
	f.Fuzz(func(t *testing.T, text []byte) {
		tr, err := Read(bytes.NewReader(text), "a")
		if err != nil {
			return
		}
		require.Positive(t, tr.Period())
		require.LessOrEqual(t, tr.At(0), tr.At(1))
	})
}

func TestMobileLinksAreAsTheirModelSays(t *testing.T) {
	for _, c := range []struct {
		name      string
		model     Mobile
		low, high float64 // of the mean
	}{{"lte", LTE(), 4e6, 8e6}, {"5g", FiveG(), 18e6, 45e6}} {
		long, err := c.model.Generate(1, 6*time.Minute)
		require.NoError(t, err)
		require.GreaterOrEqual(t, long.Bitrate(), c.low, c.name)
		require.LessOrEqual(t, long.Bitrate(), c.high, c.name)
		gaps, longest := 0, time.Duration(0)
		for i := range int64(len(long.ms) - 1) {
			gap := long.At(i+1) - long.At(i)
			longest = max(longest, gap)
			if gap >= c.model.Gap[0] {
				gaps++
			}
		}
		require.Less(t, longest, 2*time.Second, c.name)
		require.GreaterOrEqual(t, gaps, int(6*time.Minute/c.model.HandOver)/2, "%s: hand-overs", c.name)
		again, err := c.model.Generate(1, 6*time.Minute)
		require.NoError(t, err)
		require.True(t, slices.Equal(long.ms, again.ms), "the same seed")
		other, err := c.model.Generate(2, 6*time.Minute)
		require.NoError(t, err)
		require.False(t, slices.Equal(long.ms, other.ms), "another seed")
	}
	_, err := Mobile{}.Generate(1, time.Minute)
	require.Error(t, err)
}
