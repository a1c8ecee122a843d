package file

import (
	"io"
)

// Transport stream packets, ISO/IEC 13818-1 §2.4.3.2.
const (
	tsPacket = 188
	tsSync   = 0x47
)

// tsLayouts are the distances between packets: bare, with a time code of four
// bytes before each (M2TS), with a checksum of 16 bytes behind each.
var tsLayouts = [...]int{188, 192, 204}

// tsLayout recognises a transport stream by its sync bytes and tells the
// distance between packets. Up to one packet of something else may precede it.
func tsLayout(b []byte) (distance int, ok bool) {
	for start := 0; start < tsPacket+4 && start < len(b); start++ {
		if b[start] != tsSync {
			continue
		}
		for _, d := range tsLayouts {
			n := 1
			for at := start + d; at < len(b) && b[at] == tsSync; at += d {
				n++
			}
			// At the start three in a row will do, or two of a tiny file;
			// behind something else all in reach must be there.
			atStart, all := start == 0 || start == 4, start+n*d >= len(b)
			if n >= 3 && (atStart || all) || n == 2 && atStart && all {
				return d, true
			}
		}
	}
	return 0, false
}

// tsCut says that the file ends within a packet: b is its end.
func tsCut(b []byte, distance int) bool {
	for start := 0; start < distance && start < len(b); start++ {
		at := start
		for at < len(b) && b[at] == tsSync {
			at += distance
		}
		if at >= len(b) {
			left := (len(b) - start) % distance
			return left != 0 && left != tsPacket
		}
	}
	return false
}

// packetReader reads a file as whole transport packets of 188 bytes, whatever
// their distance, and finds its way back where bytes are missing. Each Read
// returns one packet.
type packetReader struct {
	r        io.ReaderAt
	size     int64
	distance int
	at       int64 // in the file, of the byte behind buf
	buf      []byte
	store    []byte
	err      error // of the file, which the demuxer would hide
}

const tsBlock = 64 << 10

func newPacketReader(r io.ReaderAt, size int64, distance int) *packetReader {
	return &packetReader{r: r, size: size, distance: distance, store: make([]byte, tsBlock)}
}

func (p *packetReader) rewind() { p.at, p.buf, p.err = 0, nil, nil }

// position is how many bytes of the file have been read.
func (p *packetReader) position() int64 { return p.at - int64(len(p.buf)) }

// atEnd says that no whole packet is left.
func (p *packetReader) atEnd() bool { return p.at >= p.size && len(p.buf) < tsPacket }

// fill makes n bytes available, or fewer at the end of the file.
func (p *packetReader) fill(n int) error {
	if len(p.buf) >= n || p.at >= p.size {
		return nil
	}
	kept := copy(p.store, p.buf)
	got, err := p.r.ReadAt(p.store[kept:min(int64(len(p.store)), int64(kept)+p.size-p.at)], p.at)
	if err != nil && err != io.EOF {
		return err
	}
	if got == 0 {
		p.at = p.size // the file has shrunk
	}
	p.at += int64(got)
	p.buf = p.store[:kept+got]
	return nil
}

// Read implements io.Reader for a caller that asks for one packet.
func (p *packetReader) Read(b []byte) (int, error) {
	for {
		if err := p.fill(p.distance + 1); err != nil {
			p.err = err
			return 0, err
		}
		if len(p.buf) < tsPacket || len(b) < tsPacket {
			return 0, io.EOF
		}
		// A sync byte counts when another follows at the right distance, or
		// nothing does.
		if p.buf[0] == tsSync && (len(p.buf) <= p.distance || p.buf[p.distance] == tsSync) {
			n := copy(b[:tsPacket], p.buf)
			p.buf = p.buf[min(p.distance, len(p.buf)):]
			return n, nil
		}
		p.buf = p.buf[1:]
	}
}
