package link

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
	"github.com/encoderbox/encoderbox/lab/link/netns"
	"github.com/encoderbox/encoderbox/lab/link/trace"
)

func started(t *testing.T, c Config) *Link {
	t.Helper()
	l, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := l.Stats().Err; err != nil {
			t.Error(err)
		}
	})
	return l
}

// pair is a socket of each side; what is sent to there goes up.
func pair(t *testing.T, l *Link) (here, there net.PacketConn) {
	t.Helper()
	open := func(n *netns.Namespace, a netip.Addr) net.PacketConn {
		c, err := n.ListenPacket(t.Context(), "udp4", netip.AddrPortFrom(a, 0).String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	return open(l.SenderNS(), l.SenderAddr()), open(l.ReceiverNS(), l.ReceiverAddr())
}

func send(t *testing.T, from, to net.PacketConn, text string) {
	t.Helper()
	if _, err := from.WriteTo([]byte(text), to.LocalAddr()); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, c net.PacketConn) string {
	t.Helper()
	b := make([]byte, 2000)
	n, _, err := c.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

// eventually waits for what must come, however slow the machine is.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

func files(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

func TestPacketsGoUpAndDownAndAreNeverEarly(t *testing.T) {
	l := started(t, Config{
		Up:   bottleneck.Config{Trace: trace.Constant(6e6), Delay: 30 * time.Millisecond},
		Down: bottleneck.Config{Delay: 20 * time.Millisecond},
	})
	here, there := pair(t, l)
	begin := time.Now()
	send(t, here, there, "question")
	if got := receive(t, there); got != "question" {
		t.Errorf("got %q", got)
	}
	send(t, there, here, "answer")
	if got := receive(t, here); got != "answer" {
		t.Errorf("got %q", got)
	}
	if took := time.Since(begin); took < 50*time.Millisecond {
		t.Errorf("there and back in %v", took)
	}
	s := l.Stats()
	want := Count{Packets: 1, Bytes: int64(len("question")) + 28}
	if s.Up.Offered != want || s.Up.Delivered != want || s.Up.Late.N != 1 || s.Down.Delivered.Packets != 1 {
		t.Errorf("stats %+v", s)
	}
	var kinds []bottleneck.Kind
	for _, e := range l.Log().Events() {
		kinds = append(kinds, e.Kind)
	}
	if !slices.Equal(kinds, []bottleneck.Kind{bottleneck.Enqueue, bottleneck.Dequeue, bottleneck.Arrive}) {
		t.Errorf("log %v", kinds)
	}
	if f := l.Log().Flows(); len(f) != 1 || f[0].From.String() != here.LocalAddr().String() || f[0].To.String() != there.LocalAddr().String() {
		t.Errorf("flows %v", f)
	}
}

func TestQueueFillsInABlackoutAndIsServedAfterIt(t *testing.T) {
	l := started(t, Config{Up: bottleneck.Config{Trace: trace.Constant(6e6), QueueBytes: 10_000}})
	here, there := pair(t, l)
	if err := l.Up().SetBitrate(0); err != nil {
		t.Fatal(err)
	}
	const n = 20
	for i := range n {
		send(t, here, there, strings.Repeat(string(rune('a'+i)), 972)) // 1000 bytes of IP
	}
	eventually(t, "all were offered", func() bool { return l.Stats().Up.Offered.Packets == n })
	if packets, bytes := l.Up().Backlog(); packets != 10 || bytes != 10_000 {
		t.Errorf("%d packets of %d bytes wait", packets, bytes)
	}
	if s := l.Stats().Up; s.Tail != (Count{10, 10_000}) || s.Delivered.Packets != 0 {
		t.Errorf("stats %+v", s)
	}
	if err := l.Up().SetBitrate(6e6); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if got := receive(t, there); got[0] != byte('a'+i) {
			t.Errorf("packet %d is %c", i, got[0])
		}
	}
}

func TestLossIsChangedLive(t *testing.T) {
	l := started(t, Config{})
	here, there := pair(t, l)
	if err := l.Up().SetLoss(bottleneck.Loss{Rate: 1}); err != nil {
		t.Fatal(err)
	}
	send(t, here, there, "lost")
	eventually(t, "it is lost", func() bool {
		e := l.Log().Events()
		return len(e) > 0 && e[len(e)-1].Kind == bottleneck.Lost
	})
	if err := l.Up().SetLoss(bottleneck.Loss{}); err != nil {
		t.Fatal(err)
	}
	send(t, here, there, "found")
	if got := receive(t, there); got != "found" {
		t.Errorf("got %q", got)
	}
	if err := l.Up().SetLoss(bottleneck.Loss{Rate: 2}); err == nil {
		t.Error("a rate of 2 was taken")
	}
}

func TestBeginIsMomentZero(t *testing.T) {
	// Nothing passes before the second hour; after Begin the first one comes again.
	tr, err := trace.Steps(trace.Step{Bitrate: 6e6, For: time.Minute}, trace.Step{For: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	l := started(t, Config{Up: bottleneck.Config{Trace: tr}})
	here, there := pair(t, l)
	if err := l.Up().SetBitrate(0); err != nil {
		t.Fatal(err)
	}
	if err := l.Up().SetDelay(time.Hour, 0); err != nil {
		t.Fatal(err)
	}
	send(t, here, there, "held")
	eventually(t, "it waits", func() bool { n, _ := l.Up().Backlog(); return n == 1 })
	before := l.Now()
	if at := l.Begin(); at < before || at > l.Now() {
		t.Errorf("begins at %v, after %v", at, before)
	}
	if got := receive(t, there); got != "held" { // the delay of an hour is gone as well
		t.Errorf("got %q", got)
	}
}

func TestTwoUplinksOfOneSender(t *testing.T) {
	a := started(t, Config{})
	b := started(t, Config{Sender: a.SenderNS()})
	if a.ReceiverAddr() == b.ReceiverAddr() || a.SenderAddr() == b.SenderAddr() {
		t.Fatalf("both have %v", a.ReceiverAddr())
	}
	for _, l := range []*Link{a, b} {
		here, there := pair(t, l)
		send(t, here, there, "hello")
		if got := receive(t, there); got != "hello" {
			t.Errorf("got %q", got)
		}
	}
	if a.Stats().Up.Delivered.Packets != 1 || b.Stats().Up.Delivered.Packets != 1 {
		t.Error("both went one way")
	}
}

func TestNothingIsLeft(t *testing.T) {
	outside, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	before := files(t)
	ctx, cancel := context.WithCancel(t.Context())
	l, err := Start(ctx, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if now, err := net.Interfaces(); err != nil || len(now) != len(outside) {
		t.Errorf("%d interfaces outside, %d before: %v", len(now), len(outside), err)
	}
	cancel()
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	l.Begin() // touches no descriptor
	if err := l.Up().SetBitrate(1e6); err != nil {
		t.Error(err)
	}
	if now := files(t); now != before {
		t.Errorf("%d open files, %d before", now, before)
	}
	if err := l.SenderNS().Do(func() error { return nil }); err == nil {
		t.Error("the namespace is open")
	}
}

func TestRefusedConfigurationsLeaveNothing(t *testing.T) {
	before := files(t)
	for want, c := range map[string]Config{
		"link: MTU 100":   {MTU: 100},
		"link: MTU 10000": {MTU: 10_000},
		"link: up: ":      {Up: bottleneck.Config{QueueBytes: 1}},
		"link: down: ":    {Down: bottleneck.Config{Delay: -1}},
		`link: congestion control "swift": this kernel has "`: {CongestionControl: "swift"},
	} {
		l, err := Start(t.Context(), c)
		if err == nil {
			l.Close()
			t.Errorf("taken, want an error with %q", want)
		} else if !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %q, want %q", err, want)
		}
	}
	if now := files(t); now != before {
		t.Errorf("%d open files, %d before", now, before)
	}
}

func TestWhyACongestionControlIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ available, allowed, want string }{
		"the kernel has it not":        {"reno bbr", "reno bbr", `this kernel has "reno bbr" (modprobe tcp_cubic?)`},
		"not even one like it":         {"reno cubic2", "reno", `this kernel has "reno cubic2" (modprobe tcp_cubic?)`},
		"it is not for a namespace":    {"reno bbr cubic", "reno bbr", `only those in /proc/sys/net/ipv4/tcp_allowed_congestion_control, "reno bbr" (as root, outside of it: sysctl -w net.ipv4.tcp_allowed_congestion_control="reno bbr cubic")`},
		"for a reason of another kind": {"reno cubic", "reno cubic", "this kernel has it, and allows it"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := refusal("cubic", c.available, c.allowed); !strings.HasSuffix(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestWhatIsNoIPv4IsCountedOnly(t *testing.T) {
	l := started(t, Config{})
	l.pump.mu.Lock()
	defer l.pump.mu.Unlock()
	l.up.offer(l.pump.now(), []byte{0x60, 0, 0, 0})
	if l.up.stats.Foreign != 1 || l.up.stats.Offered.Packets != 0 {
		t.Errorf("stats %+v", l.up.stats)
	}
}

func TestClosedSenderNamespace(t *testing.T) {
	n, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Config{Sender: n}); err == nil {
		t.Error("started in a closed namespace")
	}
}
