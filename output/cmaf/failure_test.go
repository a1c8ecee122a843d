package cmaf

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/cmafingest"
	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

func server(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL + "/live?token=very-secret"
}

func bothTracks() []*media.Track { return []*media.Track{segmenttest.Video(), segmenttest.Audio()} }

// writeUntilError writes pictures and sound for ever.
func writeUntilError(c output.Conn, tracks []*media.Track, size int) error {
	sounds := 0
	for i := 0; ; i++ {
		if err := c.Write(segmenttest.Picture(tracks[0], time.Duration(i)*40*time.Millisecond, i%50 == 0, size)); err != nil {
			return err
		}
		for ; segmenttest.Sound(tracks[1], 0, sounds).DTS < time.Duration(i)*40*time.Millisecond; sounds++ {
			if err := c.Write(segmenttest.Sound(tracks[1], 0, sounds)); err != nil {
				return err
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		want   string
		cause  output.Cause
	}{
		"password": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, "name and password", output.CauseAuth},
		"path":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, "check the path", output.CauseRejected},
		"busy":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, "come later", output.CauseRejected},
		"one track": {func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "audio") {
				http.Error(w, "no sound here", http.StatusUnsupportedMediaType)
				return
			}
			discard(r)
		}, "no sound here", output.CauseRejected},
		"circle": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		}, "circle", output.CauseRejected},
		"endless answer": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		}, "500", output.CauseRejected},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Dial(t.Context(), target(t, server(t, tc.answer)), bothTracks())
			if err == nil || !strings.Contains(err.Error(), tc.want) || output.CauseOf(err) != tc.cause {
				t.Errorf("%v, cause %q", err, output.CauseOf(err))
			}
			if err != nil && strings.Contains(err.Error(), "very-secret") {
				t.Errorf("the secret is in %v", err)
			}
		})
	}
}

func TestPeersThatBehaveBadlyWhileDialling(t *testing.T) {
	flood := func(_ context.Context, c *peer.BadConn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX: ")
		for {
			if _, err := c.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	}
	for name, tc := range map[string]struct {
		manner peer.Manner
		cause  []output.Cause
	}{
		"reset":           {peer.ResetAtOnce(), []output.Cause{output.CauseClosed, output.CauseNetwork}},
		"garbage":         {peer.Answer([]byte("\x00\xff garbage\r\n\r\n")), []output.Cause{output.CauseRejected}},
		"endless headers": {flood, []output.Cause{output.CauseRejected}},
	} {
		t.Run(name, func(t *testing.T) {
			p := peer.StartBadPeer(t, tc.manner)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			tracks := bothTracks()
			c, err := Dial(t.Context(), target(t, "http://"+p.Addr()+"/live"), tracks)
			if err == nil { // whatever came, came after the second that the body waits
				err = writeUntilError(c, tracks, 1000)
				_ = c.Close()
			}
			runtime.ReadMemStats(&after)
			found := false
			for _, want := range tc.cause {
				found = found || output.CauseOf(err) == want
			}
			if !found {
				t.Errorf("%v, cause %q", err, output.CauseOf(err))
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 32<<20 {
				t.Errorf("%d bytes were allocated", n)
			}
		})
	}
	_, err := Dial(t.Context(), target(t, "http://"+peer.Refused(t)+"/live"), bothTracks())
	if output.CauseOf(err) != output.CauseRefused {
		t.Errorf("refused: %v", err)
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	p := peer.StartBadPeer(t, peer.NeverAnswer())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := Dial(ctx, target(t, "http://"+p.Addr()+"/live"), bothTracks())
	if !errors.Is(err, context.DeadlineExceeded) || output.CauseOf(err) != output.CauseNetwork {
		t.Errorf("got %v", err)
	}
}

func TestOneTrackThatEndsEndsBoth(t *testing.T) {
	var open atomic.Int32
	tracks := bothTracks()
	to := server(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "audio") {
			_, _ = io.ReadFull(r.Body, make([]byte, 3000))
			http.Error(w, "wrong header", http.StatusPreconditionFailed)
			return
		}
		open.Add(1)
		defer open.Add(-1)
		discard(r)
	})
	c := mustDial(t, target(t, to), tracks, nil)
	err := writeUntilError(c, tracks, 1000)
	if !strings.HasPrefix(err.Error(), "audio: ") || !strings.Contains(err.Error(), "412") && output.CauseOf(err) != output.CauseClosed {
		t.Errorf("got %v", err)
	}
	_ = c.Close()
	for open.Load() > 0 {
		time.Sleep(time.Millisecond) // the test's own limit ends this
	}
}

func TestRedirectsAreFollowed(t *testing.T) {
	for _, code := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
		r := &cmafingest.Receiver{Dir: t.TempDir()}
		to := server(t, func(w http.ResponseWriter, req *http.Request) {
			if rest, ok := strings.CutPrefix(req.URL.Path, "/live/"); ok {
				w.Header().Set("Location", "/edge/7/"+rest)
				w.WriteHeader(code)
				return
			}
			r.ServeHTTP(w, req)
		})
		tracks := bothTracks()
		c := mustDial(t, target(t, to), tracks, nil)
		mustWrite(t, c, segmenttest.Picture(tracks[0], 0, true, 100), segmenttest.Sound(tracks[1], 0, 0), segmenttest.Picture(tracks[0], 40*time.Millisecond, false, 100))
		_ = c.Close()
		video, audio := taken(t, r)
		if len(video) != 1 || len(audio) != 1 || video[0].Path != "/edge/7/Streams(video.cmfv)" {
			t.Errorf("%d: %+v %+v", code, video, audio)
		}
	}
}

func TestAReceiverThatTakesNothingIsStalled(t *testing.T) {
	stop := make(chan struct{})
	to := server(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = r.Body.Read(make([]byte, 1))
		<-stop
	})
	t.Cleanup(func() { close(stop) })
	tracks := bothTracks()
	tg := target(t, to)
	tg.WriteTimeout = 300 * time.Millisecond
	c := mustDial(t, tg, tracks, nil)
	err := writeUntilError(c, tracks, 1<<20)
	if !errors.Is(err, output.ErrStalled) || output.CauseOf(err) != output.CauseStalled {
		t.Errorf("got %v", err)
	}
	_ = c.Close()
}

func TestCloseWakesWrite(t *testing.T) {
	stop := make(chan struct{})
	to := server(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = r.Body.Read(make([]byte, 1))
		<-stop
	})
	t.Cleanup(func() { close(stop) })
	tracks := bothTracks()
	tg := target(t, to)
	tg.WriteTimeout = time.Minute
	c := mustDial(t, tg, tracks, nil)
	ended := make(chan error, 1)
	go func() { ended <- writeUntilError(c, tracks, 1<<20) }()
	time.Sleep(50 * time.Millisecond)
	_ = c.Close()
	if err := <-ended; err == nil {
		t.Error("no error")
	}
	_ = c.Close()
}

func TestCertificatesAreChecked(t *testing.T) {
	ca, other := peer.NewCA(t), peer.NewCA(t)
	for name, tc := range map[string]struct {
		options peer.CertOptions
		trust   *peer.CA
		want    string
	}{
		"good":           {peer.CertOptions{}, ca, ""},
		"other CA":       {peer.CertOptions{}, other, "not signed by an authority"},
		"expired":        {peer.CertOptions{NotAfter: time.Now().Add(-time.Hour)}, ca, "out of its dates"},
		"another's name": {peer.CertOptions{Hosts: []string{"elsewhere.example"}}, ca, "not for the name"},
	} {
		t.Run(name, func(t *testing.T) {
			cert, err := ca.Certificate(tc.options)
			if err != nil {
				t.Fatal(err)
			}
			s := httptest.NewUnstartedServer(&cmafingest.Receiver{Dir: t.TempDir()})
			s.Config.ErrorLog = log.New(io.Discard, "", 0)
			s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
			s.StartTLS()
			defer s.Close()
			tg := target(t, s.URL+"/live")
			tg.TLS = &tls.Config{RootCAs: tc.trust.Pool}
			c, err := Dial(t.Context(), tg, bothTracks())
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				_ = c.Close()
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) || output.CauseOf(err) != output.CauseTLS {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestNginxKeepsWhatItIsSent(t *testing.T) {
	o := peer.StartOrigin(t, peer.OriginOptions{})
	c := clip(t, footage.StreetMP4)
	tg := target(t, strings.TrimSuffix(o.URL(), "/"))
	tg.Options["method"] = http.MethodPut
	conn := mustDial(t, tg, c.Tracks, nil)
	mustWrite(t, conn, c.Packets...)
	_ = conn.Close()
	for _, name := range []string{"video.cmfv", "audio.cmfa"} {
		decode(t, o.Dir()+"/Streams("+name+")")
	}
}
