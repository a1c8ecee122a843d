package v4l2

import (
	"slices"

	"github.com/encoderbox/encoderbox/media"
)

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

// transfers are the code points of the kernel's transfer functions; opRGB's
// has none. That of xfer709 depends on the colour space.
func transfers() [8]uint8 {
	return [...]uint8{xfer709: 1, xferSRGB: 13, xferSMPTE240M: 7, xferNone: 8, xferDCIP3: 17, xferSMPTE2084: 16}
}

// matrices are the code points of the kernel's Y'CbCr encodings.
func matrices() [9]uint8 {
	return [...]uint8{enc601: 6, enc709: 1, encXV601: 5, encXV709: 1, encSYCC: 5, encBT2020: 9, encBT2020Const: 10, encSMPTE240M: 7}
}

const transferXVYCC = 11 // of H.273; for the kernel a property of the encoding

// Media maps a Y'CbCr colorimetry to the code points of ITU-T H.273; what the
// driver does not say stays unspecified.
func (c Color) Media() media.Color {
	jpeg := c.Space == spaceJPEG // short for sRGB, full range
	if jpeg {
		c.Space = spaceSRGB
	}
	m := media.Color{FullRange: c.Quantization == quantFull || jpeg && c.Quantization != quantLimited}
	var row colorRow
	for _, r := range colorRows() {
		if r.space == c.Space {
			row = r
			m.Primaries, m.Transfer, m.Matrix = r.primaries, r.transfer273, r.mat
		}
	}
	if t := transfers(); c.Transfer != row.transfer && 0 < c.Transfer && c.Transfer < uint32(len(t)) {
		m.Transfer = t[c.Transfer]
	}
	if t := matrices(); c.Encoding != row.encoding && 0 < c.Encoding && c.Encoding < uint32(len(t)) {
		m.Matrix = t[c.Encoding]
	}
	if c.Encoding == encXV601 || c.Encoding == encXV709 {
		m.Transfer = transferXVYCC
	}
	return m
}

// ColorOf is the kernel's name of a colorimetry, for formats an encoder is
// told; what it has no name for stays default.
func ColorOf(m media.Color) Color {
	if m == (media.Color{}) {
		return Color{}
	}
	c := Color{Quantization: quantLimited}
	if m.FullRange {
		c.Quantization = quantFull
	}
	for _, r := range colorRows() {
		if c.Space == 0 && r.primaries == m.Primaries && r.primaries != 0 {
			c.Space = r.space
		}
	}
	switch m.Transfer {
	case 6, 14, 15: // the same curve as Rec. 709's
		c.Transfer = xfer709
	default:
		t := transfers()
		c.Transfer = uint32(max(0, slices.Index(t[:], m.Transfer)))
	}
	switch {
	case m.Transfer == transferXVYCC && m.Matrix == 1:
		c.Encoding = encXV709
	case m.Transfer == transferXVYCC && (m.Matrix == 5 || m.Matrix == 6):
		c.Encoding = encXV601
	case m.Matrix == 5:
		c.Encoding = enc601
	default:
		t := matrices()
		c.Encoding = uint32(max(0, slices.Index(t[:], m.Matrix)))
	}
	if c.Space == spaceRec709 && c.Transfer == xferSRGB {
		c.Space = spaceSRGB // the same primaries
	}
	return c
}
