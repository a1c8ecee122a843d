package rate

import (
	"fmt"
	"time"
)

// network is a fluid model of an encoder and the paths of its receivers, in steps of
// a millisecond: links with one queue each, which any number of paths go through.
type network struct {
	stream *Stream
	links  []*testLink
	paths  []*testPath

	gain     float64                  // of the encoder: what it puts out of what it is told
	ignores  float64                  // the rate that the encoder stays at; 0: it obeys
	still    bool                     // the pictures need a tenth of the bit rate
	least    func(Setting) float64    // what the encoder puts out at the least; nil: nothing
	starved  func(time.Duration) bool // nothing runs here, but the links do; nil: never
	missing  func(picture int) bool   // the encoder is too slow for this one; nil: for none
	noSound  bool
	overhead float64

	now      time.Duration
	state    EncoderState
	told     []float64 // commands, each millisecond: the encoder lags
	picture  int
	decision Decision
	key      uint64
	owed     int // bytes of sound that were recorded while nothing ran
	each     func(Decision)
}

type testLink struct {
	capacity float64                  // bits per second
	queued   float64                  // bytes, of all paths
	stuck    func(time.Duration) bool // nothing moves; nil: never
}

type testPath struct {
	name       string
	primary    bool
	link       *testLink
	connection uint64
	delay      time.Duration
	budget     time.Duration

	written   float64
	queued    float64
	dropped   float64
	delivered []float64 // by millisecond
	gone      float64
	shed      bool // in force since the last key picture
	flushed   uint64
}

func newNetwork(c StreamConfig, capacities ...float64) *network {
	n := &network{gain: 1, overhead: 1.05, stream: newStream(c, newPlainLaw)}
	for i, capacity := range capacities {
		l := &testLink{capacity: capacity}
		n.links = append(n.links, l)
		n.add(fmt.Sprint("p", i), l)
	}
	n.paths[0].primary = true
	return n
}

// lawful has the product's law follow the paths.
func (n *network) lawful() *network {
	n.stream.follow = func(l Limits) follower { return New(l) }
	return n
}

func (n *network) add(name string, l *testLink) *testPath {
	p := &testPath{name: name, link: l, connection: 1, delay: 20 * time.Millisecond, budget: 2 * time.Second}
	n.paths = append(n.paths, p)
	return p
}

// run goes on for a time.
func (n *network) run(d time.Duration) {
	for end := n.now + d; n.now < end; n.now += time.Millisecond {
		if n.starved != nil && n.starved(n.now) {
			n.told = append(n.told, n.told[len(n.told)-1])
			n.owed += n.soundDue()
		} else {
			if n.now%Interval == 0 {
				n.step()
			}
			n.code()
		}
		n.carry()
	}
}

func (n *network) code() {
	n.told = append(n.told, float64(n.decision.Setting.Bitrate))
	if sound := n.owed + n.soundDue(); sound > 0 {
		n.write(float64(sound), false, false)
		n.state.Audio += uint64(sound)
		n.owed = 0
	}
	if n.now%(33*time.Millisecond) != 0 {
		return
	}
	set := n.decision.Setting
	n.picture++
	if set.Skip || set.AudioOnly || n.picture%set.Divider != 0 || (n.missing != nil && n.missing(n.picture)) {
		return
	}
	rate := n.told[max(0, len(n.told)-150)] * n.gain
	if n.least != nil {
		rate = max(rate, n.least(set))
	}
	if n.ignores > 0 {
		rate = n.ignores
	}
	if n.still {
		rate /= 10
	}
	key := n.picture%60 == 0 || set.Key != n.key
	n.key = set.Key
	size := rate / 8 * .033 * float64(set.Divider) * .94
	if key {
		size *= 4.4
	}
	n.state.Pictures++
	n.state.Video += uint64(size)
	n.write(float64(uint64(size)), true, key)
}

// soundDue is what is recorded in this millisecond: 128 kb/s.
func (n *network) soundDue() int {
	if n.now%(20*time.Millisecond) != 0 || n.noSound {
		return 0
	}
	return 320
}

func (n *network) write(bytes float64, video, key bool) {
	for i, p := range n.paths {
		d := PathDecision{}
		if i < len(n.decision.Paths) {
			d = n.decision.Paths[i]
		}
		if key {
			p.shed = d.Shed
		}
		if p.connection == 0 || d.Pause || (video && p.shed) {
			continue
		}
		p.written += bytes * n.overhead
		p.queued += bytes * n.overhead
		p.link.queued += bytes * n.overhead
	}
}

func (n *network) carry() {
	for _, l := range n.links {
		room := l.capacity / 8000
		if l.stuck != nil && l.stuck(n.now) {
			room = 0
		}
		share := 1.
		if l.queued > room {
			share = room / l.queued
		}
		for _, p := range n.paths {
			if p.link != l {
				continue
			}
			out := p.queued * share
			p.queued -= out
			l.queued -= out
			p.gone += out
			p.delivered = append(p.delivered, p.gone)
		}
	}
}

// step has the stream decide; transports give up what is too old.
func (n *network) step() {
	states := make([]PathState, 0, len(n.paths))
	for i, p := range n.paths {
		if i < len(n.decision.Paths) {
			if f := n.decision.Paths[i].Advice.Flush; f != p.flushed || p.connection == 0 {
				p.flushed = f
				old := p.queued * .9 // the newest is not too old
				p.dropped += old
				p.link.queued -= old
				p.queued -= old
			}
		}
		acked := 0.
		if at := len(p.delivered) - int(p.delay/time.Millisecond); at > 0 {
			acked = p.delivered[at-1]
		}
		trip := p.delay + time.Duration(p.link.queued*8/max(p.link.capacity, 1)*float64(time.Second))
		states = append(states, PathState{Name: p.name, Primary: p.primary, Connection: p.connection, Sample: Sample{
			At: time.Hour + n.now, Written: uint64(p.written), Outstanding: uint64(max(0, p.written-acked-p.dropped)),
			Dropped: uint64(p.dropped), RTT: min(trip, longestRTT), MinRTT: p.delay, Budget: p.budget, AppLimited: p.link.queued < 100,
		}})
	}
	n.state.At = time.Hour + n.now
	n.decision = n.stream.Step(n.state, states)
	if n.each != nil {
		n.each(n.decision)
	}
}

// mean is the mean of what of gives, over a time to come.
func (n *network) mean(d time.Duration, of func(Decision) float64) float64 {
	sum, count := 0., 0.
	before := n.each
	n.each = func(d Decision) { sum += of(d); count++ }
	n.run(d)
	n.each = before
	return sum / count
}

func bitrate(d Decision) float64 { return float64(d.Setting.Bitrate) }
