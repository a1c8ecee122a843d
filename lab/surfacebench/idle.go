package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/lab/measure"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// settle is how long surfaces have been on, or off, before that is measured.
const settle = 3 * time.Second

// idleRound is one comparison, in percent of a core.
type idleRound struct {
	Off float64 `json:"off_percent"`
	On  float64 `json:"on_percent"`
}

func (i idleRound) cost() float64 { return i.On - i.Off }

// idleCosts measures what the daemon uses beside a small stream with all surfaces on and
// nobody doing anything, and without; the same daemon, told by its configuration.
func (b *bench) idleCosts(ctx context.Context, r *report) error {
	return b.within(func(tb peer.TB) error {
		x := b.start(tb, idle)
		_, s, err := x.plug(ctx)
		if err != nil {
			return err
		}
		for round := range b.o.rounds {
			var i idleRound
			for _, on := range measure.Order([]bool{false, true}, round) {
				used := &i.Off
				if on {
					used = &i.On
				}
				if *used, err = x.idle(ctx, s, on, b.o.window); err != nil {
					return fmt.Errorf("round %d: %w", round+1, err)
				}
			}
			r.Idle = append(r.Idle, i)
			fmt.Fprintf(b.log, "idle %d/%d: off %.2f %%, on %.2f %% of a core\n", round+1, b.o.rounds, i.Off, i.On)
		}
		return nil
	})
}

// idle is what the daemon uses, in percent of a core, with all surfaces on or off.
func (x *box) idle(ctx context.Context, s *screen, on bool, window time.Duration) (float64, error) {
	if on {
		off, err := x.attend(ctx, s)
		defer off()
		if err != nil {
			return 0, err
		}
	} else {
		x.WriteConfig(idle)
		x.Reload()
	}
	if err := sleep(ctx, settle); err != nil {
		return 0, err
	}
	heard := s.lines()
	m, err := begin(x.PID())
	if err != nil {
		return 0, err
	}
	if err := sleep(ctx, window); err != nil {
		return 0, err
	}
	u, err := m.end()
	switch {
	case err != nil:
		return 0, err
	case on != (s.lines() > heard):
		return 0, fmt.Errorf("the panel was sent %d lines with surfaces on = %t", s.lines()-heard, on)
	}
	return 100 * u.cpus, nil
}

// attend switches all surfaces on: the panel shows its first page, a person is logged in at
// the console, a program follows the state on the machine socket, another the API's events.
// The function switches off what listens.
func (x *box) attend(ctx context.Context, s *screen) (off func(), err error) {
	var closers []io.Closer
	var readers sync.WaitGroup
	off = func() {
		for _, c := range slices.Backward(closers) {
			_ = c.Close()
		}
		readers.Wait()
	}
	heard := s.lines()
	x.WriteConfig(x.surfaces() + idle)
	x.Reload()
	if err := within(ctx, "the panel to be served", func() bool { return s.lines() > heard+4 }); err != nil {
		return off, err
	}
	if _, err := x.login(ctx); err != nil {
		return off, err
	}
	p, err := x.program(ctx)
	if err != nil {
		return off, err
	}
	closers = append(closers, p)
	if _, err := p.until("STATE"); err != nil {
		return off, err
	}
	if err := p.SetDeadline(time.Time{}); err != nil {
		return off, err
	}
	readers.Go(func() {
		for p.lines.Scan() {
			if n, ping := strings.CutPrefix(p.lines.Text(), "PING "); ping {
				fmt.Fprintf(p, "PONG %s\n", n)
			}
		}
	})
	events, err := x.events(ctx)
	if err != nil {
		return off, err
	}
	closers = append(closers, events)
	readers.Go(func() { _, _ = io.Copy(io.Discard, events) }) // until it is closed
	return off, nil
}

// events follows the API's.
func (x *box) events(ctx context.Context) (io.ReadCloser, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, x.URL+"/api/v1/events", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("events: %s", resp.Status), resp.Body.Close())
	}
	first := bufio.NewReader(resp.Body)
	if _, err := first.ReadString('\n'); err != nil {
		return nil, errors.Join(fmt.Errorf("events: %w", err), resp.Body.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{first, resp.Body}, nil
}
