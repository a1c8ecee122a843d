package scenario

import (
	"time"

	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/link/score"
	"github.com/encoderbox/encoderbox/lab/link/trace"
)

// HTTPBudget is what players of HLS have to spare: two segments.
const HTTPBudget = 4 * time.Second

// Record is that of a stream over a transport which begins at a moment of the scenario,
// before anything has happened: what the link is, and what is judged. Picture, Arrived
// and what happens are up to who runs it. t is what the link carries.
func (s Scenario) Record(t *trace.Trace, transport string, begin time.Duration) *score.Record {
	r := &score.Record{
		From: begin + s.Warm, To: s.Length, Max: s.Limits.Max, Base: s.RTT / 2, Budget: s.Latency,
		Usable: s.Usable(t, payload(transport)), Patient: transport != law.SRT,
	}
	if transport == law.HTTP {
		r.Budget = HTTPBudget
	}
	if s.Steps || len(s.Outages) > 0 {
		r.Changes = score.ChangesOf(r.Usable, r.From)
	}
	for _, d := range s.Delays {
		r.Bases = append(r.Bases, score.Base{From: d.From, Delay: d.Delay})
	}
	return r
}

// payload is the part of a packet that is not headers: IPv4, UDP and SRT, or IPv4 and
// TCP with time stamps.
func payload(transport string) float64 {
	if transport == law.SRT {
		return 1316.0 / (1316 + 44)
	}
	return 1448.0 / 1500
}
