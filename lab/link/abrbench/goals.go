package main

import (
	"math"
	"slices"
	"strings"

	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/link/realtime"
	"github.com/encoderbox/encoderbox/lab/link/score"
	"github.com/encoderbox/encoderbox/lab/measure"
)

const (
	belacoder = "belacoder"
	obs       = "obs"
	root      = "rootencoder"
	fixed     = "fixed-3"
)

// goalMaker makes goals of a report; one whose cases were not run is left out.
type goalMaker struct {
	*report
	all []measure.Goal
}

func goals(r *report) []measure.Goal {
	m := &goalMaker{report: r}
	for _, s := range []string{"lte", "outage-3s", "outage-20s"} {
		m.gain(s)
	}
	m.worst("back-step", "Back to 85 % after a step up, s, SRT, the slowest seed", "steps", law.SRT, 8, back)
	m.worst("back-outage", "Back to 85 % after an outage of 3 s, s, SRT, the slowest seed", "outage-3s", law.SRT, 8, back)
	m.worst("down", "Down after a step down, s, SRT, the slowest seed", "steps", law.SRT, 0.7, down)
	m.worst("late-lte", "Pictures late or lost on LTE, SRT, the worst seed", "lte", law.SRT, 0, missed)
	for _, s := range []string{"loss-2", "rtt-250"} {
		if w := r.row(s, law.Ours, law.SRT); w != nil {
			shares := w.pick(onTime)
			m.least("share-"+s, "On-time share, "+s+", SRT, median", 0.95, measure.Median(shares), shares)
		}
	}
	m.rtmp(obs)
	m.rtmp(root)
	for _, transport := range []string{law.SRT, law.RTMP} {
		m.fixed(transport)
	}
	m.movement()
	m.worst("outage-bad", "Bad or missing pictures through an outage of 3 s, s, SRT with 2 s, the worst seed", "outage-3s", law.SRT, 1.3, outageBad)
	return m.all
}

func (m *goalMaker) least(name, title string, limit, value float64, each []float64) {
	m.all = append(m.all, measure.AtLeast("abr-"+m.Name+"-"+name, title, limit, value, each))
}

func (m *goalMaker) most(name, title string, limit, value float64, each []float64) {
	m.all = append(m.all, measure.AtMost("abr-"+m.Name+"-"+name, title, limit, value, each))
}

// worst is a goal of the highest of all seeds.
func (m *goalMaker) worst(name, title, scenario, transport string, limit float64, f func(score.Result) float64) {
	if w := m.row(scenario, law.Ours, transport); w != nil {
		each := w.pick(f)
		m.most(name, title, limit, slices.Max(each), each)
	}
}

// gain is by how much our on-time share is above belacoder's.
func (m *goalMaker) gain(scenario string) {
	us, them := m.row(scenario, law.Ours, law.SRT), m.row(scenario, belacoder, law.SRT)
	if us == nil || them == nil {
		return
	}
	each := pairs(us, them, func(a, b score.Result) float64 { return a.OnTime - b.OnTime })
	m.least("gain-"+scenario, "On-time share above belacoder's, "+scenario+", SRT, median", 0.10, measure.Median(each), each)
}

// pairs is a figure of each seed's two results.
func pairs(us, them *row, f func(a, b score.Result) float64) []float64 {
	var each []float64
	for i := range min(len(us.Seeds), len(them.Seeds)) {
		each = append(each, f(us.Seeds[i], them.Seeds[i]))
	}
	return each
}

// compared are the scenarios in which the laws of RTMP are compared: those whose
// capacity changes.
var compared = [...]string{"steps", "outage-3s", "lte", "5g"}

// rtmp are the goals beside a law of RTMP: over all compared scenarios, of each seed.
func (m *goalMaker) rtmp(peer string) {
	var where []string
	for _, s := range compared {
		if m.row(s, law.Ours, law.RTMP) != nil && m.row(s, peer, law.RTMP) != nil {
			where = append(where, s)
		}
	}
	if len(where) == 0 {
		return
	}
	var delays, late, good []float64
	for seed := range m.Seeds {
		var us, them score.Result
		for _, s := range where {
			a, b := m.row(s, law.Ours, law.RTMP), m.row(s, peer, law.RTMP)
			if seed >= len(a.Seeds) || seed >= len(b.Seeds) {
				return
			}
			for sum, r := range map[*score.Result]score.Result{&us: a.Seeds[seed], &them: b.Seeds[seed]} {
				sum.DelayP95 += r.DelayP95
				sum.Late += r.Late + r.Lost
				sum.Goodput += goodput(r)
			}
		}
		delays = append(delays, ratio(us.DelayP95, them.DelayP95))
		late = append(late, ratio(float64(us.Late), float64(them.Late)))
		good = append(good, ratio(us.Goodput, them.Goodput))
	}
	of := ", RTMP, " + strings.Join(where, ", ") + " together, median"
	m.most("delay-of-"+peer, "p95 delay as a part of "+peer+"'s"+of, 0.2, measure.Median(delays), delays)
	m.most("late-of-"+peer, "Late or lost pictures as a part of "+peer+"'s"+of, 0.1, measure.Median(late), late)
	m.least("goodput-of-"+peer, "On-time goodput as a part of "+peer+"'s"+of, 1, measure.Median(good), good)
}

// ratio is NaN where there is nothing to compare with, and 0 of nothing to nothing.
func ratio(a, b float64) float64 {
	if b == 0 {
		if a == 0 {
			return 0
		}
		return math.NaN()
	}
	return a / b
}

// fixed are the goals beside a fixed bit rate.
func (m *goalMaker) fixed(transport string) {
	more, less := "rtt-20", "low"
	if m.Name == realtime.Name { // of its four
		more, less = "loss-2", "steps"
	}
	if us, them := m.row(more, law.Ours, transport), m.row(more, fixed, transport); us != nil && them != nil {
		each := pairs(us, them, func(a, b score.Result) float64 { return ratio(goodput(a), goodput(b)) })
		m.least("goodput-of-fixed-"+transport, "On-time goodput as a part of fixed 3 Mb/s on 6 Mb/s ("+more+"), "+transport+", median", 1.5, measure.Median(each), each)
	}
	m.worst("stall-"+transport, "Bad or missing pictures where fixed 3 Mb/s stalls ("+less+"), s, "+transport+", the worst seed", less, transport, 0, bad)
}

// movement is a goal of the scenario that moves the bit rate most.
func (m *goalMaker) movement() {
	var each []float64
	name := ""
	most := 0.0
	for _, w := range m.Rows {
		if w.Law != law.Ours || w.Transport == law.HTTP {
			continue
		}
		median := measure.Median(w.pick(movement))
		each = append(each, median)
		if median > most {
			most, name = median, w.Scenario+" over "+w.Transport
		}
	}
	if each != nil {
		m.most("movement", "Movement of the bit rate, Mb/min, in the scenario with most ("+name+"), median", 30, most, each)
	}
}
