package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/encoderbox/encoderbox/board/panel/serialpanel/paneltest"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/measure"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// leastLoad is what the daemon must use meanwhile, in CPUs; and the encoder must have left
// pictures out, since it could not take more.
const leastLoad = 0.95

// warmUp is how long the encoder runs before.
const warmUp = 4 * time.Second

// loaded measures presses and the console's answers while the encoder has more to do than
// it can.
func (b *bench) loaded(ctx context.Context, r *report) error {
	return b.within(func(tb peer.TB) error {
		x := b.start(tb, full)
		p, s, err := x.plug(ctx)
		if err != nil {
			return err
		}
		who, err := x.login(ctx)
		if err != nil {
			return err
		}
		if err := sleep(ctx, warmUp); err != nil {
			return err
		}
		fmt.Fprintf(b.log, "encoder at full load: %d presses, %d answers of each kind\n", b.o.count, b.o.count)
		before := x.dropped()
		m, err := begin(x.PID())
		if err != nil {
			return err
		}
		if r.Press, err = presses(ctx, p, s, b.o.count); err != nil {
			return err
		}
		if r.Enter, err = answers(ctx, who, "\r", b.o.count); err != nil {
			return err
		}
		if r.Show, err = answers(ctx, who, "show status\r", b.o.count); err != nil {
			return err
		}
		u, err := m.end()
		if err != nil {
			return err
		}
		r.Load, r.Machine.Others, r.Machine.Steal = u.cpus, u.others, u.steal
		if dropped := x.dropped() - before; u.cpus < leastLoad || dropped == 0 {
			return fmt.Errorf("the daemon used %.2f CPUs meanwhile, and its encoder left out %d pictures: this is no full load, nothing is measured", u.cpus, dropped)
		}
		return nil
	})
}

// dropped is how many pictures the encoder has had no time for.
func (x *box) dropped() uint64 {
	x.tb.Helper()
	return encoderd.Stream(x.Status(), "main").Input.Dropped
}

// presses goes up and down in the menu, and returns how long each key took from going
// down to the first line by which the picture is the new one, in ms. Pauses are of random
// length, so that no clock of the box's keeps step.
func presses(ctx context.Context, p *paneltest.Panel, s *screen, n int) (took []float64, err error) {
	press := func(key string, hold time.Duration) error {
		p.Press(key, true)
		err := sleep(ctx, hold)
		p.Press(key, false)
		return errors.Join(err, sleep(ctx, time.Second))
	}
	if err := press("ok", time.Second); err != nil { // opens the menu
		return nil, err
	}
	upper := s.picture()
	if err := press("down", 50*time.Millisecond); err != nil {
		return nil, err
	}
	lower := s.picture()
	if err := press("up", 50*time.Millisecond); err != nil {
		return nil, err
	}
	if at, _ := s.first(lower, upper); at.IsZero() {
		return nil, fmt.Errorf("panel: Down and Up do not lead back in the menu: %q", s.rows())
	}
	for i := range n {
		key, before, after := "down", upper, lower
		if i%2 == 1 {
			key, before, after = "up", lower, upper
		}
		begun := time.Now()
		p.Press(key, true)
		at, err := shows(ctx, s, before, after)
		if err != nil {
			return nil, fmt.Errorf("panel: press %d (%s): %w; it shows %q", i+1, key, err, s.rows())
		}
		took = append(took, ms(at.Sub(begun)))
		if err := sleep(ctx, 20*time.Millisecond+rand.N(60*time.Millisecond)); err != nil {
			return nil, err
		}
		p.Press(key, false)
		if err := sleep(ctx, 40*time.Millisecond+rand.N(80*time.Millisecond)); err != nil {
			return nil, err
		}
	}
	return took, nil
}

func shows(ctx context.Context, s *screen, before, after map[string]string) (time.Time, error) {
	late := time.After(patience)
	for {
		at, next := s.first(before, after)
		if !at.IsZero() {
			return at, nil
		}
		select {
		case <-next:
		case <-late:
			return at, fmt.Errorf("nothing came in %v", patience)
		case <-ctx.Done():
			return at, context.Cause(ctx)
		}
	}
}

// answers is how long the console takes from a typed line to the next prompt, in ms.
func answers(ctx context.Context, p *person, text string, n int) (took []float64, err error) {
	for range n {
		begun := time.Now()
		if _, err := p.ask(text, "\n"+prompt, patience); err != nil {
			return nil, err
		}
		took = append(took, ms(time.Since(begun)))
		if err := p.quiet(20*time.Millisecond + rand.N(60*time.Millisecond)); err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	return took, nil
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }

// meter measures what a process and the machine use.
type meter struct {
	pid     int
	at      time.Time
	cpu     time.Duration
	own     time.Duration
	machine measure.MachineTime
}

// usage is in CPUs.
type usage struct{ cpus, others, steal float64 }

func begin(pid int) (m meter, err error) {
	m = meter{pid: pid, cpu: measure.CPUTime(pid), own: measure.CPUTime(os.Getpid()), at: time.Now()}
	m.machine, err = measure.ReadMachineTime()
	return m, err
}

func (m meter) end() (usage, error) {
	n, err := begin(m.pid)
	if err == nil && n.cpu == 0 {
		err = errors.New("encoderd is gone")
	}
	seconds := n.at.Sub(m.at).Seconds()
	mine := (n.cpu - m.cpu).Seconds()
	return usage{
		cpus:   mine / seconds,
		others: max(0, n.machine.Busy-m.machine.Busy-mine-(n.own-m.own).Seconds()) / seconds,
		steal:  (n.machine.Steal - m.machine.Steal) / seconds,
	}, err
}
