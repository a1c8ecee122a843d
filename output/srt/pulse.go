package srt

import "time"

// pulse follows when the peer was last known to be there: it acknowledges every
// 10 ms what has come (SRTO_…, SYN interval), as long as something is sent.
// Its user is the one goroutine that writes.
type pulse struct {
	looked  time.Time // last felt
	alive   time.Time // it had acknowledged something new, or had nothing to
	acks    int
	regular bool // looked often enough since alive to say that it is silent
}

// due says that it is time to look again.
func (p *pulse) due(now time.Time, interval time.Duration) bool {
	return now.Sub(p.looked) >= interval
}

// felt takes the number of acknowledgements so far, and the bytes that wait for
// one. idle is the time of silence that ends a connection.
func (p *pulse) felt(now time.Time, acks int, outstanding uint64, idle time.Duration) {
	switch {
	case acks != p.acks || outstanding == 0 || p.looked.IsZero():
		p.alive, p.acks, p.regular = now, acks, true
	case now.Sub(p.looked) > idle/2:
		p.regular = false // nothing was sent meanwhile
	}
	p.looked = now
}

// silence is for how long the peer has acknowledged nothing of what it was sent.
// It is not known where nothing was sent.
func (p *pulse) silence(now time.Time, idle time.Duration) (d time.Duration, known bool) {
	if !p.regular || now.Sub(p.looked) > idle/2 {
		return 0, false
	}
	return now.Sub(p.alive), true
}
