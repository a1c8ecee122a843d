// Package ogg writes Opus in Ogg (RFC 3533, RFC 7845) as a live stream: pages are
// made as packets come, and nothing is ever gone back to.
package ogg

import (
	"encoding/binary"
	"fmt"
)

// PreSkip for a decoder that joins a running stream: 80 ms, after which it has
// converged (RFC 7845 §4.6), in samples at 48 kHz.
const PreSkip = 3840

// Bounds of a page.
const (
	headerSize  = 27
	maxSegments = 255
	// MaxPackets is how many Opus packets fit one page whatever their size: 1275
	// bytes take six segments.
	MaxPackets = maxSegments / 6
	maxPacket  = 1275
)

// The flags of a page (RFC 3533 §6).
const beginning, end = 0x02, 0x04

// Opus makes the pages of one logical stream. It is for one goroutine.
type Opus struct {
	// Serial tells the stream from another in the same file or connection.
	Serial uint32
	// Channels are 1 or 2.
	Channels int
	// SampleRate of the source, for information; the stream itself is at 48 kHz.
	SampleRate int
	// PreSkip is how many samples a decoder drops at the beginning.
	PreSkip int
	// Vendor and Comments ("TITLE=…") go into the comment header, which must fit a
	// page: 64 kB.
	Vendor   string
	Comments []string

	sequence uint32
	table    *[256]uint32 // of the checksum; made with the first page
}

// AppendHeaders appends the two pages that come first.
func (o *Opus) AppendHeaders(dst []byte) ([]byte, error) {
	if o.Channels != 1 && o.Channels != 2 {
		return dst, fmt.Errorf("ogg: %d channels; one stream of Opus has 1 or 2", o.Channels)
	}
	head := append([]byte("OpusHead"), 1, byte(o.Channels))
	head = binary.LittleEndian.AppendUint16(head, uint16(o.PreSkip))
	head = binary.LittleEndian.AppendUint32(head, uint32(o.SampleRate))
	head = append(head, 0, 0, 0) // gain, mapping family 0
	tags := appendText([]byte("OpusTags"), o.Vendor)
	tags = binary.LittleEndian.AppendUint32(tags, uint32(len(o.Comments)))
	for _, c := range o.Comments {
		tags = appendText(tags, c)
	}
	if len(tags) >= maxSegments*255 {
		return dst, fmt.Errorf("ogg: %d bytes of comments do not fit a page", len(tags))
	}
	dst = o.appendPage(dst, beginning, 0, head)
	return o.appendPage(dst, 0, 0, tags), nil
}

func appendText(dst []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(s))), s...)
}

// Append appends a page of packets, at most MaxPackets. granule is the time at the
// end of the last one, in samples at 48 kHz from where the stream began, PreSkip
// included.
func (o *Opus) Append(dst []byte, granule int64, packets ...[]byte) ([]byte, error) {
	if len(packets) == 0 || len(packets) > MaxPackets {
		return dst, fmt.Errorf("ogg: %d packets for a page; 1 to %d fit", len(packets), MaxPackets)
	}
	for _, p := range packets {
		if len(p) == 0 || len(p) > maxPacket {
			return dst, fmt.Errorf("ogg: a packet of %d bytes is not Opus", len(p))
		}
	}
	return o.appendPage(dst, 0, granule, packets...), nil
}

// AppendEnd appends an empty page that ends the stream.
func (o *Opus) AppendEnd(dst []byte, granule int64) []byte { return o.appendPage(dst, end, granule) }

func (o *Opus) appendPage(dst []byte, flags byte, granule int64, packets ...[]byte) []byte {
	if o.table == nil {
		o.table = makeTable()
	}
	at := len(dst)
	dst = append(dst, "OggS\x00"...)
	dst = append(dst, flags)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(granule))
	dst = binary.LittleEndian.AppendUint32(dst, o.Serial)
	dst = binary.LittleEndian.AppendUint32(dst, o.sequence)
	o.sequence++
	dst = append(dst, 0, 0, 0, 0, 0) // checksum and number of segments follow
	segments := len(dst)
	for _, p := range packets {
		for n := len(p); ; n -= 255 {
			dst = append(dst, byte(min(n, 255)))
			if n < 255 {
				break
			}
		}
	}
	dst[at+headerSize-1] = byte(len(dst) - segments)
	for _, p := range packets {
		dst = append(dst, p...)
	}
	binary.LittleEndian.PutUint32(dst[at+22:], checksum(o.table, dst[at:]))
	return dst
}

// checksum is Ogg's CRC: the polynomial of Ethernet's without its reflections.
func checksum(table *[256]uint32, page []byte) (crc uint32) {
	for _, b := range page {
		crc = crc<<8 ^ table[byte(crc>>24)^b]
	}
	return crc
}

func makeTable() *[256]uint32 {
	t := new([256]uint32)
	for i := range t {
		crc := uint32(i) << 24
		for range 8 {
			if crc&(1<<31) != 0 {
				crc = crc<<1 ^ 0x04c11db7
			} else {
				crc <<= 1
			}
		}
		t[i] = crc
	}
	return t
}
