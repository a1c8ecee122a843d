package forward

import (
	"bytes"
	"context"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/hls"
	"github.com/encoderbox/encoderbox/output/origin"
)

// rig is a destination between a fake timeline and an origin.
type rig struct {
	src       Source // nil: stream
	t         *testing.T
	stream    *stream
	server    *server
	dest      *Destination
	spec      Spec
	poll      time.Duration
	cancel    context.CancelFunc
	wg        sync.WaitGroup
	mu        sync.Mutex
	incidents []output.Incident
	reports   []Status
}

func newRig(t *testing.T, st *stream, v *server, opts map[string]string) *rig {
	u, _ := url.Parse("https://box:secret-word@origin.example/live/")
	kind := origin.HLS
	kind.Files = func(output.Target) (output.Files, error) { return v, nil }
	return &rig{t: t, stream: st, server: v, spec: Spec{
		Enabled: true, Kind: kind, Target: output.Target{Name: "cdn", URL: u, Options: opts},
		StateDir: t.TempDir(), Playlists: hls.Playlists,
	}}
}

func (r *rig) start() {
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	src := r.src
	if src == nil {
		src = r.stream
	}
	r.dest = New(src, r.spec, func(st Status) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.reports = append(r.reports, st)
	}, output.IncidentFunc(func(i output.Incident) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.incidents = append(r.incidents, i)
	}))
	if r.poll > 0 {
		r.dest.poll = r.poll
	}
	r.wg.Go(func() {
		if err := r.dest.Run(ctx, func() {}); err != nil {
			r.t.Error(err)
		}
	})
}

func (r *rig) stop() {
	r.cancel()
	r.wg.Wait()
}

// play cuts segments in real time, whatever that is.
func (r *rig) play(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(segmentDur)
		r.stream.cut()
	}
	time.Sleep(segmentDur * 9 / 10) // the last one arrives
}

// wantAll checks that the origin has every segment from the first it was given
// on, bit for bit, each stored once.
func (r *rig) wantAll(least int) {
	r.t.Helper()
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	n := 0
	for name, want := range r.stream.all {
		got, ok := r.server.files[name]
		switch {
		case !ok:
			r.t.Errorf("%s is not on the origin", name)
		case !bytes.Equal(got, want):
			r.t.Errorf("%s: %d bytes on the origin are not the %d that were cut", name, len(got), len(want))
		case r.server.puts[name] != 1:
			r.t.Errorf("%s was stored %d times", name, r.server.puts[name])
		default:
			n++
		}
	}
	if n < least {
		r.t.Errorf("%d files are right, want at least %d", n, least)
	}
	if len(r.server.broken) > 0 {
		r.t.Errorf("playlists name what is not there: %.5v", r.server.broken)
	}
}
