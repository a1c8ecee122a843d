package rtmp

import "sync"

// ackWindow is how often the server shall acknowledge, in bytes.
const ackWindow = 2_500_000

// acknowledgements are the server's, of what we send (RTMP 1.0 §5.4.3, §5.4.4).
// TCP's end where the connection ends, at a TLS front or a load balancer; these
// come from the server itself.
type acknowledgements struct {
	mu     sync.Mutex // guards the fields below
	window uint32     // what we asked for last
	last   uint32     // bytes the server has, modulo 2^32
	step   uint32     // the most that one has brought
	heard  bool
}

// take notes an acknowledgement.
func (a *acknowledgements) take(sequence uint32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if step := sequence - a.last; step < 1<<31 {
		a.step = max(a.step, step)
	}
	a.last, a.heard = sequence, true
}

// ask notes the window that we tell the server; false when it is the one it
// knows already.
func (a *acknowledgements) ask(window uint32) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	known := a.window == window
	a.window = window
	return !known
}

// outstanding is how many of the bytes sent the server surely does not have:
// those beyond what it may keep silent of. A server that has never acknowledged
// tells nothing.
func (a *acknowledgements) outstanding(sent uint64) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	lag, silence := uint32(sent)-a.last, max(a.window, a.step)
	if !a.heard || lag >= 1<<31 || lag <= silence {
		return 0
	}
	return uint64(lag - silence)
}
