package hls

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/hub"
	"github.com/encoderbox/encoderbox/output/segment"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// live is a running segmenter behind a Handler.
type live struct {
	t   *testing.T
	hub *hub.Hub
	seg *segment.Segmenter
	h   *Handler
	rep silent
}

// silent counts segments.
type silent struct {
	mu    sync.Mutex // guards count
	count int
}

func (*silent) Raise(string, string) {}
func (*silent) Clear(string)         {}
func (s *silent) Stats(segment.Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
}

func start(t *testing.T, cfg segment.Config, kinds ...media.Kind) *live {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir() + "/live"
	}
	l := &live{t: t, hub: hub.New(media.NewClock())}
	l.hub.Announce(kinds...)
	var err error
	if l.seg, err = segment.New(cfg, l.hub, &l.rep); err != nil {
		t.Fatal(err)
	}
	l.h = NewHandler(l.seg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.seg.Run(ctx, func() {}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("segmenter: %v", err)
		}
	})
	return l
}

// feed writes packets faster than real time, but not faster than they are read.
func (l *live) feed(ps []media.Packet) {
	for i, p := range ps {
		if i%20 == 0 {
			time.Sleep(time.Millisecond)
		}
		l.hub.Write(p)
	}
}

// pace writes packets in real time, until ctx ends.
func (l *live) pace(ctx context.Context, ps []media.Packet) {
	begin := time.Now()
	for _, p := range ps {
		select {
		case <-time.After(time.Until(begin.Add(p.DTS - ps[0].DTS))):
			l.hub.Write(p)
		case <-ctx.Done():
			return
		}
	}
}

// await waits until the n-th segment (from 1) was listed.
func (l *live) await(n int) *segment.Window {
	l.t.Helper()
	late := time.After(30 * time.Second)
	for {
		l.rep.mu.Lock()
		count := l.rep.count
		l.rep.mu.Unlock()
		if count >= n {
			return l.seg.Window()
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-late:
			l.t.Fatalf("%d segments after 30 s, want %d", count, n)
		}
	}
}

func (l *live) get(method, path string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, "http://box/"+path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	l.h.ServeHTTP(w, r)
	return w.Result()
}

// programme is d of picture, with a key picture every 2 s, and sound.
func programme(from, d time.Duration) (ps []media.Packet) {
	video, audio := segmenttest.Video(), segmenttest.Audio()
	k := 1 + int(from/time.Second) // each a track of its own, with the header of all
	video.Video.FrameRate = media.Rational{Num: 25 * k, Den: k}
	n := 0
	for at := time.Duration(0); at < d; at += 40 * time.Millisecond {
		ps = append(ps, segmenttest.Picture(video, from+at, at%(2*time.Second) == 0, 1000))
		for ; ; n++ {
			s := segmenttest.Sound(audio, from, n)
			if s.PTS-from > at {
				break
			}
			ps = append(ps, s)
		}
	}
	return ps
}

func only(k media.Kind, ps []media.Packet) (out []media.Packet) {
	for _, p := range ps {
		if p.Track.Kind() == k {
			out = append(out, p)
		}
	}
	return out
}
