// Package trial is one run of a scenario under a law: by the simulator, or by whatever
// else can run one.
package trial

import (
	"context"
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/link/scenario"
	"github.com/encoderbox/encoderbox/lab/link/score"
	"github.com/encoderbox/encoderbox/lab/link/sim"
)

// Trial is what is to be run.
type Trial struct {
	Scenario  scenario.Scenario
	Law       law.Spec
	Transport string
	Seed      uint64
}

// String names it: "lte: belacoder over srt, 3".
func (t Trial) String() string { return fmt.Sprintf("%s, %d", t.Name(), t.Seed) }

// Name is the same without the seed.
func (t Trial) Name() string {
	return fmt.Sprintf("%s: %s over %s", t.Scenario.Name, t.Law.Name, t.Transport)
}

// Runner runs trials. Run may be called from several goroutines where Parallel is more
// than 1.
type Runner interface {
	// Name is that of the results' folder, and in the names of goals: "sim".
	Name() string
	// Version changes with all that the result of a trial depends on: results of
	// another one are not used again.
	Version(Trial) string
	// Parallel is how many trials may run at a time.
	Parallel() int
	// Trials are all that there are, of so many seeds.
	Trials(seeds int) []Trial
	// Run is what happened, to each stream at each destination; the first one's first.
	Run(context.Context, Trial) ([]*score.Record, error)
}

// Outcome is a trial's, as it is kept.
type Outcome struct {
	Version   string `json:"version"`
	Scenario  string `json:"scenario"`
	Law       string `json:"law"`
	Transport string `json:"transport"`
	Seed      uint64 `json:"seed"`
	score.Result
	Series *Series `json:"series,omitempty"` // of the first stream, for plots
}

// Series is a run as lines over time.
type Series struct {
	Step     time.Duration `json:"step"`
	Usable   []float64     `json:"usable"`   // bits per second
	Target   []float64     `json:"target"`   // bits per second
	Acked    []float64     `json:"acked"`    // bits per second of payload that arrived
	Delay    []float64     `json:"delay"`    // ms: the longest of the pictures of a step
	Arriving []bool        `json:"arriving"` // something did
}

// NewOutcome judges a run; its lines are kept where asked for.
func NewOutcome(t Trial, version string, records []*score.Record, lines bool) Outcome {
	var all []score.Result
	for _, r := range records {
		all = append(all, score.Judge(r))
	}
	o := Outcome{Version: version, Scenario: t.Scenario.Name, Law: t.Law.Name, Transport: t.Transport, Seed: t.Seed, Result: score.Merge(all)}
	if lines {
		o.Series = newSeries(records[0])
	}
	return o
}

const seriesStep = 250 * time.Millisecond

func newSeries(r *score.Record) *Series {
	n := int(r.To / seriesStep)
	s := &Series{Step: seriesStep, Target: make([]float64, n), Acked: make([]float64, n), Delay: make([]float64, n), Usable: make([]float64, n), Arriving: make([]bool, n)}
	for i := range n {
		if sec := int(time.Duration(i) * seriesStep / time.Second); sec < len(r.Usable) {
			s.Usable[i] = r.Usable[sec]
		}
	}
	for _, p := range r.Points {
		if i := int(p.At / seriesStep); i < n {
			s.Target[i] = float64(p.Target)
		}
	}
	for _, f := range r.Frames {
		if f.Arrived == score.Never {
			continue
		}
		if i := int(f.Arrived / seriesStep); i < n {
			s.Acked[i] += float64(f.Bytes) * 8 / seriesStep.Seconds()
			s.Delay[i] = max(s.Delay[i], float64(f.Arrived-f.At-r.BaseAt(f.At))/1e6)
			s.Arriving[i] = true
		}
	}
	return s
}

// Simulator runs trials in no time.
type Simulator struct {
	Build     string // what Version says
	First     uint64 // seed; 1 when zero
	Workers   int
	Scenarios []scenario.Scenario
}

var _ Runner = Simulator{}

// Name implements Runner.
func (Simulator) Name() string { return "sim" }

// Version implements Runner.
func (s Simulator) Version(Trial) string { return s.Build }

// Parallel implements Runner.
func (s Simulator) Parallel() int { return s.Workers }

// Trials implements Runner: every scenario under every law over every transport, with
// seeds from First on.
func (s Simulator) Trials(seeds int) []Trial {
	var all []Trial
	first := max(s.First, 1)
	for _, transport := range []string{law.SRT, law.RTMP, law.HTTP} {
		for _, sc := range s.Scenarios {
			for _, l := range law.All() {
				for seed := range uint64(seeds) {
					if l.Over(transport) {
						all = append(all, Trial{sc, l, transport, first + seed})
					}
				}
			}
		}
	}
	return all
}

// Run implements Runner.
func (s Simulator) Run(_ context.Context, t Trial) ([]*score.Record, error) {
	return sim.Run(t.Scenario, t.Law, t.Transport, t.Seed)
}
