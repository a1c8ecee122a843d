package pattern

import (
	"math"

	"github.com/encoderbox/encoderbox/media"
)

// dial is a disc that fills clockwise once a second: the stream's clock to
// within a frame, readable from across the room.
type dial struct {
	x, y, size int
	angle      []byte // of each pixel, 256 a turn, from the top clockwise
	cover      []byte // how much of each pixel lies in the disc
}

func newDial(x, y, size int) *dial {
	d := &dial{x: x, y: y, size: size, angle: make([]byte, size*size), cover: make([]byte, size*size)}
	r := float64(size) / 2
	for i := range d.angle {
		dx, dy := float64(i%size)+0.5-r, float64(i/size)+0.5-r
		turn := math.Atan2(dx, -dy) / (2 * math.Pi)
		d.angle[i] = byte(int(math.Floor((turn+1)*256)) % 256)
		d.cover[i] = byte(255 * min(1, max(0, r-math.Hypot(dx, dy))))
	}
	return d
}

// draw fills the disc up to the given fraction of a turn.
func (d *dial) draw(p media.Plane, turn float64, s style) {
	ground, full := dark, white
	if s == onLit {
		ground, full = white, darkOn
	}
	var filled, empty [256]byte
	for a := range 256 {
		filled[a] = byte(ground + (full-ground)*a/255)
		empty[a] = byte(ground + (grey-ground)*a/255)
	}
	limit := byte(turn * 256)
	for row := range d.size {
		out := p.Data[(d.y+row)*p.Stride+d.x:][:d.size]
		angle, cover := d.angle[row*d.size:][:d.size], d.cover[row*d.size:][:d.size]
		for i := range out {
			if angle[i] <= limit {
				out[i] = filled[cover[i]]
			} else {
				out[i] = empty[cover[i]]
			}
		}
	}
}
