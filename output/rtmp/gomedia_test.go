package rtmp

import (
	"net"
	"os"
	"testing"
	"time"

	"github.com/yapingcat/gomedia/go-codec"
	gomedia "github.com/yapingcat/gomedia/go-rtmp"
)

// gomediaServer is an independent reader of handshake, chunks and FLV tags.
type gomediaServer struct {
	addr string
	done chan map[string][]time.Duration // presentation times, when the publication ends
}

// startGomedia runs gomedia's server, which writes the raw streams to two files.
func startGomedia(t *testing.T, videoFile, audioFile string) *gomediaServer {
	g := &gomediaServer{done: make(chan map[string][]time.Duration, 1)}
	g.addr = serve(t, func(c net.Conn) {
		times := map[string][]time.Duration{}
		// Its AMF decoder panics at the array in an Enhanced RTMP connect: what
		// kills this server takes a connection alone here, and the next one comes
		// without.
		defer func() {
			if recover() == nil {
				g.done <- times
			}
		}()
		h := gomedia.NewRtmpServerHandle()
		h.SetOutput(func(b []byte) error { _, err := c.Write(b); return err })
		h.OnPublish(func(_, _ string) gomedia.StatusCode { return gomedia.NETSTREAM_PUBLISH_START })
		h.OnFrame(func(id codec.CodecID, pts, _ uint32, b []byte) {
			kind, file := "video", videoFile
			if id == codec.CODECID_AUDIO_AAC {
				kind, file = "audio", audioFile
			}
			times[kind] = append(times[kind], time.Duration(pts)*time.Millisecond)
			if err := appendTo(file, b); err != nil {
				t.Error(err)
			}
		})
		buf := make([]byte, 60000)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			if err := h.Input(buf[:n]); err != nil {
				t.Error(err)
				return
			}
		}
	})
	return g
}

func appendTo(file string, b []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(b)
	return err
}
