package rtmp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Bounds of what is held of messages that are not complete.
const (
	maxChunkStreams = 64
	maxHeld         = 4 * maxControl
)

// minWindow keeps a peer that wants to hear of every byte from making us send
// more than it does.
const minWindow = 1 << 10

// messageReader puts the messages of a chunk stream together (RTMP 1.0 §5.3).
// What it holds is bounded whatever the peer announces: messages beyond
// maxControl, which none for a publisher is, are read past.
//
// gortmplib's reader is not used: it keeps every message up to 10 MB for every
// chunk stream, and each chunk of it apart, so that chunks of one byte, or of
// none, cost a hundred times what they bring; and it knows no chunk streams
// from 64 on.
type messageReader struct {
	r         *bufio.Reader
	chunkSize uint32
	streams   map[uint32]*chunkState
	held      int // bytes that unfinished messages come to

	count  uint64 // bytes read
	acked  uint64 // of these, acknowledged
	window uint32 // the peer wants to hear at least that often; 0 never
	ack    func(count uint32) error
}

// chunkState is what the headers of one chunk stream have said last.
type chunkState struct {
	typ      byte
	length   uint32
	extended bool
	left     uint32 // bytes of the running message to come
	running  bool
	skip     bool
	body     []byte
}

func newMessageReader(r io.Reader, ack func(uint32) error) *messageReader {
	return &messageReader{r: bufio.NewReader(r), chunkSize: 128, streams: map[uint32]*chunkState{}, ack: ack}
}

// setChunkSize follows a Set Chunk Size, RTMP 1.0 §5.4.1.
func (m *messageReader) setChunkSize(body []byte) error {
	if len(body) < 4 {
		return nil
	}
	n := binary.BigEndian.Uint32(body) &^ (1 << 31)
	if n == 0 {
		return errors.New("chunk size 0")
	}
	m.chunkSize = n
	return nil
}

// abort follows an Abort Message, RTMP 1.0 §5.4.2.
func (m *messageReader) abort(body []byte) {
	if len(body) < 4 {
		return
	}
	if s := m.streams[binary.BigEndian.Uint32(body)]; s != nil && s.running {
		m.done(s)
	}
}

// done ends a message, whole or not.
func (m *messageReader) done(s *chunkState) {
	if !s.skip {
		m.held -= int(s.length)
	}
	s.body, s.left, s.running = nil, 0, false
}

// next returns the next message that is not longer than maxControl.
func (m *messageReader) next() (typ byte, body []byte, err error) {
	for {
		s, err := m.chunk()
		if err != nil {
			return 0, nil, err
		}
		if s.running && s.left == 0 {
			body := s.body
			if m.done(s); !s.skip {
				return s.typ, body, nil
			}
		}
	}
}

// chunk reads one chunk.
func (m *messageReader) chunk() (*chunkState, error) {
	format, id, err := m.basicHeader()
	if err != nil {
		return nil, err
	}
	s := m.streams[id]
	switch {
	case s == nil && format != 0:
		return nil, fmt.Errorf("a chunk of type %d begins chunk stream %d", format, id)
	case s == nil && len(m.streams) >= maxChunkStreams:
		return nil, fmt.Errorf("more than %d chunk streams", maxChunkStreams)
	case s == nil:
		s = &chunkState{}
		m.streams[id] = s
	case s.running && format != 3:
		return nil, fmt.Errorf("a chunk of type %d in the middle of a message", format)
	}
	if err := m.header(s, format); err != nil {
		return nil, err
	}
	if !s.running {
		s.running, s.left = true, s.length
		if s.skip = s.length > maxControl || m.held+int(s.length) > maxHeld; !s.skip {
			m.held += int(s.length)
		}
	}
	return s, m.payload(s, min(s.left, m.chunkSize))
}

// basicHeader reads the format and the chunk stream, RTMP 1.0 §5.3.1.1.
func (m *messageReader) basicHeader() (format byte, id uint32, err error) {
	b, err := m.bytes(1)
	if err != nil {
		return 0, 0, err
	}
	format, id = b[0]>>6, uint32(b[0]&0x3f)
	if id > 1 {
		return format, id, nil
	}
	if b, err = m.bytes(int(id) + 1); err != nil {
		return 0, 0, inside(err)
	}
	id = 64 + uint32(b[0])
	if len(b) > 1 {
		id += uint32(b[1]) << 8
	}
	return format, id, nil
}

// header reads the message header of a chunk, RTMP 1.0 §5.3.1.2. Timestamps are
// of no concern to a publisher.
func (m *messageReader) header(s *chunkState, format byte) error {
	if format < 3 {
		b, err := m.bytes([3]int{11, 7, 3}[format])
		if err != nil {
			return inside(err)
		}
		s.extended = b[0] == 0xff && b[1] == 0xff && b[2] == 0xff
		if format < 2 {
			s.length = uint32(b[3])<<16 | uint32(b[4])<<8 | uint32(b[5])
			s.typ = b[6]
		}
	}
	if s.extended {
		if _, err := m.bytes(4); err != nil {
			return inside(err)
		}
	}
	return nil
}

// payload reads n bytes of a message.
func (m *messageReader) payload(s *chunkState, n uint32) error {
	for n > 0 {
		piece := min(n, 16<<10)
		if s.skip {
			if _, err := m.r.Discard(int(piece)); err != nil {
				return inside(err)
			}
		} else {
			start := len(s.body)
			s.body = append(s.body, make([]byte, piece)...)
			if _, err := io.ReadFull(m.r, s.body[start:]); err != nil {
				return inside(err)
			}
		}
		n -= piece
		s.left -= piece
		if err := m.counted(uint64(piece)); err != nil {
			return err
		}
	}
	return nil
}

// bytes reads n bytes, which hold until the next read.
func (m *messageReader) bytes(n int) ([]byte, error) {
	b, err := m.r.Peek(n)
	if err != nil {
		if len(b) > 0 {
			err = inside(err)
		}
		return nil, err
	}
	_, _ = m.r.Discard(n)
	return b, m.counted(uint64(n))
}

// counted acknowledges what was read where the peer's window is full.
func (m *messageReader) counted(n uint64) error {
	m.count += n
	if m.window == 0 || m.count-m.acked < uint64(max(m.window, minWindow)) {
		return nil
	}
	m.acked = m.count
	return m.ack(uint32(m.count)) // the sequence number wraps, RTMP 1.0 §5.4.3
}

// inside is the error of an end in the middle of something.
func inside(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
