package usbip

// The picture is a grid of cells of one colour each, so that JPEG and raw hold
// the same, and each takes little time to make. From top to bottom, in eighths
// of the height: the number of the picture in bars, white for 1, its lowest bit
// at the right; the same inverted; two of flash; four of ground with a block that moves.
const (
	cellWidth  = 16
	cellHeight = 8

	// NumberBits is how many bars there are: the number of a picture is modulo
	// 1<<NumberBits.
	NumberBits = 20
)

// color is of limited range, BT.601.
type color struct{ y, u, v uint8 }

// Pattern is what the device shows.
type Pattern string

// The patterns.
const (
	Moving Pattern = "moving" // numbers, a flash a second, a block that moves
	Frozen Pattern = "frozen" // the picture it showed when this began, as of a grabber that lost its signal
	Blue   Pattern = "blue"   // of a grabber without a signal
)

// picture is one picture as a grid.
type picture struct {
	size       size
	cols, rows int
	cells      []color
}

// draw makes picture number n; flash says that the second has just begun.
func draw(s size, n int64, flash bool, pattern Pattern) *picture {
	p := &picture{size: s, cols: s.width / cellWidth, rows: (s.height + cellHeight - 1) / cellHeight}
	p.cells = make([]color, p.cols*p.rows)
	for row := range p.rows {
		eighth := row * cellHeight * 8 / s.height
		for col := range p.cols {
			c := &p.cells[row*p.cols+col]
			switch {
			case pattern == Blue:
				*c = color{41, 240, 110}
			case eighth < 2:
				bar := col * NumberBits / p.cols
				*c = gray(n>>(NumberBits-1-bar)&1 == 1 != (eighth == 1))
			case eighth < 4:
				*c = gray(flash)
			case int64(col) == n%int64(p.cols):
				*c = color{180, 60, 180}
			default:
				*c = color{90, 128, uint8(60 + 130*col/p.cols)} //nolint:gosec // up to 190
			}
		}
	}
	return p
}

func gray(white bool) color {
	if white {
		return color{235, 128, 128}
	}
	return color{16, 128, 128}
}

// yuyv is the picture as YUYV.
func (p *picture) yuyv() []byte {
	stride := 2 * p.size.width
	out := make([]byte, 0, stride*p.size.height)
	for row := range p.rows {
		start := len(out)
		for col := range p.cols {
			c := p.cells[row*p.cols+col]
			for range cellWidth / 2 {
				out = append(out, c.y, c.u, c.y, c.v)
			}
		}
		line := out[start:]
		for range min(cellHeight, p.size.height-row*cellHeight) - 1 {
			out = append(out, line...)
		}
	}
	return out
}

// Read finds in the luma of a picture of the device which number it has and
// whether it flashes. It may have been scaled and coded since. ok is false for a
// picture without a number.
func Read(luma []byte, stride, width, height int) (number int64, flash, ok bool) {
	if width < NumberBits || height < 8 || stride < width || len(luma) < stride*(height-1)+width {
		return 0, false, false
	}
	at := func(x, y int) int { return int(luma[y*stride+x]) }
	var top, bottom int64
	for bar := range int64(NumberBits) {
		x := (2*int(bar) + 1) * width / (2 * NumberBits)
		a, b := at(x, height/16), at(x, 3*height/16)
		if d := a - b; d > -60 && d < 60 {
			return 0, false, false
		}
		top <<= 1
		bottom <<= 1
		if a > 128 {
			top |= 1
		}
		if b > 128 {
			bottom |= 1
		}
	}
	return top, at(width/2, 3*height/8) > 128, top^bottom == 1<<NumberBits-1
}
