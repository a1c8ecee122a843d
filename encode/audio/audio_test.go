package audio

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
)

// coded runs sound through an Encoder and returns its packets.
func coded(t *testing.T, s Settings, runs ...media.Samples) ([]media.Packet, Stats) {
	t.Helper()
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	e, err := New(s)
	require.NoError(t, err)
	var packets []media.Packet
	done := make(chan error, 1)
	go func() {
		done <- e.Run(context.Background(), media.WriterFunc(func(p media.Packet) { packets = append(packets, p) }))
	}()
	for _, r := range runs {
		for waits(e) { // a source in real time never gets here
			time.Sleep(time.Millisecond)
		}
		e.Put(r)
	}
	e.Close()
	require.NoError(t, <-done)
	last := time.Duration(-1)
	for i, p := range packets {
		require.Same(t, e.Track(), p.Track)
		require.Greater(t, p.DTS, last, "packet %d", i)
		require.Equal(t, p.DTS, p.PTS)
		require.True(t, p.Key)
		last = p.DTS
	}
	return packets, e.Stats()
}

func waits(e *Encoder) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.queued > maxQueue/2
}

// decoded is what ffmpeg makes of the packets, interleaved.
func decoded(t *testing.T, packets []media.Packet) []int16 {
	t.Helper()
	a := packets[0].Track.Audio
	var stream []byte
	var err error
	for _, p := range packets {
		stream, err = aac.AppendADTS(stream, aac.New(a.SampleRate, a.Channels), p.Data)
		require.NoError(t, err)
	}
	cmd := exec.Command("ffmpeg", "-v", "error", "-xerror", "-f", "aac", "-i", "pipe:0", "-f", "s16le", "pipe:1")
	var out, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stream), &out, &stderr
	require.NoError(t, cmd.Run(), "ffmpeg: %s", stderr.String())
	require.Empty(t, stderr.String())
	pcm := make([]int16, out.Len()/2)
	require.NoError(t, binary.Read(&out, binary.LittleEndian, pcm))
	require.Len(t, pcm, len(packets)*frame*a.Channels, "1024 samples for each access unit")
	return pcm
}

var formats = []media.AudioFormat{{SampleRate: 48000, Channels: 2}, {SampleRate: 44100, Channels: 2}, {SampleRate: 48000, Channels: 1}, {SampleRate: 44100, Channels: 1}}

func eachFormat(t *testing.T, test func(t *testing.T, f media.AudioFormat)) {
	for _, f := range formats {
		t.Run(fmt.Sprintf("%d_%d", f.SampleRate, f.Channels), func(t *testing.T) { test(t, f) })
	}
}

// split cuts sound into runs of any length, each with the PTS of its first
// sample.
func split(f media.AudioFormat, start time.Duration, pcm []int16, lengths ...int) (runs []media.Samples) {
	for at, i := 0, 0; at < len(pcm)/f.Channels; i++ {
		n := min(lengths[i%len(lengths)], len(pcm)/f.Channels-at)
		runs = append(runs, media.Samples{
			Format: f, PTS: start + media.SamplesToDuration(int64(at), f.SampleRate),
			Data: pcm[at*f.Channels : (at+n)*f.Channels],
		})
		at += n
	}
	return runs
}

// A click of the source at a time is heard at that time: the PTS of the access
// unit plus the place in what a decoder makes of it.
func TestClicksAreHeardWhenTheySounded(t *testing.T) {
	eachFormat(t, func(t *testing.T, f media.AudioFormat) {
		start := 1500*time.Millisecond + 7*time.Microsecond
		pcm := make([]int16, 2*f.SampleRate*f.Channels)
		clicks := []int{100, 5000, 20011, 48123, 77777}
		for _, c := range clicks {
			for ch := range f.Channels {
				pcm[c*f.Channels+ch] = 30000
			}
		}
		packets, _ := coded(t, Settings{Format: f, Bitrate: 160_000 * f.Channels}, split(f, start, pcm, 441, 1, 4096)...)
		out := decoded(t, packets)
		for _, c := range clicks {
			want := start + media.SamplesToDuration(int64(c), f.SampleRate)
			from := int(media.ToTimescale(want-packets[0].PTS, f.SampleRate)) - 1500
			peak := peakIn(out, f.Channels, max(0, from), from+3000)
			heard := packets[0].PTS + media.SamplesToDuration(int64(peak), f.SampleRate)
			require.InDelta(t, want, heard, float64(time.Second)/float64(f.SampleRate), "click at sample %d", c)
		}
	})
}

// peakIn is the sample of the first channel with the largest amplitude.
func peakIn(pcm []int16, channels, from, to int) (at int) {
	most := -1
	for i := from; i < min(to, len(pcm)/channels); i++ {
		if v := int(pcm[i*channels]); max(v, -v) > most {
			at, most = i, max(v, -v)
		}
	}
	return at
}

// tones are a sine of another pitch in each channel.
func tones(f media.AudioFormat, samples int) []int16 {
	pcm := make([]int16, samples*f.Channels)
	for i := range samples {
		for ch := range f.Channels {
			pcm[i*f.Channels+ch] = int16(12000 * math.Sin(2*math.Pi*float64(440*(ch+1))*float64(i)/float64(f.SampleRate)))
		}
	}
	return pcm
}

func TestSoundIsTheSame(t *testing.T) {
	eachFormat(t, func(t *testing.T, f media.AudioFormat) {
		pcm := tones(f, f.SampleRate)
		packets, _ := coded(t, Settings{Format: f}, split(f, time.Second, pcm, 1000)...)
		out := decoded(t, packets)[frame*f.Channels:] // the priming
		require.GreaterOrEqual(t, len(out), len(pcm), "the end is coded too")
		var signal, noise float64
		for i, v := range pcm {
			d := float64(v) - float64(out[i])
			signal, noise = signal+float64(v)*float64(v), noise+d*d
		}
		require.Greater(t, 10*math.Log10(signal/noise), 40.0, "dB between signal and error")
	})
}

func TestRunsOfAnyLengthGiveTheSamePackets(t *testing.T) {
	f := formats[0]
	pcm := tones(f, 30000)
	want, _ := coded(t, Settings{Format: f}, split(f, time.Second, pcm, 30000)...)
	for _, lengths := range [][]int{{1024}, {480}, {1, 2047, 5000}, {441, 1023}} {
		got, _ := coded(t, Settings{Format: f}, split(f, time.Second, pcm, lengths...)...)
		require.Len(t, got, len(want), lengths)
		for i := range want {
			require.Equal(t, want[i].PTS, got[i].PTS)
			require.True(t, bytes.Equal(want[i].Data, got[i].Data), "packet %d of %v", i, lengths)
		}
	}
}

func TestFromTimeZeroNothingComesBeforeZero(t *testing.T) {
	f := formats[0]
	packets, _ := coded(t, Settings{Format: f}, split(f, 0, tones(f, 10*frame), 1024)...)
	require.Zero(t, packets[0].PTS, "the priming before time zero is left out")
	require.Equal(t, media.SamplesToDuration(frame, f.SampleRate), packets[1].PTS)
}

func TestHoleIsSilentAndTheSoundBehindItInTime(t *testing.T) {
	f := formats[0]
	const start, hole = time.Second, 777 * time.Millisecond
	pcm := tones(f, f.SampleRate)
	runs := split(f, start, pcm, 960)
	runs = append(runs, split(f, start+time.Second+hole, pcm, 960)...)
	packets, st := coded(t, Settings{Format: f}, runs...)
	require.EqualValues(t, media.ToTimescale(hole, f.SampleRate), st.Filled)
	out := decoded(t, packets)
	at := func(pts time.Duration) int {
		return int(media.ToTimescale(pts-packets[0].PTS, f.SampleRate)) * f.Channels
	}
	quiet := out[at(start+time.Second+50*time.Millisecond):at(start+time.Second+hole-50*time.Millisecond)]
	for i, v := range quiet {
		if max(v, -v) > 8 {
			t.Fatalf("sample %d of the hole is %d", i, v)
		}
	}
	behind := out[at(start+time.Second+hole):]
	var signal, noise float64
	for i := 4096; i < 80000; i++ {
		d := float64(pcm[i]) - float64(behind[i])
		signal, noise = signal+float64(pcm[i])*float64(pcm[i]), noise+d*d
	}
	require.Greater(t, 10*math.Log10(signal/noise), 40.0)
}

// A processor that is too slow for all of the sound codes the newer half of what
// waits, in time: AAC has silence in the place of the rest, others a hole.
func TestWhatWaitsTooLongIsLeftOut(t *testing.T) {
	for _, codec := range []media.Codec{media.AAC, media.Opus, media.MP3} {
		t.Run(codec.String(), func(t *testing.T) {
			f := formats[0]
			e, err := New(Settings{Codec: codec, Format: f})
			require.NoError(t, err)
			packets := tooLate(t, e, f)
			st := e.Stats()
			require.EqualValues(t, 2, st.Dropped, "another format, and half a sample")
			require.GreaterOrEqual(t, st.LeftOut, 3*time.Second)
			require.EqualValues(t, len(packets), st.Packets)
			step, holes := e.Track().FrameDuration(), 0
			for i, p := range packets[1:] {
				if p.Gap {
					holes++
					require.InDelta(t, st.LeftOut, p.PTS-packets[i].PTS, float64(200*time.Millisecond))
					continue
				}
				require.InDelta(t, step, p.PTS-packets[i].PTS, float64(time.Microsecond), "packet %d", i+1)
			}
			if codec == media.AAC {
				require.Zero(t, holes)
				require.InDelta(t, st.LeftOut.Seconds(), float64(st.Filled)/float64(f.SampleRate), 0.1)
			} else {
				require.Equal(t, 1, holes)
				require.Less(t, float64(st.Filled)/float64(f.SampleRate), 0.1)
			}
			require.EqualValues(t, holes, st.Jumps)
			require.InDelta(t, 7, packets[len(packets)-1].PTS.Seconds(), 0.1, "up to the end")
		})
	}
}

// tooLate has e code sound from 1 s to 7 s of which the last five come while it is held
// up at its first packet.
func tooLate(t *testing.T, e *Encoder, f media.AudioFormat) (packets []media.Packet) {
	pcm := tones(f, 5*f.SampleRate)
	done, writing := make(chan error, 1), make(chan struct{})
	go func() {
		done <- e.Run(t.Context(), media.WriterFunc(func(p media.Packet) {
			<-writing // held up
			packets = append(packets, p)
		}))
	}()
	for _, r := range split(f, time.Second, pcm[:f.SampleRate*f.Channels], 4800) {
		e.Put(r)
	}
	for e.Stats().Packets == 0 {
		time.Sleep(time.Millisecond)
	}
	for _, r := range split(f, 2*time.Second, pcm, 4800) {
		e.Put(r)
	}
	e.Put(media.Samples{Format: formats[1], Data: pcm[:2]})
	e.Put(media.Samples{Format: f, Data: pcm[:3]})
	close(writing)
	e.Close()
	e.Put(media.Samples{Format: f, PTS: 8 * time.Second, Data: pcm[:9600]}) // ignored
	require.NoError(t, <-done)
	return packets
}

func TestCancelReturnsAndLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := New(Settings{Format: formats[0]})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx, media.WriterFunc(func(media.Packet) {})) }()
		e.Put(split(formats[0], 0, tones(formats[0], 480), 480)[0])
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		require.ErrorContains(t, e.Run(ctx, nil), "second time")
	})
}

func TestNewRefusesWithTheWayOut(t *testing.T) {
	for want, s := range map[string]Settings{
		"32000 Hz is not supported; set the source to 48000 or 44100": {Format: media.AudioFormat{SampleRate: 32000, Channels: 2}},
		"6 channels are not supported; set the source to mono":        {Format: media.AudioFormat{SampleRate: 48000, Channels: 6}},
		"0 channels are not supported":                                {Format: media.AudioFormat{SampleRate: 48000}},
		"bit rate 1000 is outside 16000 to 512000":                    {Format: formats[0], Bitrate: 1000},
		"bit rate -5 is outside":                                      {Format: formats[0], Bitrate: -5},
	} {
		_, err := New(s)
		require.ErrorContains(t, err, want)
	}
}

func TestBitrateIsKept(t *testing.T) {
	f := formats[0]
	rnd := rand.New(rand.NewPCG(3, 4))
	pcm := make([]int16, 10*f.SampleRate*f.Channels)
	low := 0.0
	for i := range pcm {
		low += 0.05 * (rnd.NormFloat64()*9000 - low)
		pcm[i] = int16(low)
	}
	for _, rate := range []int{96_000, 192_000} {
		packets, _ := coded(t, Settings{Format: f, Bitrate: rate}, split(f, 0, pcm, 1024)...)
		sum := 0
		for _, p := range packets {
			sum += len(p.Data)
		}
		require.InEpsilon(t, rate, sum*8/10, 0.15)
	}
}

func BenchmarkEncode(b *testing.B) {
	f := formats[0]
	runs := split(f, 0, tones(f, 10*f.SampleRate), frame)
	e, err := New(Settings{Format: f, Bitrate: 128_000})
	require.NoError(b, err)
	codec, err := newGoAAC(e.settings)
	require.NoError(b, err)
	line := newTimeline(e, codec, media.WriterFunc(func(media.Packet) {}))
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		r := runs[n%len(runs)]
		r.PTS = media.SamplesToDuration(int64(n)*frame, f.SampleRate)
		require.NoError(b, line.add(r))
	}
	perFrame := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(perFrame*float64(f.SampleRate)/frame*100, "%cpu")
}
