package usbip

import "math/bits"

// jpeg is the picture as cameras send it: 4:2:2, full range, and without
// Huffman tables, the standard's being meant. A cell is one MCU of blocks that
// hold a constant alone.
func (p *picture) jpeg() []byte {
	w, h := p.size.width, p.size.height
	out := []byte{0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0}
	for range 64 {
		out = append(out, quantizer)
	}
	out = append(out, 0xFF, 0xC0, 0, 17, 8, byte(h>>8), byte(h), byte(w>>8), byte(w), 3, 1, 0x21, 0, 2, 0x11, 0, 3, 0x11, 0) //nolint:gosec // bytes are meant
	out = append(out, 0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0)
	e := entropy{out: out}
	var last [3]int
	for _, c := range p.cells {
		y := fullRange(int(c.y)-16, 219) - 128
		u, v := fullRange(int(c.u)-128, 224), fullRange(int(c.v)-128, 224)
		e.block(false, y-last[0])
		e.block(false, 0)
		e.block(true, u-last[1])
		e.block(true, v-last[2])
		last = [3]int{y, u, v}
	}
	return append(e.flush(), 0xFF, 0xD9)
}

// quantizer makes a step of a block's constant one step of its samples.
const quantizer = 8

func fullRange(v, span int) int {
	if v < 0 {
		return -fullRange(-v, span)
	}
	return (v*255 + span/2) / span
}

// entropy writes Huffman codes, by the tables of ITU-T T.81, annex K.3.
type entropy struct {
	out  []byte
	bits uint32
	n    int
}

func (e *entropy) put(code uint32, n int) {
	e.bits = e.bits<<n | code
	for e.n += n; e.n >= 8; e.n -= 8 {
		b := byte(e.bits >> (e.n - 8)) //nolint:gosec // the byte is meant
		if e.out = append(e.out, b); b == 0xFF {
			e.out = append(e.out, 0)
		}
	}
}

// block writes a block whose constant differs by diff from the one before.
func (e *entropy) block(chroma bool, diff int) {
	luma := [...]struct {
		code uint32
		n    int
	}{{0, 2}, {2, 3}, {3, 3}, {4, 3}, {5, 3}, {6, 3}, {14, 4}, {30, 5}, {62, 6}, {126, 7}}
	other := [...]struct {
		code uint32
		n    int
	}{{0, 2}, {1, 2}, {2, 2}, {6, 3}, {14, 4}, {30, 5}, {62, 6}, {126, 7}, {254, 8}, {510, 9}}
	category := bits.Len(uint(max(diff, -diff))) //nolint:gosec // not negative
	magnitude := diff
	if diff < 0 {
		magnitude = diff + 1<<category - 1
	}
	if chroma {
		e.put(other[category].code, other[category].n)
	} else {
		e.put(luma[category].code, luma[category].n)
	}
	e.put(uint32(magnitude), category) //nolint:gosec // not negative
	if chroma {
		e.put(0b00, 2) // end of block
	} else {
		e.put(0b1010, 4)
	}
}

func (e *entropy) flush() []byte {
	if e.n > 0 {
		e.put(1<<(8-e.n)-1, 8-e.n)
	}
	return e.out
}
