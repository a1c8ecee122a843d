package forward

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment"
)

// holding is what storage was asked to keep.
type holding struct {
	release func()
	from    uint64
	begin   time.Time
	most    time.Duration // that waited
}

// watch reports, asks storage to keep what waits, and persists the cursor,
// until ctx ends.
func (l *life) watch(ctx context.Context) {
	tick := time.NewTicker(l.d.poll)
	defer tick.Stop()
	var h holding
	defer func() {
		if h.release != nil {
			h.release()
		}
	}()
	for ctx.Err() == nil {
		w := l.src.Window()
		l.hold(&h, w)
		l.lookBack()
		l.persist(false)
		l.tell()
		select {
		case <-ctx.Done():
		case <-w.Next():
		case <-tick.C:
			l.d.change(l.fillStatus)
		}
	}
}

// lookBack finds the time of the oldest that waits. Storage is asked without the
// lock.
func (l *life) lookBack() {
	l.mu.Lock()
	n, some := l.oldest()
	l.mu.Unlock()
	var at time.Time
	if some {
		if seg, ok := l.src.Segment(n); ok {
			for _, m := range medias(seg) {
				at = m.Wall
			}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waitsSince = at
}

// moveHold is how many segments a holding follows the cursor by.
const moveHold = 16

// hold asks storage for what waits once that is more than half of the live
// window, and no longer than a quarter does.
func (l *life) hold(h *holding, w *segment.Window) {
	l.mu.Lock()
	l.begin(w)
	if l.cur.started {
		l.account()
	}
	waiting, g := l.ledger.duration, l.ledger
	oldest, behind := l.oldest()
	window := max(w.Duration(), 3*w.TargetDuration) // it is shorter at its beginning
	l.cur.current = !behind || waiting <= window/2
	current := l.cur.current
	l.mu.Unlock()
	if l.set.Mode == Off {
		return
	}
	switch {
	case h.release == nil && !current:
		h.release, h.from, h.begin, h.most = l.src.Want("destination "+l.spec.Target.Name, oldest), oldest, time.Now(), waiting
		l.d.change(l.fillStatus)
		what := "what waits is stored from now on"
		if !l.stores() {
			what = "the box has no storage, so what does not fit the live window will be lost; set storage.path"
		}
		l.d.tell(output.Incident{
			Kind: output.Late, Symptom: output.SymptomBehind, Segments: g.waiting, Bytes: g.bytes, Duration: waiting,
			Detail: fmt.Sprintf("behind by %s, %s: %s", coarse(waiting), size(g.bytes), what),
		})
	case h.release != nil && (!behind || waiting <= window/4):
		h.release()
		h.release = nil
		l.d.change(l.fillStatus)
		l.d.tell(output.Incident{
			Kind: output.Late, Symptom: output.SymptomBehind, Duration: h.most,
			Detail: fmt.Sprintf("has caught up after %s; it was behind by up to %s", coarse(time.Since(h.begin)), coarse(h.most)),
		})
	case h.release != nil:
		h.most = max(h.most, waiting)
		if oldest >= h.from+moveHold {
			release := l.src.Want("destination "+l.spec.Target.Name, oldest)
			h.release()
			h.release, h.from = release, oldest
		}
	}
}

// oldest is the first number that waits to be sent. l.mu is held.
func (l *life) oldest() (uint64, bool) {
	if !l.cur.started || l.ledger.seen == 0 {
		return 0, false
	}
	hole, ok := l.cur.pending(l.ledger.seen - 1)
	return hole.first, ok
}

// persist writes the cursor when it is due, or when it has to be.
func (l *life) persist(now bool) {
	l.mu.Lock()
	if !l.cur.started || !now && !l.keep.due(l.cur, time.Now()) {
		l.mu.Unlock()
		return
	}
	l.cur.names = nil
	if l.set.Delete {
		l.cur.names = append(l.cur.names, l.trash...)
		l.cur.names = append(l.cur.names, l.leaving...)
		for _, list := range [][]*segment.Segment{l.dvr.segments, l.live.segments} {
			for _, s := range list {
				for _, m := range []*segment.Media{s.Video, s.Audio} {
					if m != nil && !m.Gap && len(m.Name) <= maxName {
						l.cur.names = append(l.cur.names, m.Name)
					}
				}
			}
		}
		l.cur.names = l.cur.names[max(0, len(l.cur.names)-maxNames):]
	}
	b, current := l.cur.marshal(), l.cur.current
	l.mu.Unlock()
	err := l.keep.store(b, current, time.Now())
	if err != nil && !l.keep.failing {
		l.d.failed(err, func(*Status) {})
		l.d.tell(output.Incident{Kind: output.Late, Symptom: output.SymptomStorage, Blame: output.BlameDisk, Err: err})
	}
	l.keep.failing = err != nil
}

// fillStatus brings the status up to date.
func (l *life) fillStatus(s *Status) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, now, c := l.src.Window(), time.Now(), &l.counts
	s.Segments, s.Files, s.Bytes, s.Retries = c.segments, c.files, c.bytes, c.retries
	s.Verified, s.Skipped, s.Deleted, s.Undeleted = c.verified, c.skipped, c.deleted, c.undeleted
	s.Throughput, s.Bitrate = int(l.gov.Rate()*8), c.bitrate(now)
	s.Lag, s.LagBytes, s.LagSegments = l.ledger.duration, l.ledger.bytes, l.ledger.waiting
	s.Unmade = l.unrendered
	l.d.mu.Lock()
	s.Shedding = shedding(l.d.advice)
	l.d.mu.Unlock()
	s.Stored = !l.cur.current && l.cur.started && l.set.Mode != Off && l.stores()
	s.ConnectedAt, s.NextAttempt, s.Cause, s.Oldest = l.since, l.next, "", time.Time{}
	if _, ok := l.oldest(); ok {
		s.Oldest = l.waitsSince
	}
	var ahead time.Duration // of live
	for _, seg := range w.Segments {
		if seg.Sequence >= l.cur.next {
			ahead += seg.Duration
		}
	}
	s.AtLive = l.cur.started && l.liveErr == nil && ahead <= 2*w.TargetDuration
	switch {
	case l.liveErr != nil:
		s.Cause, _ = diagnose(l.liveErr)
		s.State = Retrying
		if errors.Is(l.liveErr, output.ErrRejected) {
			s.State = Failed
		}
	case !l.cur.started || l.since.IsZero():
		s.State = Starting
	case s.AtLive && l.ledger.duration <= 2*w.TargetDuration:
		s.State = Live
	default:
		s.State = Behind
	}
	if l.liveErr == nil && l.backErr != nil {
		s.Cause, _ = diagnose(l.backErr)
	}
}

// diagnose finds an error's cause, and who is at fault where that is sure.
func diagnose(err error) (cause string, blame output.Blame) {
	var (
		no        *output.AnswerError
		dns       *net.DNSError
		host      x509.HostnameError
		authority x509.UnknownAuthorityError
		alert     tls.AlertError
		record    tls.RecordHeaderError
		cert      x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &no) && no.Cause == CauseLocal:
		return CauseLocal, output.BlameClock // the one thing of ours that a server can see
	case errors.As(err, &no):
		return no.Cause, output.BlameServer
	case errors.Is(err, errContent):
		return CauseLocal, output.BlameDisk
	case errors.Is(err, output.ErrStalled):
		return CauseStalled, output.BlameLink
	case errors.As(err, &dns):
		return CauseDNS, output.BlameLink
	case errors.As(err, &cert):
		return CauseTLS, "" // the server's dates, or this box's clock
	case errors.As(err, &host), errors.As(err, &authority), errors.As(err, &alert), errors.As(err, &record):
		return CauseTLS, output.BlameServer
	case errors.Is(err, syscall.ECONNREFUSED):
		return CauseRefused, output.BlameServer
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, net.ErrClosed): // the transport did, since the peer had
		return CauseClosed, ""
	}
	if c := output.CauseOf(err); c == output.CauseRejected || c == output.CauseAuth || c == output.CauseTLS || c == output.CauseClosed {
		return string(c), output.BlameServer // the kind knows: an answer that is no HTTP, a TLS port that is plain
	}
	return CauseNetwork, output.BlameLink
}
