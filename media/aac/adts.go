package aac

import (
	"errors"
	"fmt"
)

// ADTSHeaderSize is the number of bytes AppendADTS puts before an access unit.
const ADTSHeaderSize = 7

// maxADTS is the longest frame its 13-bit length can tell, header included.
const maxADTS = 1<<13 - 1

// AppendADTS appends an access unit as an ADTS frame without CRC. ADTS has no
// sign for SBR: the core is described, and a decoder finds SBR in the frame.
// It fails for rates without an index and for access units over 8184 bytes.
func AppendADTS(dst []byte, c Config, au []byte) ([]byte, error) {
	if err := c.Validate(); err != nil {
		return dst, err
	}
	index, n := rateIndex(c.SampleRate), len(au)+ADTSHeaderSize
	if index < 0 {
		return dst, fmt.Errorf("aac: ADTS cannot tell a sample rate of %d Hz; use 48000 or 44100", c.SampleRate)
	}
	if n > maxADTS {
		return dst, fmt.Errorf("aac: access unit of %d bytes is too long for ADTS (at most %d)", len(au), maxADTS-ADTSHeaderSize)
	}
	ch := channelConfiguration(c.Channels)
	const fullness = 0x7ff // variable bit rate
	dst = append(dst,
		0xff, 0xf1, // sync word, MPEG-4, layer 0, no CRC
		byte(LC-1)<<6|byte(index)<<2|byte(ch>>2),
		byte(ch&3)<<6|byte(n>>11),
		byte(n>>3),
		byte(n&7)<<5|fullness>>6,
		fullness&0x3f<<2, // one raw_data_block
	)
	return append(dst, au...), nil
}

// ParseADTS reads the ADTS frame at the start of b: its Config, its access unit
// and what follows it. Frames with a CRC are read and the CRC is not checked;
// frames of several raw data blocks are refused.
func ParseADTS(b []byte) (c Config, au, rest []byte, err error) {
	if len(b) < ADTSHeaderSize {
		return c, nil, nil, errors.New("aac: ADTS header is cut short")
	}
	if b[0] != 0xff || b[1]&0xf6 != 0xf0 { // 12 sync bits, layer 0
		return c, nil, nil, errors.New("aac: no ADTS sync word")
	}
	header := ADTSHeaderSize
	if b[1]&1 == 0 { // protection_absent
		header += 2
	}
	object, index := ObjectType(b[2]>>6+1), int(b[2]>>2&15)
	ch := int(b[2]&1<<2 | b[3]>>6)
	n := int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5]>>5)
	switch {
	case object != LC:
		return c, nil, nil, fmt.Errorf("aac: ADTS object type %d is not supported; use AAC-LC", object)
	case index >= len(rates):
		return c, nil, nil, fmt.Errorf("aac: ADTS sampling frequency index %d is reserved", index)
	case ch == 0:
		return c, nil, nil, errors.New("aac: ADTS channel layout in a program config element is not supported")
	case b[6]&3 != 0:
		return c, nil, nil, fmt.Errorf("aac: ADTS frame of %d raw data blocks is not supported", b[6]&3+1)
	case n <= header:
		return c, nil, nil, fmt.Errorf("aac: ADTS frame length %d leaves no access unit", n)
	case n > len(b):
		return c, nil, nil, fmt.Errorf("aac: ADTS frame of %d bytes is cut short at %d", n, len(b))
	}
	if ch == 7 {
		ch = 8
	}
	return New(rates[index], ch), b[header:n:n], b[n:], nil
}
