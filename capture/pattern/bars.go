package pattern

import (
	"math"

	"github.com/encoderbox/encoderbox/media"
)

// The luma levels of the overlay, BT.709 limited range.
const (
	black  = 16
	dark   = 28 // the band at rest
	grey   = 70 // what is not yet filled of the dial
	white  = 235
	noHue  = 128
	darkOn = black // text on the lit band
)

// ycc is one colour as samples.
type ycc struct{ y, cb, cr byte }

// bt709ycc converts R'G'B' in 0..1 to BT.709 limited-range samples (ITU-R
// BT.709-6 items 3.2 to 3.4).
func bt709ycc(r, g, b float64) ycc {
	y := 0.2126*r + 0.7152*g + 0.0722*b
	q := func(v float64) byte { return byte(math.Round(v)) }
	return ycc{q(16 + 219*y), q(128 + 224*(b-y)/1.8556), q(128 + 224*(r-y)/1.5748)}
}

// bars is the row of colour bars at the given level, and beneath it the row
// in reverse with black between, by which a decoder's hue is judged.
func bars(level float64) (upper, lower [7]ycc) {
	for i := range 7 {
		v := 7 - i // white yellow cyan green magenta red blue as bits G R B
		bit := func(n int) float64 { return level * float64(v>>n&1) }
		upper[i] = bt709ycc(bit(1), bit(2), bit(0))
		if i%2 == 0 {
			lower[6-i] = upper[i]
		} else {
			lower[6-i] = bt709ycc(0, 0, 0)
		}
	}
	return upper, lower
}

// layout holds the heights at which the parts of the picture begin.
type layout struct{ reverse, band, ramp int }

// newLayout gives the band a good third of the height, so that the flash
// shows in the mean of a picture scaled down to anything.
func newLayout(height int) layout {
	even := func(percent int) int { return height * percent / 100 &^ 1 }
	return layout{reverse: even(40), band: even(46), ramp: even(82)}
}

// drawBackground paints everything that never changes.
func drawBackground(planes [3]media.Plane, w, h int, l layout) {
	upper, lower := bars(0.75)
	for y := range h {
		row := planes[0].Data[y*planes[0].Stride:][:w]
		var chroma [2][]byte
		if y%2 == 0 {
			chroma[0] = planes[1].Data[y/2*planes[1].Stride:][:w/2]
			chroma[1] = planes[2].Data[y/2*planes[2].Stride:][:w/2]
		}
		for x := range w {
			c := ycc{dark, noHue, noHue}
			switch {
			case y < l.reverse:
				c = upper[x&^1*7/w]
			case y < l.band:
				c = lower[x&^1*7/w]
			case y >= l.ramp:
				c.y = rampAt(x, w)
			}
			row[x] = c.y
			if chroma[0] != nil && x%2 == 0 {
				chroma[0][x/2], chroma[1][x/2] = c.cb, c.cr
			}
		}
	}
}

// rampAt is the luma ramp's value in column x.
func rampAt(x, w int) byte { return byte(black + (white-black)*x/(w-1)) }
