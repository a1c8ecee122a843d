package flight

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/push"
)

// script changes a stream from one look to the next, a second apart.
func script(told Told, steps ...func(*status.Stream)) (looks [][]string) {
	w := newWatcher(told)
	s := status.Stream{
		Name: "main", Input: status.Input{Kind: "capture", State: status.InputRunning, Signal: &status.Signal{State: "ok"}},
		Video: &status.Video{Encoder: "v4l2", Hardware: &status.HardwareEncoder{Driver: "codec"}}, HLS: &status.HLS{},
		Destinations: []status.Destination{{Name: "a", State: status.Active, RTT: 20, ConnectedAt: &epoch}},
	}
	for i, step := range append([]func(*status.Stream){nil}, steps...) {
		signal, video, hardware, hls := *s.Input.Signal, *s.Video, *s.Video.Hardware, *s.HLS
		video.Hardware = &hardware
		s.Input.Signal, s.Video, s.HLS = &signal, &video, &hls
		s.Destinations = slices.Clone(s.Destinations)
		if step != nil {
			step(&s)
		}
		snapshot := &status.Snapshot{Time: epoch.Add(time.Duration(i) * sec), Streams: []status.Stream{s}}
		var told []string
		for _, n := range w.look(snapshot, nil) {
			phase := []string{"", "+", "-"}[n.phase]
			if n.incident.Symptom == "" {
				told = append(told, fmt.Sprintf("%s[%s]", phase, facts[n.fact.fact].name))
				continue
			}
			word := fmt.Sprintf("%s%s %s", phase, n.incident.Symptom, n.incident.Subject)
			if n.incident.Packets > 0 {
				word += fmt.Sprintf(" %d", n.incident.Packets)
			}
			told = append(told, word)
		}
		slices.Sort(told)
		if i > 0 {
			looks = append(looks, told)
		}
	}
	return looks
}

func failedWith(s *status.Stream, n int, message string) {
	d := &s.Destinations[0]
	d.State = status.Reconnecting
	d.Errors = append([]status.TimedError{{Time: epoch.Add(time.Duration(n) * sec), Message: message}}, d.Errors...)
}

const (
	wellFact = "[its link is measured, and well]"
	badFact  = "[its link times out, sends again, or slows down]"
	hungUp   = "[its receiver refused or hung up]"
	noInput  = "[no input, or a bad one]"
	small    = "[fewer or smaller pictures, or none, for a slow link]"
)

func TestWhatTheStatusTells(t *testing.T) {
	type step = func(*status.Stream)
	for _, tc := range []struct {
		name  string
		told  Told
		steps []step
		want  []string
	}{
		{"nothing", Told{}, []step{func(*status.Stream) {}}, []string{""}},
		{"the signal goes and comes", Told{}, []step{
			func(s *status.Stream) { s.Input.Signal.State = "no_signal" },
			func(s *status.Stream) { s.Input.Signal.State = "unstable" },
			func(s *status.Stream) { s.Input.Signal.State = "ok" },
		}, []string{"+signal input", "+signal input", "-signal input"}},
		{"a signal lost between two looks", Told{}, []step{func(s *status.Stream) { s.Input.Signal.Losses = 1 }}, []string{"signal input"}},
		{"the encoder recovers", Told{}, []step{
			func(s *status.Stream) { s.Input.Signal.State = "encoder_recovering"; s.Video.Hardware.Recoveries++ },
			func(s *status.Stream) { s.Input.Signal.State = "ok" },
		}, []string{"+encoder encoder, encoder encoder", "-encoder encoder"}},
		{"the input fails, starts in vain, and works", Told{}, []step{
			func(s *status.Stream) { s.Input.State, s.Input.Error = status.InputRetrying, "gone" },
			func(s *status.Stream) { s.Input.State = status.InputStarting },
			func(s *status.Stream) { s.Input.State, s.Input.Error = status.InputRetrying, "gone" },
			func(s *status.Stream) { s.Input.State, s.Input.Error = status.InputRunning, "" },
		}, []string{"+" + noInput + ", +input input", "", "", "-" + noInput + ", -input input"}},
		{"pictures are left out", Told{}, []step{
			func(s *status.Stream) { s.Input.Dropped = 5 },
			func(s *status.Stream) { s.Input.Dropped = 0 },
			func(s *status.Stream) { s.Input.Dropped = 2; s.Video.Hardware.ErrorBuffers = 1 },
		}, []string{"skipped encoder 5", "", "encoder encoder 1, skipped encoder 2"}},
		{"a link carries too little", Told{}, []step{
			func(s *status.Stream) { s.Rate = &status.Rate{Step: "full"} },
			func(s *status.Stream) { s.Rate = &status.Rate{Step: "half-size"} },
			func(s *status.Stream) { s.Rate = &status.Rate{Step: "full"} },
			func(s *status.Stream) { s.Rate = nil },
		}, []string{"", "+" + small, "", "-" + small}},
		{"a queue runs over", Told{}, []step{func(s *status.Stream) { s.Destinations[0].Dropped = 40 }}, []string{"queue destination a 40"}},
		{"a transport gives up", Told{}, []step{func(s *status.Stream) { s.Destinations[0].Lost = 4 }}, []string{"late destination a 4"}},
		{"a connection breaks and comes back", Told{}, []step{
			func(s *status.Stream) { failedWith(s, 1, "reset by peer") },
			func(s *status.Stream) { failedWith(s, 2, "connection refused") },
			func(*status.Stream) {},
			func(s *status.Stream) { s.Destinations[0].State = status.Active },
		}, []string{
			"+" + hungUp + ", +connection destination a, -" + wellFact, "+connection destination a", "",
			"+" + wellFact + ", -" + hungUp + ", -connection destination a",
		}},
		{"a connection breaks between two looks", Told{}, []step{func(s *status.Stream) {
			failedWith(s, 1, "i/o timeout")
			s.Destinations[0].State = status.Active
		}}, []string{"connection destination a"}},
		{"nobody calls again", Told{}, []step{
			func(s *status.Stream) { failedWith(s, 1, "hung up: EOF") },
			func(s *status.Stream) { s.Destinations[0].State = status.Connecting },
			func(s *status.Stream) { s.Destinations[0].State = status.Active },
		}, []string{"+" + hungUp + ", +connection destination a, -" + wellFact, "-" + hungUp, "+" + wellFact + ", -connection destination a"}},
		{"a new programme needs a new connection", Told{}, []step{
			func(s *status.Stream) {
				s.Destinations[0].State, s.Destinations[0].Reason = status.Reconnecting, "the stream has a new track"
			},
			func(s *status.Stream) { s.Destinations[0].State = status.Active },
		}, []string{"-" + wellFact + ", connection destination a", "+" + wellFact}},
		{"a destination is taken away", Told{}, []step{
			func(s *status.Stream) { failedWith(s, 1, "i/o timeout") },
			func(s *status.Stream) { s.Destinations = nil },
		}, []string{"+" + badFact + ", +connection destination a, -" + wellFact, "-" + badFact + ", -connection destination a"}},
		{"a destination that gets later what it missed tells by itself", Told{}, []step{
			func(s *status.Stream) {
				s.Destinations[0].Forward = &status.Forward{State: "retrying"}
				failedWith(s, 1, "HTTP 503")
			},
		}, []string{"-" + wellFact}},
		{"packets are sent again", Told{}, []step{
			func(s *status.Stream) { s.Destinations[0].Retransmitted = 1 },
			func(s *status.Stream) { s.Destinations[0].Retransmitted = 9 },
			func(*status.Stream) {}, func(*status.Stream) {}, func(*status.Stream) {}, func(*status.Stream) {},
			func(*status.Stream) {}, func(*status.Stream) {}, func(*status.Stream) {}, func(*status.Stream) {},
			func(*status.Stream) {},
		}, []string{"", "+" + badFact + ", -" + wellFact, "", "", "", "", "", "", "", "", "+" + wellFact + ", -" + badFact}},
		{"round trips grow", Told{}, []step{func(s *status.Stream) { s.Destinations[0].RTT = 500 }}, []string{"+" + badFact + ", -" + wellFact}},
		{"segments, by the status", Told{}, []step{func(s *status.Stream) { s.HLS.Dropped, s.HLS.Discontinuities = 3, 1 }}, []string{"discontinuity segments, queue segments 3"}},
		{"segments, told by the segmenter", Told{Segments: true}, []step{func(s *status.Stream) { s.HLS.Dropped, s.HLS.Discontinuities = 3, 1 }}, []string{""}},
		{"storage fails", Told{}, []step{
			func(s *status.Stream) {
				s.Conditions = []status.Condition{{Code: "storage.full", Severity: status.Error, Message: "full"}, {Code: "storage.note", Severity: status.Info}}
			},
			func(s *status.Stream) { s.Conditions = nil },
		}, []string{"+storage storage", "-storage storage"}},
	} {
		got := script(tc.told, tc.steps...)
		for i, want := range tc.want {
			if told := strings.Join(got[i], ", "); told != want {
				t.Errorf("%s, look %d: %q, want %q", tc.name, i+1, told, want)
			}
		}
	}
}

// The way from the status to an incident, through the daemon's own store.
func TestWatchFindsTheServerThatHungUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, set: true}
		b.start(Options{}, "one")
		store := status.NewStore("test")
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		wg.Go(func() { Watch(ctx, store, b.Recorder, Told{}) })
		report := store.Stream("main")
		d := status.Destination{Name: "youtube", State: status.Active}
		report.SetInput(status.Input{State: status.InputRunning})
		report.SetDestination(d)
		b.sleep(10 * sec)
		d.Dropped = 12
		report.SetDestination(d)
		b.sleep(2 * sec)
		d.State, d.Errors = status.Reconnecting, []status.TimedError{{Time: time.Now(), Message: "closed: EOF"}}
		report.SetDestination(d)
		b.sleep(30 * sec)
		d.State = status.Active
		report.SetDestination(d)
		b.sleep(sec)
		cancel()
		wg.Wait()
		var told []string
		for _, i := range b.all() {
			told = append(told, fmt.Sprintf("%s %s %s %.0f s %d packets", i.Subject, i.Symptom, i.Blame, i.Amount.Seconds, i.Amount.Packets))
			if i.Ongoing {
				t.Errorf("still ongoing: %+v", i)
			}
		}
		want := []string{youtube + " connection server 30 s 0 packets", youtube + " queue server 0 s 12 packets"}
		if !slices.ContainsFunc(told, func(s string) bool { return s == want[1] }) || len(told) != 2 || told[0] != want[0] {
			t.Errorf("%q, want %q", told, want)
		}
		b.stop()
	})
}

func TestWhoWantsAnotherConnection(t *testing.T) {
	for _, tc := range []struct {
		reason string
		blame  output.Blame
		detail string
	}{
		{push.ReasonNewTrack, output.BlameInput, "connects anew for a changed programme"},
		{"the receiver asks to connect again: maintenance", output.BlameServer, "the receiver asks to connect again: maintenance"},
	} {
		w := newWatcher(Told{})
		look := func(n int, d status.Destination) []note {
			return w.look(&status.Snapshot{
				Time:    epoch.Add(time.Duration(n) * sec),
				Streams: []status.Stream{{Name: "main", Destinations: []status.Destination{d}, Input: status.Input{State: status.InputRunning}}},
			}, nil)
		}
		// An old failure says nothing of the new connection.
		old := []status.TimedError{{Time: epoch.Add(-time.Hour), Message: "closed", Cause: "closed"}}
		look(0, status.Destination{Name: "a", State: status.Active, Errors: old})
		notes := look(1, status.Destination{Name: "a", State: status.Reconnecting, Reason: tc.reason, Errors: old})
		if len(notes) != 1 || notes[0].phase != moment {
			t.Fatalf("%s: %+v", tc.reason, notes)
		}
		if i := notes[0].incident; i.Kind != output.Restart || i.Blame != tc.blame || i.Detail != tc.detail {
			t.Errorf("%s: %+v", tc.reason, i)
		}
	}
}
