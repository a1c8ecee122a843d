package audio

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/media"
)

// echo is a coder whose access units are the samples themselves, one
// frame late, as a real one's are.
type echo struct{ held []int16 }

func newEcho() *echo { return &echo{held: make([]int16, frame)} }

func (e *echo) Encode(samples []int16, emit func([]byte)) error {
	e.held = append(e.held, samples...)
	for len(e.held) >= 2*frame {
		e.emit(emit)
	}
	return nil
}

func (e *echo) Flush(emit func([]byte)) error {
	for len(e.held) > 0 {
		e.held = append(e.held, make([]int16, max(0, frame-len(e.held)))...)
		e.emit(emit)
	}
	return nil
}

func (e *echo) emit(emit func([]byte)) {
	au, _ := binary.Append(nil, binary.LittleEndian, e.held[:frame])
	emit(au)
	e.held = e.held[frame:]
}

func (e *echo) Reset() error { *e = *newEcho(); return nil }
func (e *echo) Delay() int   { return frame }
func (e *echo) Close()       {}

const rate = 48000

// samplesAt is a run that starts at a sample; each of its samples is v.
func samplesAt(at int64, n int, v int16) media.Samples {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = v
	}
	return media.Samples{Format: media.AudioFormat{SampleRate: rate, Channels: 1}, PTS: media.FromTimescale(at, rate), Data: pcm}
}

// lineUp runs sound through a timeline over echo and returns what is heard: the
// value at each sample of the grid where there is a packet.
func lineUp(t *testing.T, runs ...media.Samples) (heard map[int64]int16, gaps []int64, st Stats) {
	t.Helper()
	e, err := New(Settings{Format: media.AudioFormat{SampleRate: rate, Channels: 1}})
	require.NoError(t, err)
	heard = map[int64]int16{}
	line := newTimeline(e, newEcho(), media.WriterFunc(func(p media.Packet) {
		at := media.ToTimescale(p.PTS, rate)
		require.Equal(t, media.FromTimescale(at, rate), p.PTS, "on the grid")
		if p.Gap {
			gaps = append(gaps, at)
		}
		for i := range frame {
			if _, twice := heard[at+int64(i)]; twice {
				t.Fatalf("packets overlap at sample %d", at+int64(i))
			}
			heard[at+int64(i)] = int16(binary.LittleEndian.Uint16(p.Data[2*i:]))
		}
	}))
	for _, r := range runs {
		require.NoError(t, line.add(r))
	}
	require.NoError(t, line.end())
	return heard, gaps, e.Stats()
}

func requireValue(t *testing.T, heard map[int64]int16, from, to int64, want int16) {
	t.Helper()
	for at := from; at < to; at++ {
		if v, ok := heard[at]; !ok || v != want {
			t.Fatalf("sample %d is %d (%v), not %d", at, v, ok, want)
		}
	}
}

func TestTimelineFollowsOn(t *testing.T) {
	heard, gaps, st := lineUp(t, samplesAt(5000, 700, 1), samplesAt(5700, 3000, 2))
	requireValue(t, heard, 5000, 5700, 1)
	requireValue(t, heard, 5700, 8700, 2)
	require.Empty(t, gaps)
	require.Zero(t, st.Filled+st.Trimmed+st.Jumps)
}

func TestTimelineIgnoresJitter(t *testing.T) {
	heard, _, st := lineUp(t, samplesAt(5000, 1000, 1), samplesAt(6000+tolerance, 1000, 2), samplesAt(7000-tolerance, 1000, 3))
	requireValue(t, heard, 6000, 7000, 2)
	requireValue(t, heard, 7000, 8000, 3)
	require.Zero(t, st.Filled+st.Trimmed)
}

func TestTimelineFillsHoles(t *testing.T) {
	heard, gaps, st := lineUp(t, samplesAt(5000, 1000, 1), samplesAt(6000+tolerance+1, 1000, 2), samplesAt(100_000, 50, 3))
	requireValue(t, heard, 6000, 6000+tolerance+1, 0)
	requireValue(t, heard, 6000+tolerance+1, 7000+tolerance+1, 2)
	requireValue(t, heard, 7000+tolerance+1, 100_000, 0)
	requireValue(t, heard, 100_000, 100_050, 3)
	require.EqualValues(t, 100_000-5000-2000, st.Filled)
	require.Empty(t, gaps)
}

func TestTimelineCutsOverlaps(t *testing.T) {
	heard, _, st := lineUp(t, samplesAt(5000, 3000, 1),
		samplesAt(7000, 2000, 2), // half of it sounded already
		samplesAt(5000, 2000, 3), // all of it
		samplesAt(9000, 1000, 4))
	requireValue(t, heard, 5000, 8000, 1)
	requireValue(t, heard, 8000, 9000, 2)
	requireValue(t, heard, 9000, 10000, 4)
	require.EqualValues(t, 3000, st.Trimmed)
}

func TestTimelineJumpsOverLongHoles(t *testing.T) {
	const later = 5000 + 3600*rate + 333
	heard, gaps, st := lineUp(t, samplesAt(5000, 1500, 1), samplesAt(later, 1500, 2))
	requireValue(t, heard, 5000, 6500, 1)
	requireValue(t, heard, later, later+1500, 2)
	require.Less(t, len(heard), 10*frame, "no silence between")
	require.Equal(t, []int64{later - frame}, gaps)
	require.EqualValues(t, 1, st.Jumps)
	require.Zero(t, st.Filled)
}

func TestTimelineHasNoDriftOverADayAfterForty(t *testing.T) {
	for _, r := range []int{44100, 48000} {
		e, err := New(Settings{Format: media.AudioFormat{SampleRate: r, Channels: 1}})
		require.NoError(t, err)
		const start = 40*24*time.Hour + 12345678901*time.Nanosecond
		first, n := int64(0), int64(0)
		line := newTimeline(e, tick{}, media.WriterFunc(func(p media.Packet) {
			at := media.ToTimescale(p.PTS, r)
			if n == 0 {
				first = at
			}
			if at != first+n*frame {
				t.Fatalf("packet %d is at sample %d, not %d", n, at, first+n*frame)
			}
			n++
		}))
		run := media.Samples{Format: e.settings.Format, Data: make([]int16, frame)}
		units := int64(24 * 3600 * r / frame)
		for i := range units {
			run.PTS = start + media.SamplesToDuration(i*frame, r)
			if err := line.add(run); err != nil {
				t.Fatal(err)
			}
		}
		require.Equal(t, units, n)
		require.Zero(t, e.Stats().Filled+e.Stats().Trimmed)
	}
}

// tick is a coder that gives an access unit for each run.
type tick struct{}

func (tick) Encode(_ []int16, emit func([]byte)) error { emit(nil); return nil }
func (tick) Flush(func([]byte)) error                  { return nil }
func (tick) Reset() error                              { return nil }
func (tick) Delay() int                                { return frame }
func (tick) Close()                                    {}
