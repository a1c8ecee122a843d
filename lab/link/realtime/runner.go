package realtime

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/lab/link"
	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/link/scenario"
	"github.com/encoderbox/encoderbox/lab/link/score"
	"github.com/encoderbox/encoderbox/lab/link/trial"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// Bench runs trials over real transports.
type Bench struct {
	Sources Sources
	Workers int
	Ladder  *Ladder
	Dir     string // for servers' files and logs
	Quick   bool
	Samples string    // folder for what laws were told, as CSV; "" for none
	Log     io.Writer // what was run again, and why

	encoding chan struct{} // holds a token while the software encoder runs
}

var _ trial.Runner = Bench{}

// NewBench returns a Bench of one run with the software encoder at a time.
func NewBench(b Bench) Bench {
	b.encoding = make(chan struct{}, 1)
	return b
}

// Name is the Bench's, of its results and goals.
const Name = "real"

// Name implements trial.Runner.
func (Bench) Name() string { return Name }

// Version implements trial.Runner.
func (b Bench) Version(t trial.Trial) string {
	kind := "full"
	if b.Quick {
		kind = "quick"
	}
	return b.Sources.Of(t.Law.Name) + " " + kind + " " + filepath.Base(b.Ladder.Dir)
}

// Parallel implements trial.Runner.
func (b Bench) Parallel() int { return b.Workers }

// Trials implements trial.Runner.
func (b Bench) Trials(seeds int) (all []trial.Trial) {
	for _, way := range ways {
		l, _ := law.ByName(law.Ours)
		all = append(all, trial.Trial{Scenario: liveScenario(b.Quick), Law: l, Transport: way.transport, Seed: 1})
	}
	for _, way := range ways {
		for _, s := range Scenarios(b.Quick) {
			for _, name := range way.laws {
				l, _ := law.ByName(name)
				for seed := range uint64(seeds) {
					all = append(all, trial.Trial{Scenario: s, Law: l, Transport: way.transport, Seed: seed + 1})
				}
			}
		}
	}
	return all
}

// tries is how often a trial is run on a machine that is too busy for it.
const tries = 3

// Run implements trial.Runner. A run in which the emulator or the sender was late is
// thrown away; the best of some is taken when none is good.
func (b Bench) Run(ctx context.Context, t trial.Trial) ([]*score.Record, error) {
	if isLive(t.Scenario) { // an encoder needs what processors there are
		b.encoding <- struct{}{}
		defer func() { <-b.encoding }()
	}
	var best *outcome
	var failed error
	for try := range tries {
		o, err := b.once(ctx, t)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			failed = err
			fmt.Fprintf(b.Log, "real: %v: try %d has failed: %v\n", t, try+1, err)
			continue
		case best == nil || o.late < best.late:
			best = o
		}
		if best.late <= 1 {
			fmt.Fprintf(b.Log, "real: %v: done\n", t)
			break
		}
		fmt.Fprintf(b.Log, "real: %v: try %d is not exact: %s\n", t, try+1, o.how)
	}
	if best == nil {
		return nil, failed
	}
	return []*score.Record{best.record}, nil
}

type outcome struct {
	record *score.Record
	late   float64 // of what is tolerable
	how    string
}

// once runs a trial.
func (b Bench) once(ctx context.Context, t trial.Trial) (o *outcome, err error) {
	dir, err := os.MkdirTemp(b.Dir, "run-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, t.Scenario.Length+time.Minute)
	defer cancel()
	var log strings.Builder
	done := peer.Do(dir, &log, func(tb peer.TB) {
		if o, err = b.run(ctx, tb, dir, t); err != nil {
			tb.Fatalf("%v", err)
		}
	})
	if done != nil {
		return nil, fmt.Errorf("%w\n%s", done, log.String())
	}
	return o, nil
}

func (b Bench) run(ctx context.Context, tb peer.TB, dir string, t trial.Trial) (*outcome, error) {
	s := t.Scenario
	config, err := link.ScenarioConfig(s, t.Seed)
	if err != nil {
		return nil, err
	}
	tap := &tap{port: 9000}
	if t.Transport == law.SRT {
		config.Up.Log = tap.event
	}
	l, err := link.Start(ctx, config)
	if err != nil {
		return nil, err
	}
	tb.Cleanup(func() { l.Close() })
	a := newArrivals(l.Now)
	up := receive(tb, l, t.Transport, s.Latency, a)
	p, err := b.start(ctx, l, dir, job{
		Ladder: b.Ladder.Dir, Law: t.Law.Name, Transport: t.Transport, URL: up.url, Limits: s.Limits, Length: s.Length, Dir: dir,
		Live:  isLive(s),
		Start: rand.New(rand.NewPCG(t.Seed, 1)).IntN(b.Ladder.Len()/gop) * gop,
	})
	if err != nil {
		return nil, err
	}
	defer p.kill()
	zero := l.Begin()
	p.begin(monotonic() - (l.Now() - zero))
	traffic := make(chan error, 1)
	go func() { traffic <- l.Traffic(ctx, s) }()
	for _, out := range s.Outages {
		defer outage(l, out, zero)()
	}
	got, err := p.account()
	if t := <-traffic; err == nil {
		err = t
	}
	if stats := l.Stats(); err == nil {
		err = stats.Err
	}
	if err != nil {
		return nil, err
	}
	o, err := b.outcome(t, l, config.Up, zero, up, a, tap, got)
	if err == nil && isLive(s) {
		err = b.decoded(ctx, dir, o.record, got)
	}
	return o, err
}

// outage has nothing come back in an outage. The way there has it in its trace.
func outage(l *link.Link, o scenario.Outage, zero time.Duration) (stop func()) {
	begin := time.AfterFunc(o.From-(l.Now()-zero), func() { _ = l.Down().SetLoss(bottleneck.Loss{Rate: 1}) })
	end := time.AfterFunc(o.To-(l.Now()-zero), func() { _ = l.Down().SetLoss(bottleneck.Loss{}) })
	return func() {
		begin.Stop()
		end.Stop()
	}
}
