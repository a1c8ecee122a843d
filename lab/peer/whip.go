package peer

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// WHIPOptions say what a [WHIP] endpoint does besides its duty.
type WHIPOptions struct {
	Certificate *tls.Certificate // serves HTTPS
	Token       string           // demanded as bearer token
	Links       []string         // Link headers of the answer
	Absolute    bool             // the Location header has the whole address
	DropEvery   int              // loses every n-th packet of video that comes, once
	AskKey      time.Duration    // sends a PLI this often
	Relay       bool             // media come through a relay; see Lose
	Lifetime    time.Duration    // closes the connection of media that long after it was made

	// Faults:
	Status     int    // answers POST with it; a redirect leads to RedirectTo
	RedirectTo string // empty: here again
	Redirects  int    // how often; 0: always
	Body       string // in place of the SDP answer, of Type
	Type       string // application/sdp when empty
	Silent     bool   // never answers POST
	Endless    bool   // the answer's body never ends
	NoLocation bool
	NoICE      bool // nothing listens at the answer's candidates
	NoDTLS     bool // the handshake never ends
	NoPatch    bool // 405 for PATCH
	NoVideo    bool // does not take H.264
	NoAudio    bool // does not take Opus
}

// WHIP is an endpoint of RFC 9725 on pion, in this process.
type WHIP struct {
	opts   WHIPOptions
	server *http.Server
	host   string
	wg     sync.WaitGroup

	mu       sync.Mutex // guards the fields below
	requests []*WHIPRequest
	sessions []*WHIPSession
}

// WHIPRequest is one that a WHIP endpoint got.
type WHIPRequest struct {
	Method, Path string
	Header       http.Header
	Body         string
}

// StartWHIP starts an endpoint; it ends with the test, and its sessions with it.
func StartWHIP(tb TB, opts WHIPOptions) *WHIP {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("peer: listen: %v", err)
	}
	w := &WHIP{opts: opts, host: l.Addr().String()}
	w.server = &http.Server{Handler: w, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	if opts.Certificate != nil {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*opts.Certificate}, MinVersion: tls.VersionTLS12})
	}
	w.wg.Go(func() { _ = w.server.Serve(l) })
	tb.Cleanup(w.stop)
	return w
}

func (w *WHIP) stop() {
	_ = w.server.Close()
	for _, s := range w.Sessions() {
		s.Close()
	}
	w.wg.Wait()
}

// URL is the target to publish to.
func (w *WHIP) URL() string {
	if w.opts.Certificate != nil {
		return "whip+https://" + w.host + "/whip"
	}
	return "whip+http://" + w.host + "/whip"
}

// Addr is its host and port.
func (w *WHIP) Addr() string { return w.host }

// Requests are all it got so far.
func (w *WHIP) Requests() []*WHIPRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*WHIPRequest(nil), w.requests...)
}

// Methods are those of Requests.
func (w *WHIP) Methods() (all []string) {
	for _, r := range w.Requests() {
		all = append(all, r.Method)
	}
	return all
}

// Sessions are all that were made so far, ended ones too.
func (w *WHIP) Sessions() []*WHIPSession {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*WHIPSession(nil), w.sessions...)
}

// ServeHTTP implements http.Handler.
func (w *WHIP) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	w.mu.Lock()
	w.requests = append(w.requests, &WHIPRequest{r.Method, r.URL.Path, r.Header.Clone(), string(body)})
	n := len(w.requests)
	w.mu.Unlock()
	if w.opts.Token != "" && r.Header.Get("Authorization") != "Bearer "+w.opts.Token {
		http.Error(rw, "no such token", http.StatusUnauthorized)
		return
	}
	switch {
	case r.Method == http.MethodPost && w.opts.Silent:
		<-r.Context().Done()
	case r.Method == http.MethodPost && w.opts.Status/100 == 3 && (w.opts.Redirects == 0 || n <= w.opts.Redirects):
		to := w.opts.RedirectTo
		if to == "" {
			to = r.URL.Path
		}
		rw.Header().Set("Location", to)
		rw.WriteHeader(w.opts.Status)
	case r.Method == http.MethodPost && w.opts.Status >= 400:
		http.Error(rw, "as the test wants it", w.opts.Status)
	case r.Method == http.MethodPost && (w.opts.Body != "" || w.opts.Endless):
		w.nonsense(rw, r)
	case r.Method == http.MethodPost:
		w.create(rw, r, string(body))
	default:
		w.session(rw, r, string(body))
	}
}

func (w *WHIP) nonsense(rw http.ResponseWriter, r *http.Request) {
	typ := w.opts.Type
	if typ == "" {
		typ = "application/sdp"
	}
	rw.Header().Set("Content-Type", typ)
	rw.Header().Set("Location", "/whip/nonsense")
	rw.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(rw, w.opts.Body)
	line := []byte("a=" + strings.Repeat("x", 1000) + "\r\n")
	for w.opts.Endless && r.Context().Err() == nil {
		if _, err := rw.Write(line); err != nil {
			return
		}
	}
}

func (w *WHIP) create(rw http.ResponseWriter, r *http.Request, offer string) {
	if r.Header.Get("Content-Type") != "application/sdp" {
		http.Error(rw, "application/sdp is wanted", http.StatusUnsupportedMediaType)
		return
	}
	s, err := newWHIPSession(w.opts, offer)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	w.mu.Lock()
	w.sessions = append(w.sessions, s)
	path := fmt.Sprintf("/whip/session/%d", len(w.sessions))
	w.mu.Unlock()
	s.path = path
	answer, err := s.answer(r.Context(), offer)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	if w.opts.Absolute {
		path = "http://" + w.host + path
	}
	if !w.opts.NoLocation {
		rw.Header().Set("Location", path)
	}
	for _, l := range w.opts.Links {
		rw.Header().Add("Link", l)
	}
	rw.Header().Set("ETag", `"1"`)
	rw.Header().Set("Content-Type", "application/sdp")
	rw.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(rw, answer)
}

// session serves the resource of one.
func (w *WHIP) session(rw http.ResponseWriter, r *http.Request, body string) {
	var s *WHIPSession
	for _, one := range w.Sessions() {
		if one.path == r.URL.Path && !one.Closed() {
			s = one
		}
	}
	switch {
	case s == nil:
		http.Error(rw, "no such session", http.StatusNotFound)
	case r.Method == http.MethodDelete:
		s.Close()
		rw.WriteHeader(http.StatusOK)
	case r.Method == http.MethodPatch && !w.opts.NoPatch:
		s.patch(rw, r, body)
	default:
		rw.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// patch restarts ICE (RFC 9725 §4.3.3). A relay is not used again.
func (s *WHIPSession) patch(rw http.ResponseWriter, r *http.Request, body string) {
	switch {
	case r.Header.Get("Content-Type") != "application/trickle-ice-sdpfrag":
		http.Error(rw, "a fragment is wanted", http.StatusUnsupportedMediaType)
		return
	case r.Header.Get("If-Match") != "*":
		http.Error(rw, "only restarts", http.StatusPreconditionFailed)
		return
	}
	var kept, fresh []string
	for _, line := range strings.Split(s.offer, "\r\n") {
		if !isICE(line) {
			kept = append(kept, line)
		}
	}
	for line := range strings.Lines(body) {
		if line = strings.TrimSpace(line); isICE(line) {
			fresh = append(fresh, line)
		}
	}
	// ICE's lines go behind the first media section's mid; others are bundled.
	offer := strings.Replace(strings.Join(kept, "\r\n"), "a=mid:0\r\n", "a=mid:0\r\n"+strings.Join(fresh, "\r\n")+"\r\n", 1)
	answer, err := s.negotiate(r.Context(), offer)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	rw.Header().Set("ETag", `"2"`)
	rw.Header().Set("Content-Type", "application/trickle-ice-sdpfrag")
	rw.WriteHeader(http.StatusOK)
	seen := map[string]bool{}
	for line := range strings.Lines(answer) {
		if isICE(line) && !seen[line] {
			seen[line] = true
			_, _ = io.WriteString(rw, line)
		}
	}
}

func isICE(line string) bool {
	for _, key := range []string{"ice-ufrag", "ice-pwd", "candidate", "end-of-candidates"} {
		if strings.HasPrefix(line, "a="+key) {
			return true
		}
	}
	return false
}

// negotiate answers an offer, with all candidates.
func (s *WHIPSession) negotiate(ctx context.Context, offer string) (string, error) {
	if err := s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	answer, err := s.pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(s.pc)
	if err := s.pc.SetLocalDescription(answer); err != nil {
		return "", err
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	return s.pc.LocalDescription().SDP, nil
}
