// Package rtmp publishes a programme to an RTMP or RTMPS server (RTMP 1.0 with
// FLV payloads: H.264 and AAC), as streaming platforms and media servers take
// it.
//
// # Enhanced RTMP
//
// connect says that this is an Enhanced RTMP v2 client, which knows avc1 and
// mp4a and reconnects when a server asks (capsEx, fourCcList, the FourCC maps).
// H.264 and AAC keep the classic tags with every server: the standard leaves
// these valid beside the FourCC ones, a server has no way in its answer to ask
// for the others, and servers that offer Enhanced RTMP are the smaller part.
// What the answer says is logged. A reconnect request is followed whether or not
// the server has announced that it sends any.
//
// # Another size
//
// Pictures of another size go on in the same connection: new metadata and a new
// decoder configuration before their first key picture, as FLV has it. nginx-rtmp,
// lal and node-media-server record and hand on both.
package rtmp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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
	agent  string

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

var _ output.PathConn = (*conn)(nil)

// Dial connects, publishes under the key of the URL, and sends the metadata and
// the decoder configuration of the tracks. A server that asks for a user name
// and password gets the URL's; one that hangs up at the words of Enhanced RTMP is
// asked again without.
func Dial(ctx context.Context, t output.Target, tracks []*media.Track) (output.Conn, error) {
	a, err := parse(t.URL)
	if err != nil {
		return nil, output.WithCause(output.CauseLocal, err)
	}
	var o opening
	for round := 0; round < maxAuthRounds; {
		c, err := attempt(ctx, t, a, o, tracks)
		if err == nil {
			return c, nil
		}
		asked, isChallenge := asChallenge(err)
		switch {
		case isChallenge:
			if o.auth, err = asked.answer(a); err != nil {
				return nil, err
			}
			round++
		case errors.Is(err, errAtConnect) && !o.classic:
			o.classic = true
		default:
			return nil, err
		}
	}
	return nil, output.WithCause(output.CauseAuth, fmt.Errorf("%w: %s asks for the user name and password again and again", output.ErrRejected, a.dial))
}

// attempt makes one connection. Its error may be a *challenge.
func attempt(ctx context.Context, t output.Target, a address, o opening, tracks []*media.Track) (output.Conn, error) {
	l, err := dial(ctx, a, t)
	if err != nil {
		if ctx.Err() != nil {
			return nil, cutShort(ctx, a)
		}
		return nil, explain(a, err)
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
	c := &conn{link: l, log: t.Log, agent: t.Agent}
	c.chunks[media.Video] = chunkWriter{stream: videoChunks, typ: typeVideo}
	c.chunks[media.Audio] = chunkWriter{stream: audioChunks, typ: typeAudio}
	c.stream, err = l.publish(t.Agent, o)
	if err == nil {
		c.reader.Go(c.listen)
		if err = c.open(tracks); err != nil {
			err = c.reason(explain(a, err))
		}
	}
	done()
	watcher.Wait()
	switch {
	case ctx.Err() != nil:
		err = cutShort(ctx, a) // the closed socket is only how ctx cut in
	case err != nil:
		if _, isChallenge := asChallenge(err); !isChallenge {
			err = explain(a, err)
		}
	}
	if err != nil {
		_ = l.sock.Close()
		c.reader.Wait()
		return nil, err
	}
	return c, nil
}

// open sends what goes before the first packet.
func (c *conn) open(tracks []*media.Track) error {
	err := c.link.send(c.metadata(tracks))
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
				return told{output.WithCause(output.CauseLocal, fmt.Errorf("video track: %w", err))}
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
			return told{output.WithCause(output.CauseLocal, fmt.Errorf("RTMP does not carry %v", t.Codec))}
		}
	}
	return nil
}

// Write sends one packet in one system call (RTMPS: in as many as it has TLS
// records). It blocks while the server takes data, however slowly. Another track of
// H.264 goes on in the connection, with a key picture.
func (c *conn) Write(p media.Packet) error {
	if ended := c.ended.Load(); ended != nil {
		return *ended
	}
	if p.Track != c.video && p.Track != c.audio && !c.carries(p) {
		return output.ErrTrackChanged
	}
	c.link.lock(0)
	err := c.write(p)
	c.link.unlock()
	if err == nil {
		return nil
	}
	return c.reason(explain(c.link.addr, err))
}

// reason is why a Write failed: the server's words, which may still be on their
// way to the listener when the socket already takes nothing more, or err.
func (c *conn) reason(err error) error {
	if c.ended.Load() == nil && !errors.Is(err, output.ErrStalled) {
		_ = c.link.sock.SetReadDeadline(time.Now().Add(closeTime))
		c.reader.Wait()
	}
	ended := c.ended.Load()
	switch {
	case ended == nil, errors.Is(*ended, os.ErrDeadlineExceeded):
		return err
	case errors.Is(*ended, errWordless) && errors.Is(err, syscall.ECONNRESET):
		return explain(c.link.addr, c.link.gone(streaming, err)) // the kernel tells of a reset once: the listener saw a mere end
	}
	return *ended
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
	if p.Track != c.video {
		if err := c.renew(p.Track); err != nil {
			return err
		}
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
	defer c.link.sock.Close()
	for {
		name, _, args, err := c.link.receive()
		if err != nil {
			err = explain(c.link.addr, c.link.gone(streaming, err))
			c.ended.CompareAndSwap(nil, &err)
			return
		}
		if !isStatus(name) {
			continue
		}
		switch code := field(args, "code"); {
		case code == reconnectRequest:
			// The connection still works: Close can unpublish.
			err = c.link.reconnect(args)
			c.ended.CompareAndSwap(nil, &err)
		case level(args) == "error", strings.HasPrefix(code, "NetStream.Unpublish."):
			err = c.link.refusal(streaming, args)
			if c.ended.CompareAndSwap(nil, &err) {
				return
			}
		}
	}
}

// Stats of the connection. What TLS adds is in BytesSent. Outstanding is what
// the kernel still has, or what the server's own acknowledgements lack if that
// is more: data that got stuck behind the end of the TCP connection.
func (c *conn) Stats() output.ConnStats {
	st := c.link.sock.Stats()
	st.Outstanding = max(st.Outstanding, c.link.acks.outstanding(c.link.sent()))
	return st
}

// Path implements output.PathConn, by what the kernel knows. The server's own
// acknowledgements come once a window of megabytes.
func (c *conn) Path() (output.Path, bool) { return c.link.sock.Path() }

// Pace implements output.PathConn.
func (c *conn) Pace(bitrate int) error { return c.link.sock.Pace(bitrate) }

// Written is Path's, of writes that have ended.
func (c *conn) Written() uint64 { return c.link.sock.Written() }

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
		if l.out.Write(m) != nil {
			return
		}
	}
	if l.tls != nil {
		_ = l.tls.CloseWrite() // the alert only, so:
	}
	_ = l.sock.CloseWrite()
}
