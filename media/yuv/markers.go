package yuv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// JPEG markers (ITU-T T.81, table B.1), without the byte 0xFF before them.
const (
	markerTEM  = 0x01
	markerDHT  = 0xC4
	markerRST0 = 0xD0
	markerSOI  = 0xD8
	markerEOI  = 0xD9
	markerSOS  = 0xDA
)

// scanJPEG finds where the picture that data begins with ends, and whether it
// brings Huffman tables.
func scanJPEG(data []byte) (picture []byte, tables bool, err error) {
	if len(data) < 2 || data[0] != 0xFF || data[1] != markerSOI {
		return nil, false, fmt.Errorf("%w: no SOI marker at the start of its %d bytes", ErrTruncated, len(data))
	}
	for at := 2; ; {
		marker, next := nextMarker(data, at)
		switch {
		case next < 0:
			return nil, false, fmt.Errorf("%w: it ends after %d bytes, within its headers", ErrTruncated, len(data))
		case marker == markerEOI:
			return nil, false, errors.New("no picture between its SOI and EOI markers")
		case marker == markerTEM, marker >= markerRST0 && marker <= markerSOI:
			at = next // stands alone
			continue
		}
		if len(data)-next < 2 {
			at = len(data)
			continue
		}
		tables = tables || marker == markerDHT
		length := int(binary.BigEndian.Uint16(data[next:]))
		if length < 2 {
			return nil, false, fmt.Errorf("the segment of marker %#x at byte %d says it has %d bytes", marker, next, length)
		}
		at = next + length
		if marker == markerSOS && at <= len(data) {
			// Within coded samples 0xFF is followed by 0 or a restart marker, so
			// this is no sample.
			end := bytes.Index(data[at:], []byte{0xFF, markerEOI})
			if end < 0 {
				return nil, false, fmt.Errorf("%w: no EOI marker in its %d bytes", ErrTruncated, len(data))
			}
			return data[:at+end+2], tables, nil
		}
	}
}

// nextMarker finds the first marker from at on, and where it ends; -1 when
// there is none.
func nextMarker(data []byte, at int) (marker byte, end int) {
	for ; at < len(data)-1; at++ {
		if data[at] == 0xFF && data[at+1] != 0xFF && data[at+1] != 0 {
			return data[at+1], at + 2
		}
	}
	return 0, -1
}
