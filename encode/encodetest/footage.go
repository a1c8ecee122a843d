package encodetest

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// Footage makes pictures like a camera's: a still, textured scene, patches that
// move through it, and noise everywhere. It has no scene cuts. The pictures are
// the same in every run. It counts the frames that have not been released.
type Footage struct {
	Format media.VideoFormat
	// Pad is added to every row of every plane.
	Pad int
	// Still makes every picture look like the first.
	Still bool
	alive atomic.Int64

	scene, patch []byte
	noise        []byte
}

const (
	patchSide = 64
	noiseLen  = 1 << 16
)

// NewFootage returns footage of a format.
func NewFootage(f media.VideoFormat) *Footage {
	rnd := rand.New(rand.NewPCG(7, 11))
	s := &Footage{
		Format: f,
		scene:  make([]byte, f.Width*f.Height),
		patch:  make([]byte, patchSide*patchSide),
		noise:  make([]byte, noiseLen),
	}
	for i := range s.scene {
		x, y := i%f.Width, i/f.Width
		s.scene[i] = byte(40 + (x*100/f.Width+y*60/f.Height)&^7 + rnd.IntN(12))
	}
	for i := range s.patch {
		s.patch[i] = byte(60 + rnd.IntN(140))
	}
	for i := range s.noise {
		s.noise[i] = byte(rnd.IntN(5))
	}
	return s
}

// Alive is the number of frames not yet released.
func (s *Footage) Alive() int { return int(s.alive.Load()) }

// Frame is the n-th picture, at the format's nominal time plus a start that is
// not zero.
func (s *Footage) Frame(n int) media.Frame {
	s.alive.Add(1)
	look := n
	if s.Still {
		look = 0
	}
	b := media.NewBuffer(s.Format, s.planes(look), func(*media.Buffer) { s.alive.Add(-1) })
	return media.Frame{Buffer: b, PTS: 3*time.Second + s.Format.FrameRate.FrameTime(int64(n))}
}

// planes draws the n-th picture.
func (s *Footage) planes(n int) [3]media.Plane {
	w, h := s.Format.Width, s.Format.Height
	y, cb, cr := s.plane(w, h), s.plane(w/2, h/2), s.plane(w/2, h/2)
	s.luma(y, n)
	for row := range h / 2 {
		for x := range w / 2 {
			cb.Data[row*cb.Stride+x] = byte(90 + 40*x/w)
			cr.Data[row*cr.Stride+x] = byte(150 + 40*row/h + n%8)
		}
	}
	if s.Format.Pixel != media.NV12 {
		return [3]media.Plane{y, cb, cr}
	}
	uv := s.plane(w, h/2)
	for row := range h / 2 {
		for x := range w / 2 {
			uv.Data[row*uv.Stride+2*x] = cb.Data[row*cb.Stride+x]
			uv.Data[row*uv.Stride+2*x+1] = cr.Data[row*cr.Stride+x]
		}
	}
	return [3]media.Plane{y, uv}
}

func (s *Footage) luma(y media.Plane, n int) {
	w, h := s.Format.Width, s.Format.Height
	shift := n * 7919
	for row := range h {
		line := y.Data[row*y.Stride:][:w]
		copy(line, s.scene[row*w:])
		for x := range line {
			line[x] += s.noise[(shift+row*w+x)&(noiseLen-1)]
		}
	}
	for i := range max(1, w*h/(patchSide*patchSide)/8) { // an eighth of the picture
		px, py := (i*97+n*(3+i%3))%max(1, w-patchSide), (i*61+n*(1+i%2))%max(1, h-patchSide)
		for row := range min(patchSide, h) {
			copy(y.Data[(py+row)*y.Stride+px:][:min(patchSide, w)], s.patch[row*patchSide:])
		}
	}
}

func (s *Footage) plane(w, h int) media.Plane {
	stride := w + s.Pad
	return media.Plane{Data: make([]byte, stride*h), Stride: stride}
}

// I420 is the n-th picture as planes one behind the other, without padding.
func (s *Footage) I420(n int) []byte {
	plain := &Footage{Format: s.Format, scene: s.scene, patch: s.patch, noise: s.noise}
	plain.Format.Pixel = media.I420
	var out []byte
	for _, p := range plain.planes(n) {
		out = append(out, p.Data...)
	}
	return out
}

// checkReleased fails the test when frames are still held.
func (s *Footage) checkReleased(t *testing.T) {
	t.Helper()
	if n := s.Alive(); n != 0 {
		t.Errorf("%d frames were not released", n)
	}
}
