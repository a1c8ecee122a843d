package push

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// watchBitrate raises and takes back Status.Alarm until ctx ends. While the
// programme itself is missing, nothing is to be sent and nothing is measured. Nor is
// it while Advise has something left out: what is sent is then what was decided, and
// Status.Shedding tells of it.
func (d *Destination) watchBitrate(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var sent meter
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		spec := d.current()
		state, total := d.sent()
		if spec.MinBitrate <= 0 || state == Starting || d.restrained() {
			sent = meter{}
			d.alarm("")
			continue
		}
		sent.add(sample{time.Now(), total}, spec.BitrateWindow)
		rate, whole := sent.rate(spec.BitrateWindow)
		switch {
		case whole && rate < float64(spec.MinBitrate):
			d.alarm(fmt.Sprintf("less than %s was sent over %v: the link, or the receiver, is too slow", bitsPerSecond(spec.MinBitrate), spec.BitrateWindow))
		case rate >= float64(spec.MinBitrate)*alarmOver:
			d.alarm("")
		}
	}
}

// alarmOver is how far above the minimum the rate must be for an alarm to end.
const alarmOver = 1.1

// alarm sets Status.Alarm.
func (d *Destination) alarm(text string) {
	d.mu.Lock()
	same := d.status.Alarm == text
	d.mu.Unlock()
	if same {
		return
	}
	d.change(func(s *Status) { s.Alarm = text })
	if text != "" {
		d.log.Warn("destination below its minimum", "alarm", text)
	} else {
		d.log.Info("destination above its minimum again")
	}
}

// sent is the state and how much was sent so far, by all connections.
func (d *Destination) sent() (State, uint64) {
	d.mu.Lock()
	state, total, conn := d.status.State, d.status.Bytes, d.conn
	d.mu.Unlock()
	if conn != nil {
		total += d.stats(conn).BytesSent
	}
	return state, total
}

// meter measures a rate over a window.
type meter struct {
	samples []sample // at most one more than the window needs, oldest first
}

func (m *meter) add(s sample, window time.Duration) {
	m.samples = append(m.samples, s)
	old := 0
	for old+1 < len(m.samples) && s.at.Sub(m.samples[old+1].at) >= window {
		old++
	}
	m.samples = slices.Delete(m.samples, 0, old)
}

// rate is in bits per second; whole says that it is over all of the window.
func (m *meter) rate(window time.Duration) (rate float64, whole bool) {
	first, last := m.samples[0], m.samples[len(m.samples)-1]
	elapsed := last.at.Sub(first.at)
	if elapsed <= 0 || last.bytes < first.bytes {
		return 0, false
	}
	return float64(last.bytes-first.bytes) * 8 / elapsed.Seconds(), elapsed >= window
}

// bitsPerSecond is a bit rate for people.
func bitsPerSecond(n int) string {
	if n >= 1e6 {
		return fmt.Sprintf("%g Mb/s", float64(n)/1e6)
	}
	return fmt.Sprintf("%g kb/s", float64(n)/1e3)
}
