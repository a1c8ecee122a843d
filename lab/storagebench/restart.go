package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/lab/playlist"
)

// restart is how long viewers wait, from kill -9 on, in milliseconds. The daemon
// is started again at once.
type restart struct {
	Served float64 `json:"served_ms"` // until playlists with segments that can be fetched
	New    float64 `json:"new_ms"`    // until they have a segment of the new run
}

// restarts kills a daemon that records, again and again.
func (b *bench) restarts(ctx context.Context) (all []restart, err error) {
	if b.o.restarts == 0 {
		return nil, nil
	}
	err = b.within(func(tb peer.TB, disk string) error {
		o := b.daemonOptions(b.encoderd, unwatched, disk)
		o.Live = tb.TempDir()
		d := encoderd.Launch(tb, o)
		d.AwaitPage()
		o.Listen = strings.TrimPrefix(d.URL, "http://")
		v := &visitor{client: &http.Client{Timeout: 5 * time.Second}, address: d.HLS("")}
		defer v.client.CloseIdleConnections()
		if _, err := v.await(ctx, d, nil); err != nil {
			return err
		}
		for i := range b.o.restarts {
			if err := sleep(ctx, 4*time.Second+time.Duration(i%5)*430*time.Millisecond); err != nil { // at any moment of a segment
				return err
			}
			before, err := v.look(ctx)
			if err != nil {
				return err
			}
			killed := time.Now()
			d.Kill()
			d = encoderd.Launch(tb, o)
			r, err := v.times(ctx, d, before, killed)
			if err != nil {
				return fmt.Errorf("restart %d: %w", i+1, err)
			}
			all = append(all, r)
			fmt.Fprintf(b.log, "%d/%d  playlists after %.0f ms, with a new segment after %.0f ms\n", i+1, b.o.restarts, r.Served, r.New)
		}
		return nil
	})
	return all, err
}

// visitor asks for a stream's playlists and what they name.
type visitor struct {
	client  *http.Client
	address string
}

// view is a complete answer: the playlist of each track, strictly parsed.
type view []*playlist.Media

// times are those of a restart; what is served has to go on from before.
func (v *visitor) times(ctx context.Context, d *encoderd.Daemon, before view, killed time.Time) (r restart, err error) {
	first, err := v.await(ctx, d, nil)
	if err != nil {
		return r, err
	}
	r.Served = time.Since(killed).Seconds() * 1000
	if err := first.goesOn(before); err != nil {
		return r, err
	}
	now, err := v.await(ctx, d, before)
	if err != nil {
		return r, err
	}
	r.New = time.Since(killed).Seconds() * 1000
	return r, now.goesOn(before)
}

// await returns the first complete answer; behind a view that was before, the
// first in which every track has a segment of another run.
func (v *visitor) await(ctx context.Context, d *encoderd.Daemon, before view) (view, error) {
	deadline := time.Now().Add(30 * time.Second)
	for {
		now, err := v.look(ctx)
		if err == nil && (before == nil || now.restarted(before)) {
			return now, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-d.Done():
			return nil, fmt.Errorf("it has ended:\n%s", d.Log())
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("no complete playlist within 30 s (%w):\n%s", err, d.Log())
		}
	}
}

// look is the answer now: an error unless all playlists are there, with
// segments, and the oldest and the newest segment of each can be fetched.
func (v *visitor) look(ctx context.Context) (view, error) {
	text, err := v.get(ctx, v.address)
	if err != nil {
		return nil, err
	}
	m, err := playlist.ParseMultivariant(text)
	if err != nil {
		return nil, err
	}
	uris := []string{m.Variants[0].URI}
	for _, r := range m.Renditions {
		uris = append(uris, r.URI)
	}
	var all view
	for _, uri := range uris {
		text, err := v.get(ctx, v.resolve(uri))
		if err != nil {
			return nil, err
		}
		p, err := playlist.ParseMedia(text)
		if err != nil {
			return nil, err
		}
		if len(p.Segments) == 0 {
			return nil, errors.New("a playlist without segments")
		}
		newest := p.Segments[len(p.Segments)-1]
		for _, file := range []string{p.Segments[0].URI, newest.Map, newest.URI} {
			if data, err := v.get(ctx, v.resolve(file)); err != nil || len(data) == 0 {
				return nil, fmt.Errorf("%s, %d bytes: %w", file, len(data), errors.Join(err, errors.New("is listed")))
			}
		}
		all = append(all, p)
	}
	return all, nil
}

// restarted says that each track's newest segment is of another run.
func (w view) restarted(before view) bool {
	for i, p := range w {
		if i >= len(before) || runOf(last(p).URI) == runOf(last(before[i]).URI) {
			return false
		}
	}
	return true
}

// goesOn judges a view by one of before the restart: nothing that was listed
// and still must be is gone, numbers rise, and the new run begins with a
// discontinuity.
func (w view) goesOn(before view) error {
	if len(w) != len(before) {
		return fmt.Errorf("%d tracks before the restart, %d after it", len(before), len(w))
	}
	for i, p := range w {
		old := last(before[i])
		if p.Sequence < before[i].Sequence {
			return fmt.Errorf("the media sequence fell from %d to %d", before[i].Sequence, p.Sequence)
		}
		kept := false
		for k, s := range p.Segments {
			kept = kept || s.URI == old.URI && s.Sequence == old.Sequence
			if k > 0 && !s.Discontinuity && runOf(s.URI) != runOf(p.Segments[k-1].URI) {
				return fmt.Errorf("%s follows without EXT-X-DISCONTINUITY", s.URI)
			}
		}
		if !kept {
			return fmt.Errorf("%s, the newest before the restart, is no longer listed", old.URI)
		}
	}
	return nil
}

func last(p *playlist.Media) playlist.Segment { return p.Segments[len(p.Segments)-1] }

// runOf is the run in a segment's name, video_RUN_SEQUENCE.m4s.
func runOf(uri string) string {
	parts := strings.Split(uri, "_")
	return parts[min(1, len(parts)-1)]
}

func (v *visitor) resolve(uri string) string {
	from, err := url.Parse(v.address)
	if err != nil {
		return uri
	}
	ref, err := from.Parse(uri)
	if err != nil {
		return uri
	}
	return ref.String()
}

func (v *visitor) get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := v.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", address, resp.Status)
	}
	return io.ReadAll(resp.Body)
}
