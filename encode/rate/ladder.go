package rate

import "time"

// ladder takes the steps below an encoder's least bit rate, where the path that
// decides carries less: fewer pictures, then smaller ones, then none.
//
// What a step needs, of the least bit rate of all pictures at full size:
//   - half the pictures: 0.6. Half as many, but each is further from the one before,
//     and costs more.
//   - a quarter of the size, too: 0.25. A quarter of the area costs about 0.4 of the
//     bits at the same quality.
//   - sound only: nothing.
//
// A step down is taken after the bit rate was too low, and had a queue, for a time that
// grows with what the step costs. A step up needs more than the step to be taken, for longer;
// each one that did not last makes the next wait twice as long.
type ladder struct {
	step  ladderStep
	below time.Duration // for how long the step has been too much
	above time.Duration // for how long the next step up would have fitted
	grace time.Duration // left, in which only a queue leads down again
	// of each step: how long it must have fitted to be taken from below; and the time
	// since it was, 0 if it was not.
	hold, stood [audioOnly]time.Duration
}

type ladderStep int

const (
	fullRate ladderStep = iota
	halfRate
	halfSize
	audioOnly
)

// rung is what the ladder goes by.
type rung struct {
	video    float64 // bits per second that the deciding path has room for
	min, max float64 // the encoder's
	// floors are the least bit rates of the steps that the encoder was seen to reach.
	floors    [audioOnly]float64
	congested bool // the path has a queue, or pictures are left out for one
	clean     bool // it has none at all
	silent    bool // there is no sound to go on alone
	frozen    bool // what the path has room for is not known now
}

const (
	halfRateNeeds, halfSizeNeeds = .6, .25
	// stepUpNeeds is how much more than a step needs must be there to take it.
	stepUpNeeds = 1.25
	// floorUpNeeds is the same of what the encoder was measured to put out.
	floorUpNeeds = 1.1
	plenty       = 2
	// trialGrace is how long pictures after none have to bring the target up again.
	trialGrace  = 5 * time.Second
	mostHold    = 2 * time.Minute
	lastingStep = time.Minute // a step up that stood so long was right
)

// stepDownAfter is how long each step must have been too much, with a queue: a cut that
// was a mistake is over by then. Smaller pictures are another track, and cost most.
var stepDownAfter = [audioOnly]time.Duration{2 * time.Second, 5 * time.Second, 6 * time.Second}

// stepUpAfter is how long each step must have fitted to be taken from below, at first.
var stepUpAfter = [audioOnly]time.Duration{4 * time.Second, 8 * time.Second, 6 * time.Second}

func (l *ladder) init() { *l = ladder{hold: stepUpAfter} }

// floor is the least bit rate of the present step.
func (l *ladder) floor(least float64) float64 {
	if l.step == audioOnly { // what pictures would begin with
		return least * halfSizeNeeds
	}
	return least * stepNeeds(l.step)
}

func stepNeeds(s ladderStep) float64 {
	switch s {
	case fullRate:
		return 1
	case halfRate:
		return halfRateNeeds
	case halfSize:
		return halfSizeNeeds
	}
	return 0
}

func (l *ladder) actions() (divider, scale int, soundOnly bool) {
	switch l.step {
	case halfRate:
		return 2, 1, false
	case halfSize:
		return 2, 2, false
	case audioOnly:
		return 2, 2, true
	}
	return 1, 1, false
}

// mostSeen is the longest time that one look at a path can stand for. On a busy box
// looks come late, and what queued meanwhile says nothing of the link.
const mostSeen = 3 * Interval

// needs is what must be there to take a step up, by the bounds and by what the encoder
// does there.
func (r rung) needs(s ladderStep) float64 {
	return min(max(r.min*stepNeeds(s)*stepUpNeeds, r.floors[s]*floorUpNeeds), r.max)
}

// tooLittle: the path has no room for the step. What the encoder puts out beyond what
// it is told counts only where the path has a queue of it.
func (r rung) tooLittle(s ladderStep) bool {
	return r.video < r.min*stepNeeds(s) || (r.video < r.floors[s] && r.congested)
}

// advance takes at most one step.
func (l *ladder) advance(dt time.Duration, r rung) {
	for i := range l.stood {
		if l.stood[i] > 0 {
			l.stood[i] += dt
		}
		if l.stood[i] >= lastingStep {
			l.stood[i], l.hold[i] = 0, stepUpAfter[i]
		}
	}
	l.grace = max(0, l.grace-dt)
	if r.frozen {
		return
	}
	dt = min(dt, mostSeen)
	if l.down(dt, r) || l.step == fullRate {
		l.above = 0
		return
	}
	up := l.step - 1
	needs := r.needs(up)
	// With plenty, a queue says that more was tried, not that the step is too much.
	fits := r.video >= needs && (!r.congested || r.video >= plenty*needs)
	if l.step == audioOnly {
		// Sound alone does not show what more the path would carry: try.
		fits = r.clean || r.silent
	}
	if !fits {
		l.above = 0
		return
	}
	if l.above += dt; l.above < l.hold[up] {
		return
	}
	if l.step == audioOnly {
		l.grace = trialGrace
	}
	l.step, l.above, l.below, l.stood[up] = up, 0, 0, 1
}

// down takes a step down where one is due.
func (l *ladder) down(dt time.Duration, r rung) bool {
	if l.step == audioOnly || !r.tooLittle(l.step) {
		l.below = 0
		return false
	}
	if !r.congested { // it may be the target that is wrong
		if l.grace > 0 {
			l.below = 0
		}
		return false
	}
	l.below += dt
	after := stepDownAfter[l.step]
	if s := l.stood[l.step]; s > 0 && s < failedReturn {
		after /= 2 // it was only tried
	}
	if l.below < after || (l.step == halfSize && r.silent) {
		return false
	}
	if l.stood[l.step] > 0 { // it did not last
		l.stood[l.step], l.hold[l.step] = 0, min(2*l.hold[l.step], mostHold)
	}
	l.step++
	l.below, l.grace = 0, 0
	return true
}
