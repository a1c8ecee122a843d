package m2m

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
)

// packer makes packets' data of what the driver writes, and keeps the parameter
// sets. It lives as long as the run: a restarted encoder goes on with its track.
type packer struct {
	format media.VideoFormat
	level  uint8 // at least
	strip  bool  // filler data

	norm     *h264.Normalizer
	track    *media.Track // nil before the first parameter sets
	sps, pps []byte       // normalised, as they hold now
	ahead    []byte       // length-prefixed units that came in front of their picture
	spans    []span
}

// span is a NAL unit in a buffer.
type span struct{ from, to int }

// unit is one access unit.
type unit struct {
	data    []byte // media.Packet.Data; nil where there is no picture in it
	idr     bool
	picture bool
}

// pack turns one coded buffer, which is read once, into an access unit.
// Parameter sets are taken to heart and out.
func (p *packer) pack(coded []byte) (unit, error) {
	buf := append([]byte(nil), coded...)
	p.split(buf)
	var u unit
	keep, size, same := p.spans[:0], len(p.ahead), true
	for _, s := range p.spans {
		nal := buf[s.from:s.to:s.to]
		stays, err := p.admit(nal)
		if err != nil {
			return unit{}, err
		}
		if !stays {
			continue
		}
		out, err := p.rewrite(nal)
		if err != nil {
			return unit{}, err
		}
		same = same && &out[0] == &nal[0]
		size += 4 + len(out)
		keep = append(keep, s)
		t := h264.Type(nal)
		u.idr = u.idr || t == h264.TypeIDR
		u.picture = u.picture || t == h264.TypeIDR || t == h264.TypeSlice
	}
	p.spans = keep
	if !u.picture {
		return u, p.setAside(buf)
	}
	if err := p.settle(); err != nil {
		return unit{}, err
	}
	ahead := p.sets(u.idr)
	if same && len(ahead) == 0 && len(p.ahead) == 0 {
		if u.data = inPlace(buf, keep); u.data != nil {
			return u, nil
		}
	}
	u.data = append(append(make([]byte, 0, size+len(ahead)), ahead...), p.ahead...)
	p.ahead = nil
	var err error
	u.data, err = p.append(u.data, buf)
	return u, err
}

// split finds the NAL units of a byte stream, zero bytes behind them left out.
func (p *packer) split(b []byte) {
	start := []byte{0, 0, 1}
	p.spans = p.spans[:0]
	next := bytes.Index(b, start)
	for next >= 0 {
		from := next + len(start)
		to := len(b)
		if next = bytes.Index(b[from:], start); next >= 0 {
			next += from
			to = next
		}
		for to > from && b[to-1] == 0 {
			to--
		}
		if to > from {
			p.spans = append(p.spans, span{from, to})
		}
	}
}

// admit says whether a unit goes into the packet. Parameter sets are kept here.
func (p *packer) admit(nal []byte) (bool, error) {
	switch h264.Type(nal) {
	case 0, h264.TypeAUD, h264.TypeEOSeq, h264.TypeEOS: // the stream goes on after a drain
		return false, nil
	case h264.TypeFiller:
		return !p.strip, nil
	case h264.TypeSPS:
		return false, p.newSPS(nal)
	case h264.TypePPS:
		out, err := p.rewrite(nal)
		if err == nil && !bytes.Equal(out, p.pps) {
			p.pps = bytes.Clone(out)
		}
		return false, err
	}
	return true, nil
}

func (p *packer) rewrite(nal []byte) ([]byte, error) {
	if p.norm == nil {
		return nil, errors.New("the stream begins without parameter sets")
	}
	return p.norm.Rewrite(nal)
}

func (p *packer) newSPS(nal []byte) error {
	s, err := h264.ParseSPS(nal)
	if err != nil {
		return err
	}
	if s.Width != p.format.Width || s.Height != p.format.Height {
		return fmt.Errorf("the stream shows %dx%d instead of %dx%d", s.Width, s.Height, p.format.Width, p.format.Height)
	}
	if p.norm == nil { // a driver without a control for it may need a higher level than we
		p.norm = h264.NewNormalizer(max(p.level, s.Level))
	}
	out, err := p.norm.Rewrite(nal)
	if err == nil && !bytes.Equal(out, p.sps) {
		p.sps = bytes.Clone(out)
	}
	return err
}

// settle makes a track of the sets, or finds that they are still the track's.
func (p *packer) settle() error {
	switch {
	case p.sps == nil || p.pps == nil:
		return errors.New("the stream begins without parameter sets")
	case p.track != nil && h264.SameTrack(p.track.Video, p.sps):
		return nil
	}
	f := p.format
	p.track = &media.Track{Codec: media.H264, Video: &media.VideoParams{
		Width: f.Width, Height: f.Height, FrameRate: f.FrameRate, Color: f.Color, SPS: p.sps, PPS: p.pps,
	}}
	return nil
}

// sets are the parameter sets that go in front of a key picture: those that are
// not the track's.
func (p *packer) sets(idr bool) []byte {
	v := p.track.Video
	if !idr || bytes.Equal(p.sps, v.SPS) && bytes.Equal(p.pps, v.PPS) {
		return nil
	}
	return h264.AppendUnit(h264.AppendUnit(nil, p.sps), p.pps)
}

// setAside keeps what came without a picture for the picture.
func (p *packer) setAside(buf []byte) error {
	const most = 64 << 10
	var err error
	if p.ahead, err = p.append(p.ahead, buf); len(p.ahead) > most {
		p.ahead = nil
	}
	return err
}

// append appends the kept units, rewritten, behind their lengths.
func (p *packer) append(dst, buf []byte) ([]byte, error) {
	for _, s := range p.spans {
		out, err := p.rewrite(buf[s.from:s.to:s.to])
		if err != nil {
			return nil, err
		}
		dst = h264.AppendUnit(dst, out)
	}
	return dst, nil
}

// inPlace puts lengths where the start codes are and closes the gaps. It is nil,
// and buf as it was, when there is no room: three-byte start codes.
func inPlace(buf []byte, keep []span) []byte {
	const length = 4
	at := keep[0].from - length
	for w, rest := at, keep; len(rest) > 0; rest = rest[1:] {
		if w < 0 || w+length > rest[0].from {
			return nil
		}
		w += length + rest[0].to - rest[0].from
	}
	w := at
	for _, s := range keep {
		binary.BigEndian.PutUint32(buf[w:], uint32(s.to-s.from))
		w += length
		w += copy(buf[w:], buf[s.from:s.to])
	}
	return buf[at:w:w]
}
