package m2m

import (
	"time"

	"github.com/encoderbox/encoderbox/media/v4l2"
)

func (m *machine) poller() (poller, error) { return fakePoller{m}, nil }

type fakePoller struct{ m *machine }

func (p fakePoller) Close() error { return nil }

func (p fakePoller) Wake() {
	p.m.mu.Lock()
	p.m.woken = true
	p.m.mu.Unlock()
	p.m.signal()
}

func (p fakePoller) wait(timeout time.Duration, d device, want v4l2.PollEvents) (v4l2.PollEvents, error) {
	m, dev := p.m, d.(*fakeDevice)
	var late <-chan time.Time
	if timeout >= 0 {
		t := time.NewTimer(timeout)
		defer t.Stop()
		late = t.C
	}
	for {
		m.mu.Lock()
		events, woken := dev.ready(want), m.woken
		m.woken = false
		if events != 0 || woken {
			m.wakeUps++
			m.mu.Unlock()
			return events, nil
		}
		m.mu.Unlock()
		select {
		case <-m.kick:
		case <-late:
			return 0, nil
		}
	}
}
