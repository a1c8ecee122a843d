// Package rtmp publishes a programme to an RTMP or RTMPS server (RTMP 1.0 with
// FLV payloads: H.264 and AAC), as streaming platforms and media servers take
// it.
package rtmp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortmplib/pkg/message"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// Kind is RTMP over TCP.
var Kind = output.Kind{
	Name: "rtmp", Title: "RTMP publish", Direction: output.Push,
	Schemes: []string{"rtmp"}, Transports: []string{"tcp"},
	Codecs: []media.Codec{media.H264, media.AAC},
	Check:  Check, Dial: Dial,
}

// KindTLS is RTMP over TLS.
var KindTLS = output.Kind{
	Name: "rtmps", Title: "RTMP publish over TLS", Direction: output.Push,
	Schemes: []string{"rtmps"}, Transports: []string{"tls"},
	Codecs: []media.Codec{media.H264, media.AAC},
	Check:  Check, Dial: Dial,
}

// closeTime bounds each of the two steps of an orderly end.
const closeTime = 300 * time.Millisecond

// conn is one publication.
type conn struct {
	link   *link
	log    *slog.Logger
	stream uint32 // message stream

	// Written by Write's goroutine alone:
	video, audio *media.Track
	config       []byte // the AVC configuration last sent
	started      bool
	base         time.Duration // DTS that is timestamp 0
	chunks       [media.Audio + 1]chunkWriter
	tag          [5]byte

	ended  atomic.Pointer[error] // why the server's side has ended
	reader sync.WaitGroup
	close  sync.Once
}

var _ output.Conn = (*conn)(nil)

// Dial connects, publishes under the key of the URL, and sends the metadata and
// the decoder configuration of the tracks.
func Dial(ctx context.Context, t output.Target, tracks []*media.Track) (output.Conn, error) {
	a, err := parse(t.URL)
	if err != nil {
		return nil, err
	}
	l, err := dial(ctx, a, t)
	if err != nil {
		return nil, explain(ctx, a, err)
	}
	// The opening has no deadlines of its own: the end of ctx cuts it.
	watch, done := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() {
		<-watch.Done()
		if ctx.Err() != nil {
			_ = l.sock.Close()
		}
	})
	c := &conn{link: l, log: t.Log}
	c.chunks[media.Video] = chunkWriter{stream: videoChunks, typ: typeVideo}
	c.chunks[media.Audio] = chunkWriter{stream: audioChunks, typ: typeAudio}
	c.stream, err = l.publish(t.Agent)
	if err == nil {
		err = c.open(tracks, t.Agent)
	}
	done()
	watcher.Wait()
	if err == nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = l.sock.Close()
		return nil, explain(ctx, a, err)
	}
	c.reader.Go(c.listen)
	return c, nil
}

// explain puts an error in words, unless it is in words already.
func explain(ctx context.Context, a address, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause // the closed socket is only how ctx cut in
	}
	if errors.Is(err, output.ErrRejected) || errors.Is(err, output.ErrStalled) {
		return err
	}
	return output.NetworkError(a.dial, err)
}

// open sends what goes before the first packet.
func (c *conn) open(tracks []*media.Track, agent string) error {
	err := c.link.send(&message.DataAMF0{
		ChunkStreamID: publishChunks, MessageStreamID: wireStream(c.stream),
		Payload: []any{"@setDataFrame", "onMetaData", metadata(tracks, agent)},
	})
	if err != nil {
		return err
	}
	c.link.lock(0)
	defer c.link.unlock()
	for _, t := range tracks {
		switch t.Codec {
		case media.H264:
			c.video = t
			config, err := keyConfig(t.Video, nil)
			if err != nil {
				return fmt.Errorf("video track: %w", err)
			}
			if err := c.sendConfig(0, config); err != nil {
				return err
			}
		case media.AAC:
			c.audio = t
			if err := c.sendMedia(media.Audio, 0, []byte{flvAAC, flvConfig}, t.Audio.Config); err != nil {
				return err
			}
		default:
			return fmt.Errorf("RTMP does not carry %v", t.Codec)
		}
	}
	return nil
}

// Write sends one packet in one system call (RTMPS: in as many as it has TLS
// records). It blocks while the server takes data, however slowly.
func (c *conn) Write(p media.Packet) error {
	if p.Track != c.video && p.Track != c.audio {
		return output.ErrTrackChanged
	}
	c.link.lock(0)
	defer c.link.unlock()
	err := c.write(p)
	if err == nil {
		return nil
	}
	// The listener knows the better reason, if the server has ended it.
	if ended := c.ended.Load(); ended != nil {
		return *ended
	}
	return explain(context.Background(), c.link.addr, err)
}

func (c *conn) write(p media.Packet) error {
	if !c.started {
		c.started, c.base = true, p.DTS
	}
	if p.DTS < c.base {
		return nil // sound from before the first picture
	}
	// Both are rounded from the beginning, so that no error adds up.
	dts, pts := media.ToTimescale(p.DTS-c.base, 1000), media.ToTimescale(p.PTS-c.base, 1000)
	if p.Track == c.audio {
		return c.sendMedia(media.Audio, uint32(dts), append(c.tag[:0], flvAAC, flvFrame), p.Data)
	}
	if p.Key {
		if err := c.refreshConfig(p, uint32(dts)); err != nil {
			return err
		}
	}
	return c.sendMedia(media.Video, uint32(dts), videoTag(c.tag[:0], p.Key, int32(pts-dts)), p.Data)
}

// refreshConfig sends the decoder configuration anew when a key picture needs
// another than was last sent. The picture keeps its parameter sets too: readers
// that follow only one of the two ways still decode.
func (c *conn) refreshConfig(p media.Packet, timestamp uint32) error {
	config, err := keyConfig(p.Track.Video, p.Data)
	if err != nil {
		c.log.Debug("parameter sets in band not understood", "error", err)
		return nil
	}
	if string(config) == string(c.config) {
		return nil
	}
	return c.sendConfig(timestamp, config)
}

func (c *conn) sendConfig(timestamp uint32, config []byte) error {
	c.config = config
	return c.sendMedia(media.Video, timestamp, []byte{flvKey, flvConfig, 0, 0, 0}, config)
}

func (c *conn) sendMedia(kind media.Kind, timestamp uint32, tag, data []byte) error {
	return c.link.sendMedia(c.chunks[kind].message(c.stream, timestamp, tag, data))
}

// listen reads what the server says until the connection ends. An end by the
// server is noted and makes Write fail at once.
func (c *conn) listen() {
	err := c.listenUntilEnd()
	c.ended.CompareAndSwap(nil, &err)
	_ = c.link.sock.Close()
}

func (c *conn) listenUntilEnd() error {
	var last string
	for {
		name, _, args, err := c.link.receive()
		switch {
		case err != nil && last != "" && errors.Is(err, io.EOF):
			return fmt.Errorf("%s closed the connection (%s)", c.link.addr.dial, last)
		case err != nil:
			return explain(context.Background(), c.link.addr, err)
		case name == "onStatus" && level(args) == "error":
			return c.link.refusal("stream", args)
		case name == "onStatus":
			last = c.link.clean(field(args, "code") + " " + field(args, "description"))
		}
	}
}

// Stats of the connection. What TLS adds is in BytesSent.
func (c *conn) Stats() output.ConnStats {
	rtt, retransmitted, outstanding := c.link.sock.tcpStats()
	return output.ConnStats{
		BytesSent: c.link.sock.sent.Load(), RTT: rtt,
		Retransmitted: retransmitted, Outstanding: outstanding,
	}
}

// Close unpublishes where the server still takes data, waits shortly for it to
// close its side, and frees everything. It makes a blocked Write return.
func (c *conn) Close() error {
	c.close.Do(func() {
		err := fmt.Errorf("connection to %s: %w", c.link.addr.dial, net.ErrClosed)
		c.ended.CompareAndSwap(nil, &err)
		c.link.sock.limit.Store(int64(closeTime))
		if c.link.lock(closeTime) {
			c.unpublish()
			c.link.unlock()
			_ = c.link.sock.SetReadDeadline(time.Now().Add(closeTime))
		} else {
			_ = c.link.sock.Close() // a Write is stuck, and the listener may wait for it
		}
		c.reader.Wait()
		_ = c.link.sock.Close()
	})
	return nil
}

func (c *conn) unpublish() {
	l := c.link
	for _, m := range []message.Message{
		l.command(commandChunks, 0, "FCUnpublish", 6, nil, l.addr.key),
		l.command(commandChunks, 0, "deleteStream", 7, nil, float64(c.stream)),
	} {
		if l.control.Write(m) != nil {
			return
		}
	}
	type halfCloser interface{ CloseWrite() error }
	if h, ok := l.rw.(halfCloser); ok {
		_ = h.CloseWrite() // TLS: the alert only, so:
	}
	_ = l.sock.CloseWrite()
}
