// Package aac reads and writes what surrounds AAC access units: the
// AudioSpecificConfig of ISO/IEC 14496-3, ADTS headers, codec strings, and
// access units of silence. It keeps no state and does no I/O.
package aac

import (
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/encoderbox/encoderbox/media"
)

// ObjectType is an audio object type, ISO/IEC 14496-3 table 1.17.
type ObjectType uint8

// The object types that can be told apart here. With SBR and PS the access
// units are AAC-LC all the same; a decoder without SBR plays half the band.
const (
	LC  ObjectType = 2
	SBR ObjectType = 5  // HE-AAC
	PS  ObjectType = 29 // HE-AAC v2
)

// Config is an AudioSpecificConfig with 1024 samples a frame and one of the
// channel configurations 1 to 7. It is comparable.
type Config struct {
	ObjectType ObjectType
	// SampleRate is that of the AAC-LC core in Hz: an access unit lasts 1024
	// samples of it.
	SampleRate int
	Channels   int // coded ones: 1 to 6, or 8
	// ExtensionRate is the rate after SBR in Hz; 0 without SBR.
	ExtensionRate int
}

// New is the AAC-LC Config of a rate and channel count.
func New(rate, channels int) Config {
	return Config{ObjectType: LC, SampleRate: rate, Channels: channels}
}

// rates are the sampling frequencies by index, table 1.18.
var rates = [...]int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}

// rateIndex is the sampling_frequency_index, -1 for a rate that has none.
func rateIndex(rate int) int {
	for i, r := range rates {
		if r == rate {
			return i
		}
	}
	return -1
}

// channelConfiguration is that of table 1.19, 0 for a count that has none.
func channelConfiguration(channels int) int {
	switch {
	case channels >= 1 && channels <= 6:
		return channels
	case channels == 8:
		return 7
	}
	return 0
}

// maxRate is the highest rate an explicit 24-bit frequency may give here.
const maxRate = 96000

// Validate says what of c cannot be written.
func (c Config) Validate() error {
	sbr := c.ObjectType == SBR || c.ObjectType == PS
	switch {
	case c.ObjectType != LC && !sbr:
		return fmt.Errorf("aac: object type %d is not supported; use AAC-LC", c.ObjectType)
	case c.SampleRate < 1 || c.SampleRate > maxRate:
		return fmt.Errorf("aac: sample rate %d Hz is not within 1 to %d", c.SampleRate, maxRate)
	case channelConfiguration(c.Channels) == 0:
		return fmt.Errorf("aac: %d channels are not supported", c.Channels)
	case !sbr && c.ExtensionRate != 0:
		return errors.New("aac: an extension rate needs object type SBR or PS")
	case sbr && (c.ExtensionRate < 1 || c.ExtensionRate > maxRate):
		return fmt.Errorf("aac: extension rate %d Hz is not within 1 to %d", c.ExtensionRate, maxRate)
	}
	return nil
}

// Marshal is the AudioSpecificConfig, with SBR signalled explicitly; nil for a
// Config that is not valid.
func (c Config) Marshal() []byte {
	if c.Validate() != nil {
		return nil
	}
	a := mpeg4audio.AudioSpecificConfig{
		Type:          mpeg4audio.ObjectTypeAACLC,
		SampleRate:    c.SampleRate,
		ChannelConfig: uint8(channelConfiguration(c.Channels)),
	}
	if c.ObjectType != LC {
		a.ExtensionType, a.ExtensionSampleRate = mpeg4audio.ObjectType(c.ObjectType), c.ExtensionRate
	}
	b, err := a.Marshal()
	if err != nil {
		return nil
	}
	return b
}

// ParseConfig reads an AudioSpecificConfig. SBR and PS that are signalled
// explicitly show as object type; signalled in the backward-compatible way they
// show as the AAC-LC that they extend. What the product cannot carry is refused:
// other object types, 960-sample frames, channel layouts in a program config
// element.
func ParseConfig(b []byte) (Config, error) {
	var a mpeg4audio.AudioSpecificConfig
	if err := a.Unmarshal(b); err != nil {
		return Config{}, fmt.Errorf("aac: parse AudioSpecificConfig: %w", err)
	}
	switch {
	case a.FrameLengthFlag:
		return Config{}, errors.New("aac: frames of 960 samples are not supported")
	case a.DependsOnCoreCoder:
		return Config{}, errors.New("aac: a stream that depends on a core coder is not supported")
	case a.ChannelConfig == 0:
		return Config{}, errors.New("aac: channel layout in a program config element is not supported; use channel configuration 1 to 7")
	}
	channels := int(a.ChannelConfig)
	if channels == 7 {
		channels = 8 // ISO/IEC 14496-3 table 1.19: 7.1
	}
	c := Config{ObjectType: LC, SampleRate: a.SampleRate, Channels: channels}
	if a.ExtensionType != 0 {
		c.ObjectType, c.ExtensionRate = ObjectType(a.ExtensionType), a.ExtensionSampleRate
	}
	if err := c.Validate(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// Track is an AAC-LC track of a rate and channel count; Audio.Config is nil
// when there is no such AAC (see New(rate, channels).Validate).
func Track(rate, channels int) *media.Track {
	return TrackOf(New(rate, channels))
}

// TrackOf is the track of a Config.
func TrackOf(c Config) *media.Track {
	return &media.Track{Codec: media.AAC, Audio: &media.AudioParams{
		SampleRate: c.SampleRate,
		Channels:   c.Channels,
		Config:     c.Marshal(),
	}}
}

// CodecString is the codecs parameter of RFC 6381 §3.3 for an
// AudioSpecificConfig, such as "mp4a.40.2"; "mp4a.40" when config is empty.
func CodecString(config []byte) string {
	if len(config) == 0 {
		return "mp4a.40"
	}
	t := int(config[0] >> 3)
	if t == 31 && len(config) > 1 { // escape: six more bits
		t = 32 + int(config[0]&7)<<3 + int(config[1]>>5)
	}
	return fmt.Sprintf("mp4a.40.%d", t)
}
