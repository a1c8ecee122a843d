package forward

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// A cursor that cannot be read costs the backlog, not the stream.
func TestDamagedCursorBeginsAtLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newStream("a1", 1), newServer(link), nil)
		writeFile(t, r.spec.StateDir+"/cdn.cursor", []byte("EBCURSR1 and then rubbish"))
		r.stream.cut()
		r.start()
		r.play(20 * s)
		if st := r.dest.Status(); st.State != Live || len(st.Errors) != 1 {
			t.Errorf("status %+v", st)
		}
		r.stop()
		if len(r.incidents) != 1 || r.incidents[0].Symptom != output.SymptomStorage || r.incidents[0].Blame != output.BlameDisk {
			t.Errorf("incidents %+v", r.incidents)
		}
		if _, err := unmarshalCursor(readFile(t, r.spec.StateDir+"/cdn.cursor")); err != nil {
			t.Errorf("the cursor written then: %v", err)
		}
		r.wantAll(22)
	})
}

// Storage that is away for a moment loses nothing; what does not come back is
// counted as lost, and live goes on.
func TestStorageIsAway(t *testing.T) {
	for _, away := range []time.Duration{30 * s, 10 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, newStream("a1", 1), newServer(link), nil)
			r.stream.cut()
			r.start()
			r.play(20 * s)
			r.server.set(func() { r.server.down = true })
			r.play(3 * time.Minute)
			r.server.set(func() { r.server.down = false })
			r.stream.mu.Lock()
			r.stream.gone = true
			r.stream.mu.Unlock()
			r.play(away)
			r.stream.mu.Lock()
			r.stream.gone = false
			r.stream.mu.Unlock()
			r.play(8 * time.Minute)
			st := r.dest.Status()
			r.stop()
			if st.State != Live || (st.Skipped > 0) != (away > time.Minute) {
				t.Errorf("away for %v: %+v", away, st)
			}
			if away < time.Minute {
				r.wantAll(200)
			}
		})
	}
}
