package realtime

import (
	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/link/score"
	"github.com/encoderbox/encoderbox/output"
)

// step has the law decide.
func (s *sender) step() {
	path, connection, ok := s.to.Path()
	if ok && s.connection == 0 {
		s.connected <- ready // buffered, and once
	}
	if !ok {
		s.point()
		return
	}
	if s.connection != connection {
		if l, ok := s.law.(interface{ Reconnected() }); ok && s.connection != 0 {
			l.Reconnected()
		}
		s.connection, s.account.Numbers = connection, s.account.Numbers+1
	}
	if w, ok := s.law.(law.QueueWatcher); ok {
		w.Watch(s.ownQueue(path))
	}
	before, sample := s.advice, rate.Sample(path)
	s.advice = s.law.Step(sample)
	if s.running {
		s.account.Samples = append(s.account.Samples, sampled{monotonic() - s.zero, sample, s.advice, connection})
	}
	if s.advice.Key > before.Key || s.advice.Flush > before.Flush {
		s.camera.key()
	}
	if s.pacer {
		s.to.Advise(output.PathAdvice{Pace: s.advice.Pace, Flush: s.advice.Flush})
	}
	if connection == 1 {
		s.mu.Lock()
		s.account.Written, s.account.Counted = path.Written, s.account.Payload
		s.mu.Unlock()
	}
	s.point()
}

func (s *sender) point() {
	if !s.running {
		return
	}
	a := s.advice
	s.account.Points = append(s.account.Points, score.Point{
		At: monotonic() - s.zero, Target: a.Target, Acked: a.Acked, Estimate: a.Estimate,
		Encoded: s.encoded(), Queue: a.Queue, Reason: string(a.Reason),
	})
}

// encoded is the bit rate of the last half second.
func (s *sender) encoded() int {
	const pictures = perSecond / 2
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := 0
	for _, f := range s.frames[max(0, len(s.frames)-pictures):] {
		sum += f.Bytes
	}
	return sum * 8 * perSecond / pictures
}

// ownQueue is the queue before the socket, for laws that look at it.
func (s *sender) ownQueue(p output.Path) law.OwnQueue {
	n := s.queue()
	s.mu.Lock()
	defer s.mu.Unlock()
	n = min(n, len(s.written))
	waiting := s.written[len(s.written)-n:]
	q := law.OwnQueue{Packets: n, Sent: p.Written - p.Dropped}
	bytes := 0
	for _, w := range waiting {
		bytes += w.size
	}
	q.Sent -= min(q.Sent, uint64(bytes))
	if n > 0 {
		q.Span = waiting[n-1].at - waiting[0].at
	}
	if s.most > 0 {
		q.Fill = float64(n) / float64(s.most)
	}
	return q
}
