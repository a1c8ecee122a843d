package device

import (
	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/programme"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/kinds"
)

// wantedSound says in which codecs, beside its own AAC, the enabled destinations of
// a stream want its sound: the one that each would rather have than any other, at
// the highest bit rate of those that share it.
func wantedSound(sc config.Stream) (s programme.Sound) {
	for name, dc := range sc.Destinations {
		if !dc.Enabled {
			continue
		}
		bits := int(dc.AudioRate)
		switch preferredSound(name, dc) {
		case media.Opus:
			s.Opus = max(s.Opus, bits)
		case media.MP3:
			s.MP3 = max(s.MP3, bits)
		}
	}
	return s
}

// preferredSound is 0 where a destination takes what the stream has, and where its
// kind cannot tell: that is reported when it is dialled.
func preferredSound(name string, dc config.Destination) media.Codec {
	kind, ok := kinds.ForScheme(dc.URL.Scheme())
	if !ok || kind.Takes == nil {
		return 0
	}
	t, err := target(name, dc, kind)
	if err != nil {
		return 0
	}
	for _, c := range kind.Takes(t) {
		if c.Kind() == media.Audio {
			return c
		}
	}
	return 0
}
