package sim

import (
	"math"
	"math/rand/v2"
	"time"
)

// Properties of the encoder model: a statistical one after RFC 8593, section 5.
const (
	Picture     = time.Second / 30 // from one picture to the next
	gop         = 60               // pictures
	audio       = 128000           // bits per second, sound and its overhead
	reaction    = 2                // pictures until a cut shows
	hysteresis  = 1.04             // an increase below this does nothing
	convergence = 0.2              // of the way up, with each picture
	sizeNoise   = 0.12             // scale of the Laplace distribution of the logarithm of a picture's size
	leastFrame  = 200              // bytes
)

// Content is what the camera sees.
type Content int

// The contents.
const (
	Moving   Content = iota // always uses what it may
	Changing                // scenes of some seconds, some of which need little
)

// encoder is a model of one: it gives the sizes of pictures.
type encoder struct {
	random  *rand.Rand
	content Content
	inert   float64 // what it puts out of what it is told; 1 for one that obeys

	asked   float64   // bits per second of video
	goal    float64   // that it has taken up
	current float64   // that it codes for
	pending []float64 // asked for at the last pictures
	number  int       // of the picture in its GOP
	keys    float64   // a key picture's size, in others'
	debt    float64   // bytes coded beyond what was asked for
	scene   float64   // bits per second that the scene can use
	scenes  int       // pictures until the next scene
}

func newEncoder(seed uint64, content Content, start float64) *encoder {
	e := &encoder{random: rand.New(rand.NewPCG(seed, 0x656e63)), content: content, inert: 1, asked: start, goal: start, current: start}
	e.keys, e.scene = 5, math.Inf(1)
	return e
}

// set asks for a bit rate of video.
func (e *encoder) set(bitrate float64) { e.asked = max(bitrate, 8*leastFrame*30) }

// follow has what is coded for follow what was asked for.
func (e *encoder) follow() {
	e.pending = append(e.pending, e.asked)
	if len(e.pending) <= reaction {
		return
	}
	asked := e.pending[0]
	e.pending = e.pending[1:]
	if asked < e.goal || asked >= hysteresis*e.goal {
		e.goal = asked
	}
	if e.current = min(e.current, e.goal); e.current < e.goal {
		e.current = min(e.goal, e.current+max(convergence*(e.goal-e.current), 0.01*e.goal))
	}
}

// frame is the size in bytes of the next picture.
func (e *encoder) frame(key bool) (size int, isKey bool) {
	e.follow()
	changed := e.nextScene()
	if e.number == 0 || e.number >= gop {
		key = true
	}
	even := e.current * e.inert * Picture.Seconds() / 8
	normal := even * gop / (gop - 1 + e.keys)
	repay := 1 - e.debt/(even*30) // within about a second
	want := normal * min(max(repay, 0.4), 1.3)
	allowed := normal
	switch {
	case key:
		e.number, e.keys = 0, 4+2*e.random.Float64()
		want, allowed = want*e.keys, allowed*e.keys
	case changed:
		want *= 3
	}
	if e.number == 0 && !key {
		allowed = normal
	}
	limit := e.scene * Picture.Seconds() / 8
	if key {
		limit = max(limit, 0.8e6*Picture.Seconds()/8) * 8
	}
	want = min(want, limit) * math.Exp(sizeNoise*e.laplace())
	want = max(want, leastFrame)
	e.debt += want - allowed
	e.debt = min(max(e.debt, -even*10), even*45)
	e.number++
	return int(want), key
}

// nextScene says whether another scene has begun.
func (e *encoder) nextScene() bool {
	if e.content != Changing {
		return false
	}
	if e.scenes--; e.scenes > 0 {
		return false
	}
	first := math.IsInf(e.scene, 1)
	e.scenes = int((4 + 12*e.random.Float64()) / Picture.Seconds())
	e.scene = [...]float64{0.5e6, 1.5e6, 4e6, 12e6, 12e6}[e.random.IntN(5)]
	return !first
}

func (e *encoder) laplace() float64 {
	u := e.random.Float64() - 0.5
	return math.Copysign(math.Log(1-2*math.Abs(u)+1e-12), -u)
}
