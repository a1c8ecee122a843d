package rtmp

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/handshake"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"

	"github.com/encoderbox/encoderbox/output"
)

// link is an RTMP connection below the publication: the socket, the chunk
// layer both ways, and control messages.
//
// gortmplib's own Client is not used: it answers pings and acknowledges from
// whichever goroutine reads, through the writer that another goroutine sends
// media by, without a lock; it knows a refusal only as printed text; and it
// copies every picture three times. Its handshake, AMF and message layers are.
type link struct {
	addr address
	sock *socket
	rw   io.ReadWriter // sock, or TLS above it

	writing chan struct{} // a lock one can wait for with a timeout; guards the two below
	control *message.Writer
	scratch []byte // one TLS record run

	in *rawmessage.Reader
}

// maxControl bounds messages from the server that are decoded at all: AMF is
// recursive, and no server has that much to say to a publisher.
const maxControl = 64 << 10

const ackWindow = 2_500_000

func dial(ctx context.Context, a address, t output.Target) (*link, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", a.dial)
	if err != nil {
		return nil, err
	}
	l := &link{addr: a, sock: newSocket(c.(*net.TCPConn), t.WriteTimeout), writing: make(chan struct{}, 1)}
	l.rw = l.sock
	if a.tls {
		config := &tls.Config{}
		if t.TLS != nil {
			config = t.TLS.Clone()
		}
		if config.ServerName == "" {
			config.ServerName = a.host
		}
		config.DynamicRecordSizingDisabled = true // latency is the picture's, not the record's
		client := tls.Client(l.sock, config)
		if err := client.HandshakeContext(ctx); err != nil {
			_ = l.sock.Close()
			return nil, err
		}
		l.rw = client
	}
	counted := bytecounter.NewReader(l.rw)
	l.in = rawmessage.NewReader(counted, counted, func(n uint32) error {
		return l.send(&message.Acknowledge{Value: n})
	})
	l.control = message.NewWriter(l.rw, bytecounter.NewWriter(l.rw), false)
	return l, nil
}

// lock waits for the right to write, forever when patience is 0.
func (l *link) lock(patience time.Duration) bool {
	if patience == 0 {
		l.writing <- struct{}{}
		return true
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case l.writing <- struct{}{}:
		return true
	case <-timer.C:
		return false
	}
}

func (l *link) unlock() { <-l.writing }

// send writes one control or command message.
func (l *link) send(m message.Message) error {
	l.lock(0)
	defer l.unlock()
	return l.control.Write(m)
}

// sendMedia writes the chunks of one message. The lock is held.
func (l *link) sendMedia(chunks *net.Buffers) error {
	if !l.addr.tls {
		return l.sock.WriteBuffers(chunks)
	}
	l.scratch = l.scratch[:0]
	for _, b := range *chunks {
		l.scratch = append(l.scratch, b...)
	}
	_, err := l.rw.Write(l.scratch)
	return err
}

// receive returns the next command from the server. What keeps the connection
// alive is answered on the way; what is of no concern to a publisher is passed
// over, also when it is not understood. Errors are of the connection.
func (l *link) receive() (name string, id int, args amf0.Data, err error) {
	for {
		m, err := l.in.Read()
		if err != nil {
			return "", 0, nil, foreign(err)
		}
		switch message.Type(m.Type) {
		case message.TypeSetChunkSize:
			if len(m.Body) < 4 {
				continue
			}
			if err := l.in.SetChunkSize(binary.BigEndian.Uint32(m.Body) &^ (1 << 31)); err != nil {
				return "", 0, nil, err
			}
		case message.TypeSetWindowAckSize:
			if len(m.Body) >= 4 {
				l.in.SetWindowAckSize(binary.BigEndian.Uint32(m.Body))
			}
		case message.TypeUserControl:
			if err := l.answer(m.Body); err != nil {
				return "", 0, nil, err
			}
		case message.TypeCommandAMF0:
			if name, id, args, ok := command(m.Body); ok {
				return name, id, args, nil
			}
		}
	}
}

func (l *link) answer(event []byte) error {
	if len(event) < 6 || message.UserControlType(binary.BigEndian.Uint16(event)) != message.UserControlTypePingRequest {
		return nil
	}
	return l.send(&message.UserControlPingResponse{ServerTime: binary.BigEndian.Uint32(event[2:])})
}

// command decodes an AMF0 command; ok is false for what is none.
func command(body []byte) (name string, id int, args amf0.Data, ok bool) {
	if len(body) > maxControl {
		return "", 0, nil, false
	}
	all, err := amf0.Unmarshal(body)
	if err != nil || len(all) < 2 {
		return "", 0, nil, false
	}
	name, isString := all[0].(string)
	number, isNumber := all[1].(float64)
	return name, int(number), all[2:], isString && isNumber
}

// publish does the protocol's opening up to the accepted publication and
// returns the id of its message stream.
func (l *link) publish(agent string) (stream uint32, err error) {
	if _, _, err := handshake.DoClient(l.rw, false, false); err != nil {
		return 0, foreign(err)
	}
	version := "FMLE/3.0 (compatible; " + strings.ReplaceAll(agent, " ", "/") + ")"
	err = l.sendAll(
		&message.SetWindowAckSize{Value: ackWindow},
		&message.SetChunkSize{Value: chunkSize},
		l.command(commandChunks, 0, "connect", 1, amf0.Object{
			{Key: "app", Value: l.addr.app},
			{Key: "type", Value: "nonprivate"},
			{Key: "flashVer", Value: version},
			{Key: "tcUrl", Value: l.addr.tcURL},
		}))
	if err != nil {
		return 0, err
	}
	if _, err = l.result(1, "connection"); err != nil {
		return 0, err
	}
	err = l.sendAll(
		l.command(commandChunks, 0, "releaseStream", 2, nil, l.addr.key),
		l.command(commandChunks, 0, "FCPublish", 3, nil, l.addr.key),
		l.command(commandChunks, 0, "createStream", 4, nil))
	if err != nil {
		return 0, err
	}
	args, err := l.result(4, "stream")
	if err != nil {
		return 0, err
	}
	if len(args) < 2 {
		return 0, errors.New("the server created no stream: is it an RTMP server?")
	}
	number, ok := args[1].(float64)
	if !ok || number < 0 || number > 1<<31 {
		return 0, errors.New("the server created no stream: is it an RTMP server?")
	}
	stream = uint32(number)
	if err = l.send(l.command(publishChunks, stream, "publish", 5, nil, l.addr.key, "live")); err != nil {
		return 0, err
	}
	return stream, l.published()
}

func (l *link) sendAll(ms ...message.Message) error {
	for _, m := range ms {
		if err := l.send(m); err != nil {
			return err
		}
	}
	return nil
}

// command makes a command message; streams are little-endian on the wire, and
// the library takes the id as the wire has it.
func (l *link) command(chunks byte, stream uint32, name string, id int, args ...any) *message.CommandAMF0 {
	return &message.CommandAMF0{
		ChunkStreamID: chunks, MessageStreamID: wireStream(stream), Name: name, CommandID: id, Arguments: args,
	}
}

func wireStream(id uint32) uint32 {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], id)
	return binary.BigEndian.Uint32(b[:])
}

// result waits for the answer to a command.
func (l *link) result(id int, what string) (amf0.Data, error) {
	for {
		name, gotID, args, err := l.receive()
		switch {
		case err != nil:
			return nil, err
		case name == "onStatus" && level(args) == "error":
			return nil, l.refusal(what, args)
		case gotID != id:
			continue
		case name == "_result":
			return args, nil
		case name == "_error":
			return nil, l.refusal(what, args)
		}
	}
}

// published waits for the answer to publish, which comes with any id.
func (l *link) published() error {
	for {
		name, id, args, err := l.receive()
		switch {
		case errors.Is(err, io.EOF):
			return errors.New("the server closed the connection instead of accepting the stream: is the stream key right?")
		case err != nil:
			return err
		case name == "_error" && id == 5, name == "onStatus" && level(args) != "status":
			return l.refusal("stream", args)
		case name == "onStatus" && strings.HasPrefix(field(args, "code"), "NetStream.Publish."):
			return nil
		}
	}
}

// refusal is ErrRejected with the server's own words, without the key if it
// repeats it.
func (l *link) refusal(what string, args amf0.Data) error {
	code, reason := l.clean(field(args, "code")), l.clean(field(args, "description"))
	said := strings.TrimSpace(code + " " + reason)
	if said == "" {
		said = "no reason given"
	}
	hint := "is the URL right?"
	switch {
	case strings.Contains(code, "BadName"):
		hint = "is another encoder publishing under this key, or is the key wrong?"
	case strings.Contains(said, "authmod="):
		hint = "the server asks for a user name and password, which is not supported"
	case what == "connection":
		hint = fmt.Sprintf("does the server have the application %q?", l.addr.app)
	}
	return fmt.Errorf("%w: %s refused the %s (%s): %s", output.ErrRejected, l.addr.dial, what, said, hint)
}

func (l *link) clean(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	s = strings.ReplaceAll(s, l.addr.key, "***")
	if name, _, found := strings.Cut(l.addr.key, "?"); found && name != "" {
		s = strings.ReplaceAll(s, name, "***")
	}
	return s[:min(len(s), 200)]
}

// foreign adds what it means when bytes that arrive make no sense.
func foreign(err error) error {
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return fmt.Errorf("what answers there does not speak RTMP: is the port right? (%w)", err)
}

func level(args amf0.Data) string { return field(args, "level") }

// field finds a string in the information object of a command.
func field(args amf0.Data, key string) string {
	for _, a := range args {
		var o amf0.Object
		switch a := a.(type) {
		case amf0.Object:
			o = a
		case amf0.ECMAArray:
			o = amf0.Object(a)
		default:
			continue
		}
		if s, ok := o.GetString(key); ok {
			return s
		}
	}
	return ""
}
