// Package link emulates an uplink in real time: two network namespaces, a sender's
// and a receiver's, with a TUN interface in each, and between the two the packets of
// real programs pass through one [bottleneck.Link] for each direction, the same
// model the simulator uses. It needs root and /dev/net/tun; the kernel's own
// emulator (netem) is not needed. Nothing of the host's network is touched, and
// nothing is left behind when the program is killed.
//
//	l, err := link.Start(ctx, link.Config{
//		Up: bottleneck.Config{Trace: trace.Constant(6e6), QueueBytes: 150_000, Delay: 20 * time.Millisecond},
//		Down: bottleneck.Config{Delay: 20 * time.Millisecond},
//	})
//	defer l.Close()                 // after what runs inside has been stopped
//	server := l.ReceiverNS()        // run things there: Do, Start, Listen, …
//	client := l.SenderNS()          // and there: Do, Start, DialContext, Transport
//	l.Begin()                       // moment 0 of traces, delays and log is now
//	_ = l.Up().SetTrace(trace.Constant(2e6)) // live change
//	events := l.Log().Events()      // ground truth of the up queue
//
// The sender reaches the receiver at l.ReceiverAddr(), through Up; answers come back
// through Down. One thread of its own, with real-time priority where the kernel gives
// it, carries the packets of both; [Link.Stats] tells how late it was. A program
// that keeps all processors busy with Go code of its own (an encoder) should run
// that part as another process (netns.Namespace.Start): within one program, the
// thread may have to wait for Go's scheduler.
//
// [ScenarioConfig] and [Link.Traffic] make the link, and what else is on it, of one of
// package scenario's scenarios; [Link.Compete] and [Link.Datagrams] start such traffic
// one by one. Servers of lab/peer run inside with
// peer.Place{Do: l.ReceiverNS().Do, Addr: l.ReceiverAddr()}. How exact all this is on a
// machine, go run ./lab/link/linkcheck says.
package link
