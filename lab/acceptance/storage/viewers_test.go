package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/dash"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/playlist"
)

// viewers are players of a box: they load playlists as often as players do, and
// every segment that is listed, through all restarts. What they saw they keep.
type viewers struct {
	b      *box
	t      *testing.T
	schema *dash.Schema

	mu    sync.Mutex // guards the fields below
	media map[string]*watched
	mpds  int
	files map[string]string // every file loaded, with its SHA-256
	faced int               // requests that found no daemon
}

// watched is a playlist over time.
type watched struct {
	playlist.History
	last  *playlist.Media
	fresh map[string]bool // segments that were loaded
}

// watch starts viewers, which stop with stop, at the latest at the test's end.
func watch(t *testing.T, b *box) (v *viewers, stop func()) {
	t.Helper()
	schema, err := dash.NewSchema(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	v = &viewers{b: b, t: t, schema: schema, media: map[string]*watched{}, files: map[string]string{}}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, name := range []string{"video.m3u8", "audio.m3u8", "ts/stream.m3u8"} {
		v.media[name] = &watched{fresh: map[string]bool{}}
		running.Go(func() { v.every(ctx, 100*time.Millisecond, func() { v.follow(ctx, name) }) })
	}
	running.Go(func() { v.every(ctx, 700*time.Millisecond, func() { v.manifest(ctx) }) })
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return v, stop
}

func (v *viewers) every(ctx context.Context, d time.Duration, look func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		look()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// get is nil where there is no daemon now, or it has nothing to show yet.
func (v *viewers) get(ctx context.Context, path string) []byte {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, *v.b.url.Load()+path, nil)
	if err != nil {
		v.t.Error(err)
		return nil
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil { // it was killed
		v.mu.Lock()
		v.faced++
		v.mu.Unlock()
		return nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil: // in the middle of the answer
		return nil
	case resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "":
		return nil // it starts
	case resp.StatusCode != http.StatusOK:
		v.t.Errorf("%s: %s: %s", path, resp.Status, body)
		return nil
	}
	return body
}

// follow loads a media playlist, and what is new in it.
func (v *viewers) follow(ctx context.Context, name string) {
	doc := v.get(ctx, "/hls/main/"+name)
	if doc == nil {
		return
	}
	m, err := playlist.ParseMedia(doc)
	if err != nil {
		v.t.Errorf("%s: %v\n%s", name, err, doc)
		return
	}
	v.mu.Lock()
	w := v.media[name]
	err = w.Add(m)
	w.last = m
	var load []string
	for _, s := range m.Segments {
		if !w.fresh[s.URI] && !s.Gap {
			w.fresh[s.URI] = true
			load = append(load, s.URI)
			if s.Map != "" {
				load = append(load, s.Map)
			}
		}
	}
	v.mu.Unlock()
	if err != nil {
		v.t.Errorf("%s over time: %v\n%s", name, err, doc)
	}
	for _, uri := range load {
		ref, err := url.Parse(name)
		if err != nil {
			v.t.Error(err)
			return
		}
		if ref, err = ref.Parse(uri); err != nil {
			v.t.Error(err)
			return
		}
		v.load(ctx, ref.String())
	}
}

// load loads a file, which must be what it was whenever it was loaded before.
func (v *viewers) load(ctx context.Context, name string) {
	body := v.get(ctx, "/hls/main/"+name)
	if body == nil {
		return
	}
	name, _, _ = strings.Cut(name, "?")
	v.mu.Lock()
	defer v.mu.Unlock()
	switch was, again := v.files[name]; {
	case len(body) == 0:
		v.t.Errorf("%s is empty", name)
	case again && was != sum(body):
		v.t.Errorf("%s changed", name)
	default:
		v.files[name] = sum(body)
	}
}

// manifest loads the MPD and holds it against the schema.
func (v *viewers) manifest(ctx context.Context) {
	if doc := v.get(ctx, "/dash/main/manifest.mpd"); doc != nil {
		if err := v.valid(ctx, doc); err != nil && !errors.Is(ctx.Err(), context.Canceled) {
			v.t.Errorf("live MPD: %v\n%s", err, doc)
		}
	}
}

func (v *viewers) valid(ctx context.Context, mpd []byte) error {
	v.mu.Lock()
	v.mpds++
	file := filepath.Join(v.b.options.Disk, "..", fmt.Sprintf("manifest-%d.mpd", v.mpds))
	v.mu.Unlock()
	if err := os.WriteFile(file, mpd, 0o600); err != nil {
		return err
	}
	defer os.Remove(file)
	return v.schema.Validate(ctx, file)
}

// last is the newest state of a playlist.
func (v *viewers) last(name string) *playlist.Media {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.media[name].last
}

// listed are all segments a playlist ever had.
func (v *viewers) listed(name string) []playlist.Segment {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]playlist.Segment(nil), v.media[name].Segments...)
}

// again loads once more every file that was ever loaded: it must be there still,
// and the same.
func (v *viewers) again() {
	v.t.Helper()
	v.mu.Lock()
	names := make([]string, 0, len(v.files))
	for name := range v.files {
		names = append(names, name)
	}
	v.mu.Unlock()
	for _, name := range names {
		v.load(context.Background(), name)
	}
	v.t.Logf("%d files were the same when loaded again", len(names))
}

// starved says that this machine had no time to encode for a segment's length:
// then there are pictures missing, whatever storage does.
func (b *box) starved() bool {
	b.t.Helper()
	dropped := encoderd.Stream(b.Status(), "main").Input.Dropped
	if dropped >= 35 {
		b.t.Logf("this machine is too busy: %d pictures were left out", dropped)
	}
	return dropped >= 35
}

// unbroken fails the test if a playlist had a jump of any kind.
func (v *viewers) unbroken() {
	v.t.Helper()
	starved := v.b.starved()
	for _, name := range []string{"video.m3u8", "audio.m3u8", "ts/stream.m3u8"} {
		all := v.listed(name)
		if len(all) < 3 {
			v.t.Errorf("%s had %d segments", name, len(all))
		}
		for i, s := range all {
			switch {
			case s.Discontinuity && !starved:
				v.t.Errorf("%s: discontinuity at segment %d", name, s.Sequence)
			case s.Gap:
				v.t.Errorf("%s: segment %d is a gap", name, s.Sequence)
			case i > 0 && s.Sequence != all[i-1].Sequence+1:
				v.t.Errorf("%s: segment %d follows %d", name, s.Sequence, all[i-1].Sequence)
			}
		}
	}
}
