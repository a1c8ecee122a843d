package real

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"sort"
	"strings"
	"syscall"
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
	Build   string // what Version says
	Workers int
	Ladder  string // folder, of MakeLadder
	Dir     string // for servers' files and logs
	Quick   bool
	Log     io.Writer // what was run again, and why
}

var _ trial.Runner = Bench{}

// Name implements trial.Runner.
func (Bench) Name() string { return "real" }

// Version implements trial.Runner.
func (b Bench) Version() string { return b.Build }

// Parallel implements trial.Runner.
func (b Bench) Parallel() int { return b.Workers }

// Trials implements trial.Runner.
func (b Bench) Trials(seeds int) (all []trial.Trial) {
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
	var best *outcome
	for try := range tries {
		o, err := b.once(ctx, t)
		if err != nil {
			return nil, err
		}
		if best == nil || o.late < best.late {
			best = o
		}
		if best.late <= 1 {
			break
		}
		fmt.Fprintf(b.Log, "real: %v: try %d is not exact: %s\n", t, try+1, o.how)
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
	p, err := b.start(ctx, l, job{
		Ladder: b.Ladder, Law: t.Law.Name, Transport: t.Transport, URL: up.url, Limits: s.Limits, Length: s.Length, Dir: dir,
		Start: rand.New(rand.NewPCG(t.Seed, 1)).IntN(seconds*perSecond/gop) * gop,
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
	return b.outcome(t, l, config.Up, zero, up, a, tap, got)
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

// process is a running sender.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	stop  func() bool
	ended bool
}

// start starts a sender and returns once it is connected.
func (b Bench) start(ctx context.Context, l *link.Link, j job) (*process, error) {
	cmd := exec.Command("/proc/self/exe", SenderArgument)
	cmd.Stderr = b.Log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := l.SenderNS().Start(cmd); err != nil {
		return nil, fmt.Errorf("start the sender: %w", err)
	}
	p := &process{cmd: cmd, in: in, out: bufio.NewReader(out)}
	p.stop = context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	text, err := json.Marshal(j)
	if err == nil {
		_, err = p.in.Write(append(text, '\n'))
	}
	line := ""
	if err == nil {
		line, err = p.out.ReadString('\n')
	}
	if err != nil || strings.TrimSpace(line) != ready {
		p.kill()
		return nil, fmt.Errorf("the sender does not begin: %w", errors.Join(err, ctx.Err()))
	}
	return p, nil
}

func (p *process) begin(zero time.Duration) { fmt.Fprintln(p.in, int64(zero)) }

// account is what the sender has done, once it has ended.
func (p *process) account() (a account, err error) {
	if err := json.NewDecoder(p.out).Decode(&a); err != nil {
		p.kill()
		return a, fmt.Errorf("the sender gives no account: %w", err)
	}
	p.ended = true
	p.stop()
	return a, p.cmd.Wait()
}

func (p *process) kill() {
	if p.ended {
		return
	}
	p.ended = true
	p.stop()
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// outcome makes a record of what was sent and what arrived.
func (b Bench) outcome(t trial.Trial, l *link.Link, up bottleneck.Config, zero time.Duration, to receiver, a *arrivals, tap *tap, got account) (*outcome, error) {
	r := newRecord(t.Scenario, up.Trace, t.Transport)
	a.mu.Lock()
	defer a.mu.Unlock()
	at := a.at
	if t.Transport == law.SRT {
		at = tap.pictures()
		for n := range at {
			if _, whole := a.at[n]; !whole {
				delete(at, n)
			}
		}
	}
	count := 1.0
	if got.Payload > 0 && got.Written > 0 {
		count = float64(got.Written) / float64(got.Payload)
	}
	for i, f := range got.Frames {
		if f.At >= t.Scenario.Length {
			break
		}
		f.Bytes = int(float64(f.Bytes) * count)
		if when, ok := at[got.First+i]; ok {
			f.Arrived = max(when-zero, f.At)
		}
		r.Frames = append(r.Frames, f)
	}
	if t.Transport == law.HTTP {
		fileTimes(r, a, got)
	}
	r.Points = got.Points
	r.Waits = waits(l, to.port, zero, t.Scenario.Length, r.Points)
	return judgeRun(r, l, got), nil
}

// waits are those of our packets in the link's queue; each point gets the last before
// it.
func waits(l *link.Link, port uint16, zero, length time.Duration, points []score.Point) (all []time.Duration) {
	ours := map[int]bool{}
	for i, f := range l.Log().Flows() {
		ours[i] = f.To.Port() == port
	}
	next, last := 0, time.Duration(0)
	for _, e := range l.Log().Events() {
		at := e.At - zero
		if e.Kind != bottleneck.Dequeue || !ours[e.Flow] || at < 0 || at >= length {
			continue
		}
		for ; next < len(points) && points[next].At < at; next++ {
			points[next].Wait = last
		}
		last = e.Wait
		all = append(all, e.Wait)
	}
	return all
}

// What is tolerable.
const (
	linkLate   = 5 * time.Millisecond  // of the emulator, in 99 of 100 packets
	senderLate = 20 * time.Millisecond // of pictures, in 99 of 100
)

func judgeRun(r *score.Record, l *link.Link, got account) *outcome {
	stats := l.Stats()
	link := stats.Up.Late.Quantile(.99)
	sort.Slice(got.Late, func(i, k int) bool { return got.Late[i] < got.Late[k] })
	var sender time.Duration
	if n := len(got.Late); n > 0 {
		sender = got.Late[n*99/100]
	}
	return &outcome{
		record: r, late: max(float64(link)/float64(linkLate), float64(sender)/float64(senderLate)),
		how: fmt.Sprintf("link p99 %v, sender p99 %v, errors %q", link, sender, got.Errors),
	}
}

// fileTimes has pictures of HTTP count from when their segment was closed.
func fileTimes(r *score.Record, a *arrivals, got account) {
	closed := map[string]time.Duration{}
	for _, c := range got.Closed {
		closed[c.Name] = c.At
	}
	for n, name := range a.names {
		i := n - got.First
		if at, ok := closed[name]; ok && i >= 0 && i < len(r.Frames) {
			r.Frames[i].At = at
		}
	}
}
