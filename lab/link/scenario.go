package link

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
	"github.com/encoderbox/encoderbox/lab/link/flow"
	"github.com/encoderbox/encoderbox/lab/link/scenario"
)

// backSize is of the datagrams of other traffic on the way back, bytes.
const backSize = 1200

// ScenarioConfig is the link of a scenario, the same as the simulator's: the way back
// has half the round trip's delay, a quarter of the jitter, and ample capacity unless
// the scenario says otherwise. [Link.Begin] begins the scenario.
func ScenarioConfig(s scenario.Scenario, seed uint64) (Config, error) {
	up, err := s.Link(seed)
	if err != nil {
		return Config{}, fmt.Errorf("link: %w", err)
	}
	down := bottleneck.Config{Delay: s.RTT / 2, Jitter: s.Jitter / 4, Seed: seed + 1}
	if s.Back != nil {
		down.Trace, down.QueueBytes, down.Jitter = s.Back, s.Queue, 0
	}
	return Config{Up: up, Down: down}, nil
}

// Traffic makes the other traffic of a scenario that begins now: its competing TCP, and
// what loads the way back. It returns when the last of it has ended, the latest when
// ctx ends, which is no error; it is to be so before Close.
func (l *Link) Traffic(ctx context.Context, s scenario.Scenario) error {
	ctx, cancel := context.WithTimeout(ctx, s.Length)
	defer cancel()
	start := time.Now()
	errs := make([]error, len(s.Competitors)+1)
	var all sync.WaitGroup
	for i, c := range s.Competitors {
		all.Go(func() { errs[i] = l.competitor(ctx, start, c) })
	}
	if s.BackLoad > 0 {
		all.Go(func() { errs[len(errs)-1] = l.backLoad(ctx, s.BackLoad) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (l *Link) competitor(ctx context.Context, start time.Time, c scenario.Competitor) error {
	if !comes(ctx, start.Add(c.From)) {
		return nil
	}
	o := flow.TCPOptions{CongestionControl: "cubic"}
	if c.BBR {
		o.CongestionControl = "bbr"
	}
	t, err := l.Compete(ctx, o)
	switch {
	case err == nil:
		comes(ctx, start.Add(c.To))
		return t.Stop()
	case ctx.Err() == nil:
		return fmt.Errorf("link: a competing flow: %w", err)
	default:
		return nil // the end came while it connected
	}
}

// comes waits for a moment, and tells whether it came before the end of ctx.
func comes(ctx context.Context, at time.Time) bool { return sleep(ctx, time.Until(at)) == nil }

func (l *Link) backLoad(ctx context.Context, bitrate float64) error {
	w := flow.Way{From: l.receiver, To: l.sender, Addr: l.senderAddr}
	d, err := flow.StartDatagrams(ctx, w, flow.DatagramOptions{Bitrate: bitrate, Size: backSize})
	if err != nil {
		return fmt.Errorf("link: traffic on the way back: %w", err)
	}
	<-ctx.Done()
	d.Stop(0)
	return nil
}
