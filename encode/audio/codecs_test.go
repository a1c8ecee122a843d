package audio

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/ogg"
)

// played is what ffmpeg makes of packets of any codec, interleaved, at the rate of
// their track, from the decoder's first sample on.
func played(t *testing.T, packets []media.Packet) []int16 {
	t.Helper()
	track := packets[0].Track
	var stream []byte
	var format string
	switch track.Codec {
	case media.AAC:
		return decoded(t, packets)
	case media.MP3:
		format = "mp3"
		for _, p := range packets {
			stream = append(stream, p.Data...)
		}
	case media.Opus:
		format = "ogg"
		o := ogg.Opus{Serial: 1, Channels: track.Audio.Channels, SampleRate: opusRate, Vendor: "test"}
		var err error
		stream, err = o.AppendHeaders(nil)
		require.NoError(t, err)
		for i, p := range packets {
			stream, err = o.Append(stream, int64(i+1)*960, p.Data)
			require.NoError(t, err)
		}
	}
	cmd := exec.Command("ffmpeg", "-v", "error", "-xerror", "-f", format, "-i", "pipe:0", "-f", "s16le", "pipe:1")
	var out, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stream), &out, &stderr
	require.NoError(t, cmd.Run(), "ffmpeg: %s", stderr.String())
	require.Empty(t, stderr.String())
	pcm := make([]int16, out.Len()/2)
	require.NoError(t, binary.Read(&out, binary.LittleEndian, pcm))
	require.Len(t, pcm, len(packets)*media.FrameSamples(track.Codec, track.Audio.SampleRate)*track.Audio.Channels)
	return pcm
}

// further are the codecs besides AAC.
var further = []media.Codec{media.Opus, media.MP3}

func eachFurther(t *testing.T, test func(t *testing.T, c media.Codec, f media.AudioFormat)) {
	for _, c := range further {
		t.Run(c.String(), func(t *testing.T) {
			eachFormat(t, func(t *testing.T, f media.AudioFormat) { test(t, c, f) })
		})
	}
}

// The source's sound is heard at its time: noise that is heard is laid over what
// was put in, and fits best where the PTS says.
func TestFurtherCodecsAreHeardWhenTheySounded(t *testing.T) {
	eachFurther(t, func(t *testing.T, c media.Codec, f media.AudioFormat) {
		start := 1500*time.Millisecond + 7*time.Microsecond
		r := rand.New(rand.NewPCG(1, 2))
		pcm, low := make([]int16, 2*f.SampleRate*f.Channels), 0.0
		for i := range 2 * f.SampleRate {
			low += 0.2 * (r.Float64()*40000 - 20000 - low)
			for ch := range f.Channels {
				pcm[i*f.Channels+ch] = int16(low)
			}
		}
		packets, _ := coded(t, Settings{Codec: c, Format: f, Bitrate: 128_000}, split(f, start, pcm, 441, 1, 4096)...)
		out, rate := played(t, packets), packets[0].Track.Audio.SampleRate
		for _, at := range []float64{0.4, 1.4} { // seconds of the source
			place := start.Seconds() + at - packets[0].PTS.Seconds()
			best, off := 0.0, 0
			for d := -200; d <= 200; d++ {
				sum := 0.0
				for i := range 4000 {
					in := int(at*float64(f.SampleRate)) + i*f.SampleRate/rate
					sum += float64(pcm[in*f.Channels]) * float64(out[(int(math.Round(place*float64(rate)))+i+d)*f.Channels])
				}
				if sum > best {
					best, off = sum, d
				}
			}
			require.InDelta(t, 0, off, 4, "samples off at %v s", at)
		}
	})
}

func TestFurtherCodecsSoundTheSame(t *testing.T) {
	eachFurther(t, func(t *testing.T, c media.Codec, f media.AudioFormat) {
		packets, _ := coded(t, Settings{Codec: c, Format: f, Bitrate: 64_000 * f.Channels}, split(f, time.Second, tones(f, 2*f.SampleRate), 1000)...)
		require.GreaterOrEqual(t, packets[len(packets)-1].PTS+packets[0].Track.FrameDuration(), 3*time.Second, "the end is coded too")
		out, rate := played(t, packets), packets[0].Track.Audio.SampleRate
		skip := int((1100*time.Millisecond - packets[0].PTS).Seconds() * float64(rate))
		for ch := range f.Channels {
			hertz := float64(440 * (ch + 1))
			tone, rest := fitted(out[skip*f.Channels+ch:], f.Channels, rate, hertz)
			require.InDelta(t, 12000, tone, 600, "amplitude at %v Hz", hertz)
			require.Greater(t, 20*math.Log10(tone/math.Sqrt2/rest), 25.0, "dB between the tone and all else")
		}
	})
}

// At full scale too: fixed-point arithmetic overflows there first.
func TestLoudSoundIsNotDistorted(t *testing.T) {
	for _, c := range further {
		for _, f := range formats[:1] {
			for _, hertz := range []float64{50, 440, 3000} {
				for name, wave := range map[string]func(float64) float64{
					"sine":   math.Sin,
					"square": func(x float64) float64 { return math.Copysign(math.Pi/4, math.Sin(x)) }, // its first harmonic is a full sine
				} {
					pcm := make([]int16, 2*f.SampleRate*f.Channels)
					for i := range pcm {
						pcm[i] = int16(31000 * wave(2*math.Pi*hertz*float64(i/2)/float64(f.SampleRate)))
					}
					packets, _ := coded(t, Settings{Codec: c, Format: f, Bitrate: 192_000}, split(f, time.Second, pcm, 960)...)
					tone, _ := fitted(played(t, packets)[f.SampleRate:], f.Channels, packets[0].Track.Audio.SampleRate, hertz)
					require.InDelta(t, 31000, tone, 1000, "%v: amplitude of a %s of %v Hz", c, name, hertz)
				}
			}
		}
	}
}

// fitted is the amplitude of a sine in a second of sound, and the effective value
// of what else there is.
func fitted(pcm []int16, step, rate int, hertz float64) (amplitude, rest float64) {
	var re, im float64
	phase := func(i int) float64 { return 2 * math.Pi * hertz * float64(i) / float64(rate) }
	for i := range rate {
		s, c := math.Sincos(phase(i))
		re, im = re+float64(pcm[i*step])*c, im+float64(pcm[i*step])*s
	}
	re, im = 2*re/float64(rate), 2*im/float64(rate)
	for i := range rate {
		s, c := math.Sincos(phase(i))
		d := float64(pcm[i*step]) - re*c - im*s
		rest += d * d
	}
	return math.Hypot(re, im), math.Sqrt(rest / float64(rate))
}

func TestFurtherCodecsHaveNoDriftOverAnHour(t *testing.T) {
	eachFurther(t, func(t *testing.T, c media.Codec, f media.AudioFormat) {
		if f.Channels == 2 {
			return // the grid is the same
		}
		e, err := New(Settings{Codec: c, Format: f})
		require.NoError(t, err)
		per := int64(unitOf(e.settings))
		const start = 40*24*time.Hour + 12345678901*time.Nanosecond
		first, n := int64(0), int64(0)
		line := newTimeline(e, tick{}, media.WriterFunc(func(p media.Packet) {
			at := media.ToTimescale(p.PTS, f.SampleRate)
			if n == 0 {
				first = at
			}
			require.Equal(t, first+n*per, at, "packet %d", n)
			n++
		}))
		run := media.Samples{Format: f, Data: make([]int16, per)}
		for i := range 3600 * int64(f.SampleRate) / per {
			run.PTS = start + media.SamplesToDuration(i*per, f.SampleRate)
			require.NoError(t, line.add(run))
		}
		require.Zero(t, e.Stats().Filled+e.Stats().Trimmed)
	})
}

// The codec itself gives as many packets as went in, however long it runs: what the
// timeline counts is what comes out.
func TestFurtherCodersGiveAPacketForEachUnit(t *testing.T) {
	for _, c := range further {
		for _, f := range formats {
			s := Settings{Codec: c, Format: f, Bitrate: 48_000 * f.Channels}
			enc, err := codecOf(c).make(s)
			require.NoError(t, err)
			for range 2 {
				units, n := 500, 0
				pcm := tones(f, unitOf(s))
				for range units {
					require.NoError(t, enc.Encode(pcm, func(p []byte) { require.NotEmpty(t, p); n++ }))
				}
				require.InDelta(t, units, n, 1)
				require.NoError(t, enc.Flush(func([]byte) { n++ }))
				require.GreaterOrEqual(t, n*unitOf(s), units*unitOf(s)+enc.Delay())
				require.Less(t, n*unitOf(s), units*unitOf(s)+enc.Delay()+2*unitOf(s))
				require.NoError(t, enc.Reset())
			}
			enc.Close()
		}
	}
}

func TestBitRateChangesInTheMiddle(t *testing.T) {
	f := formats[0]
	for _, c := range further {
		e, err := New(Settings{Codec: c, Format: f, Bitrate: 64_000})
		require.NoError(t, err)
		require.Error(t, e.SetBitrate(1_000_000))
		var packets []media.Packet
		done := make(chan error, 1)
		go func() {
			done <- e.Run(t.Context(), media.WriterFunc(func(p media.Packet) { packets = append(packets, p) }))
		}()
		r := rand.New(rand.NewPCG(3, 4))
		noise := make([]int16, 2*f.SampleRate)
		for i := range noise {
			noise[i] = int16(r.IntN(20000) - 10000)
		}
		runs := split(f, time.Second, noise, 960)
		half := len(runs) / 2
		for i, run := range runs {
			if i == half {
				require.Eventually(t, func() bool { return e.Stats().Packets > 15 }, 10*time.Second, time.Millisecond)
				require.NoError(t, e.SetBitrate(192_000))
			}
			e.Put(run)
		}
		e.Close()
		require.NoError(t, <-done)
		played(t, packets)
		require.Greater(t, len(packets[len(packets)-4].Data), 2*len(packets[5].Data), c)
	}
	e, err := New(Settings{Format: f})
	require.NoError(t, err)
	require.Error(t, e.SetBitrate(96_000), "AAC")
}

func TestSettingsOfFurtherCodecs(t *testing.T) {
	stereo := formats[0]
	for _, c := range []struct {
		s    Settings
		want string // "": fine
	}{
		{Settings{Codec: media.Opus, Format: stereo}, ""},
		{Settings{Codec: media.MP3, Format: stereo, Bitrate: 320_000}, ""},
		{Settings{Codec: media.MP3, Format: stereo, Bitrate: 321_000}, "bit rate"},
		{Settings{Codec: media.MP3, Format: formats[2], Bitrate: 16_000}, "bit rate"},
		{Settings{Codec: media.Opus, Format: media.AudioFormat{SampleRate: 32000, Channels: 2}}, "sample rate 32000"},
		{Settings{Codec: media.Opus, Format: media.AudioFormat{SampleRate: 48000, Channels: 6}}, "6 channels"},
		{Settings{Codec: media.H264, Format: stereo}, "not coded as h264"},
	} {
		_, err := New(c.s)
		if c.want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, c.want)
		}
	}
}

func TestMP3FrameLength(t *testing.T) {
	for head, want := range map[string]int{
		"\xff\xfb\x94\x00": 384, "\xff\xfb\x90\x00": 417, "\xff\xfb\x92\x00": 418, "\xff\xfb\xe4\x00": 960,
		"\xff\xfb\xf4\x00": 0, "\xff\xfb\x04\x00": 0, "\xff\xfb\x9c\x00": 0, "\xff\xf3\x94\x00": 0, "OggS": 0,
	} {
		require.Equal(t, want, mp3FrameLength([]byte(head)), "%x", head)
	}
}
