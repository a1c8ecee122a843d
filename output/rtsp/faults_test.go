package rtsp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/output"
)

// script is a server that says yes up to a step, and there what it is told.
func script(step string, say func(c *peer.BadConn, cseq string)) peer.Manner {
	return func(_ context.Context, c *peer.BadConn) {
		in := bufio.NewReader(c)
		channels := 0
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			head, err := textproto.NewReader(in).ReadMIMEHeader()
			if err != nil {
				return
			}
			n, _ := strconv.Atoi(head.Get("Content-Length"))
			_, _ = io.CopyN(io.Discard, in, int64(n))
			method, _, _ := strings.Cut(line, " ")
			if method == step {
				say(c, head.Get("CSeq"))
				return
			}
			extra := ""
			if method == "SETUP" {
				extra = fmt.Sprintf("Transport: RTP/AVP/TCP;unicast;interleaved=%d-%d\r\nSession: 1\r\n", channels, channels+1)
				channels += 2
			}
			fmt.Fprintf(c, "RTSP/1.0 200 OK\r\nCSeq: %s\r\n%s\r\n", head.Get("CSeq"), extra)
			if method == "RECORD" {
				say(c, "")
				return
			}
		}
	}
}

func answer(status string, extra ...string) func(*peer.BadConn, string) {
	return func(c *peer.BadConn, cseq string) {
		fmt.Fprintf(c, "RTSP/1.0 %s\r\nCSeq: %s\r\n%s\r\n", status, cseq, strings.Join(extra, ""))
		_, _ = io.Copy(io.Discard, c)
	}
}

func flood(b []byte) func(*peer.BadConn, string) {
	return func(c *peer.BadConn, _ string) {
		for {
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	}
}

func TestRefusalsAtEachStep(t *testing.T) {
	for name, tc := range map[string]struct {
		step string
		say  func(*peer.BadConn, string)
		want string
	}{
		"404":            {"ANNOUNCE", answer("404 Not Found"), "check the path"},
		"406":            {"ANNOUNCE", answer("406 Not Acceptable"), "does not take these tracks"},
		"403":            {"ANNOUNCE", answer("403 no\x1b[31m way"), "403 no [31m way"},
		"405":            {"ANNOUNCE", answer("405 Method Not Allowed"), "publishing is switched on"},
		"461":            {"SETUP", answer("461 Unsupported transport"), "transport"},
		"454":            {"RECORD", answer("454 Session Not Found"), "lost the session"},
		"503":            {"RECORD", answer("503 Service Unavailable"), "busy"},
		"options 500":    {"OPTIONS", answer("500 Oh"), "500 Oh"},
		"no transport":   {"SETUP", answer("200 OK"), "no RTSP that we know"},
		"redirect to us": {"ANNOUNCE", answer("302 Found", "Location: http://x/\r\n"), "no usable address"},
		"strange scheme": {"ANNOUNCE", answer("401 Who", "WWW-Authenticate: Negotiate x\r\n"), "password"},
		"long header":    {"ANNOUNCE", answer("200 OK", "X: "+strings.Repeat("y", 100_000)+"\r\n"), "no RTSP that we know"},
		"large body":     {"ANNOUNCE", answer("200 OK", "Content-Length: 99999999\r\n"), "no RTSP that we know"},
		"many headers":   {"ANNOUNCE", answer("200 OK", strings.Repeat("A: b\r\n", 1000)), "no RTSP that we know"},
		"babble":         {"SETUP", flood([]byte(strings.Repeat("xyz", 10_000))), "far more than RTSP"},
		"endless header": {"ANNOUNCE", flood([]byte("RTSP/1.0 200 OK\r\nA: b\r\n")), "no RTSP that we know"},
		"endless yes":    {"ANNOUNCE", flood([]byte("RTSP/1.0 100 Continue\r\nCSeq: 77\r\n\r\n")), "far more than RTSP"},
		"garbage":        {"OPTIONS", answer("\x00\xff\xfe", ""), "no RTSP that we know"},
	} {
		t.Run(name, func(t *testing.T) {
			p := peer.StartBadPeer(t, script(tc.step, tc.say))
			tg := target(t, "rtsp://joe:very-secret@"+p.Addr()+"/a", "tcp")
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := dialed(t, tg, bothTracks())
			runtime.ReadMemStats(&after)
			cause := output.CauseOf(err)
			if err == nil || !strings.Contains(err.Error(), tc.want) || cause != output.CauseRejected && cause != output.CauseAuth {
				t.Errorf("%v, cause %q", err, cause)
			}
			if err != nil && strings.Contains(err.Error(), "very-secret") {
				t.Errorf("the password is in %v", err)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
				t.Errorf("%d bytes were allocated", n)
			}
		})
	}
}

func TestSilenceAndResetsAtEachStep(t *testing.T) {
	for _, step := range []string{"OPTIONS", "ANNOUNCE", "SETUP", "RECORD"} {
		p := peer.StartBadPeer(t, script(step, func(c *peer.BadConn, _ string) { _, _ = io.Copy(io.Discard, c) }))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, err := Dial(ctx, target(t, "rtsp://"+p.Addr()+"/a", "tcp"), bothTracks())
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || output.CauseOf(err) != output.CauseNetwork {
			t.Errorf("silence at %s: %v", step, err)
		}
		p = peer.StartBadPeer(t, script(step, func(c *peer.BadConn, _ string) { _ = c.SetLinger(0) }))
		_, err = dialed(t, target(t, "rtsp://"+p.Addr()+"/a", "tcp"), bothTracks())
		if output.CauseOf(err) != output.CauseClosed {
			t.Errorf("reset at %s: %v, cause %q", step, err, output.CauseOf(err))
		}
	}
	if _, err := dialed(t, target(t, "rtsp://"+peer.Refused(t)+"/a", ""), bothTracks()); output.CauseOf(err) != output.CauseRefused {
		t.Errorf("refused: %v", err)
	}
}

func TestRedirects(t *testing.T) {
	p := peer.StartBadPeer(t, script("ANNOUNCE", answer("302 Found", "Location: rtsp://127.0.0.1:99/b?token=t\r\n")))
	_, err := dialed(t, target(t, "rtsp://joe:pw@"+p.Addr()+"/a", "tcp"), bothTracks())
	var to *output.ReconnectError
	if !errors.As(err, &to) || to.URL.String() != "rtsp://joe:pw@127.0.0.1:99/b?token=t" {
		t.Errorf("got %v", err)
	}
	// RFC 2326 §10.10, and what a server may ask while it takes media.
	for say, check := range map[string]func(error) bool{
		"REDIRECT rtsp://x/a RTSP/1.0\r\nCSeq: 1\r\nLocation: rtsp://elsewhere.example/b\r\n\r\n": func(err error) bool {
			return errors.As(err, &to) && to.URL.String() == "rtsp://elsewhere.example/b"
		},
		"TEARDOWN rtsp://x/a RTSP/1.0\r\nCSeq: 1\r\n\r\n": func(err error) bool {
			return output.CauseOf(err) == output.CauseClosed && strings.Contains(err.Error(), "TEARDOWN")
		},
		strings.Repeat("garbage ", 200_000): func(err error) bool { return errors.Is(err, errBabble) },
	} {
		p := peer.StartBadPeer(t, script("", func(c *peer.BadConn, _ string) {
			_, _ = io.WriteString(c, say)
			_, _ = io.Copy(io.Discard, c)
		}))
		tracks := bothTracks()
		c := mustDial(t, target(t, "rtsp://joe:pw@"+p.Addr()+"/a", "tcp"), tracks)
		if err := writeUntilError(c, tracks[0], 1000); !check(err) {
			t.Errorf("%.20q: %v", say, err)
		}
	}
}

func TestAServerThatTakesNothingIsStalled(t *testing.T) {
	p := peer.StartBadPeer(t, func(ctx context.Context, c *peer.BadConn) {
		script("", func(*peer.BadConn, string) { <-ctx.Done() })(ctx, c)
	})
	tracks := bothTracks()
	tg := target(t, "rtsp://"+p.Addr()+"/a", "tcp")
	tg.WriteTimeout = 300 * time.Millisecond
	c := mustDial(t, tg, tracks)
	if err := writeUntilError(c, tracks[0], 1<<20); !errors.Is(err, output.ErrStalled) {
		t.Errorf("got %v", err)
	}

	tg.WriteTimeout = time.Minute
	c = mustDial(t, tg, tracks)
	ended := make(chan error, 1)
	go func() { ended <- writeUntilError(c, tracks[0], 1<<20) }()
	time.Sleep(50 * time.Millisecond)
	_ = c.Close()
	if err := <-ended; err == nil {
		t.Error("no error")
	}
}
