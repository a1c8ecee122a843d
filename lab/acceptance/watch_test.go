package acceptance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	hls "github.com/bluenviron/gohlslib/v2/pkg/playlist"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/playlist"
)

// pollEvery is how often playlists are read: several times a segment.
const pollEvery = 300 * time.Millisecond

// watch reads a stream's playlists over and over, judges every state of them,
// and fetches everything they list, as a player would.
type watch struct {
	base string // address of the stream's playlists, with a slash

	Multivariant *playlist.Multivariant
	Tracks       map[string]*playlist.History // by the playlist's file name
	Inits        map[string][]byte            // by file name
	segments     map[string]bool              // fetched
	errs         []error
	stop         func()
}

// startWatch watches the stream served at an index.m3u8 until Stop, or the end
// of the test.
func startWatch(t *testing.T, index string) *watch {
	ctx, cancel := context.WithCancel(t.Context())
	w := &watch{
		base:   strings.TrimSuffix(index, "index.m3u8"),
		Tracks: map[string]*playlist.History{}, Inits: map[string][]byte{}, segments: map[string]bool{},
	}
	var running sync.WaitGroup
	running.Go(func() {
		for ctx.Err() == nil && len(w.errs) < 5 {
			if err := w.poll(); err != nil {
				w.errs = append(w.errs, err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(pollEvery):
			}
		}
	})
	w.stop = func() { cancel(); running.Wait() }
	t.Cleanup(w.stop)
	return w
}

// awaitHLS waits until a stream has its first segment: its playlists then are
// there.
func awaitHLS(t *testing.T, d *encoderd.Daemon, stream string) {
	t.Helper()
	d.Await("a segment of "+stream, patience, func(s status.Snapshot) bool {
		h := encoderd.Stream(s, stream).HLS
		return h != nil && h.Segments > 0
	})
}

// Stop ends the watch and returns everything that was wrong; only then may the
// other fields be read.
func (w *watch) Stop() error {
	w.stop()
	return errors.Join(w.errs...)
}

// Video is the pictures' playlist so far; empty when there is none.
func (w *watch) Video() *playlist.History { return w.track("video.m3u8") }

// Audio is the sound's.
func (w *watch) Audio() *playlist.History { return w.track("audio.m3u8") }

func (w *watch) track(name string) *playlist.History {
	if h := w.Tracks[name]; h != nil {
		return h
	}
	return &playlist.History{}
}

func (w *watch) poll() error {
	doc, err := fetch(w.base + "index.m3u8")
	if err != nil {
		return err
	}
	if w.Multivariant, err = playlist.ParseMultivariant(doc); err != nil {
		return fmt.Errorf("index.m3u8: %w:\n%s", err, doc)
	}
	if err := (&hls.Multivariant{}).Unmarshal(doc); err != nil {
		return fmt.Errorf("gohlslib on index.m3u8: %w:\n%s", err, doc)
	}
	var names []string
	for _, v := range w.Multivariant.Variants {
		names = append(names, v.URI)
	}
	for _, r := range w.Multivariant.Renditions {
		names = append(names, r.URI)
	}
	for _, name := range names {
		if err := w.media(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (w *watch) media(name string) error {
	doc, err := fetch(w.base + name)
	if err != nil {
		return err
	}
	m, err := playlist.ParseMedia(doc)
	if err != nil {
		return fmt.Errorf("%w:\n%s", err, doc)
	}
	var other hls.Media
	if err := other.Unmarshal(doc); err != nil || len(other.Segments) != len(m.Segments) {
		return fmt.Errorf("gohlslib reads %d of %d segments, error %w:\n%s", len(other.Segments), len(m.Segments), err, doc)
	}
	if w.Tracks[name] == nil {
		w.Tracks[name] = &playlist.History{}
	}
	if err := w.Tracks[name].Add(m); err != nil {
		return err
	}
	for _, s := range m.Segments {
		if err := w.files(s); err != nil {
			return err
		}
	}
	return nil
}

// files fetches what a segment needs, once.
func (w *watch) files(s playlist.Segment) error {
	if w.Inits[s.Map] == nil {
		data, err := fetch(w.base + s.Map)
		if err != nil {
			return err
		}
		w.Inits[s.Map] = data
	}
	if w.segments[s.URI] || s.Gap {
		return nil
	}
	w.segments[s.URI] = true
	data, err := fetch(w.base + s.URI)
	if err == nil && !bytes.Contains(data, []byte("moof")) {
		err = fmt.Errorf("%s: no movie fragment in its %d bytes", s.URI, len(data))
	}
	return err
}

func fetch(url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", url, resp.Status, body)
	}
	return body, err
}
