package flight

import (
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// entry is an incident and what the recorder must know of it besides.
type entry struct {
	Incident
	key   coalesceKey
	class class
	at    time.Duration // uptime of the first moment
	last  time.Duration // of the last one
	since time.Duration // Ongoing since

	dirty bool
	due   time.Duration // when to write it, if it is dirty
	again time.Duration // wait until the next rewriting
	half  uint64        // of the file that has its last line; 0: none has
}

// coalesceKey is what makes two troubles the same one.
type coalesceKey struct {
	stream, subject string
	kind            output.IncidentKind
	symptom         output.Symptom
}

// keyFor leaves out a number at the subject's end: "segment 17" and "segment
// 18" are one trouble.
func keyFor(i *output.Incident) coalesceKey {
	subject := i.Subject
	if !isDestination(subject) {
		subject = strings.TrimRight(subject, "0123456789")
	}
	return coalesceKey{i.Stream, subject, i.Kind, i.Symptom}
}

// touch makes the entry be written soon.
func (e *entry) touch(now time.Duration) { e.dirty, e.due = true, now }

// counted makes it be written when its turn comes: what only counts on must
// not fill the file.
func (e *entry) counted(now time.Duration) {
	if e.dirty {
		return
	}
	e.dirty, e.due = true, now+e.again
	e.again = min(2*e.again, rewriteLast)
}

// lasts sets the last moment.
func (e *entry) lasts(now time.Duration, began time.Time) {
	e.last = max(e.last, now)
	e.Lasted = seconds(e.last - e.at)
	e.place(began)
}

// finish ends what is ongoing.
func (e *entry) finish(now time.Duration, began time.Time) {
	if !e.Ongoing {
		return
	}
	e.Ongoing = false
	e.lasts(now, began)
	e.Amount.Seconds += seconds(max(0, now-e.since))
	e.touch(now)
}

// add takes in one note.
func (r *Recorder) add(n note) {
	i, at := trim(n.incident), n.at
	if i.Symptom == "" {
		r.learn(n.phase, []factKey{n.fact}, at)
		return
	}
	c := classify(i.Err, i.Detail)
	r.learn(n.phase, implied(&i, c), at)
	key := keyFor(&i)
	if n.phase == ends {
		r.finish(key, at)
		return
	}
	blame, because, sure := i.Blame, "the component that saw it knows", true
	if blame == "" {
		sure = false
		blame, because = r.evidence.blame(trouble{i.Symptom, i.Stream, i.Subject, c, at})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.version++
	if e := r.open[key]; e != nil && r.joins(e, blame, at) {
		r.repeat(e, &i, n.phase, at)
		return
	}
	if !r.token() {
		n.phase, i.Stream, i.Subject = moment, "", "several"
		key = keyFor(&i)
		if e := r.open[key]; e != nil {
			r.repeat(e, &i, moment, at)
			return
		}
	}
	e := &entry{key: key, class: c, at: at, last: at, again: rewriteFirst}
	e.Incident = Incident{
		Boot: r.clock.boot, Uptime: seconds(at), Stream: i.Stream, Subject: i.Subject,
		Kind: i.Kind, Symptom: i.Symptom, Blame: blame, Because: because, Detail: i.Detail,
	}
	r.next++
	e.ID = r.next
	r.entries = append(r.entries, e)
	if over := len(r.entries) - incidentsKept; over > 0 {
		r.entries = append(r.entries[:0], r.entries[over:]...)
	}
	r.open[key] = e
	if !sure {
		r.unsure = append(r.unsure, e)
	}
	r.repeat(e, &i, n.phase, at)
	e.touch(at)
	r.writing.severe = r.writing.severe || i.Kind == output.Gap || i.Kind == output.Restart
}

// joins says whether a trouble is one more of an open incident. Another blame
// makes it another one, but not more often than repeats end.
func (r *Recorder) joins(e *entry, blame output.Blame, at time.Duration) bool {
	if !e.Ongoing && at-e.last > together {
		return false
	}
	return e.Ongoing || e.Blame == blame || at-e.at <= together
}

// repeat counts a trouble in an incident, its first one too. r.mu is held.
func (r *Recorder) repeat(e *entry, i *output.Incident, p phase, at time.Duration) {
	e.Count++
	e.Amount.add(amountOf(i))
	e.lasts(at, r.began)
	if p == begins && !e.Ongoing {
		e.Ongoing, e.since = true, at
		e.touch(at)
	}
	e.counted(at)
}

func (r *Recorder) finish(key coalesceKey, at time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.open[key]; e != nil {
		e.finish(at, r.began)
		r.version++
	}
}

// token bounds how many incidents can begin.
func (r *Recorder) token() bool {
	now := r.clock.uptime()
	r.tokens = min(burst, r.tokens+float64(now-r.refilled)/float64(refill))
	r.refilled = now
	if r.tokens < 1 {
		return false
	}
	r.tokens--
	return true
}

// learn takes facts into the evidence, and asks the table again about those
// whose blame is not settled.
func (r *Recorder) learn(p phase, keys []factKey, at time.Duration) {
	for _, k := range keys {
		switch p {
		case begins:
			r.evidence.begin(k, at)
		case ends:
			r.evidence.end(k, at)
		default:
			r.evidence.happened(k, at)
		}
	}
	if len(keys) > 0 && len(r.unsure) > 0 {
		r.review(r.clock.uptime())
	}
}

// review blames anew whoever may be blamed by late evidence, and settles what
// is old enough.
func (r *Recorder) review(now time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	unsettled := r.unsure[:0]
	for _, e := range r.unsure {
		blame, because := r.evidence.blame(trouble{e.Symptom, e.Stream, e.Subject, e.class, e.at})
		if blame != e.Blame || because != e.Because {
			e.Blame, e.Because = blame, because
			e.touch(now)
			r.version++
		}
		if now-e.at <= longestNear {
			unsettled = append(unsettled, e)
		}
	}
	clear(r.unsure[len(unsettled):])
	r.unsure = unsettled
	r.evidence.forget(now)
}
