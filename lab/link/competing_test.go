package link

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
	"github.com/encoderbox/encoderbox/lab/link/flow"
	"github.com/encoderbox/encoderbox/lab/link/trace"
)

func TestTCPCarriesAllItsBytes(t *testing.T) {
	l := started(t, Config{
		Up:                bottleneck.Config{Trace: trace.Constant(50e6), Delay: time.Millisecond, Loss: bottleneck.Loss{Rate: .01}},
		CongestionControl: "reno",
	})
	known, err := l.CongestionControls()
	if err != nil {
		t.Fatal(err)
	}
	for _, cc := range append(strings.Fields(known), "") {
		f, err := l.Compete(t.Context(), flow.TCPOptions{CongestionControl: cc, Bytes: 200_001})
		if err != nil {
			t.Fatal(err)
		}
		if info, err := f.Info(); err != nil || info.Rtt == 0 {
			t.Errorf("%s: info %+v, %v", cc, info, err)
		}
		<-f.Done()
		if err := f.Stop(); err != nil || f.Received() != 200_001 {
			t.Errorf("%s: %d received, %v", cc, f.Received(), err)
		}
	}
}

func TestTCPStopsInABlackout(t *testing.T) {
	l := started(t, Config{})
	f, err := l.Compete(t.Context(), flow.TCPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "something arrived", func() bool { return f.Received() > 0 })
	if err := l.Up().SetBitrate(0); err != nil {
		t.Fatal(err)
	}
	if err := f.Stop(); err != nil {
		t.Error(err)
	}
}

func TestUnknownCongestionControl(t *testing.T) {
	l := started(t, Config{})
	before := files(t)
	if _, err := l.Compete(t.Context(), flow.TCPOptions{CongestionControl: "swift"}); !errors.Is(err, flow.ErrCongestionControl) {
		t.Errorf("error %v", err)
	}
	if now := files(t); now != before {
		t.Errorf("%d open files, %d before", now, before)
	}
}

func TestDatagramsAreAccountedFor(t *testing.T) {
	l := started(t, Config{Up: bottleneck.Config{Delay: 5 * time.Millisecond}})
	f, err := l.Datagrams(t.Context(), flow.DatagramOptions{Bitrate: 1e6, Size: 500})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "some were delivered", func() bool { return l.Stats().Up.Delivered.Packets > 5 })
	if err := l.Up().SetLoss(bottleneck.Loss{Rate: 1}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "some were lost", func() bool {
		return slices.ContainsFunc(l.Log().Events(), func(e bottleneck.Event) bool { return e.Kind == bottleneck.Lost })
	})
	all := f.Stop(time.Second)
	arrived := 0
	for i, d := range all {
		if d.Received.IsZero() {
			continue
		}
		arrived++
		if delay := d.Received.Sub(d.Sent); delay < 4*time.Millisecond { // two clocks' rounding
			t.Errorf("datagram %d took %v", i, delay)
		}
	}
	s := l.Stats().Up
	if int64(arrived) != s.Delivered.Packets || int64(len(all)) != s.Offered.Packets || arrived == len(all) {
		t.Errorf("%d of %d, stats %+v", arrived, len(all), s)
	}
	if _, err := l.Datagrams(t.Context(), flow.DatagramOptions{Bitrate: 1e6, Size: 20}); err == nil {
		t.Error("20 bytes were taken")
	}
}
