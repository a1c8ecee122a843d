package rtsp

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpmpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/pion/rtp"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
	"github.com/encoderbox/encoderbox/output"
)

const (
	videoType = 96 // payload types, dynamic (RFC 3551 §3)
	audioType = 97
	// maxPayload leaves room for the headers of IPv6 and of a tunnel.
	maxPayload = 1360
)

// packer makes RTP packets of one track.
type packer struct {
	track  *media.Track
	media  *description.Media
	format format.Format
	encode func(media.Packet) ([]*rtp.Packet, error)
	first  uint32 // RTP time of the beginning, random (RFC 3550 §5.1)
}

func newPacker(t *media.Track) (*packer, error) {
	p := &packer{track: t}
	var random [4]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, fmt.Errorf("rtsp: draw a timestamp: %w", err)
	}
	p.first = binary.BigEndian.Uint32(random[:])
	var err error
	switch t.Codec {
	case media.H264:
		err = p.h264()
	case media.AAC:
		err = p.aac()
	default:
		err = fmt.Errorf("RTSP is not given %v", t.Codec)
	}
	if err != nil {
		return nil, output.WithCause(output.CauseLocal, fmt.Errorf("%v track: %w", t.Kind(), err))
	}
	return p, nil
}

func (p *packer) h264() error {
	v := p.track.Video
	f := &format.H264{PayloadTyp: videoType, SPS: v.SPS, PPS: v.PPS, PacketizationMode: 1}
	p.format, p.media = f, &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{f}}
	enc := &rtph264.Encoder{PayloadType: videoType, PayloadMaxSize: maxPayload, PacketizationMode: 1}
	if err := enc.Init(); err != nil {
		return err
	}
	p.encode = func(pkt media.Packet) ([]*rtp.Packet, error) {
		var units [][]byte
		all := h264.Units(pkt.Data)
		if pkt.Key {
			all = h264.InBand(v, pkt.Data)
		}
		for nal := range all {
			if len(nal) > 0 {
				units = append(units, nal)
			}
		}
		if len(units) == 0 {
			return nil, nil
		}
		return enc.Encode(units)
	}
	return nil
}

func (p *packer) aac() error {
	config := &mpeg4audio.AudioSpecificConfig{}
	if err := config.Unmarshal(p.track.Audio.Config); err != nil {
		return fmt.Errorf("AudioSpecificConfig: %w", err)
	}
	f := &format.MPEG4Audio{
		PayloadTyp: audioType, ProfileLevelID: 1, Config: config, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3,
	}
	p.format, p.media = f, &description.Media{Type: description.MediaTypeAudio, Formats: []format.Format{f}}
	enc := &rtpmpeg4audio.Encoder{
		PayloadType: audioType, PayloadMaxSize: maxPayload, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3,
	}
	if err := enc.Init(); err != nil {
		return err
	}
	p.encode = func(pkt media.Packet) ([]*rtp.Packet, error) {
		if len(pkt.Data) == 0 {
			return nil, nil
		}
		return enc.Encode([][]byte{pkt.Data})
	}
	return nil
}

// timestamp is the RTP time of a time since the beginning. It is rounded from
// there, so that no error adds up.
func (p *packer) timestamp(since time.Duration) uint32 {
	return p.first + uint32(media.ToTimescale(since, p.format.ClockRate()))
}
