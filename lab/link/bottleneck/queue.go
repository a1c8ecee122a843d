package bottleneck

import "time"

// fifo is a queue whose memory is used again.
type fifo struct {
	q    []queued
	head int
}

func (f *fifo) len() int { return len(f.q) - f.head }

func (f *fifo) push(q queued) {
	if f.head > 1024 && f.head > len(f.q)/2 {
		n := copy(f.q, f.q[f.head:])
		clear(f.q[n:])
		f.q, f.head = f.q[:n], 0
	}
	f.q = append(f.q, q)
}

func (f *fifo) pop() (queued, bool) {
	if f.len() == 0 {
		return queued{}, false
	}
	q := f.q[f.head]
	f.q[f.head] = queued{}
	f.head++
	return q, true
}

// bytesUpTo is how many bytes wait, of which no more than needed to exceed most are
// counted.
func (f *fifo) bytesUpTo(most int) int {
	n := 0
	for _, q := range f.q[f.head:] {
		if n += q.Size; n > most {
			break
		}
	}
	return n
}

// arrival is a packet on its way.
type arrival struct {
	Packet
	at time.Duration
}

// flight is the packets on their way, in the order of their arrival.
type flight struct {
	a    []arrival
	head int
}

func (f *flight) len() int { return len(f.a) - f.head }

// first is the time of the next arrival; there must be one.
func (f *flight) first() time.Duration { return f.a[f.head].at }

// push puts a packet behind those that arrive at the same time or before.
func (f *flight) push(a arrival) {
	if f.head > 1024 && f.head > len(f.a)/2 {
		n := copy(f.a, f.a[f.head:])
		clear(f.a[n:])
		f.a, f.head = f.a[:n], 0
	}
	f.a = append(f.a, a)
	for i := len(f.a) - 1; i > f.head && f.a[i-1].at > f.a[i].at; i-- {
		f.a[i-1], f.a[i] = f.a[i], f.a[i-1]
	}
}

func (f *flight) pop() arrival {
	a := f.a[f.head]
	f.a[f.head] = arrival{}
	f.head++
	return a
}
