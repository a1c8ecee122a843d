package v4l2

import "github.com/encoderbox/encoderbox/media"

// Color is a colorimetry in the kernel's numbers; zero fields mean "as usual
// for Space".
type Color struct{ Space, Transfer, Encoding, Quantization uint32 }

// The kernel's colour spaces.
const (
	spaceSMPTE170M = 1
	spaceSMPTE240M = 2
	spaceRec709    = 3
	space470M      = 5
	space470BG     = 6
	spaceJPEG      = 7
	spaceSRGB      = 8
	spaceOpRGB     = 9
	spaceBT2020    = 10
	spaceRaw       = 11
	spaceDCIP3     = 12
)

// The kernel's transfer functions.
const (
	xfer709       = 1
	xferSRGB      = 2
	xferOpRGB     = 3
	xferSMPTE240M = 4
	xferNone      = 5
	xferDCIP3     = 6
	xferSMPTE2084 = 7
)

// The kernel's Y'CbCr encodings.
const (
	enc601         = 1
	enc709         = 2
	encXV601       = 3
	encXV709       = 4
	encSYCC        = 5
	encBT2020      = 6
	encBT2020Const = 7
	encSMPTE240M   = 8
)

const (
	quantFull    = 1
	quantLimited = 2
)

// colorRow pairs a colour space with its usual transfer function and encoding,
// and with the code points of ITU-T H.273 of the three.
type colorRow struct {
	space, transfer, encoding   uint32
	primaries, transfer273, mat uint8
}

// colorRows: opRGB's primaries have no code point. Rec. 709, 601 and 2020
// share one curve in the kernel, and each has its own code point in H.273.
func colorRows() [9]colorRow {
	return [...]colorRow{
		{spaceRec709, xfer709, enc709, 1, 1, 1},
		{spaceSRGB, xferSRGB, enc601, 1, 13, 6},
		{spaceSMPTE170M, xfer709, enc601, 6, 6, 6},
		{space470BG, xfer709, enc601, 5, 6, 5},
		{space470M, xfer709, enc601, 4, 6, 6},
		{spaceSMPTE240M, xferSMPTE240M, encSMPTE240M, 7, 7, 7},
		{spaceBT2020, xfer709, encBT2020, 9, 14, 9},
		{spaceDCIP3, xferDCIP3, enc709, 11, 17, 1},
		{spaceOpRGB, xferOpRGB, enc601, 0, 0, 6},
	}
}

// Media maps a Y'CbCr colorimetry to the code points of ITU-T H.273; what the
// driver does not say stays unspecified.
func (c Color) Media() media.Color {
	jpeg := c.Space == spaceJPEG // short for sRGB, full range
	if jpeg {
		c.Space = spaceSRGB
	}
	m := media.Color{FullRange: c.Quantization == quantFull || jpeg && c.Quantization != quantLimited}
	row := colorRow{transfer273: 1, mat: 6}
	for _, r := range colorRows() {
		if r.space == c.Space {
			row = r
			m.Primaries, m.Transfer, m.Matrix = r.primaries, r.transfer273, r.mat
		}
	}
	switch c.Transfer {
	case xfer709:
		if row.transfer != xfer709 {
			m.Transfer = 1
		} else {
			m.Transfer = row.transfer273
		}
	case xferSRGB:
		m.Transfer = 13
	case xferOpRGB:
		m.Transfer = 0
	case xferSMPTE240M:
		m.Transfer = 7
	case xferNone:
		m.Transfer = 8
	case xferDCIP3:
		m.Transfer = 17
	case xferSMPTE2084:
		m.Transfer = 16
	}
	switch c.Encoding {
	case enc601:
		m.Matrix = 6
		if c.Space == space470BG {
			m.Matrix = 5
		}
	case enc709:
		m.Matrix = 1
	case encXV601:
		m.Matrix, m.Transfer = 5, 11 // xvYCC is a transfer of its own
	case encXV709:
		m.Matrix, m.Transfer = 1, 11
	case encSYCC:
		m.Matrix = 5
	case encBT2020:
		m.Matrix = 9
	case encBT2020Const:
		m.Matrix = 10
	case encSMPTE240M:
		m.Matrix = 7
	}
	return m
}

// ColorOf is the kernel's name of a colorimetry, for formats an encoder is
// told; what it has no name for stays default.
func ColorOf(m media.Color) Color {
	c := Color{Quantization: quantLimited}
	if m.FullRange {
		c.Quantization = quantFull
	}
	if m.Primaries|m.Transfer|m.Matrix == 0 && !m.FullRange {
		return Color{}
	}
	for _, r := range colorRows() {
		if r.primaries == m.Primaries && r.primaries != 0 {
			c.Space = r.space
			break
		}
	}
	switch m.Transfer {
	case 1, 6, 14, 15:
		c.Transfer = xfer709
	case 7:
		c.Transfer = xferSMPTE240M
	case 8:
		c.Transfer = xferNone
	case 13:
		c.Transfer = xferSRGB
	case 16:
		c.Transfer = xferSMPTE2084
	case 17:
		c.Transfer = xferDCIP3
	}
	xv := m.Transfer == 11
	switch m.Matrix {
	case 1:
		c.Encoding = enc709
		if xv {
			c.Encoding = encXV709
		}
	case 5, 6:
		c.Encoding = enc601
		if xv {
			c.Encoding = encXV601
		}
	case 7:
		c.Encoding = encSMPTE240M
	case 9:
		c.Encoding = encBT2020
	case 10:
		c.Encoding = encBT2020Const
	}
	if c.Space == spaceRec709 && c.Transfer == xferSRGB {
		c.Space = spaceSRGB // the same primaries
	}
	return c
}
