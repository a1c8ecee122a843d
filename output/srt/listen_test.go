package srt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// dialed is what a Dial in the background has come to.
type dialed struct {
	conn output.Conn
	err  error
}

// background dials until the test ends.
func background(t *testing.T, tg output.Target) <-chan dialed {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	came := make(chan dialed, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := Dial(ctx, tg, []*media.Track{video, audio})
		came <- dialed{c, err}
		if err == nil {
			<-ctx.Done()
			c.Close()
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return came
}

// call is a caller of another implementation; it tries again while nobody
// listens there yet.
func call(t *testing.T, port int, passphrase, streamid string) (gosrt.Conn, error) {
	t.Helper()
	config := gosrt.DefaultConfig()
	config.Passphrase, config.StreamId, config.ConnectionTimeout = passphrase, streamid, 500*time.Millisecond
	for attempt := 0; ; attempt++ { // gosrt says everything once
		c, err := gosrt.Dial("srt", fmt.Sprintf("127.0.0.1:%d", port), config)
		if err == nil {
			t.Cleanup(func() { c.Close() })
		}
		if err == nil || attempt == 20 || !strings.Contains(err.Error(), "timeout") {
			return c, err
		}
	}
}

// onTheWire is how gosrt shows a reason of a libsrt: 1000 more, in base 32.
func onTheWire(r gosrt.RejectionReason) string {
	return "REJECT (" + strconv.FormatInt(int64(r)+1000, 32) + ")"
}

func TestListenerServesTheCallerItWaitsFor(t *testing.T) {
	for _, tc := range []struct{ name, host, query, passphrase string }{
		{"anywhere", "", "", ""},
		{"any IPv4 address", "0.0.0.0", "", ""},
		{"any address", "[::]", "", ""},
		{"one address", "127.0.0.1", "", ""},
		{"encrypted", "", "&passphrase=" + passphrase + "&pbkeylen=24", passphrase},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			came := background(t, target(t, fmt.Sprintf("srt://%s:%d?mode=listener&streamid=cam1&latency=1000%s", tc.host, port, tc.query)))
			_, err := call(t, port, tc.passphrase, "cam2")
			if want := onTheWire(gosrt.REJX_NOTFOUND); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("another stream id: %v, want %s", err, want)
			}
			caller, err := call(t, port, tc.passphrase, "cam1")
			if err != nil {
				t.Fatal(err)
			}
			d := <-came
			if d.err != nil {
				t.Fatal(d.err)
			}
			_, err = call(t, port, tc.passphrase, "cam1")
			if want := onTheWire(gosrt.REJX_LOCKED); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("a second caller: %v, want %s", err, want)
			}
			ps := programme(50)
			want := transport(t, ps)
			go func() {
				for _, p := range ps {
					if d.conn.Write(p) != nil {
						return
					}
					time.Sleep(2 * time.Millisecond)
				}
			}()
			var got []byte
			for buf := make([]byte, 2048); len(got) < len(want); {
				n, err := caller.Read(buf)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, buf[:n]...)
			}
			if string(got) != string(want) {
				t.Errorf("received %d bytes, want the %d sent", len(got), len(want))
			}
		})
	}
}

func TestWaitInVainSaysSo(t *testing.T) {
	for _, tc := range []struct {
		name, query, passphrase, streamid string
		call                              bool
		want                              string
		cause                             output.Cause
	}{
		{"nobody", "", "", "", false, "", output.CauseNetwork},
		{"another stream id", "&streamid=cam1", "", "cam2", true, "1 for another stream id", output.CauseNetwork},
		{"no stream id", "&streamid=cam1", "", "", true, "1 for another stream id", output.CauseNetwork},
		{"wrong passphrase", "&passphrase=" + passphrase, "another-passphrase", "", true, "is their passphrase the same", output.CauseAuth},
		{"passphrase missing there", "&passphrase=" + passphrase, "", "", true, "is their passphrase the same", output.CauseAuth},
		{"passphrase missing here", "", passphrase, "", true, "is their passphrase the same", output.CauseAuth},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			result := make(chan error, 1)
			go func() {
				_, err := dial(t, target(t, fmt.Sprintf("srt://:%d?mode=listener%s", port, tc.query)), 1500*time.Millisecond)
				result <- err
			}()
			if tc.call {
				if _, err := call(t, port, tc.passphrase, tc.streamid); err == nil {
					t.Error("the caller was let in")
				}
			}
			err := <-result
			var again *output.ReconnectError
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("waiting for a caller on port %d", port)) ||
				!strings.Contains(err.Error(), tc.want) || tc.want == "" && strings.Contains(err.Error(), "refused") {
				t.Errorf("got %v", err)
			}
			if output.CauseOf(err) != tc.cause || !errors.As(err, &again) || again.URL != nil || strings.Contains(err.Error(), passphrase) || strings.Contains(err.Error(), "cam") {
				t.Errorf("cause %s of %v", output.CauseOf(err), err)
			}
		})
	}
}

// A caller whose passphrase is wrong must not keep the right one out.
func TestTheNextCallerMayTryAfterAFailure(t *testing.T) {
	port := freePort(t)
	came := background(t, target(t, fmt.Sprintf("srt://:%d?mode=listener&passphrase=%s", port, passphrase)))
	for range 3 {
		if _, err := call(t, port, "another-passphrase", ""); err == nil {
			t.Error("a wrong passphrase was let in")
		}
	}
	if _, err := call(t, port, passphrase, ""); err != nil {
		t.Fatal(err)
	}
	if d := <-came; d.err != nil {
		t.Fatal(d.err)
	}
}

func TestPortsThatCannotBeHad(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.LocalAddr().String())
	ours := freePort(t)
	background(t, target(t, fmt.Sprintf("srt://:%d?mode=listener", ours)))
	if _, err := call(t, ours, "", ""); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ raw, want string }{
		{"srt://:" + port + "?mode=listener", "UDP port " + port + " is in use by another program"},
		{"srt://127.0.0.1:" + port + "?mode=listener", "UDP port " + port + " is in use by another program"},
		{"srt://127.0.0.1:9?localport=" + port, "UDP port " + port + " is in use by another program"},
		{"srt://127.0.0.1:" + port + "?mode=rendezvous", "UDP port " + port + " is in use by another program"},
		{fmt.Sprintf("srt://:%d?mode=listener", ours), "another destination of this box waits"},
		{fmt.Sprintf("srt://127.0.0.1:%d?mode=listener", ours), "held by another SRT destination of this box"},
		{"srt://192.0.2.1:9000?mode=listener", "192.0.2.1 is no address of this box"},
		{"srt://127.0.0.1:9?localaddr=192.0.2.1", "192.0.2.1 is no address of this box"},
		{"srt://127.0.0.1:9?localaddr=::1", "another family"},
	} {
		_, err := dial(t, target(t, tc.raw), 2*time.Second)
		if err == nil || !strings.Contains(err.Error(), tc.want) || output.CauseOf(err) != output.CauseLocal {
			t.Errorf("%s: %v (%s), want %q", tc.raw, err, output.CauseOf(err), tc.want)
		}
	}
}

func TestCancelEndsTheWait(t *testing.T) {
	for _, raw := range []string{"srt://:%d?mode=listener", "srt://127.0.0.2:%d?mode=rendezvous", "srt://127.0.0.1:%d"} {
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() {
			_, err := Dial(ctx, target(t, fmt.Sprintf(raw, freePort(t))), []*media.Track{video})
			result <- err
		}()
		time.Sleep(50 * time.Millisecond)
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// The port is there again at once: for the next attempt, and after a caller has
// been served.
func TestListenerComesBackOnItsPort(t *testing.T) {
	keep := background(t, target(t, fmt.Sprintf("srt://:%d?mode=listener", freePort(t)))) // libsrt is never idle
	port := freePort(t)
	tg := target(t, fmt.Sprintf("srt://:%d?mode=listener", port))
	for range 3 {
		if _, err := dial(t, tg, 50*time.Millisecond); !strings.Contains(err.Error(), "waiting for a caller") {
			t.Fatal(err)
		}
	}
	for range 3 {
		came := background(t, tg)
		if _, err := call(t, port, "", ""); err != nil {
			t.Fatal(err)
		}
		d := <-came
		if d.err != nil {
			t.Fatal(d.err)
		}
		d.conn.Close()
	}
	select {
	case d := <-keep:
		t.Errorf("the other listener: %v", d.err)
	default:
	}
}
