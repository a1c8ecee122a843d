package audio

import (
	"encoding/binary"

	"github.com/tphakala/go-aac/pcm"
)

// goAAC is tphakala/go-aac.
type goAAC struct {
	cfg pcm.Config
	enc *pcm.FrameEncoder
	buf []byte
}

func newGoAAC(s Settings) (coder, error) {
	cfg := pcm.Config{SampleRate: s.Format.SampleRate, Channels: s.Format.Channels, BitDepth: 16, Bitrate: s.Bitrate}
	enc, err := pcm.NewFrameEncoder(cfg)
	if err != nil {
		return nil, err
	}
	return &goAAC{cfg: cfg, enc: enc}, nil
}

func (g *goAAC) Encode(samples []int16, emit func(au []byte)) error {
	g.buf = g.buf[:0]
	for _, s := range samples {
		g.buf = binary.LittleEndian.AppendUint16(g.buf, uint16(s))
	}
	return g.enc.EncodeInterleaved(g.buf, func(au []byte, _ int) error { emit(au); return nil })
}

func (g *goAAC) Flush(emit func(au []byte)) error {
	return g.enc.Flush(func(au []byte, _ int) error { emit(au); return nil })
}

func (g *goAAC) Reset() error { return g.enc.Reset(g.cfg) }

func (g *goAAC) Delay() int { return g.enc.Delay() }

func (g *goAAC) Close() {}
