package flight

import (
	"slices"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// Query chooses incidents; what is left out chooses all.
type Query struct {
	From, To time.Time // those that went on at some time between; those of unknown time are left out
	Streams  []string
	Kinds    []output.IncidentKind
	Blames   []output.Blame
	After    uint64 // those behind this ID in the list, that is older ones
	Limit    int    // at most so many; 0 is all
}

// Page is the answer to a Query.
type Page struct {
	Incidents []Incident // the newest first
	Next      uint64     // Query.After for what follows; 0 when nothing does
	Boot      Boot
	Version   uint64 // rises with every change of any incident

	run int64 // the recorder's: another one counts versions anew
}

// Boot is this boot of the box: At of its incidents is Began plus Uptime.
type Boot struct {
	ID    string    `json:"id"`
	Began time.Time `json:"began"` // by the box's clock as it is
	Clock bool      `json:"clock"` // that clock has been set
}

// Query finds incidents. What is ongoing lasts until now.
func (r *Recorder) Query(q Query) Page {
	r.mu.RLock()
	defer r.mu.RUnlock()
	p := Page{Incidents: []Incident{}, Boot: Boot{r.clock.boot, r.began, r.known}, Version: r.version, run: r.clock.start.UnixNano()}
	now := r.clock.uptime()
	for _, e := range slices.Backward(r.entries) {
		i := e.Incident
		if q.After != 0 && i.ID >= q.After {
			continue
		}
		if i.Ongoing {
			i.Lasted = max(i.Lasted, seconds(now-e.at))
			i.Until = i.At.Add(time.Duration(i.Lasted * float64(time.Second))).Round(time.Millisecond)
			i.Amount.Seconds += seconds(max(0, now-e.since))
		}
		if !q.wants(&i) {
			continue
		}
		if q.Limit > 0 && len(p.Incidents) == q.Limit {
			p.Next = p.Incidents[q.Limit-1].ID
			break
		}
		p.Incidents = append(p.Incidents, i)
	}
	return p
}

func (q *Query) wants(i *Incident) bool {
	if i.At.IsZero() && (!q.From.IsZero() || !q.To.IsZero()) {
		return false
	}
	return (q.From.IsZero() || !i.Until.Before(q.From)) &&
		(q.To.IsZero() || !i.At.After(q.To)) &&
		among(q.Streams, i.Stream) && among(q.Kinds, i.Kind) && among(q.Blames, i.Blame)
}

// among takes no list as one of all.
func among[T comparable](list []T, v T) bool { return len(list) == 0 || slices.Contains(list, v) }
