package dash_test

import (
	"context"
	_ "embed"
	"html/template"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	labdash "github.com/encoderbox/encoderbox/lab/dash"
	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/dash"
	"github.com/encoderbox/encoderbox/output/hub"
	"github.com/encoderbox/encoderbox/output/segment"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// stream is a running segmenter behind the product's handler.
type stream struct {
	t       *testing.T
	cfg     segment.Config
	through func(dash.Source) dash.Source
	hub     *hub.Hub
	seg     *segment.Segmenter
	clock   *media.Clock
	handler atomic.Pointer[dash.Handler]
	stop    func()
	url     string // of the server: below it dash/ and the players' pages
}

type silent struct{}

func (silent) Raise(string, string) {}
func (silent) Clear(string)         {}
func (silent) Stats(segment.Stats)  {}

// start runs a stream; through, unless it is nil, stands between the segmenter
// and the handler.
func start(t *testing.T, cfg segment.Config, through func(dash.Source) dash.Source) *stream {
	t.Helper()
	cfg.Dir = t.TempDir() + "/live"
	s := &stream{t: t, cfg: cfg, through: through}
	if err := s.run(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop() })
	s.serve()
	return s
}

// run starts what a daemon has of a stream: after stop, another daemon's.
func (s *stream) run() error {
	s.clock = media.NewClock()
	s.hub = hub.New(s.clock)
	s.hub.Announce(media.Video, media.Audio)
	seg, err := segment.New(s.cfg, s.hub, silent{})
	if err != nil {
		return err
	}
	s.seg = seg
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := seg.Run(ctx, func() {}); err != nil {
			s.t.Errorf("segmenter: %v", err)
		}
	})
	s.stop = func() { cancel(); running.Wait() }
	var source dash.Source = seg
	if s.through != nil {
		source = s.through(source)
	}
	s.handler.Store(dash.NewHandler(source, s.clock, whole{seg}))
	return nil
}

// whole is an archive: the window of a segmenter that forgets nothing.
type whole struct{ *segment.Segmenter }

func (a whole) Between(from, to time.Time) (*segment.Window, []segment.Gap) {
	w := *a.Window()
	w.Segments = slices.DeleteFunc(slices.Clone(w.Segments), func(s *segment.Segment) bool {
		return s.Video.Wall.Before(from) || !s.Video.Wall.Before(to)
	})
	return &w, nil
}

func (a whole) Segment(sequence uint64) (*segment.Segment, bool) {
	for _, s := range a.Window().Segments {
		if s.Sequence == sequence {
			return s, true
		}
	}
	return nil, false
}

// serve answers below /dash/cam/, as the box does, and has the players' pages.
func (s *stream) serve() {
	mux := http.NewServeMux()
	mux.Handle("/dash/cam/", http.StripPrefix("/dash/cam/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.handler.Load().ServeHTTP(w, r)
	})))
	scripts, err := labdash.Players(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, name := range players {
		mux.HandleFunc("/"+name+".js", func(w http.ResponseWriter, r *http.Request) {
			http.ServeFile(w, r, scripts[name])
		})
		mux.HandleFunc("/"+name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if err := pageTemplate.Execute(w, name); err != nil {
				s.t.Errorf("page: %v", err)
			}
		})
	}
	server := httptest.NewServer(mux)
	s.t.Cleanup(server.Close)
	s.url = server.URL
}

func (s *stream) manifest() string { return s.url + "/dash/cam/manifest.mpd" }

// await waits until so many segments were made.
func (s *stream) await(n int) *segment.Window {
	s.t.Helper()
	late := time.After(60 * time.Second)
	for {
		w := s.seg.Window()
		if w.Version >= uint64(n) {
			return w
		}
		select {
		case <-w.Next():
		case <-late:
			s.t.Fatalf("%d segments after a minute, want %d", w.Version, n)
		}
	}
}

func clip(t *testing.T, recipe footage.Clip) *segmenttest.Clip {
	t.Helper()
	path, err := recipe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := segmenttest.ReadMP4(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// at moves packets to a time; the first of each track then stands after a loss.
func at(packets []media.Packet, begin time.Duration, loss bool) []media.Packet {
	out := slices.Clone(packets)
	first := map[media.Kind]bool{}
	for i := range out {
		out[i].PTS += begin
		out[i].DTS += begin
		k := out[i].Track.Kind()
		out[i].Gap = loss && !first[k]
		first[k] = true
	}
	return out
}

// upTo is the part of the packets before a time.
func upTo(packets []media.Packet, end time.Duration) []media.Packet {
	return slices.DeleteFunc(slices.Clone(packets), func(p media.Packet) bool { return p.DTS >= end })
}

// pace writes packets when their time has come, beside the test, until it ends.
func (s *stream) pace(packets []media.Packet) {
	ctx, cancel := context.WithCancel(context.Background())
	clock, to := s.clock, s.hub
	var feeding sync.WaitGroup
	feeding.Go(func() {
		for _, p := range packets {
			select {
			case <-time.After(clock.Until(p.DTS)):
				to.Write(p)
			case <-ctx.Done():
				return
			}
		}
	})
	s.t.Cleanup(func() { cancel(); feeding.Wait() })
}

// rush writes packets faster than real time, but not faster than they are read.
func (s *stream) rush(packets []media.Packet) {
	for i, p := range packets {
		if i%20 == 0 {
			time.Sleep(time.Millisecond)
		}
		s.hub.Write(p)
	}
}

var players = []string{"dash", "shaka"}

// seen is state() of the page.
type seen struct {
	Errors   []string
	Waits    int
	Jumps    [][2]float64
	Ended    bool
	Now      float64
	Ready    int
	Paused   bool
	Duration float64
	Buffered [][2]float64
	Frames   int
}

// open plays a manifest in one of the players.
func (s *stream) open(b *peer.Browser, player, manifest string) *peer.Page {
	return b.Open(s.url+"/"+player+"#"+manifest, peer.Desktop)
}

func look(t *testing.T, p *peer.Page) (now seen) {
	t.Helper()
	if err := p.Eval("state()", &now); err != nil {
		t.Fatal(err)
	}
	return now
}

// until waits for JavaScript to give true, and tells what the player says when it does not.
func until(t *testing.T, p *peer.Page, js string, limit time.Duration) {
	t.Helper()
	if err := p.Await(js, limit); err != nil {
		t.Fatalf("%v\n%+v\n%q", err, look(t, p), p.Problems())
	}
}

// content fails the test for anything a player or the browser complains of.
func content(t *testing.T, p *peer.Page) {
	t.Helper()
	if now := look(t, p); len(now.Errors) > 0 {
		t.Errorf("the player says %q", now.Errors)
	}
	if problems := p.Problems(); len(problems) > 0 {
		t.Errorf("the browser says %q", problems)
	}
}
