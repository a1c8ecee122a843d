package srt

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/output"
)

// How libsrt's own tool refuses each thing that does not fit.
func TestRefusalsOfSRTLiveTransmit(t *testing.T) {
	const secret = "passphrase=" + passphrase
	for _, tc := range []struct {
		name, theirs, ours, want string
		cause                    output.Cause
	}{
		{"wrong passphrase", "mode=listener&" + secret, "passphrase=another-passphrase", "the passphrase is wrong", output.CauseAuth},
		{"no passphrase here", "mode=listener&" + secret, "", "set passphrase to the other side's", output.CauseAuth},
		{"no passphrase there", "mode=listener", secret, "this box has a passphrase and the other side has none", output.CauseAuth},
		{"file mode", "mode=listener&transtype=file", "", "not in live mode", output.CauseRejected},
		{"file mode with messages", "mode=listener&transtype=file&messageapi=1", "", "not in live mode", output.CauseRejected},
		{"file's congestion control", "mode=listener&congestion=file", "", "not in live mode", output.CauseRejected},
		{"too old for them", "mode=listener&minversion=0x020000", "", "older than the other wants", output.CauseRejected},
		{"too old for us", "mode=listener", "minversion=2.0.0", "older than the other wants", output.CauseRejected},
		{"packet filters", "mode=listener&packetfilter=fec,cols:5,rows:5", "packetfilter=fec,cols:10,rows:10", "packetfilter", output.CauseRejected},
		{"rendezvous calls a listener", "mode=listener", "mode=rendezvous&localaddr=127.0.0.2", "is the other side in rendezvous mode", output.CauseNetwork},
		{"caller calls a rendezvous", "mode=rendezvous&adapter=127.0.0.1", "", "one in rendezvous mode answers no caller", output.CauseNetwork},
		{"rendezvous, wrong passphrase", "mode=rendezvous&adapter=127.0.0.1&" + secret,
			"mode=rendezvous&localaddr=127.0.0.2&passphrase=another-passphrase", "the passphrase is wrong", output.CauseAuth},
		{"rendezvous, no passphrase here", "mode=rendezvous&adapter=127.0.0.1&" + secret,
			"mode=rendezvous&localaddr=127.0.0.2", "set passphrase to the other side's", output.CauseAuth},
		{"rendezvous, no passphrase there", "mode=rendezvous&adapter=127.0.0.1",
			"mode=rendezvous&localaddr=127.0.0.2&" + secret, "the other side has none", output.CauseAuth},
		{"rendezvous, file mode", "mode=rendezvous&adapter=127.0.0.1&transtype=file",
			"mode=rendezvous&localaddr=127.0.0.2", "not in live mode", output.CauseRejected},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			host := "127.0.0.1"
			if strings.HasPrefix(tc.theirs, "mode=rendezvous") {
				host = "127.0.0.2" // whom it calls
			}
			peer.Start(t, peer.Command{Args: []string{"srt-live-transmit", "-a:yes", "-t:0",
				fmt.Sprintf("srt://%s:%d?%s", host, port, tc.theirs), "file://con"}})
			_, err := dial(t, target(t, fmt.Sprintf("srt://127.0.0.1:%d?%s", port, tc.ours)), 5*time.Second)
			if err == nil {
				t.Fatal("no error")
			}
			if strings.HasPrefix(tc.name, "rendezvous, ") && strings.Contains(err.Error(), "a rendezvous has no reasons: do both sides have the same passphrase") &&
				output.CauseOf(err) == output.CauseAuth {
				return // seen from the side that loses the contest of cookies
			}
			if !strings.Contains(err.Error(), tc.want) || output.CauseOf(err) != tc.cause || errors.Is(err, output.ErrRejected) != (tc.cause != output.CauseNetwork) {
				t.Errorf("got %q, cause %s, want %q, cause %s", err, output.CauseOf(err), tc.want, tc.cause)
			}
			if strings.Contains(err.Error(), passphrase) || strings.Contains(err.Error(), "another-passphrase") {
				t.Errorf("error shows the passphrase: %q", err)
			}
		})
	}
}

// Every reason there is has words, and a cause that tells whom to ask.
func TestEveryReasonHasWords(t *testing.T) {
	named := []reason{1000, 1001, 1002, 1003, 1400, 1401, 1402, 1403, 1404, 1405, 1406, 1409, 1415, 1423, 1424, 1500, 1501, 1502, 1503, 1505, 1507}
	for r := reason(0); r < 16; r++ { // SRT_REJ_TIMEOUT is no refusal
		named = append(named, r)
	}
	for _, r := range named {
		for _, s := range []settings{{mode: calling}, {mode: rendezvous}, {mode: calling, before: map[string]string{"passphrase": passphrase}}} {
			v := r.verdict(s)
			if v.words == "" || v.cause == "" || strings.Contains(v.words, "(reason ") {
				t.Errorf("reason %d: %+v", r, v)
			}
		}
	}
	for r, want := range map[reason]verdict{
		1418: {"(reason 1418)", output.CauseRejected, true},
		1599: {"(reason 1599)", output.CauseRejected, false},
		2042: {"reason 2042, which", output.CauseRejected, false},
	} {
		if v := r.verdict(settings{mode: calling}); !strings.Contains(v.words, want.words) || v.cause != want.cause || v.lasting != want.lasting {
			t.Errorf("reason %d: %+v", r, v)
		}
	}
}

func TestPeerThatStopsIsStalled(t *testing.T) {
	for _, mode := range []string{"listener", "caller"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			p := peer.Start(t, peer.Command{Args: []string{"srt-live-transmit", "-a:yes", "-t:0", "-q",
				fmt.Sprintf("srt://127.0.0.1:%d?mode=%s", port, mode), "file://con"}})
			raw := fmt.Sprintf("srt://127.0.0.1:%d", port)
			if mode == "caller" {
				raw += "?mode=listener"
			}
			tg := target(t, raw)
			tg.WriteTimeout = 1500 * time.Millisecond
			c, err := dial(t, tg, 10*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			ps := programme(1000)
			for i, q := range ps {
				if err = c.Write(q); err != nil {
					break
				}
				if i == 50 {
					if err := p.Pause(); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(5 * time.Millisecond)
			}
			if err == nil || output.CauseOf(err) != output.CauseStalled || !strings.Contains(err.Error(), "not heard of for 1.5s") {
				t.Errorf("got %v (%s)", err, output.CauseOf(err))
			}
		})
	}
}

func TestPeerThatLeavesIsClosed(t *testing.T) {
	addr := listen(t, gosrt.ConnRequest.Accept, func(c gosrt.Conn) { c.Read(make([]byte, 2048)) })
	c, err := dial(t, target(t, "srt://"+addr), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range programme(1000) {
		if err = c.Write(p); err != nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err == nil || output.CauseOf(err) != output.CauseClosed || !strings.HasSuffix(err.Error(), addr+" closed the connection") {
		t.Errorf("got %v (%s)", err, output.CauseOf(err))
	}
}

func TestPulse(t *testing.T) {
	const idle = 4 * time.Second
	begin := time.Now()
	at := func(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }
	type look struct {
		at          float64
		acks        int
		outstanding uint64
	}
	for _, tc := range []struct {
		name    string
		looks   []look
		end     float64
		silence time.Duration
		known   bool
	}{
		{"never looked", nil, 5, 0, false},
		{"acknowledges", []look{{0, 0, 0}, {1, 5, 100}, {2, 9, 100}}, 2.5, 500 * time.Millisecond, true},
		{"nothing to acknowledge", []look{{0, 3, 0}, {1, 3, 0}}, 2, time.Second, true},
		{"acknowledges nothing more", []look{{0, 0, 0}, {1, 5, 100}, {2, 5, 200}, {3, 5, 200}, {4, 5, 300}}, 5, 4 * time.Second, true},
		{"nothing was sent for long", []look{{0, 3, 0}}, 10, 0, false},
		{"nothing was sent for long, then something", []look{{0, 3, 0}, {10, 3, 100}}, 10, 0, false},
	} {
		var p pulse
		for _, l := range tc.looks {
			p.felt(at(l.at), l.acks, l.outstanding, idle)
		}
		if d, known := p.silence(at(tc.end), idle); d != tc.silence || known != tc.known {
			t.Errorf("%s: %v %v", tc.name, d, known)
		}
	}
}
