package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"github.com/encoderbox/encoderbox/lab/link"
	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
	"github.com/encoderbox/encoderbox/lab/link/flow"
	"github.com/encoderbox/encoderbox/lab/link/trace"
)

const (
	capacity  = 6e6
	delay     = 20 * time.Millisecond
	queue     = 75_000                // bytes: 100 ms
	tolerance = time.Millisecond      // of the median of a delay
	tail      = 50 * time.Millisecond // of its 99th percentile, on a busy machine
)

func model() bottleneck.Config {
	return bottleneck.Config{Trace: trace.Constant(capacity), QueueBytes: queue, Delay: delay}
}

func start(ctx context.Context) (*link.Link, error) {
	return link.Start(ctx, link.Config{Up: model(), Down: bottleneck.Config{Delay: delay}})
}

// constant holds datagrams at a constant rate against the model.
func constant(ctx context.Context, c *check, name string, bitrate float64, d time.Duration) error {
	l, err := start(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	f, err := l.Datagrams(ctx, flow.DatagramOptions{Bitrate: bitrate})
	if err != nil {
		return err
	}
	begin := time.Now().Add(-l.Now()) // of the link's clock
	wait(ctx, d)
	sent := f.Stop(500 * time.Millisecond)
	if len(sent) == 0 || ctx.Err() != nil {
		return fmt.Errorf("%s: nothing was sent: %w", name, context.Cause(ctx))
	}
	off, promised, arrived := compare(sent, begin)
	got := rate(sent)
	want := min(bitrate, capacity)
	c.line(name+": rate", fmt.Sprintf("%.3f Mb/s arrived, ratio %.4f", got/1e6, got/want), got > .97*want && got < 1.03*want)
	c.line(name+": delay", "off the model: "+quantiles(off),
		quantile(off, .5) < tolerance && quantile(off, .99) < tail)
	c.line(name+": drops", fmt.Sprintf("%d of %d arrived, in the model %d", arrived, len(sent), promised),
		math.Abs(float64(arrived-promised)) < .01*float64(promised))
	s := l.Stats()
	c.line(name+": delivery", fmt.Sprintf("late by %v; real-time priority: %v", &s.Up.Late, s.RealTime),
		s.Up.Late.Quantile(.5) < time.Millisecond && s.Err == nil)
	return nil
}

// compare has the model carry the same packets, on the clock that began at begin, and
// returns how far each one's real arrival was from that, and how many arrived in the
// model and in reality. Which packet finds a queue full is a matter of microseconds,
// how many do is not.
func compare(sent []flow.Datagram, begin time.Time) (off []time.Duration, promised, arrived int) {
	m, err := bottleneck.New(model())
	if err != nil {
		return nil, 0, 0
	}
	promise := make(map[uint64]time.Duration, len(sent))
	take := func(now time.Duration) {
		for at, ok := m.Next(); ok && at <= now; at, ok = m.Next() {
			if p, ok := m.Take(at); ok {
				promise[p.ID] = at
			}
		}
	}
	for i, p := range sent {
		now := p.Sent.Sub(begin)
		take(now)
		m.Offer(now, bottleneck.Packet{Size: 1500, ID: uint64(i)})
	}
	take(time.Hour)
	for i, p := range sent {
		at, ok := promise[uint64(i)]
		if !p.Received.IsZero() {
			arrived++
		}
		if ok && !p.Received.IsZero() {
			off = append(off, (p.Received.Sub(begin) - at).Abs())
		}
	}
	return off, len(promise), arrived
}

// rate is at what rate datagrams arrived, in bits per second of IP.
func rate(sent []flow.Datagram) float64 {
	var first, last time.Time
	n := 0
	for _, p := range sent {
		if p.Received.IsZero() {
			continue
		}
		if n == 0 {
			first = p.Received
		}
		last = p.Received
		n++
	}
	if n < 2 {
		return 0
	}
	return float64((n-1)*1500*8) / last.Sub(first).Seconds()
}

// competition has CUBIC and BBR share the link, as far as the kernel has them.
func competition(ctx context.Context, c *check, d time.Duration) error {
	for _, name := range []string{"cubic", "bbr"} {
		l, err := start(ctx)
		if err != nil {
			return err
		}
		t, err := l.Compete(ctx, flow.TCPOptions{CongestionControl: name})
		if err != nil {
			known, _ := l.CongestionControls()
			_ = l.Close()
			c.line("TCP "+name, fmt.Sprintf("%v; it has: %s", err, known), false)
			continue
		}
		wait(ctx, d/2)
		before, at := t.Received(), time.Now()
		wait(ctx, d/2)
		bitrate := float64(t.Received()-before) * 8 / time.Since(at).Seconds()
		info, err := t.Info()
		_ = t.Stop()
		_ = l.Close()
		if err != nil {
			return err
		}
		c.line("TCP "+name, fmt.Sprintf("%.2f Mb/s of payload, ratio %.3f; RTT %.0f ms, least %.0f ms", bitrate/1e6,
			bitrate/capacity, float64(info.Rtt)/1e3, float64(info.Min_rtt)/1e3), bitrate > .8*capacity && bitrate < capacity)
	}
	return nil
}

// step cuts the capacity from 6 to 2 Mb/s under a flow of 4.
func step(ctx context.Context, c *check, d time.Duration, csv string) error {
	l, err := start(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	f, err := l.Datagrams(ctx, flow.DatagramOptions{Bitrate: 4e6})
	if err != nil {
		return err
	}
	wait(ctx, d/2)
	cut := l.Now()
	if err := l.Up().SetBitrate(2e6); err != nil {
		return err
	}
	wait(ctx, d/2)
	end := l.Now()
	f.Stop(500 * time.Millisecond)
	events := l.Log().Events()
	before := float64(link.Carried(events, -1, cut-d/4, cut)*8) / (d / 4).Seconds()
	after := float64(link.Carried(events, -1, cut, end)*8) / (end - cut).Seconds()
	var deepest time.Duration
	for _, e := range events {
		deepest = max(deepest, e.Wait)
	}
	c.line("step 6 to 2 Mb/s", fmt.Sprintf("%.2f, then %.2f Mb/s carried; longest wait %v", before/1e6, after/1e6, deepest.Round(time.Millisecond)),
		before > 3.8e6 && before < 4.2e6 && after > 1.94e6 && after < 2.06e6)
	if csv == "" {
		return nil
	}
	out, err := os.Create(csv)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := l.Log().WriteCSV(out); err != nil {
		return err
	}
	return out.Close()
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return time.Hour
	}
	d = slices.Sorted(slices.Values(d))
	return d[min(len(d)-1, int(q*float64(len(d))))]
}

func quantiles(d []time.Duration) string {
	return fmt.Sprintf("p50 %v p99 %v max %v", quantile(d, .5).Round(time.Microsecond),
		quantile(d, .99).Round(time.Microsecond), quantile(d, 1).Round(time.Microsecond))
}
