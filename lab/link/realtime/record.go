package realtime

import (
	"time"

	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/link/scenario"
	"github.com/encoderbox/encoderbox/lab/link/score"
	"github.com/encoderbox/encoderbox/lab/link/trace"
)

// httpBudget is what players of HLS have to spare: two segments.
const httpBudget = 4 * time.Second

// newRecord is the record of a run in which nothing has happened yet, the same as the
// simulator's.
func newRecord(s scenario.Scenario, t *trace.Trace, transport string) *score.Record {
	r := &score.Record{
		From: s.Warm, To: s.Length, Max: s.Limits.Max, Base: s.RTT / 2, Budget: s.Latency, Picture: Picture,
		Usable: s.Usable(t, payload(transport)), Arrived: s.Length + after, Patient: transport != law.SRT,
	}
	if transport == law.HTTP {
		r.Budget = httpBudget
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
