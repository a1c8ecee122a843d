package rate

import "time"

// encoderFloors are the least bit rates that an encoder was seen to reach: at its
// coarsest quantiser it puts out what the pictures come to, whatever it is told. Such
// a one is told from an encoder that always puts out too much by what it did before:
// it has followed a higher command better.
//
// Only the steps that another one with fewer or smaller pictures follows have one.
type encoderFloors struct {
	least [audioOnly]float64 // of each step; 0: it was not met
	met   [audioOnly]time.Duration
	step  ladderStep

	// the highest command of the last minutes that was followed, and how
	command, gain float64
	followed      time.Duration
	made, told    [2]float64 // the last two seconds, the newer one first; 0: there was none
	fresh         bool       // of this second a part was another step's
}

const (
	// floorGain is how much worse a command must be followed than a higher one was,
	// and floorBelow how much higher that must have been.
	floorGain, floorBelow = 1.12, 1.1
	// floorGone: an output of so much of a floor shows that there is none any more.
	floorGone = .9
	// floorStays is how long a floor that is not met again holds: other pictures have
	// other ones.
	floorStays = 2 * time.Minute
	// referenceStays is how long the higher command counts.
	referenceStays = 5 * time.Minute
)

// window takes output / command of a time in which the encoder had followed it. It
// says whether that shows how it follows, and no floor.
func (f *encoderFloors) window(command, gain float64, now time.Duration, inert bool) bool {
	if f.meets(command*gain, command, now, inert) || f.reached() {
		return false
	}
	if command*floorBelow >= f.command || now-f.followed >= referenceStays {
		f.command, f.gain, f.followed = command, gain, now
	}
	return true
}

// at says which step's pictures are coded from now on.
func (f *encoderFloors) at(step ladderStep, now time.Duration) {
	for i := range f.least {
		if f.least[i] > 0 && now-f.met[i] >= floorStays {
			f.least[i] = 0
		}
	}
	if step != f.step {
		f.step, f.made, f.told, f.fresh = step, [2]float64{}, [2]float64{}, true
	}
}

// second takes a second's bit rate, and the highest that was wanted in it and the one
// before.
func (f *encoderFloors) second(made, wanted float64, now time.Duration, inert bool) {
	if f.fresh {
		f.fresh = false
		return
	}
	f.made[1], f.made[0] = f.made[0], made
	f.told[1], f.told[0] = f.told[0], wanted
	if f.made[1] == 0 {
		return
	}
	mean, most := (f.made[0]+f.made[1])/2, max(f.told[0], f.told[1]) // over a key picture and what follows
	if f.step < halfSize && mean < f.least[f.step]*floorGone {
		f.least[f.step] = 0
	}
	f.meets(mean, most, now, inert)
}

// meets notes a floor where one is met. An inert encoder shows none: it shows nothing.
func (f *encoderFloors) meets(made, told float64, now time.Duration, inert bool) bool {
	switch {
	case inert, f.step >= halfSize, f.command < told*floorBelow, made < told*f.gain*floorGain:
		return false
	case made > f.command*f.gain*floorGain: // it follows nothing at all
		return false
	}
	f.least[f.step], f.met[f.step] = made, now
	return true
}

// now is the floor of the present step; 0: none was met.
func (f *encoderFloors) now() float64 {
	if f.step >= halfSize {
		return 0
	}
	return f.least[f.step]
}

// reached: the encoder was lately seen not to go lower.
func (f *encoderFloors) reached() bool {
	floor := f.now()
	return floor > 0 && f.told[0] < floor*floorGain
}

// pictureTime measures how many of the pictures that there could be were coded.
type pictureTime struct {
	count uint64
	most  float64 // pictures a second, when all were there
}

// pictureRateFalls is what is left of the highest picture rate after each time that
// it was not reached: a source may have another one now.
const pictureRateFalls = .98

func (p *pictureTime) add(pictures uint64) {
	if pictures < 1<<32 { // else the counter began anew
		p.count += pictures
	}
}

// share is the share of pictures that were there in the time since it was asked for
// last; 0: not known.
func (p *pictureTime) share(d time.Duration) float64 {
	rate := float64(p.count) / d.Seconds()
	p.count = 0
	if rate <= 0 {
		return 0
	}
	p.most = max(rate, p.most*pictureRateFalls)
	return rate / p.most
}
