package rtmp

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/message"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/tcpinfo"
)

// link is an RTMP connection below the publication: the socket, the chunk
// layer both ways, and control messages.
//
// gortmplib's own Client is not used: it answers pings and acknowledges from
// whichever goroutine reads, through the writer that another goroutine sends
// media by, without a lock; it knows a refusal only as printed text; and it
// copies every picture three times. Its handshake, AMF encoder and message layer
// for sending are.
type link struct {
	addr address
	sock *socket
	rw   io.ReadWriter // sock, or TLS above it
	tls  *tally        // nil without TLS
	log  *slog.Logger
	acks acknowledgements

	writing chan struct{} // a lock one can wait for with a timeout; guards the two below
	out     *message.Writer
	scratch []byte // one TLS record run

	// Of the goroutine that reads:
	in    *messageReader
	heard string // what the server said last of what it does to us
	since time.Time
}

// youth is how long after the start of a publication its end by the server is
// taken for an answer to it.
const youth = 10 * time.Second

// maxOpening is what a server may say until it has accepted the publication: a hundred
// times what any says.
const maxOpening = 1 << 20

var errNoStream = errors.New("the server created no stream: is it an RTMP server?")

// tally counts what is written to a TLS connection.
type tally struct {
	*tls.Conn
	sent atomic.Uint64
}

func (t *tally) Write(b []byte) (int, error) {
	n, err := t.Conn.Write(b)
	t.sent.Add(uint64(n))
	return n, err
}

func dial(ctx context.Context, a address, t output.Target) (*link, error) {
	c, err := (&net.Dialer{Control: tcpinfo.Control(0)}).DialContext(ctx, "tcp", a.dial)
	if err != nil {
		return nil, err
	}
	l := &link{addr: a, sock: newSocket(c, t.WriteTimeout), log: t.Log, writing: make(chan struct{}, 1)}
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
		l.tls = &tally{Conn: client}
		l.rw = l.tls
	}
	l.attach(l.rw)
	return l, nil
}

// attach lays the message layer over a connection.
func (l *link) attach(rw io.ReadWriter) {
	l.rw = rw
	l.in = newMessageReader(rw, func(n uint32) error {
		return l.send(&message.Acknowledge{Value: n})
	})
	l.out = message.NewWriter(rw, bytecounter.NewWriter(rw), false)
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
	return l.out.Write(m)
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
		typ, body, err := l.in.next()
		if err != nil {
			return "", 0, nil, foreign(l.addr, err)
		}
		if l.since.IsZero() && l.in.count > maxOpening {
			return "", 0, nil, told{output.WithCause(output.CauseRejected,
				fmt.Errorf("%s talks without end and accepts no publication: is it an RTMP server?", l.addr.dial))}
		}
		switch message.Type(typ) {
		case message.TypeCommandAMF0:
		case typeCommandAMF3:
			if len(body) == 0 || body[0] != 0 {
				continue
			}
			body = body[1:] // AMF0 follows all the same
		default:
			if err := l.control(message.Type(typ), body); err != nil {
				return "", 0, nil, foreign(l.addr, err)
			}
			continue
		}
		if name, id, args, ok := command(body); ok {
			l.note(name, args)
			return name, id, args, nil
		}
	}
}

// note keeps what may turn out to be the reason of an end.
func (l *link) note(name string, args amf0.Data) {
	if !isStatus(name) && name != "close" || field(args, "code") == publishStart {
		return
	}
	if l.heard = l.words(args); l.heard == "" {
		l.heard = name
	}
}

// control obeys a protocol control message, RTMP 1.0 §5.4 and §6.2.
func (l *link) control(typ message.Type, body []byte) error {
	value := func() uint32 {
		if len(body) < 4 {
			return 0
		}
		return binary.BigEndian.Uint32(body)
	}
	switch typ {
	case message.TypeSetChunkSize:
		return l.in.setChunkSize(body)
	case message.TypeAbortMessage:
		l.in.abort(body)
	case message.TypeAcknowledge:
		if len(body) >= 4 {
			l.acks.take(value())
		}
	case message.TypeSetWindowAckSize:
		l.in.window = value()
	case message.TypeSetPeerBandwidth:
		// Bounds what may be under way; TCP does that. The answer is what counts.
		if window := value(); window > 0 && l.acks.ask(window) {
			return l.send(&message.SetWindowAckSize{Value: window})
		}
	case message.TypeUserControl:
		return l.answer(body)
	}
	return nil
}

func (l *link) answer(event []byte) error {
	if len(event) < 6 || message.UserControlType(binary.BigEndian.Uint16(event)) != message.UserControlTypePingRequest {
		return nil
	}
	return l.send(&message.UserControlPingResponse{ServerTime: binary.BigEndian.Uint32(event[2:])})
}

// accepted notes that the publication runs.
func (l *link) accepted() { l.since = time.Now() }

// young tells whether the publication has only just begun.
func (l *link) young() bool { return time.Since(l.since) < youth }

// sent is how many bytes of RTMP the server was sent.
func (l *link) sent() uint64 {
	if l.tls != nil {
		return l.tls.sent.Load()
	}
	return l.sock.Written()
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
