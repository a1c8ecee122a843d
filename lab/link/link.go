package link

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/lab/link/bottleneck"
	"github.com/encoderbox/encoderbox/lab/link/netns"
	"github.com/encoderbox/encoderbox/lab/link/trace"
	"github.com/encoderbox/encoderbox/lab/link/tun"
)

// Defaults of Config.
const (
	DefaultMTU       = 1500
	DefaultQueue     = 150_000 // bytes: 200 ms at 6 Mb/s
	DefaultLogEvents = 1 << 21 // about 20 minutes at 6 Mb/s
	ample            = 960e6   // bits per second of a direction without a trace: 80 packets a millisecond
)

// spareProcs is how many threads more than the machine has processors may run Go code.
// The link's thread, back from waiting, needs one of these places, however high its
// priority is; threads that hold one while the kernel has them wait would keep it from
// there (on a busy machine, for 100 ms and more).
const spareProcs = 6

// Config of a link.
type Config struct {
	// Up is the way from the sender to the receiver, Down the way back. Without a
	// Trace a direction carries 960 Mb/s; without QueueBytes it has DefaultQueue. Log,
	// if set, is called for each event on the link's own thread, which it must not
	// hold up.
	Up, Down bottleneck.Config
	MTU      int // bytes; DefaultMTU when 0
	// CongestionControl is TCP's in both namespaces ("bbr", "cubic"), for connections
	// that choose none themselves; the kernel's default when empty.
	CongestionControl string
	// Sender and Receiver are namespaces to join, for a program with two uplinks for
	// example. They stay open. New ones when nil.
	Sender, Receiver *netns.Namespace
	// LogEvents is how many events of Up are kept; DefaultLogEvents when 0.
	LogEvents int
}

// Link is a running link. Its methods may be called from any goroutine.
type Link struct {
	sender, receiver *netns.Namespace
	owned            []*netns.Namespace // to be closed with the link
	senderAddr       netip.Addr
	receiverAddr     netip.Addr

	pump     *pump
	up, down *Direction
	log      *Log
	unhook   func() bool
	done     sync.WaitGroup
	closing  sync.Once
	closeErr error
}

// Start makes the namespaces and the link between them, which lasts until Close or
// the end of ctx. Whoever starts it calls Close in any case. It raises GOMAXPROCS: see
// spareProcs.
func Start(ctx context.Context, c Config) (*Link, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &Link{log: newLog(c.LogEvents)}
	if err := l.build(c); err != nil {
		_ = l.release()
		return nil, err
	}
	if n := runtime.NumCPU() + spareProcs; runtime.GOMAXPROCS(0) < n {
		runtime.GOMAXPROCS(n)
	}
	ready := make(chan struct{})
	l.done.Go(func() { l.pump.run(ready) })
	<-ready
	l.unhook = context.AfterFunc(ctx, func() { l.pump.stop() })
	return l, nil
}

func (c Config) withDefaults() (Config, error) {
	free, err := trace.Steps(trace.Step{Bitrate: ample, For: 100 * time.Millisecond})
	if err != nil {
		return c, fmt.Errorf("link: %w", err)
	}
	for _, d := range []*bottleneck.Config{&c.Up, &c.Down} {
		if d.Trace == nil {
			d.Trace = free
		}
		if d.QueueBytes == 0 {
			d.QueueBytes = DefaultQueue
		}
	}
	if c.MTU == 0 {
		c.MTU = DefaultMTU
	}
	if c.MTU < 576 || c.MTU > maxPacket {
		return c, fmt.Errorf("link: MTU %d: give 576 to %d bytes", c.MTU, maxPacket)
	}
	if c.LogEvents == 0 {
		c.LogEvents = DefaultLogEvents
	}
	return c, nil
}

// build makes what the link consists of; release undoes what it got done.
func (l *Link) build(c Config) (err error) {
	if l.sender, err = l.namespace(c.Sender); err != nil {
		return err
	}
	if l.receiver, err = l.namespace(c.Receiver); err != nil {
		return err
	}
	if c.CongestionControl != "" {
		if err := l.setCongestionControl(c.CongestionControl); err != nil {
			return err
		}
	}
	n := l.sender.Number()
	if m := l.receiver.Number(); c.Receiver != nil { // both must be free of it
		n = max(n, m)
	}
	if n > 250 {
		return errors.New("link: more than 250 links in one namespace")
	}
	l.senderAddr = netip.AddrFrom4([4]byte{10, 77, byte(n), 1})
	l.receiverAddr = netip.AddrFrom4([4]byte{10, 77, byte(n), 2})
	l.pump, err = newPump()
	if err != nil {
		return err
	}
	up := func(e bottleneck.Event) {
		l.log.add(e)
		if c.Up.Log != nil {
			c.Up.Log(e)
		}
	}
	near, err := open(l.sender, n, l.senderAddr, c.MTU)
	if err != nil {
		return err
	}
	l.pump.ends[0] = near
	far, err := open(l.receiver, n, l.receiverAddr, c.MTU)
	if err != nil {
		return err
	}
	l.pump.ends[1] = far
	upConfig := c.Up
	upConfig.Log = up
	if l.up, err = l.pump.direction("up", upConfig, near, far, l.log); err != nil {
		return err
	}
	l.down, err = l.pump.direction("down", c.Down, far, near, nil)
	return err
}

func (l *Link) namespace(given *netns.Namespace) (*netns.Namespace, error) {
	if given != nil {
		return given, nil
	}
	n, err := netns.New()
	if err != nil {
		return nil, err
	}
	l.owned = append(l.owned, n)
	return n, nil
}

func open(n *netns.Namespace, number int, addr netip.Addr, mtu int) (t *tun.Interface, err error) {
	err = n.Do(func() error {
		t, err = tun.Open(tun.Options{Name: fmt.Sprintf("link%d", number), Addr: netip.PrefixFrom(addr, 30), MTU: mtu})
		return err
	})
	return t, err
}

func (l *Link) setCongestionControl(name string) error {
	const path = "ipv4/tcp_congestion_control"
	for _, n := range []*netns.Namespace{l.sender, l.receiver} {
		if err := n.SetSysctl(path, name); err != nil {
			available, _ := n.Sysctl("ipv4/tcp_available_congestion_control") // "" where there is no such file
			allowed, _ := n.Sysctl("ipv4/tcp_allowed_congestion_control")
			return fmt.Errorf("link: congestion control %q: %s: %w", name, refusal(name, available, allowed), err)
		}
	}
	return nil
}

// refusal says why a namespace does not take a congestion control that the kernel says it
// has, or has not, and what helps. Those that it has are not all for namespaces to take.
func refusal(name, available, allowed string) string {
	has := func(list string) bool { return slices.Contains(strings.Fields(list), name) }
	if !has(available) {
		return fmt.Sprintf("this kernel has %q (modprobe tcp_%s?)", available, name)
	}
	if has(allowed) {
		return "this kernel has it, and allows it"
	}
	return fmt.Sprintf("this kernel has it, but a network namespace may take only those in /proc/sys/net/ipv4/tcp_allowed_congestion_control, %q"+
		" (as root, outside of it: sysctl -w net.ipv4.tcp_allowed_congestion_control=%q)", allowed, strings.TrimSpace(allowed+" "+name))
}

// SenderNS is the namespace of the sender, for what sends.
func (l *Link) SenderNS() *netns.Namespace { return l.sender }

// ReceiverNS is the namespace of the receiver, for what is sent to.
func (l *Link) ReceiverNS() *netns.Namespace { return l.receiver }

// SenderAddr is the sender's IPv4 address on the link.
func (l *Link) SenderAddr() netip.Addr { return l.senderAddr }

// ReceiverAddr is the receiver's IPv4 address on the link.
func (l *Link) ReceiverAddr() netip.Addr { return l.receiverAddr }

// Up is the way from the sender to the receiver.
func (l *Link) Up() *Direction { return l.up }

// Down is the way from the receiver to the sender.
func (l *Link) Down() *Direction { return l.down }

// Log is the ground truth: what happened in the queue of Up.
func (l *Link) Log() *Log { return l.log }

// Now is the time on the clock of the log, which starts with the link and is
// monotonic.
func (l *Link) Now() time.Duration { return l.pump.now() }

// Begin is the start signal of a scenario: traces and delays of both directions
// begin at their moment 0, losses at their configured ones. It returns that moment
// on the clock of the log. What is queued or under way stays.
func (l *Link) Begin() time.Duration {
	l.pump.mu.Lock()
	defer l.pump.mu.Unlock()
	now := l.pump.now()
	for _, d := range []*Direction{l.up, l.down} {
		if err := d.begin(now); err != nil { // Start has checked the same
			l.pump.err = errors.Join(l.pump.err, err)
		}
	}
	l.pump.wake()
	return now
}

// Stats tells what the link did, and how exactly.
func (l *Link) Stats() Stats {
	l.pump.mu.Lock()
	defer l.pump.mu.Unlock()
	return Stats{Up: l.up.stats, Down: l.down.stats, RealTime: l.pump.realTime, Err: l.pump.err}
}

// Close ends the link and returns once its thread has ended. Packets under way are
// lost. Processes started in the namespaces are not ended. Closing twice does nothing.
func (l *Link) Close() error {
	l.closing.Do(func() {
		l.unhook()
		l.pump.stop()
		l.done.Wait()
		l.closeErr = l.release()
	})
	return l.closeErr
}

func (l *Link) release() error {
	var errs []error
	if l.pump != nil {
		errs = append(errs, l.pump.close())
	}
	for _, n := range l.owned {
		errs = append(errs, n.Close())
	}
	return errors.Join(errs...)
}
