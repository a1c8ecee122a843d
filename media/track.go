// Package media is the vocabulary of the whole product: what capture hands to
// encode, encode to output, and outputs to the world. It imports the standard
// library only. Read it first.
//
// All times are time.Duration on the stream's one Clock. All sizes are bytes,
// all bit rates bits per second.
package media

import (
	"bytes"
	"fmt"
	"time"
)

// Kind says what a track carries.
type Kind uint8

// The kinds of track.
const (
	Video Kind = iota + 1
	Audio
)

func (k Kind) String() string {
	switch k {
	case Video:
		return "video"
	case Audio:
		return "audio"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Codec names a coding of compressed pictures or sound.
type Codec uint8

// The codecs the product knows. Packet says how each is laid out in Data.
const (
	H264 Codec = iota + 1 // ISO/IEC 14496-10
	AAC                   // ISO/IEC 14496-3, AAC-LC
	Opus                  // RFC 6716
	MP3                   // ISO/IEC 11172-3 layer III, or ISO/IEC 13818-3 at 16 to 24 kHz
)

func (c Codec) String() string {
	switch c {
	case H264:
		return "h264"
	case AAC:
		return "aac"
	case Opus:
		return "opus"
	case MP3:
		return "mp3"
	}
	return fmt.Sprintf("Codec(%d)", uint8(c))
}

// Kind of the tracks this codec makes.
func (c Codec) Kind() Kind {
	if c == H264 {
		return Video
	}
	return Audio
}

// Track describes one elementary stream. It is immutable: a new codec, profile,
// size or colour is a new *Track, sent in band with the first packet it holds
// for, and consumers compare pointers. Parameter sets that change while codec,
// profile, size and colour stay are the same Track (see Packet.Data).
//
// A packet stream has at most one video and one audio track at a time. What a
// programme writes to its hub may be more: its sound in further codecs, of which
// each reader gets one.
type Track struct {
	Codec Codec
	Video *VideoParams // set exactly when Codec.Kind() is Video
	Audio *AudioParams // set exactly when Codec.Kind() is Audio
}

// Kind is Codec.Kind.
func (t *Track) Kind() Kind { return t.Codec.Kind() }

// Equal says whether both describe the same: what holds for one decodes the
// other. Neither is nil.
func (t *Track) Equal(o *Track) bool {
	return t == o || t.Codec == o.Codec && t.Video.equal(o.Video) && t.Audio.equal(o.Audio)
}

func (v *VideoParams) equal(o *VideoParams) bool {
	if v == nil || o == nil {
		return v == o
	}
	return v.Width == o.Width && v.Height == o.Height && v.FrameRate == o.FrameRate && v.Color == o.Color &&
		bytes.Equal(v.SPS, o.SPS) && bytes.Equal(v.PPS, o.PPS)
}

func (a *AudioParams) equal(o *AudioParams) bool {
	if a == nil || o == nil {
		return a == o
	}
	return a.SampleRate == o.SampleRate && a.Channels == o.Channels && bytes.Equal(a.Config, o.Config)
}

func (t *Track) String() string {
	switch {
	case t == nil:
		return "no track"
	case t.Video != nil && t.Video.FrameRate.IsZero():
		return fmt.Sprintf("%v %dx%d", t.Codec, t.Video.Width, t.Video.Height)
	case t.Video != nil:
		return fmt.Sprintf("%v %dx%d %v fps", t.Codec, t.Video.Width, t.Video.Height, t.Video.FrameRate)
	case t.Audio != nil:
		return fmt.Sprintf("%v %d Hz %d ch", t.Codec, t.Audio.SampleRate, t.Audio.Channels)
	}
	return t.Codec.String()
}

// VideoParams are the parameters of a video track.
type VideoParams struct {
	Width, Height int      // luma samples shown, after cropping
	FrameRate     Rational // nominal; zero where the source does not say
	Color         Color
	SPS, PPS      []byte // NAL units with header, without start code or length, emulation bytes kept
}

// AudioParams are the parameters of an audio track.
type AudioParams struct {
	SampleRate int // Hz; Opus: 48000 whatever the source had (RFC 7845 §5.1)
	Channels   int
	Config     []byte // AAC: AudioSpecificConfig, ISO/IEC 14496-3 §1.6.2.1; none for other codecs
}

// FrameDuration is the play time of one packet of the track, rounded down to a
// nanosecond: of an audio track what its codec codes at once, of a video track one
// picture at its nominal rate. Zero where that is not known.
func (t *Track) FrameDuration() time.Duration {
	switch {
	case t.Audio != nil && t.Audio.SampleRate > 0:
		return SamplesToDuration(int64(FrameSamples(t.Codec, t.Audio.SampleRate)), t.Audio.SampleRate)
	case t.Video != nil && !t.Video.FrameRate.IsZero():
		return t.Video.FrameRate.FrameTime(1)
	}
	return 0
}

// AACFrameSamples is the number of samples a channel in an AAC-LC access unit.
const AACFrameSamples = 1024

// opusFramesPerSecond: a packet of 20 ms.
const opusFramesPerSecond = 50

// FrameSamples is the number of samples a channel in one packet of an audio codec
// at rate Hz: AAC-LC 1024; MP3 1152, half of that below 32 kHz (ISO/IEC 13818-3
// §2.4.2.3); Opus 20 ms, which is what the product makes of the lengths that
// RFC 6716 §2.1.4 has. Zero for video.
func FrameSamples(c Codec, rate int) int {
	switch {
	case c == AAC:
		return AACFrameSamples
	case c == MP3 && rate < 32000:
		return 576
	case c == MP3:
		return 1152
	case c == Opus:
		return rate / opusFramesPerSecond
	}
	return 0
}

// Color says how sample values map to light, by the code points of
// ITU-T H.273. Zero fields mean "unspecified" (code point 2).
type Color struct {
	Primaries, Transfer, Matrix uint8
	FullRange                   bool
}

// Rational is an exact ratio, such as the frame rate 30000/1001.
type Rational struct{ Num, Den int }

// IsZero says that the ratio is not known.
func (r Rational) IsZero() bool { return r.Num == 0 || r.Den == 0 }

// Float is the ratio's value, 0 when it is not known.
func (r Rational) Float() float64 {
	if r.IsZero() {
		return 0
	}
	return float64(r.Num) / float64(r.Den)
}

func (r Rational) String() string {
	if r.Den == 1 {
		return fmt.Sprint(r.Num)
	}
	return fmt.Sprintf("%d/%d", r.Num, r.Den)
}

// FrameTime is the time of the n-th frame at this rate, exact to a nanosecond
// for any n: it does not add up a rounded frame duration. r must not be zero.
func (r Rational) FrameTime(n int64) time.Duration {
	return mulDiv(n*int64(r.Den), int64(time.Second), int64(r.Num))
}

// SamplesToDuration is the play time of n samples at rate Hz, rounded down to
// a nanosecond.
func SamplesToDuration(n int64, rate int) time.Duration {
	return mulDiv(n, int64(time.Second), int64(rate))
}

// ToTimescale is d in units of 1/scale s, rounded to the nearest. Times that
// came from that timescale by FromTimescale return to the same tick.
func ToTimescale(d time.Duration, scale int) int64 {
	s, ns := int64(d/time.Second), int64(d%time.Second)
	half := int64(time.Second / 2)
	if ns < 0 {
		half = -half
	}
	return s*int64(scale) + (ns*int64(scale)+half)/int64(time.Second)
}

// FromTimescale is ticks units of 1/scale s as a Duration, rounded down.
func FromTimescale(ticks int64, scale int) time.Duration {
	return mulDiv(ticks, int64(time.Second), int64(scale))
}

// mulDiv is n×m/d without overflow as long as the result and m×d fit.
func mulDiv(n, m, d int64) time.Duration {
	return time.Duration(n/d*m + n%d*m/d)
}
