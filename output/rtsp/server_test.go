package rtsp

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/auth"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// handler is the library's own server.
type handler struct {
	password string
	methods  []auth.VerifyMethod
	recorded func(*gortsplib.ServerSession)

	mu      sync.Mutex // guards the fields below
	packets map[description.MediaType]int
	session *gortsplib.ServerSession
}

func (h *handler) OnAnnounce(ctx *gortsplib.ServerHandlerOnAnnounceCtx) (*base.Response, error) {
	if h.password != "" && !ctx.Conn.VerifyCredentials(ctx.Request, "joe", h.password) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, liberrors.ErrServerAuth{}
	}
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func (h *handler) OnSetup(*gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil, nil
}

func (h *handler) OnRecord(ctx *gortsplib.ServerHandlerOnRecordCtx) (*base.Response, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.session, h.packets = ctx.Session, map[description.MediaType]int{}
	ctx.Session.OnPacketRTPAny(func(m *description.Media, _ format.Format, _ *rtp.Packet) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.packets[m.Type]++
	})
	if h.recorded != nil {
		h.recorded(ctx.Session)
	}
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func serve(t *testing.T, h *handler, secure *tls.Config, udp bool) (addr string) {
	t.Helper()
	s := &gortsplib.Server{Handler: h, RTSPAddress: "127.0.0.1:0", TLSConfig: secure, AuthMethods: h.methods}
	if udp {
		s.UDPRTPAddress, s.UDPRTCPAddress = "127.0.0.1:28000", "127.0.0.1:28001"
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s.NetListener().Addr().String()
}

func bothTracks() []*media.Track { return []*media.Track{segmenttest.Video(), segmenttest.Audio()} }

func TestPasswords(t *testing.T) {
	for name, methods := range map[string][]auth.VerifyMethod{
		"basic": {auth.VerifyMethodBasic}, "digest": {auth.VerifyMethodDigestMD5}, "digest, SHA-256": {auth.VerifyMethodDigestSHA256},
	} {
		t.Run(name, func(t *testing.T) {
			addr := serve(t, &handler{password: "sesame-open", methods: methods}, nil, false)
			if _, err := dialed(t, target(t, "rtsp://joe:sesame-open@"+addr+"/a", "tcp"), bothTracks()); err != nil {
				t.Error(err)
			}
			for _, user := range []string{"", "joe:wrong-secret@"} {
				_, err := dialed(t, target(t, "rtsp://"+user+addr+"/a", "tcp"), bothTracks())
				if output.CauseOf(err) != output.CauseAuth || !errors.Is(err, output.ErrRejected) || strings.Contains(err.Error(), "wrong-secret") {
					t.Errorf("%q: %v", user, err)
				}
			}
		})
	}
}

func TestAutoTakesTCPWhereUDPIsRefused(t *testing.T) {
	h := &handler{}
	addr := serve(t, h, nil, false) // no UDP: 461
	if _, err := dialed(t, target(t, "rtsp://"+addr+"/a", "udp"), bothTracks()); output.CauseOf(err) != output.CauseRejected || !strings.Contains(err.Error(), "transport") {
		t.Errorf("udp: %v", err)
	}
	tracks := bothTracks()
	c := mustDial(t, target(t, "rtsp://"+addr+"/a", "auto"), tracks)
	for i := range 20 {
		if err := c.Write(segmenttest.Picture(tracks[0], time.Duration(i)*40*time.Millisecond, i == 0, 200_000)); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.Close()
	for { // all of it arrives: the library's queue has dropped nothing
		h.mu.Lock()
		n := h.packets[description.MediaTypeVideo]
		h.mu.Unlock()
		if n >= 20*(200_000/maxPayload) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestAServerThatEndsIsReported(t *testing.T) {
	h := &handler{}
	addr := serve(t, h, nil, false)
	tracks := bothTracks()
	c := mustDial(t, target(t, "rtsp://"+addr+"/a", "tcp"), tracks)
	h.mu.Lock()
	h.session.Close()
	h.mu.Unlock()
	if err := writeUntilError(c, tracks[0], 1000); output.CauseOf(err) != output.CauseClosed {
		t.Errorf("%v, cause %q", err, output.CauseOf(err))
	}
}

func writeUntilError(c output.Conn, video *media.Track, size int) error {
	for i := 0; ; i++ {
		if err := c.Write(segmenttest.Picture(video, time.Duration(i)*40*time.Millisecond, i%50 == 0, size)); err != nil {
			return err
		}
	}
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
			addr := serve(t, &handler{}, &tls.Config{Certificates: []tls.Certificate{cert}}, false)
			tg, tracks := target(t, "rtsps://"+addr+"/a", ""), bothTracks()
			tg.TLS = &tls.Config{RootCAs: tc.trust.Pool}
			c, err := dialed(t, tg, tracks)
			if tc.want == "" {
				if err == nil {
					err = c.Write(segmenttest.Picture(tracks[0], 0, true, 100_000))
				}
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) || output.CauseOf(err) != output.CauseTLS {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestANewTrackIsRefused(t *testing.T) {
	tracks := bothTracks()
	c := mustDial(t, target(t, "rtsp://"+serve(t, &handler{}, nil, false)+"/a", "tcp"), tracks)
	if err := c.Write(segmenttest.Picture(segmenttest.Video(), 0, true, 100)); !errors.Is(err, output.ErrTrackChanged) {
		t.Errorf("got %v", err)
	}
}

// What receivers keep sound and picture together by: RTP times of both tracks that
// map to one clock, from before the first media on.
func TestReportsMapBothTracksToOneClock(t *testing.T) {
	var mu sync.Mutex
	reports, begun := map[uint32]*rtcp.SenderReport{}, false
	h := &handler{recorded: func(s *gortsplib.ServerSession) {
		s.OnPacketRTPAny(func(*description.Media, format.Format, *rtp.Packet) {
			mu.Lock()
			defer mu.Unlock()
			begun = true
		})
		s.OnPacketRTCPAny(func(m *description.Media, p rtcp.Packet) {
			mu.Lock()
			defer mu.Unlock()
			if sr, ok := p.(*rtcp.SenderReport); ok && reports[uint32(m.Formats[0].ClockRate())] == nil {
				if begun {
					t.Error("a report comes behind the media")
				}
				reports[uint32(m.Formats[0].ClockRate())] = sr
			}
		})
	}}
	addr := serve(t, h, nil, false)
	tracks := bothTracks()
	c := mustDial(t, target(t, "rtsp://"+addr+"/a", "tcp"), tracks)
	const start = 90 * time.Minute
	key := segmenttest.Picture(tracks[0], start, true, 500)
	if err := c.Write(key); err != nil {
		t.Fatal(err)
	}
	for {
		mu.Lock()
		video, audio := reports[90000], reports[48000]
		mu.Unlock()
		if video == nil || audio == nil {
			time.Sleep(time.Millisecond)
			continue
		}
		// Both were made at the same time: PTS 90 min is where both RTP times are.
		if video.NTPTime != audio.NTPTime {
			t.Errorf("times %x and %x", video.NTPTime, audio.NTPTime)
		}
		return
	}
}

func TestLossThatIsReportedIsCounted(t *testing.T) {
	p := peer.StartBadPeer(t, script("", func(c *peer.BadConn, _ string) {
		in := bufio.NewReader(c)
		for { // the SSRC is in the first report
			f := &base.InterleavedFrame{}
			if f.Unmarshal(in) != nil {
				return
			}
			if f.Channel != 1 {
				continue
			}
			rr, _ := (&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{
				SSRC: binary.BigEndian.Uint32(f.Payload[4:]), TotalLost: 7,
			}}}).Marshal()
			b, _ := base.InterleavedFrame{Channel: 1, Payload: rr}.Marshal()
			_, _ = c.Write(b)
			_, _ = io.Copy(io.Discard, c)
			return
		}
	}))
	tracks := bothTracks()[:1]
	c := mustDial(t, target(t, "rtsp://"+p.Addr()+"/a", "tcp"), tracks)
	for i := 0; c.Stats().Lost != 7; i++ {
		if err := c.Write(segmenttest.Picture(tracks[0], time.Duration(i)*time.Millisecond, i == 0, 500)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	if st := c.Stats(); st.BytesSent == 0 || st.RTT == 0 {
		t.Errorf("%+v", st)
	}
}
