package v4l2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// EDIDSpec says what a box shows to sources by its EDID.
type EDIDSpec struct {
	Manufacturer string // three capital letters, a PNP id
	Product      uint16
	Serial       uint32 // 0: none
	Year         int    // of manufacture
	Name         string // for people, at most 13 ASCII characters
	VICs         []int  // the modes by CTA-861 code, the preferred first; at most 31
	Audio        bool   // stereo LPCM at 32, 44.1 and 48 kHz; without it most sources send no sound
	YCbCr        bool   // 4:2:2 and 4:4:4 are taken too, not only RGB
}

// MakeEDID makes an EDID 1.3 with one CTA-861 extension of an HDMI sink.
func MakeEDID(s EDIDSpec) ([]byte, error) {
	modes, err := s.modes()
	if err != nil {
		return nil, fmt.Errorf("v4l2: make an EDID: %w", err)
	}
	e := make([]byte, 2*EDIDBlock)
	s.base(e[:EDIDBlock], modes)
	s.extension(e[EDIDBlock:], modes)
	for block := 0; block < len(e); block += EDIDBlock {
		setChecksum(e[block : block+EDIDBlock])
	}
	return e, nil
}

func (s EDIDSpec) modes() ([]DVTimings, error) {
	if len(s.Manufacturer) != 3 {
		return nil, fmt.Errorf("manufacturer %q is not three letters", s.Manufacturer)
	}
	for _, c := range []byte(s.Manufacturer) {
		if c < 'A' || c > 'Z' {
			return nil, fmt.Errorf("manufacturer %q is not three capital letters", s.Manufacturer)
		}
	}
	if len(s.Name) == 0 || len(s.Name) > 13 {
		return nil, fmt.Errorf("name %q has not 1 to 13 characters", s.Name)
	}
	for _, c := range []byte(s.Name) {
		if c < ' ' || c > '~' {
			return nil, fmt.Errorf("name %q is not plain ASCII", s.Name)
		}
	}
	if s.Year < 1990 || s.Year > 1990+255 {
		return nil, fmt.Errorf("year %d is not between 1990 and 2245", s.Year)
	}
	if len(s.VICs) == 0 || len(s.VICs) > 31 {
		return nil, fmt.Errorf("%d modes are not 1 to 31", len(s.VICs))
	}
	var modes []DVTimings
	for _, vic := range s.VICs {
		t, ok := CEATimings(vic)
		if !ok {
			return nil, fmt.Errorf("mode %d of CTA-861 is not known here", vic)
		}
		modes = append(modes, t)
	}
	return modes, nil
}

const edidHeader = "\x00\xff\xff\xff\xff\xff\xff\x00"

// base fills block 0 (VESA E-EDID, release A).
func (s EDIDSpec) base(b []byte, modes []DVTimings) {
	copy(b, edidHeader)
	m := s.Manufacturer
	binary.BigEndian.PutUint16(b[8:], uint16(m[0]-'@')<<10|uint16(m[1]-'@')<<5|uint16(m[2]-'@'))
	binary.LittleEndian.PutUint16(b[10:], s.Product)
	binary.LittleEndian.PutUint32(b[12:], s.Serial)
	b[17] = byte(s.Year - 1990)
	b[18], b[19] = 1, 3
	b[20] = 0x80                                                                       // digital
	b[23] = 120                                                                        // gamma 2.2
	b[24] = 0x0e                                                                       // RGB, sRGB, the first descriptor is the preferred mode
	copy(b[25:], "\xee\x91\xa3\x54\x4c\x99\x26\x0f\x50\x54")                           // sRGB's chromaticities
	b[35] = 0x20                                                                       // 640x480p60, which every sink has to take
	copy(b[38:54], "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01") // no standard timings
	detailed(b[54:72], modes[0])
	if len(modes) > 1 {
		detailed(b[72:90], modes[1])
	} else {
		b[75] = 0x10 // a descriptor of nothing
	}
	text := b[90:108]
	text[3] = 0xfc // the name
	copy(text[5:], "             ")
	if n := copy(text[5:], s.Name); n < 13 {
		text[5+n] = '\n'
	}
	limits(b[108:126], modes)
	b[126] = 1 // extensions
}

// limits is a range limits descriptor around the modes and 640x480p60.
func limits(d []byte, modes []DVTimings) {
	vga, _ := CEATimings(1)
	lowV, highV, lowH, highH, clock := math.Inf(1), 0.0, math.Inf(1), 0.0, uint64(0)
	for _, t := range append([]DVTimings{vga}, modes...) {
		h := float64(t.PixelClock) / float64(t.Width+t.HFront+t.HSync+t.HBack) / 1000
		v := t.FrameRate().Float()
		if t.Interlaced {
			v *= 2
		}
		lowV, highV, lowH, highH = min(lowV, v), max(highV, v), min(lowH, h), max(highH, h)
		clock = max(clock, t.PixelClock)
	}
	d[3] = 0xfd
	d[5], d[6] = byte(lowV), byte(math.Ceil(highV))
	d[7], d[8] = byte(lowH), byte(math.Ceil(highH))
	d[9] = byte((clock + 10e6 - 1) / 10e6)
	copy(d[11:], "\n      ")
}

// detailed is a detailed timing descriptor.
func detailed(d []byte, t DVTimings) {
	binary.LittleEndian.PutUint16(d, uint16(t.PixelClock/10000))
	lines := t.Height
	if t.Interlaced {
		lines /= 2
	}
	hBlank, vBlank := t.HFront+t.HSync+t.HBack, t.VFront+t.VSync+t.VBack
	d[2], d[3], d[4] = byte(t.Width), byte(hBlank), byte(t.Width>>8<<4|hBlank>>8)
	d[5], d[6], d[7] = byte(lines), byte(vBlank), byte(lines>>8<<4|vBlank>>8)
	d[8], d[9] = byte(t.HFront), byte(t.HSync)
	d[10] = byte(t.VFront&15<<4 | t.VSync&15)
	d[11] = byte(t.HFront>>8<<6 | t.HSync>>8<<4 | t.VFront>>4<<2 | t.VSync>>4)
	// No physical size: the picture is encoded, not shown.
	d[17] = 0x18 // separate digital syncs
	if t.Interlaced {
		d[17] |= 0x80
	}
	if t.Polarities&1 != 0 {
		d[17] |= 4
	}
	if t.Polarities&2 != 0 {
		d[17] |= 2
	}
}

// extension fills a CTA-861 extension, revision 3.
func (s EDIDSpec) extension(b []byte, modes []DVTimings) {
	const audio, video, vendor, speakers = 1 << 5, 2 << 5, 3 << 5, 4 << 5
	blocks := append(b[4:4:EDIDBlock], video|byte(len(modes)))
	fastest := uint64(0)
	for i, t := range modes {
		svd := t.CEA861VIC
		if i == 0 && svd <= 64 {
			svd |= 0x80 // native
		}
		blocks = append(blocks, svd)
		fastest = max(fastest, t.PixelClock)
	}
	if s.Audio {
		const lpcmStereo, kHz32To48, bits16To24, frontPair = 1<<3 | 1, 7, 7, 1
		blocks = append(blocks, audio|3, lpcmStereo, kHz32To48, bits16To24, speakers|3, frontPair, 0, 0)
	}
	// HDMI's vendor block makes the sink one of HDMI, which alone gets sound:
	// its OUI, address 1.0.0.0, the fastest TMDS clock in 5 MHz.
	blocks = append(blocks, vendor|7, 0x03, 0x0c, 0x00, 0x10, 0x00, 0, byte((fastest+5e6-1)/5e6))
	b[0], b[1], b[2] = 2, 3, byte(4+len(blocks))
	if s.Audio {
		b[3] |= 0x40
	}
	if s.YCbCr {
		b[3] |= 0x30
	}
}

func setChecksum(block []byte) {
	block[EDIDBlock-1] = 0
	block[EDIDBlock-1] = -sum(block)
}

func sum(b []byte) (s byte) {
	for _, v := range b {
		s += v
	}
	return s
}

// CheckEDID says what is wrong with an EDID before a receiver shows it to
// sources: its size, header, number of extensions, checksums.
func CheckEDID(e []byte) error {
	switch {
	case len(e) == 0 || len(e)%EDIDBlock != 0:
		return fmt.Errorf("EDID: %d bytes are not blocks of %d", len(e), EDIDBlock)
	case string(e[:8]) != edidHeader:
		return errors.New("EDID: it does not begin with 00 FF FF FF FF FF FF 00")
	case e[18] != 1:
		return fmt.Errorf("EDID: version %d.%d is not 1.x", e[18], e[19])
	case int(e[126])+1 != len(e)/EDIDBlock:
		return fmt.Errorf("EDID: block 0 promises %d extensions, %d are there", e[126], len(e)/EDIDBlock-1)
	}
	for i := 0; i < len(e); i += EDIDBlock {
		b := e[i : i+EDIDBlock]
		if s := sum(b); s != 0 {
			return fmt.Errorf("EDID: block %d has checksum %#02x, should have %#02x", i/EDIDBlock, b[EDIDBlock-1], b[EDIDBlock-1]-s)
		}
		if i > 0 && b[0] == 2 && (b[2] > EDIDBlock-1 || b[2] > 0 && b[2] < 4) {
			return fmt.Errorf("EDID: the CTA-861 extension in block %d says its timings begin at byte %d", i/EDIDBlock, b[2])
		}
	}
	return nil
}
