package storage

import (
	"context"
	"fmt"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/playlist"
)

// viewer reloads a live playlist, as a player does, and judges every state of it.
type viewer struct {
	mu      sync.Mutex // guards the fields below
	history playlist.History
	wrong   error
	newest  time.Time // when it last grew, by this machine's clock
	hole    time.Duration

	stop func()
}

// watch follows the video's live playlist until the end of the test, or stop.
func watch(t *testing.T, d *daemon) *viewer {
	t.Helper()
	uri := d.playlists("")[0]
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	v := &viewer{newest: time.Now()}
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			v.look(d.get(uri))
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	v.stop = func() { cancel(); done.Wait() }
	t.Cleanup(v.stop)
	return v
}

// look takes the playlist as it is now. One that could not be had is what a
// player asks for again.
func (v *viewer) look(text string, err error) {
	if err != nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	m, err := playlist.ParseMedia([]byte(text))
	reloads := v.history.Reloads
	if err == nil {
		err = v.history.Add(m)
	}
	if err != nil && v.wrong == nil {
		v.wrong = fmt.Errorf("%w in\n%s", err, text)
	}
	if v.history.Reloads > reloads {
		v.hole = max(v.hole, time.Since(v.newest))
		v.newest = time.Now()
	}
}

// shown is the last segment that was listed.
func (v *viewer) shown() (s playlist.Segment, some bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if n := len(v.history.Segments); n > 0 {
		return v.history.Segments[n-1], true
	}
	return s, false
}

// end is where a segment ends, on the box's clock.
func end(s playlist.Segment) time.Time { return s.Time.Add(s.Duration) }

// wellFormed fails the test if a state of the playlist was wrong.
func (v *viewer) wellFormed(t *testing.T) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.wrong != nil {
		t.Errorf("live playlist: %v", v.wrong)
	}
}

// continuous fails the test if the viewer has missed anything, and returns the
// longest time without a new segment.
func (v *viewer) continuous(t *testing.T) time.Duration {
	t.Helper()
	v.wellFormed(t)
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, s := range v.history.Segments {
		switch {
		case s.Gap:
			t.Errorf("live playlist: a gap at %d", s.Sequence)
		case s.Discontinuity && i > 0:
			t.Errorf("live playlist: a discontinuity at %d", s.Sequence)
		case i > 0 && s.Sequence != v.history.Segments[i-1].Sequence+1:
			t.Errorf("live playlist: %d after %d", s.Sequence, v.history.Segments[i-1].Sequence)
		}
	}
	hole := v.hole
	v.hole = 0
	return hole
}

// playlists are the media playlists that the multivariant one names, with the
// query that both take; the video's is first. Each is judged.
func (d *daemon) playlists(query string) (uris []string) {
	d.t.Helper()
	for _, folder := range []string{"/hls/main/", "/hls/main/ts/"} {
		var text string
		d.await("a playlist in "+folder, func() (ok bool) {
			var err error
			text, err = d.get(folder + "index.m3u8" + query)
			return err == nil
		})
		all, err := playlist.ParseMultivariant([]byte(text))
		if err != nil {
			d.t.Fatalf("multivariant playlist: %v in\n%s", err, text)
		}
		var names []string
		for _, v := range all.Variants {
			names = append(names, v.URI)
		}
		for _, r := range all.Renditions {
			names = append(names, r.URI)
		}
		for _, name := range names {
			uris = append(uris, d.judged(path.Join(folder, name), query))
		}
	}
	return uris
}

// judged parses a media playlist, and returns where it is.
func (d *daemon) judged(uri, query string) string {
	d.t.Helper()
	if !strings.Contains(uri, "?") {
		uri += query
	}
	text, err := d.get(uri)
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := playlist.ParseMedia([]byte(text)); err != nil {
		d.t.Fatalf("playlist %s: %v in\n%s", uri, err, text)
	}
	return uri
}

// span is the query for a range of time.
func span(from, to time.Time) string {
	return fmt.Sprintf("?from=%s&duration=%.3fs", from.UTC().Format("2006-01-02T15:04:05.000Z"), to.Sub(from).Seconds())
}
