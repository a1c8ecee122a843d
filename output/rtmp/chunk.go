package rtmp

import (
	"encoding/binary"
	"net"
)

// Message types and chunk streams, RTMP 1.0 §7.1 and §5.3.1. Audio and
// video have chunk streams of their own, apart from those that message.Writer
// writes: each keeps its header state.
const (
	typeAudio = 8
	typeVideo = 9

	typeCommandAMF3 = 17

	commandChunks = 3
	audioChunks   = 4
	videoChunks   = 6
	publishChunks = 8

	chunkSize = 65536 // announced to the server before any media
)

// chunkWriter cuts messages of one chunk stream into chunks without copying
// them: headers and payload become the buffers of one gathering write.
type chunkWriter struct {
	stream  byte // chunk stream, 2…63
	typ     byte
	started bool
	last    uint32 // timestamp of the message before

	headers   []byte // reused, as are:
	bufs, out net.Buffers
}

// message returns the chunks of one message with a timestamp in milliseconds,
// for the message stream with the given id. tag is the FLV tag header that
// begins the payload. The result holds until the next call.
//
// The first header is absolute (type 0), later ones relative (type 1), so that
// the 32-bit timestamp wraps by itself, and the extended form is rare.
func (w *chunkWriter) message(id, timestamp uint32, tag, data []byte) *net.Buffers {
	const extended = 0xffffff
	format, field := byte(0), timestamp
	if delta := timestamp - w.last; w.started && delta < 1<<31 {
		format, field = 1, delta
	}
	w.started, w.last = true, timestamp

	size := len(tag) + len(data)
	// No header moves once a buffer refers to it: room for all is made first.
	if need := 16 + len(tag) + (size/chunkSize+1)*5; cap(w.headers) < need {
		w.headers = make([]byte, 0, need)
	}
	h := append(w.headers[:0], format<<6|w.stream)
	h = appendUint24(h, min(field, extended))
	h = appendUint24(h, uint32(size))
	h = append(h, w.typ)
	if format == 0 {
		h = binary.LittleEndian.AppendUint32(h, id)
	}
	if field >= extended {
		h = binary.BigEndian.AppendUint32(h, field)
	}
	h = append(h, tag...)

	n := min(len(data), chunkSize-len(tag))
	w.bufs = append(w.bufs[:0], h, data[:n])
	for data = data[n:]; len(data) > 0; data = data[n:] {
		start := len(h)
		h = append(h, 3<<6|w.stream)
		if field >= extended {
			h = binary.BigEndian.AppendUint32(h, field)
		}
		n = min(len(data), chunkSize)
		w.bufs = append(w.bufs, h[start:], data[:n])
	}
	w.out = w.bufs // the writer consumes it
	return &w.out
}

func appendUint24(b []byte, v uint32) []byte {
	return append(b, byte(v>>16), byte(v>>8), byte(v))
}
