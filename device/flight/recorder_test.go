package flight

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/output"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a running recorder in a bubble.
type bench struct {
	*Recorder
	t    *testing.T
	stop func()
	skew time.Duration // of the wall clock
	set  bool          // the wall clock is
	mu   sync.Mutex    // guards the two above
}

func (b *bench) turn(skew time.Duration, set bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.skew, b.set = skew, set
}

var era = 26 * 365 * 24 * time.Hour // a bubble's clock begins in 2000

func newBench(t *testing.T, o Options, boot string) *bench {
	b := &bench{t: t, skew: era, set: true}
	b.start(o, boot)
	return b
}

func (b *bench) start(o Options, boot string) {
	o.clock = clock{
		boot: boot, start: time.Now(), up: 10 * sec,
		wall: func() time.Time {
			b.mu.Lock()
			defer b.mu.Unlock()
			return time.Now().Add(b.skew)
		},
		known: func() bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.set
		},
	}
	b.Recorder = New(o)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := b.Run(ctx); err != nil {
			b.t.Errorf("Run: %v", err)
		}
	})
	b.stop = func() { cancel(); wg.Wait() }
}

func (b *bench) sleep(d time.Duration) { time.Sleep(d); synctest.Wait() }

func (b *bench) all() []Incident { return b.Query(Query{}).Incidents }

// only is the one incident there must be, but for the daemon's own start.
func (b *bench) only() Incident {
	b.t.Helper()
	var found []Incident
	for _, i := range b.all() {
		if i.Symptom != output.SymptomStart {
			found = append(found, i)
		}
	}
	if len(found) != 1 {
		b.t.Fatalf("%d incidents: %+v", len(found), found)
	}
	return found[0]
}

var drop = output.Incident{Stream: "main", Subject: youtube, Symptom: output.SymptomQueue, Packets: 3}

func TestAStormIsOneIncident(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "incidents")
		b := newBench(t, Options{File: file}, "one")
		for range 3600 {
			b.Report(drop)
			b.sleep(sec)
		}
		i := b.only()
		if i.Count != 3600 || i.Amount.Packets != 3*3600 || i.Lasted < 3598 || i.Lasted > 3600 || i.Ongoing {
			t.Errorf("%+v", i)
		}
		if s := b.Stats(); s.Writes > 20 || s.Bytes > 16<<10 || s.File != nil {
			t.Errorf("an hour's storm wrote %d times, %d bytes (%v)", s.Writes, s.Bytes, s.File)
		}
		b.sleep(together + 2*sec)
		b.Report(drop)
		b.sleep(sec)
		if n := len(b.all()); n != 2 {
			t.Errorf("%d incidents after a pause, want 2", n)
		}
		b.stop()
	})
}

func TestManyDifferentTroublesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{}, "one")
		for n := range 1000 {
			i := drop
			i.Subject = fmt.Sprintf("destination %d", n)
			b.Report(i)
			b.sleep(time.Millisecond)
		}
		all := b.all()
		if len(all) > burst+1 {
			t.Errorf("%d incidents", len(all))
		}
		count := uint64(0)
		for _, i := range all {
			count += i.Count
		}
		if count != 1000 {
			t.Errorf("%d counted, want 1000", count)
		}
		b.stop()
	})
}

func TestNumbersInSubjectsAreOneTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{}, "one")
		for n := range 20 {
			b.Report(output.Incident{Stream: "main", Subject: fmt.Sprintf("segment %d", n), Symptom: output.SymptomLostSegment, Err: syscall.ENOSPC, Segments: 1})
		}
		b.sleep(sec)
		if i := b.only(); i.Count != 20 || i.Amount.Segments != 20 || i.Blame != output.BlameDisk || i.Kind != output.Gap {
			t.Errorf("%+v", i)
		}
		b.stop()
	})
}

func TestLateEvidenceCorrectsABlame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{}, "one")
		b.Report(drop)
		b.sleep(3 * sec)
		if i := b.only(); i.Blame != output.BlameLink {
			t.Fatalf("at first %s", i.Blame)
		}
		reset := output.Incident{Stream: "main", Subject: youtube, Symptom: output.SymptomConnection, Err: syscall.ECONNRESET}
		b.Report(reset)
		b.sleep(sec)
		for _, i := range b.all() {
			if i.Blame != output.BlameServer {
				t.Errorf("%s: %s (%s)", i.Symptom, i.Blame, i.Because)
			}
		}
		b.stop()
	})
}

func TestEvidenceTooLateChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{}, "one")
		b.Report(drop)
		b.sleep(longestNear + 5*sec)
		b.Report(output.Incident{Stream: "main", Subject: youtube, Symptom: output.SymptomConnection, Err: syscall.ECONNRESET})
		b.sleep(sec)
		if i := b.all()[1]; i.Symptom != output.SymptomQueue || i.Blame != output.BlameLink {
			t.Errorf("%+v", i)
		}
		b.stop()
	})
}

func TestWhatAComponentIsSureOfStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{}, "one")
		i := drop
		i.Blame = output.BlameDisk
		b.For("main", youtube).Report(output.Incident{Symptom: i.Symptom, Blame: i.Blame})
		b.Report(output.Incident{Stream: "main", Subject: youtube, Symptom: output.SymptomConnection, Err: syscall.ECONNRESET})
		b.sleep(sec)
		if got := b.all()[1]; got.Blame != output.BlameDisk || got.Subject != youtube || got.Stream != "main" {
			t.Errorf("%+v", got)
		}
		b.stop()
	})
}

func TestWhomAComponentBlamesIsEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{}, "one")
		cdn := b.For("main", "destination cdn")
		cdn.Report(output.Incident{Symptom: output.SymptomBehind})
		cdn.Report(output.Incident{Symptom: output.SymptomRefused, Kind: output.Late, Blame: output.BlameServer, Detail: "answer 12"})
		b.sleep(sec)
		if i := b.all()[1]; i.Symptom != output.SymptomBehind || i.Blame != output.BlameServer {
			t.Errorf("%+v", i)
		}
		b.stop()
	})
}

func TestBeginAndEndMeasure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Options{}, "one")
		lost := output.Incident{Stream: "main", Subject: "input", Symptom: output.SymptomSignal, Detail: "no signal"}
		b.Begin(lost)
		b.sleep(90 * sec)
		if i := b.only(); !i.Ongoing || i.Lasted != 90 || !i.Until.Equal(i.At.Add(90*sec)) {
			t.Errorf("while it goes on: %+v", i)
		}
		cut := output.Incident{Stream: "main", Subject: "segments", Symptom: output.SymptomDiscontinuity}
		b.Report(cut)
		b.sleep(10 * sec)
		b.End(lost)
		b.sleep(sec)
		all := b.all()
		if i := all[1]; i.Ongoing || i.Lasted != 100 || i.Amount.Seconds != 100 || i.Blame != output.BlameInput {
			t.Errorf("at the end: %+v", i)
		}
		if all[0].Blame != output.BlameInput {
			t.Errorf("a discontinuity without a signal: %+v", all[0])
		}
		b.stop()
	})
}

func TestTimesAreCorrectedWhenTheClockIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "incidents")
		b := &bench{t: t}
		b.start(Options{File: file}, "one")
		b.sleep(5 * sec)
		b.Report(drop)
		b.sleep(60 * sec)
		if p := b.Query(Query{}); p.Boot.Clock || p.Incidents[0].Uptime != 15 {
			t.Errorf("%+v", p)
		}
		b.turn(era, true)
		b.sleep(10 * sec)
		want := time.Now().Add(era - 70*sec).UTC()
		if i := b.only(); i.At.Sub(want).Abs() > 10*time.Millisecond {
			t.Errorf("at %v, want %v", i.At, want)
		}
		b.sleep(30 * sec)
		b.turn(era+time.Hour, true)
		b.sleep(2 * sec)
		if i := b.all()[0]; i.Blame != output.BlameClock || i.Amount.Seconds != 3600 {
			t.Errorf("the step: %+v", i)
		}
		b.stop()
		b.start(Options{File: file}, "two")
		b.sleep(sec)
		for _, i := range b.all() {
			if i.Symptom == output.SymptomQueue && i.At.Sub(want.Add(time.Hour)).Abs() > 10*time.Millisecond {
				t.Errorf("after the next boot at %v, want %v", i.At, want.Add(time.Hour))
			}
		}
		b.stop()
	})
}

func TestATimeThatWasNeverKnownStaysUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "incidents")
		b := &bench{t: t}
		b.start(Options{File: file}, "one")
		b.Report(drop)
		b.sleep(sec)
		b.stop()
		b.turn(era, true)
		b.start(Options{File: file}, "two")
		b.sleep(sec)
		if i := b.only(); !i.At.IsZero() || i.Boot != "one" || i.Uptime != 10 {
			t.Errorf("%+v", i)
		}
		if p := b.Query(Query{From: time.Now().Add(era - time.Hour)}); len(p.Incidents) != 1 || p.Incidents[0].Symptom != output.SymptomStart {
			t.Errorf("in the last hour: %+v", p.Incidents)
		}
		b.stop()
	})
}

func TestItSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "state", "incidents")
		b := newBench(t, Options{File: file}, "one")
		b.Report(drop)
		b.Begin(output.Incident{Stream: "main", Subject: "input", Symptom: output.SymptomSignal})
		b.sleep(8 * sec)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b.stop()
		if err := os.WriteFile(file, data, 0o644); err != nil { // as kill -9 would have left it
			t.Fatal(err)
		}
		b.start(Options{File: file}, "two")
		b.sleep(sec)
		all := b.all()
		if len(all) != 3 || !strings.Contains(all[0].Detail, "without warning") {
			t.Fatalf("%+v", all)
		}
		for n, i := range all {
			if i.Ongoing || i.ID != uint64(3-n) {
				t.Errorf("%+v", i)
			}
		}
		b.stop()
		b.start(Options{File: file}, "two")
		b.sleep(sec)
		if i := b.all()[0]; !strings.Contains(i.Detail, "stopped and started") {
			t.Errorf("after an orderly end: %+v", i)
		}
		b.stop()
	})
}

func TestReportNeverBlocks(t *testing.T) {
	r := New(Options{})
	for range 10 * queued {
		r.Report(drop)
	}
	if s := r.Stats(); s.Dropped != 9*queued {
		t.Errorf("%d dropped, want %d", s.Dropped, 9*queued)
	}
}

func TestAFileThatFailsHurtsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		blocked := filepath.Join(dir, "state")
		if err := os.WriteFile(blocked, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		var faults []error
		file := filepath.Join(blocked, "incidents")
		b := newBench(t, Options{File: file, Fault: func(err error) { faults = append(faults, err) }}, "one")
		b.Report(drop)
		b.sleep(time.Minute)
		if i := b.only(); i.Count != 1 || b.Stats().File == nil {
			t.Errorf("%+v, %v", i, b.Stats().File)
		}
		if err := os.Remove(blocked); err != nil {
			t.Fatal(err)
		}
		b.sleep(2 * retryLast)
		if len(faults) != 2 || faults[0] == nil || faults[1] != nil {
			t.Errorf("faults told: %v", faults)
		}
		b.stop()
		c := newContents()
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c.read(data, 1)
		if len(c.incidents) != 1 || c.damaged != 0 {
			t.Errorf("written after all: %+v", c)
		}
	})
}

func TestErrorsKeepTheirClassBehindWords(t *testing.T) {
	err := fmt.Errorf("upload: %w", errors.Join(errors.New("x"), syscall.ENETUNREACH))
	if c := classify(err, ""); c != classLink {
		t.Errorf("class %d", c)
	}
}
