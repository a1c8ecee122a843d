package score

import (
	"math"
	"slices"
	"time"
)

// Result is a run in figures.
type Result struct {
	OnTime   float64 `json:"on_time"`  // payload in time, of what was usable
	DelayP50 float64 `json:"delay_50"` // ms from writing a picture to its arrival, beyond the empty link's
	DelayP95 float64 `json:"delay_95"`
	DelayMax float64 `json:"delay_max"`
	QueueP50 float64 `json:"queue_50"` // ms of our packets in the link's queue
	QueueP95 float64 `json:"queue_95"`
	QueueMax float64 `json:"queue_max"`

	Frames  int `json:"frames"`  // that the camera gave
	Late    int `json:"late"`    // arrived after the budget
	Lost    int `json:"lost"`    // never arrived
	Skipped int `json:"skipped"` // were not coded
	// Bad is the time in seconds without a good picture: late, lost, skipped, or
	// predicted from one that is not there. OutageBad is that from the begin of an
	// outage to 10 s after its end, of the worst outage.
	Bad       float64 `json:"bad"`
	OutageBad float64 `json:"outage_bad"`
	// Down is the longest time in seconds to come down to what a step down left; Back
	// that to 85 % of what a step up gave, or the end of an outage. -1: there was none.
	Down     float64 `json:"down"`
	Back     float64 `json:"back"`
	Movement float64 `json:"movement"`       // of the target, Mb/s up and down in each minute
	Goodput  float64 `json:"goodput"`        // in time, bits per second
	Usable   float64 `json:"usable"`         // bits per second
	PSNR     float64 `json:"psnr,omitempty"` // of what is shown, luma, dB, mean; 0: not known
}

const (
	reached  = 0.85 // of what is usable: back
	down     = 1.05 // of what is usable: down
	held     = 2 * time.Second
	outlives = 10 * time.Second // the outage: trouble that is its
)

// Judge makes figures of a run.
func Judge(r *Record) Result {
	res := Result{Down: -1, Back: -1}
	r.pictures(&res)
	r.queue(&res)
	res.Movement = r.movement()
	for _, c := range r.Changes {
		switch {
		case c.To > c.From:
			res.Back = max(res.Back, r.back(c))
		case !c.Outage:
			res.Down = max(res.Down, r.down(c))
		}
	}
	return res
}

// pictures fills in what became of the pictures.
func (r *Record) pictures(res *Result) {
	var delays []float64
	var bytes float64
	bad := r.Bad()
	for i, f := range r.Frames {
		if f.At < r.From || f.At >= r.To {
			continue
		}
		res.Frames++
		if bad[i] {
			res.Bad += r.Picture.Seconds()
		}
		switch {
		case f.Skipped:
			res.Skipped++
		case f.Arrived == Never:
			res.Lost++
		case !r.OnTime(f):
			res.Late++
		}
		if f.Arrived != Never {
			delays = append(delays, milliseconds(f.Arrived-f.At-r.BaseAt(f.At)))
		}
		if r.OnTime(f) {
			bytes += float64(f.Bytes)
		}
	}
	res.DelayP50, res.DelayP95, res.DelayMax = spread(delays)
	res.OutageBad = r.outageBad(bad)
	res.PSNR = r.psnr(bad)
	res.Usable = r.usable(r.From, r.To)
	if d := (r.To - r.From).Seconds(); d > 0 {
		res.Goodput = bytes * 8 / d
	}
	if res.Usable > 0 {
		res.OnTime = res.Goodput / res.Usable
	}
}

// usable is the mean of Usable between two times.
func (r *Record) usable(from, to time.Duration) float64 {
	sum, n := 0.0, 0
	for i, u := range r.Usable {
		if at := time.Duration(i) * time.Second; at >= from && at < to {
			sum += u
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// Bad says of each frame whether the viewer misses it.
func (r *Record) Bad() []bool {
	bad := make([]bool, len(r.Frames))
	broken := false
	for i, f := range r.Frames {
		gone := !r.OnTime(f)
		if r.Patient {
			gone = f.Arrived == Never
		}
		switch {
		case f.Skipped:
			bad[i] = true
			continue
		case gone:
			broken = true
		case f.Key:
			broken = false
		}
		bad[i] = broken || !r.OnTime(f)
	}
	return bad
}

// outageBad is the longest time without good pictures that an outage made.
func (r *Record) outageBad(bad []bool) float64 {
	worst := 0.0
	for i, c := range r.Changes {
		if !c.Outage || c.To > c.From {
			continue
		}
		end := r.To
		if i+1 < len(r.Changes) {
			end = r.Changes[i+1].At + outlives
		}
		sum := 0.0
		for i, f := range r.Frames {
			if f.At >= c.At-r.Budget && f.At < end && bad[i] {
				sum += r.Picture.Seconds()
			}
		}
		worst = max(worst, sum)
	}
	return worst
}

// queue fills in what the packets waited for.
func (r *Record) queue(res *Result) {
	var waits []float64
	for _, w := range r.Waits {
		waits = append(waits, milliseconds(w))
	}
	res.QueueP50, res.QueueP95, res.QueueMax = spread(waits)
}

// movement is the sum of the target's changes in a minute, in Mb/s.
func (r *Record) movement() float64 {
	sum, last := 0.0, 0
	var first time.Duration
	for _, p := range r.Points {
		if p.At < r.From || p.At >= r.To {
			continue
		}
		if last == 0 {
			first = p.At
		} else {
			sum += math.Abs(float64(p.Target - last))
		}
		last = p.Target
	}
	if d := (r.To - first).Minutes(); d > 0 {
		return sum / d / 1e6
	}
	return 0
}

// down is how long after a step down the target was at most what is left.
func (r *Record) down(c Change) float64 {
	for _, p := range r.Points {
		if p.At >= c.At && p.At < c.Until && float64(p.Target) <= down*c.To {
			return (p.At - c.At).Seconds()
		}
	}
	return (c.Until - c.At).Seconds()
}

// back is how long after a step up the target was at 85 % of it, and stayed there for
// two seconds on average.
func (r *Record) back(c Change) float64 {
	for i, p := range r.Points {
		if p.At < c.At || p.At >= c.Until || float64(p.Target) < reached*c.To {
			continue
		}
		sum, n := 0.0, 0
		for _, q := range r.Points[i:] {
			if q.At >= p.At+held || q.At >= c.Until {
				break
			}
			sum += float64(q.Target)
			n++
		}
		if sum/float64(n) >= reached*c.To {
			return (p.At - c.At).Seconds()
		}
	}
	return (c.Until - c.At).Seconds()
}

// ChangesOf finds the changes of what is usable, bits per second of each second, by
// more than a tenth.
func ChangesOf(usable []float64, from time.Duration) []Change {
	var all []Change
	for i := 1; i < len(usable); i++ {
		at, a, b := time.Duration(i)*time.Second, usable[i-1], usable[i]
		if at <= from || math.Abs(b-a) <= 0.1*max(a, b) {
			continue
		}
		if n := len(all); n > 0 {
			all[n-1].Until = at
		}
		all = append(all, Change{At: at, From: a, To: b, Outage: a == 0 || b == 0})
	}
	if n := len(all); n > 0 {
		all[n-1].Until = time.Duration(len(usable)) * time.Second
	}
	return all
}

// spread is the median, the 95th percentile and the highest, which it sorts.
func spread(all []float64) (p50, p95, most float64) {
	if len(all) == 0 {
		return 0, 0, 0
	}
	slices.Sort(all)
	at := func(part float64) float64 { return all[min(len(all)-1, int(math.Ceil(part*float64(len(all))))-1)] }
	return at(.5), at(.95), all[len(all)-1]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
