// Package sim simulates a live stream over a link: an encoder model, a transport, a
// bit rate law and what else is on the link, in no time and always the same of a seed.
package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/link/scenario"
	"github.com/encoderbox/encoderbox/lab/link/score"
)

// after is how long the link goes on when the camera's time is over, so that the last
// pictures can arrive.
const after = 5 * time.Second

// Run simulates a scenario under a law over a transport, and returns what happened to
// each stream of it at each destination: the first one's record first.
func Run(s scenario.Scenario, l law.Spec, transport string, seed uint64) ([]*score.Record, error) {
	w, err := newWorld(s, l, transport, seed)
	if err != nil {
		return nil, fmt.Errorf("simulate %s, %s over %s: %w", s.Name, l.Name, transport, err)
	}
	w.clock.run(s.Length + after)
	var all []*score.Record
	for _, s := range w.senders {
		for _, d := range s.to {
			all = append(all, w.record(s, d))
		}
	}
	return all, nil
}

// world is all that is simulated.
type world struct {
	scenario  scenario.Scenario
	spec      law.Spec
	transport string
	seed      uint64
	clock     *clock
	config    bottleneck.Config
	forward   *bottleneck.Link
	back      *bottleneck.Link // nil where it is wide
	paths     []*path          // by flow
	senders   []*sender

	destinations map[int]*destination // by flow
}

func newWorld(s scenario.Scenario, l law.Spec, transport string, seed uint64) (*world, error) {
	w := &world{scenario: s, spec: l, transport: transport, seed: seed, clock: &clock{}, destinations: map[int]*destination{}}
	var err error
	if w.config, err = s.Link(seed); err != nil {
		return nil, err
	}
	w.config.Log = w.logged
	if w.forward, err = bottleneck.New(w.config); err != nil {
		return nil, err
	}
	w.clock.links = append(w.clock.links, &wire{w.forward, func(p bottleneck.Packet) { w.paths[p.Flow].receive(p) }})
	if s.Back != nil {
		if err := w.narrowBack(); err != nil {
			return nil, err
		}
	}
	w.addSender(0)
	for _, from := range s.Flows {
		w.addSender(from)
	}
	for _, c := range s.Competitors {
		var control congestion = newCubic()
		if c.BBR {
			control = newBBR()
		}
		greedy(newTCP(w.addPath(), control), c.From, c.To)
	}
	return w, nil
}

// narrowBack makes the way back a link of its own, with other traffic on it.
func (w *world) narrowBack() (err error) {
	const size = 1200
	w.back, err = bottleneck.New(bottleneck.Config{Trace: w.scenario.Back, QueueBytes: w.scenario.Queue, Delay: w.config.Delay, Seed: w.seed + 1})
	if err != nil {
		return err
	}
	other := uint64(len("other"))
	w.clock.links = append(w.clock.links, &wire{w.back, func(p bottleneck.Packet) {
		if p.Flow >= 0 {
			w.paths[p.Flow].back.arrived(p)
		}
	}})
	if w.scenario.BackLoad > 0 {
		interval := time.Duration(size * 8 / w.scenario.BackLoad * 1e9)
		w.clock.every(0, interval, func() {
			w.back.Offer(w.clock.now, bottleneck.Packet{Flow: -1, Size: size, ID: other})
		})
	}
	return nil
}

// addPath makes a way for another flow.
func (w *world) addPath() *path {
	flow := len(w.paths)
	p := &path{clock: w.clock, forward: w.forward, flow: flow, frames: &frames{}}
	p.back = &back{
		clock: w.clock, broken: w.scenario.Outages, delay: w.scenario.RTT / 2, jitter: w.scenario.Jitter / 4, flow: flow, link: w.back, waiting: map[uint64]func(){},
		random: rand.New(rand.NewPCG(w.seed, 0x6261636b+uint64(flow))),
	}
	w.paths = append(w.paths, p)
	return p
}

// addSender makes another stream under the law.
func (w *world) addSender(from time.Duration) {
	content := Moving
	if w.scenario.Changing {
		content = Changing
	}
	limits := w.scenario.Limits
	s := &sender{clock: w.clock, from: from}
	s.encoder = newEncoder(w.seed*1000+uint64(len(w.paths)), content, float64(limits.Start-audio))
	if w.scenario.Overshoot > 0 {
		s.encoder.inert = w.scenario.Overshoot
	}
	var each laws
	for range 1 + w.scenario.Destination {
		p := w.addPath()
		s.to = append(s.to, &destination{transport: w.connect(p), frames: p.frames})
		w.destinations[p.flow] = s.to[len(s.to)-1]
		each = append(each, w.spec.New(limits))
	}
	s.decide = each
	if w.spec.Name == law.Ours && len(s.to) > 1 {
		s.decide = newProduct(limits)
	}
	w.senders = append(w.senders, s)
	s.start()
}

// connect makes a connection of a way.
func (w *world) connect(p *path) transport {
	switch w.transport {
	case law.RTMP:
		return newPush(newTCP(p, newCubic()), w.spec, w.scenario.Latency, false)
	case law.HTTP:
		return newPush(newTCP(p, newCubic()), w.spec, scenario.HTTPBudget, true)
	}
	return newSRT(p, w.scenario.Latency)
}

// logged is told what happens in the link.
func (w *world) logged(e bottleneck.Event) {
	if d := w.destinations[e.Flow]; d != nil && e.Kind == bottleneck.Dequeue {
		d.wait = e.Wait
		d.waits = append(d.waits, e.Wait)
	}
}

// record is what happened to a stream at one destination.
func (w *world) record(s *sender, d *destination) *score.Record {
	r := w.scenario.Record(w.config.Trace, w.transport, s.from)
	r.Picture, r.Points, r.Waits, r.Arrived = Picture, d.points, d.waits, w.scenario.Length+after
	for _, f := range d.frames.all {
		if f.At < w.scenario.Length {
			r.Frames = append(r.Frames, f)
		}
	}
	return r
}
