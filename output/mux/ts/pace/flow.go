package pace

import (
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/ts"
)

const (
	// A picture is sent over half of the time to the next one, and no longer than
	// maxSpread, which is what a receiver waits more.
	maxSpread   = 20 * time.Millisecond
	firstSpread = 10 * time.Millisecond
	// flushAfter is how long less than a chunk waits for more.
	flushAfter = 10 * time.Millisecond
	// maxBurst is the most chunks within one tick: 84 Mb/s of datagrams.
	maxBurst = 8
	// maxWaiting is how much may wait before Write waits, whatever it is.
	maxWaiting = 1 << 20
)

// flow is a stream that is sent as it comes.
type flow struct {
	mux   *ts.Muxer
	queue []byte
	due   time.Time // when the queue is to be sent
	since time.Time // how long less than a chunk has waited
	video time.Duration
	seen  bool
	clock uint64 // of the programme
	at    time.Time
	last  uint64 // clock of the last chunk
	any   bool
}

func (s *Sender) writeFlow(p media.Packet) error {
	f := &s.flow
	picture := p.Track != nil && p.Track.Kind() == media.Video
	for s.failed() == nil && (picture && len(f.queue) >= s.cfg.Chunk || len(f.queue) > maxWaiting) {
		s.moved.Wait()
	}
	if err := s.failed(); err != nil {
		return err
	}
	before := len(f.queue)
	queue, err := f.mux.Append(f.queue, p)
	if err != nil {
		return err
	}
	now := time.Now()
	f.queue = queue
	f.clock, f.at = f.mux.Clock(), now
	if before == 0 {
		f.since = now
	}
	if picture {
		f.due = now.Add(f.spread(p.DTS))
	}
	s.nudge()
	return nil
}

// spread is over how long a picture is sent.
func (f *flow) spread(dts time.Duration) time.Duration {
	interval := dts - f.video
	known := f.seen && interval > 0
	f.video, f.seen = dts, true
	if !known {
		return firstSpread
	}
	return min(interval/2, maxSpread)
}

func (s *Sender) runFlow() {
	timer := time.NewTimer(0)
	timer.Stop()
	var out []byte
	for {
		var wait time.Duration
		var clock uint64
		out, clock, wait = s.take(out[:0], false)
		if !s.sendAll(out, clock) {
			return
		}
		if !s.pause(timer, wait, wait != tick) {
			break
		}
	}
	for { // the rest of the last picture
		out, clock, _ := s.take(out[:0], true)
		if len(out) == 0 || !s.sendAll(out, clock) {
			return
		}
		time.Sleep(tick)
	}
}

func (s *Sender) sendAll(out []byte, clock uint64) bool {
	for len(out) > 0 {
		n := min(len(out), s.cfg.Chunk)
		if !s.send(out[:n], clock) {
			return false
		}
		out = out[n:]
	}
	return true
}

// take moves what is to be sent now to out. wait is how long until the next
// look; negative for as long as nothing comes.
func (s *Sender) take(out []byte, all bool) (chunks []byte, clock uint64, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, now := &s.flow, time.Now()
	whole := len(f.queue) / s.cfg.Chunk
	left := f.due.Sub(now)
	var n int
	wait = tick
	switch {
	case len(f.queue) == 0:
		return out, 0, -1
	case whole == 0:
		if wait = flushAfter - now.Sub(f.since); wait > 0 && !all {
			return out, 0, wait
		}
		n, wait = len(f.queue), -1
	case left <= 0 || all:
		n = min(whole, maxBurst) * s.cfg.Chunk
	default:
		ticks := int(left/tick) + 1
		n = min((whole+ticks-1)/ticks, maxBurst) * s.cfg.Chunk
	}
	out = append(out, f.queue[:n]...)
	f.queue = f.queue[:copy(f.queue, f.queue[n:])]
	f.since = now
	return out, f.now(now), wait
}

// now is the programme clock, going on since the last access unit came. It does
// not go back by the jitter of what comes.
func (f *flow) now(at time.Time) uint64 {
	const modulus = 1 << 33
	clock := (f.clock + uint64(media.ToTimescale(at.Sub(f.at), 90_000))) % modulus
	if back := (f.last - clock) % modulus; f.any && back > 0 && back < 90_000 {
		clock = f.last
	}
	f.last, f.any = clock, true
	return clock
}
