package rtmp

import (
	"fmt"

	"github.com/bluenviron/gortmplib/pkg/message"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// carries reports whether the connection goes on with the packet's track, which is
// not one of its own: pictures of another size, from a key picture on, by the same
// encoder. Sound of another kind, or pictures of another encoder, need another
// connection: servers set up once what they make of them, and FFmpeg's FLV reader does
// not decode what follows without a fault.
func (c *conn) carries(p media.Packet) bool {
	return c.video != nil && p.Key && p.Track.Codec == media.H264 && p.Track.Video != nil &&
		profile(c.video.Video) != 0 && profile(c.video.Video) == profile(p.Track.Video)
}

// profile is profile_idc (ISO/IEC 14496-10 §7.4.2.1.1), 0 where it is not known.
func profile(v *media.VideoParams) byte {
	if v == nil || len(v.SPS) < 2 {
		return 0
	}
	return v.SPS[1]
}

// metadata is the message that tells a server of the tracks.
func (c *conn) metadata(tracks []*media.Track) message.Message {
	return &message.DataAMF0{
		ChunkStreamID: publishChunks, MessageStreamID: wireStream(c.stream),
		Payload: []any{"@setDataFrame", "onMetaData", metadata(tracks, c.agent)},
	}
}

// renew has the connection go on with another video track: it sends the
// metadata anew, and Write the configuration with the key picture. The lock is held.
func (c *conn) renew(t *media.Track) error {
	if _, err := keyConfig(t.Video, nil); err != nil {
		return told{output.WithCause(output.CauseLocal, fmt.Errorf("video track: %w", err))}
	}
	c.video = t
	tracks := []*media.Track{t}
	if c.audio != nil {
		tracks = append(tracks, c.audio)
	}
	// Its time stays 0: FFmpeg takes metadata at any other time for another stream.
	return c.link.out.Write(c.metadata(tracks))
}
