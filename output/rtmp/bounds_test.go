package rtmp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/message"

	"github.com/encoderbox/encoderbox/output"
)

// chunkOf is a chunk of type 0 with the beginning of a message.
func chunkOf(stream byte, typ byte, length int, payload string) string {
	head := []byte{stream & 0x3f, 0, 0, 0, byte(length >> 16), byte(length >> 8), byte(length), typ, 0, 0, 0, 0}
	return string(head) + payload
}

func control(typ byte, value uint32) string {
	return chunkOf(2, typ, 4, string(binary.BigEndian.AppendUint32(nil, value)))
}

// endless repeats a piece up to a number of bytes.
type endless struct {
	piece string
	left  int
	at    int
}

func (e *endless) Read(b []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := copy(b, e.piece[e.at:])
	e.at = (e.at + n) % len(e.piece)
	e.left -= n
	return n, nil
}

// Whatever a server sends, and however much, what is held of it stays small.
func TestMemoryStaysBounded(t *testing.T) {
	const much, limit = 16 << 20, 4 << 20
	manyStreams := ""
	for id := byte(2); id < 64; id++ {
		manyStreams += chunkOf(id, 20, maxControl, strings.Repeat("x", 128))
	}
	goOn := ""
	for id := byte(2); id < 64; id++ {
		goOn += string([]byte{3<<6 | id}) + strings.Repeat("x", 128)
	}
	for name, tc := range map[string]struct{ first, piece string }{
		"a message of 16 MB, over and over":         {control(1, 1<<30), chunkOf(3, 20, 0xffffff, strings.Repeat("x", 0xffffff))},
		"the same in chunks of a byte":              {control(1, 1) + chunkOf(3, 20, 0xffffff, "x"), "\xc3x"},
		"many chunk streams with unfinished pieces": {manyStreams, goOn},
		"pings":                                  {"", chunkOf(2, 4, 6, "\x00\x06\x00\x00\x00\x01")},
		"empty messages":                         {"", chunkOf(3, 20, 0, "")},
		"commands of the greatest size":          {control(1, 1<<20), chunkOf(3, 20, maxControl, strings.Repeat("\x05", maxControl))},
		"nested arrays":                          {control(1, 1<<20), chunkOf(3, 20, 60000, strings.Repeat("\x0a\xff\xff\xff\xff", 12000))},
		"the peer wants every byte acknowledged": {control(5, 1), chunkOf(3, 20, 4, "abcd")},
	} {
		t.Run(name, func(t *testing.T) {
			in := io.MultiReader(strings.NewReader(tc.first), &endless{piece: tc.piece, left: much})
			m := newMessageReader(in, func(uint32) error { return nil })
			before := heap()
			checked := uint64(0)
			for {
				s, err := m.chunk()
				if err != nil {
					if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
						t.Fatal(err)
					}
					return
				}
				if m.held > maxHeld {
					t.Fatalf("%d bytes of unfinished messages are held", m.held)
				}
				if m.count-checked > much/4 {
					if checked = m.count; heap() > before+limit {
						t.Fatalf("the heap grew from %d to %d bytes", before, heap())
					}
				}
				deliver(t, m, s)
			}
		})
	}
}

// deliver does with a chunk what next does.
func deliver(t *testing.T, m *messageReader, s *chunkState) {
	if !s.running || s.left > 0 {
		return
	}
	body := s.body
	m.done(s)
	switch s.typ {
	case 1:
		if err := m.setChunkSize(body); err != nil {
			t.Fatal(err)
		}
	case 5:
		m.window = binary.BigEndian.Uint32(body)
	case 20:
		command(body)
	}
}

func heap() uint64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// What such a server is called, and that it ends with the attempt.
func TestServersThatSpeakNonsense(t *testing.T) {
	raw := func(pieces ...string) func(net.Conn) {
		return func(c net.Conn) {
			if _, ok := converse(c); !ok {
				return
			}
			for _, p := range pieces {
				if _, err := io.WriteString(c, p); err != nil {
					return
				}
			}
			_, _ = io.Copy(io.Discard, c)
		}
	}
	flood := func(piece string) func(net.Conn) {
		return func(c net.Conn) {
			if _, ok := converse(c); ok {
				go func() { _, _ = io.Copy(io.Discard, c) }()
				_, _ = io.Copy(c, &endless{piece: piece, left: 1 << 40})
			}
		}
	}
	for _, tc := range []struct {
		name   string
		handle func(net.Conn)
		cause  output.Cause
		want   string
	}{
		{"garbage for a handshake", func(c net.Conn) {
			_, _ = io.WriteString(c, strings.Repeat("\x07garbage", 600))
			_, _ = io.Copy(io.Discard, c)
		}, output.CauseRejected, "does not speak RTMP: is the port right?"},
		{"chunk size 0", raw(control(1, 0)), output.CauseRejected, "chunk size 0"},
		{"the greatest chunk size, and then silence", raw(control(1, 0xffffff)), output.CauseNetwork, "no answer from"},
		{"a message that never ends", flood("\xc3" + strings.Repeat("x", 128)), output.CauseRejected, "begins chunk stream 3"},
		{"more chunk streams than anybody needs", raw(manyChunkStreams()), output.CauseRejected, "more than 64 chunk streams"},
		{"pings without an end", flood(chunkOf(2, 4, 6, "\x00\x06\x00\x00\x00\x01")), output.CauseRejected, "talks without end"},
		{"oversized AMF", raw(control(1, 1<<24), chunkOf(3, 20, 10<<20, strings.Repeat("\x05", 10<<20))), output.CauseNetwork, "no answer from"},
		{"AMF of another type all along", raw(chunkOf(3, 20, 3, "\x11\x01\x02")), output.CauseNetwork, "no answer from"},
		{"a stream of a strange number", func(c net.Conn) {
			if s, ok := converse(c); ok && s.connected() != nil {
				if cmd := s.await("createStream"); cmd != nil {
					s.say("_result", cmd.CommandID, "one")
				}
				s.drain()
			}
		}, output.CauseRejected, "created no stream"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tg := target(t, "rtmp://"+serve(t, tc.handle)+"/live/"+secretKey)
			checkFailure(t, tg, tc.want, false, tc.cause)
		})
	}
}

func manyChunkStreams() string {
	var s strings.Builder
	for id := range 100 {
		s.WriteString("\x00" + string([]byte{byte(id)}) + chunkOf(0, 99, 0, "")[1:]) // two-byte form: from 64 on
	}
	return s.String()
}

// Values that gortmplib's decoder gives up on do not hide what stands before or
// behind them, and chunk streams from 64 on are read.
func TestCommandsOfUnusualServers(t *testing.T) {
	body, err := amf0.Data{"onStatus", 0.0, nil}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	object := "\x03" +
		"\x00\x04when\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + // date
		"\x00\x04long\x0c\x00\x00\x00\x02hi" +
		"\x00\x03ref\x07\x00\x01" +
		"\x00\x05typed\x10\x00\x01T\x00\x01a\x05\x00\x00\x09" +
		"\x00\x04code\x02\x00\x01c" +
		"\x00\x04amf3\x11\x01\x02"
	name, id, args, ok := command(append(body, object...))
	if !ok || name != "onStatus" || id != 0 || field(args, "code") != "c" || field(args, "long") != "hi" {
		t.Errorf("got %q, %d, %v, %v", name, id, args, ok)
	}
	wire := "\x01\x10\x01" + chunkOf(0, 20, 3, "abc")[1:] // chunk stream 64+16+256
	m := newMessageReader(strings.NewReader(wire), func(uint32) error { return nil })
	typ, got, err := m.next()
	if err != nil || typ != 20 || string(got) != "abc" || m.streams[336] == nil {
		t.Errorf("got type %d, %q, %v", typ, got, err)
	}
}

// An aborted message is forgotten, and extended timestamps are skipped in every
// chunk of the message.
func TestChunksAreReadAsTheStandardSays(t *testing.T) {
	var wire bytes.Buffer
	wire.WriteString(chunkOf(3, 20, 300, strings.Repeat("x", 128)))
	wire.WriteString(control(2, 3))
	extended := []byte(chunkOf(3, 20, 200, ""))
	copy(extended[1:4], "\xff\xff\xff")
	wire.Write(extended)
	wire.WriteString("\x01\x02\x03\x04" + strings.Repeat("y", 128) + "\xc3\x01\x02\x03\x04" + strings.Repeat("y", 72))
	wire.WriteString("\x83\x00\x00\x05" + strings.Repeat("z", 128) + "\xc3" + strings.Repeat("z", 72)) // type 2: same length
	m := newMessageReader(&wire, func(uint32) error { return nil })
	for _, want := range []string{"\x00\x00\x00\x03", strings.Repeat("y", 200), strings.Repeat("z", 200)} {
		typ, body, err := m.next()
		if err != nil || string(body) != want {
			t.Fatalf("got type %d, %q, %v; want %q", typ, body, err, want)
		}
		if typ == byte(message.TypeAbortMessage) {
			m.abort(body)
		}
	}
}
