package flow

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// ipOverhead is what IPv4 and UDP add to a payload.
const ipOverhead = 28

// DatagramOptions of a constant flow.
type DatagramOptions struct {
	Bitrate float64 // bits per second, headers of IP and UDP included
	Size    int     // of an IP packet in bytes; 1500 when 0
}

// Datagram is one that was sent.
type Datagram struct {
	Sent     time.Time // just before the system call
	Received time.Time // when the receiver's kernel got it; zero: it did not arrive
}

// Datagrams is a flow of UDP at a constant rate, both its ends.
type Datagrams struct {
	conn   net.PacketConn
	sink   *net.UDPConn
	to     net.Addr
	o      DatagramOptions
	stop   atomic.Bool
	unhook func() bool
	done   sync.WaitGroup

	mu  sync.Mutex // guards the field below
	all []Datagram // by number
}

// StartDatagrams sends until Stop or the end of ctx. Whoever starts it calls Stop.
func StartDatagrams(ctx context.Context, w Way, o DatagramOptions) (*Datagrams, error) {
	if o.Size == 0 {
		o.Size = 1500
	}
	if o.Size < ipOverhead+8 || o.Bitrate <= 0 {
		return nil, fmt.Errorf("flow: datagrams of %d bytes at %.0f b/s", o.Size, o.Bitrate)
	}
	sink, err := w.To.ListenPacket(ctx, "udp4", netip.AddrPortFrom(w.Addr, 0).String())
	if err != nil {
		return nil, fmt.Errorf("flow: listen: %w", err)
	}
	d := &Datagrams{sink: sink.(*net.UDPConn), to: sink.LocalAddr(), o: o}
	if err := stamp(d.sink); err != nil {
		_ = sink.Close()
		return nil, err
	}
	if d.conn, err = w.From.ListenPacket(ctx, "udp4", ":0"); err != nil {
		_ = sink.Close()
		return nil, fmt.Errorf("flow: open a socket: %w", err)
	}
	d.unhook = context.AfterFunc(ctx, func() { d.stop.Store(true) })
	var received sync.WaitGroup
	received.Go(d.receive)
	d.done.Go(func() {
		d.send()
		_ = d.conn.Close()
		received.Wait()
	})
	return d, nil
}

// stamp asks the kernel to say when it got a packet.
func stamp(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("flow: %w", err)
	}
	var inner error
	err = raw.Control(func(fd uintptr) {
		inner = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	})
	if err := errors.Join(err, inner); err != nil {
		return fmt.Errorf("flow: SO_TIMESTAMPNS: %w", err)
	}
	return nil
}

// send sends on a thread of its own, so that its pace depends on the kernel's
// scheduler alone.
func (d *Datagrams) send() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b := make([]byte, d.o.Size-ipOverhead)
	interval := time.Duration(float64(d.o.Size*8) / d.o.Bitrate * float64(time.Second))
	start := time.Now()
	for i := 0; !d.stop.Load(); i++ {
		wait := unix.NsecToTimespec(max(0, int64(time.Duration(i)*interval-time.Since(start))))
		_ = unix.Nanosleep(&wait, nil)
		binary.BigEndian.PutUint64(b, uint64(i))
		d.mu.Lock()
		d.all = append(d.all, Datagram{Sent: time.Now()})
		d.mu.Unlock()
		_, _ = d.conn.WriteTo(b, d.to) // what is not taken did not arrive
	}
}

func (d *Datagrams) receive() {
	b, control := make([]byte, d.o.Size), make([]byte, 64)
	for {
		n, c, _, _, err := d.sink.ReadMsgUDP(b, control)
		if err != nil {
			return
		}
		at := arrival(control[:c])
		if n < 8 {
			continue
		}
		i := binary.BigEndian.Uint64(b)
		d.mu.Lock()
		if i < uint64(len(d.all)) {
			d.all[i].Received = at
		}
		d.mu.Unlock()
	}
}

// arrival is the kernel's time in a control message, now without one.
func arrival(control []byte) time.Time {
	messages, _ := unix.ParseSocketControlMessage(control)
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		}
	}
	return time.Now()
}

// Stop ends the flow, waits for what is under way for at most so long, and returns
// all datagrams in the order they were sent.
func (d *Datagrams) Stop(drain time.Duration) []Datagram {
	d.unhook()
	d.stop.Store(true)
	_ = d.sink.SetReadDeadline(time.Now().Add(drain))
	d.done.Wait()
	_ = d.sink.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all
}
