package audio

import (
	"fmt"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
)

// coder makes packets of one codec of interleaved sound, each of as many samples
// of the input as unit says. emit may use a packet until it returns.
type coder interface {
	// Encode takes any number of samples.
	Encode(samples []int16, emit func(packet []byte)) error
	// Flush codes what is left, padded with silence, until all that went in has
	// come out. Reset makes the encoder as new again.
	Flush(emit func(packet []byte)) error
	Reset() error
	// Delay is how many samples later than in the input a sample is in the
	// decoder's output, when that begins with the first packet. It is counted at
	// the input's rate, rounded where the codec has another.
	Delay() int
	Close()
}

// bitrateSetter is a coder that can change its bit rate between two packets.
type bitrateSetter interface{ SetBitrate(bits int) error }

// codec is what the package knows of one.
type codec struct {
	usual, least, most int // bit rates a channel
	// leastAll and mostAll bound the bit rate of all channels together; 0: no bound.
	leastAll, mostAll int
	make              func(Settings) (coder, error)
}

// codecOf is nil for what is not coded here.
func codecOf(c media.Codec) *codec {
	switch c {
	case media.AAC: // the decoder's buffer holds 6144 bits a frame and channel
		return &codec{usual: 64_000, least: 8_000, most: 256_000, make: newGoAAC}
	case media.Opus: // RFC 6716 §2.1.1
		return &codec{usual: 64_000, least: 6_000, most: 510_000, mostAll: 510_000, make: newOpus}
	case media.MP3:
		return &codec{usual: 64_000, most: 320_000, leastAll: 32_000, mostAll: 320_000, make: newMP3}
	}
	return nil
}

// check says what of the settings cannot be coded.
func (c *codec) check(s Settings) error {
	f, least, most := s.Format, c.least*s.Format.Channels, c.most*s.Format.Channels
	least = max(least, c.leastAll)
	if c.mostAll > 0 {
		most = min(most, c.mostAll)
	}
	switch {
	case f.SampleRate != 44100 && f.SampleRate != 48000:
		return fmt.Errorf("%v encoder: sample rate %d Hz is not supported; set the source to 48000 or 44100 Hz", s.Codec, f.SampleRate)
	case f.Channels != 1 && f.Channels != 2:
		return fmt.Errorf("%v encoder: %d channels are not supported; set the source to mono or stereo", s.Codec, f.Channels)
	case s.Bitrate < least || s.Bitrate > most:
		return fmt.Errorf("%v encoder: bit rate %d is outside %d to %d bit/s for %d channels", s.Codec, s.Bitrate, least, most, f.Channels)
	}
	return nil
}

// trackOf is the track of what is coded.
func trackOf(s Settings) *media.Track {
	switch s.Codec {
	case media.AAC:
		return aac.Track(s.Format.SampleRate, s.Format.Channels)
	case media.Opus:
		return &media.Track{Codec: s.Codec, Audio: &media.AudioParams{SampleRate: opusRate, Channels: s.Format.Channels}}
	}
	return &media.Track{Codec: s.Codec, Audio: &media.AudioParams{SampleRate: s.Format.SampleRate, Channels: s.Format.Channels}}
}

// unitOf is how many samples of the input a packet holds. Opus has 48 kHz inside:
// its 20 ms are a whole number of samples at 44.1 kHz too.
func unitOf(s Settings) int { return media.FrameSamples(s.Codec, s.Format.SampleRate) }
