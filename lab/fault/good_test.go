package fault_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	gosrt "github.com/datarhei/gosrt"
	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/fault"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// receivers are the good servers behind the bad one, and those that are bad in what
// only a whole implementation can be: host:port of each.
type receivers struct {
	http, rtmp, rtsp, s3, icecast, whip, srt string

	whipSilent, whipEnds, whipTalks, whipEndless, whipDead string
	srtRefuses                                             map[gosrt.RejectionReason]string
	srtOtherKey, srtEnds                                   string

	ca, stranger             *peer.CA
	cert, expired, elsewhere tls.Certificate
}

func startReceivers(t *testing.T) *receivers {
	t.Helper()
	r := &receivers{ca: peer.NewCA(t), stranger: peer.NewCA(t), srtRefuses: map[gosrt.RejectionReason]string{}}
	for cert, o := range map[*tls.Certificate]peer.CertOptions{
		&r.cert: {}, &r.expired: {NotAfter: time.Now().Add(-time.Hour)}, &r.elsewhere: {Hosts: []string{"elsewhere.example"}},
	} {
		var err error
		*cert, err = r.ca.Certificate(o)
		require.NoError(t, err)
	}
	r.http, r.rtmp, r.rtsp = startHTTP(t), startRTMP(t), startRTSP(t)
	r.s3 = peer.StartMinIO(t).Addr()
	r.icecast = peer.StartIcecast(t, peer.IcecastOptions{Password: marker, Sources: 64}).Addr()
	r.whip = peer.StartWHIP(t, peer.WHIPOptions{}).Addr()
	r.whipSilent = peer.StartWHIP(t, peer.WHIPOptions{NoDTLS: true}).Addr()
	r.whipEnds = peer.StartWHIP(t, peer.WHIPOptions{Lifetime: 500 * time.Millisecond}).Addr()
	r.whipTalks = peer.StartWHIP(t, peer.WHIPOptions{AskKey: time.Millisecond}).Addr()
	r.whipEndless = peer.StartWHIP(t, peer.WHIPOptions{Endless: true}).Addr()
	dead := peer.StartWHIP(t, peer.WHIPOptions{Relay: true, NoPatch: true})
	r.whipDead = dead.Addr()
	loseAll(t, dead)
	const forEver = 0
	r.srt = startSRT(t, marker, 0, forEver)
	r.srtEnds = startSRT(t, marker, 0, 500*time.Millisecond)
	r.srtOtherKey = startSRT(t, "another-passphrase", 0, forEver)
	for _, reason := range []gosrt.RejectionReason{gosrt.REJX_FORBIDDEN, gosrt.REJX_NOTFOUND, gosrt.REJX_LOCKED, gosrt.REJX_ISE, gosrt.REJX_DOWN} {
		r.srtRefuses[reason] = startSRT(t, marker, reason, forEver)
	}
	return r
}

// startHTTP starts a server that takes every upload and keeps none.
func startHTTP(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPut, http.MethodPost:
			if _, err := io.Copy(io.Discard, r.Body); err == nil {
				w.WriteHeader(http.StatusCreated)
			}
		case http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		default:
			http.NotFound(w, r)
		}
	})}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() { _ = server.Close(); wg.Wait() })
	return l.Addr().String()
}

// startRTMP starts a server that accepts every publication.
func startRTMP(t *testing.T) string {
	t.Helper()
	s := fault.Start(t)
	require.NoError(t, s.Play(func(_ context.Context, c net.Conn) {
		server := &gortmplib.ServerConn{RW: c}
		if server.Initialize() == nil && server.Accept() == nil {
			_, _ = io.Copy(io.Discard, c)
		}
	}))
	return s.Addr()
}

// recorder takes every publication by RTSP.
type recorder struct{}

func (recorder) OnAnnounce(*gortsplib.ServerHandlerOnAnnounceCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func (recorder) OnSetup(*gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil, nil
}

func (recorder) OnRecord(*gortsplib.ServerHandlerOnRecordCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func startRTSP(t *testing.T) string {
	t.Helper()
	s := &gortsplib.Server{Handler: recorder{}, RTSPAddress: "127.0.0.1:0"}
	require.NoError(t, s.Start())
	t.Cleanup(s.Close)
	return s.NetListener().Addr().String()
}

// startSRT starts a listener that wants a passphrase, refuses all callers for a
// reason, if any, and leaves those that it has accepted after a time, if any.
func startSRT(t *testing.T, passphrase string, reason gosrt.RejectionReason, lifetime time.Duration) string {
	t.Helper()
	l, err := gosrt.Listen("srt", "127.0.0.1:0", gosrt.DefaultConfig())
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			request, err := l.Accept2()
			if err != nil {
				return
			}
			if reason != 0 {
				request.Reject(1000 + reason) // gosrt leaves that to its callers: SRT draft, §4.3.1.1.2
				continue
			}
			if !request.IsEncrypted() || request.SetPassphrase(passphrase) != nil {
				request.Reject(gosrt.REJ_BADSECRET)
				continue
			}
			conn, err := request.Accept()
			if err != nil {
				continue
			}
			wg.Go(func() {
				if lifetime > 0 {
					defer time.AfterFunc(lifetime, func() { _ = conn.Close() }).Stop()
				}
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

// loseAll cuts the media of each session half a second after it has begun.
func loseAll(t *testing.T, w *peer.WHIP) {
	t.Helper()
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		lost := map[*peer.WHIPSession]time.Time{}
		for {
			for _, s := range w.Sessions() {
				if since, ok := lost[s]; !ok {
					lost[s] = time.Now()
				} else if time.Since(since) > 500*time.Millisecond {
					s.Lose()
				}
			}
			select {
			case <-done:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	t.Cleanup(func() { close(done); wg.Wait() })
}
