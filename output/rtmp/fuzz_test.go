package rtmp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"github.com/encoderbox/encoderbox/output"
)

func fuzzAddress(tls bool) address {
	scheme := map[bool]string{false: "rtmp", true: "rtmps"}[tls]
	a, err := parse(&url.URL{Scheme: scheme, Host: "server.example", Path: "/live/" + secretKey, RawQuery: "sign=sign-word", User: url.UserPassword("user", authPassword)})
	if err != nil {
		panic(err)
	}
	return a
}

// checkText wants an error for people: bounded, one line, without secrets.
func checkText(t *testing.T, text string) {
	t.Helper()
	if len(text) > 2500 || strings.ContainsFunc(text, unicode.IsControl) {
		t.Errorf("not fit to read: %q", text)
	}
	for _, secret := range []string{secretKey, "sign-word", authPassword} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in %q", secret, text)
		}
	}
}

// FuzzCommand gives a server's command to all that looks into one.
func FuzzCommand(f *testing.F) {
	add := func(all ...any) {
		b, err := amf0.Data(all).Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, byte(0))
		f.Add(b, byte(2))
	}
	add("_result", 1.0, nil, info("status", "NetConnection.Connect.Success", "", amf0.ObjectEntry{Key: "capsEx", Value: 15.0}))
	add("_error", 1.0, nil, info("error", "NetConnection.Connect.Rejected", "authmod=adobe :?reason=needauth&salt=a&challenge=b"))
	add("_error", 1.0, nil, info("error", "NetConnection.Connect.Rejected", "moved to "+secretKey, amf0.ObjectEntry{
		Key: "ex", Value: amf0.Object{{Key: "code", Value: 302.0}, {Key: "redirect", Value: "rtmp://edge/live"}}}))
	add("onStatus", 0.0, nil, info("status", reconnectRequest, "", amf0.ObjectEntry{Key: "tcUrl", Value: "//edge/live"}))
	add("_result", 4.0, nil, 1.0)
	f.Add([]byte("\x02\x00\x01a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0a\xff\xff\xff\xff\x0b\x10\x00\x01"), byte(3))
	f.Fuzz(func(t *testing.T, body []byte, kind byte) {
		_, _, args, ok := command(body)
		if !ok {
			return
		}
		l := &link{addr: fuzzAddress(kind&1 != 0)}
		l.offered(args)
		_, _ = l.created(args)
		for _, at := range []stage{connecting, creating, publishing, streaming} {
			err := l.refusal(at, args)
			if asked, isChallenge := asChallenge(err); isChallenge {
				if _, err = asked.answer(l.addr); err == nil {
					continue
				}
			}
			checkText(t, explain(l.addr, err).Error())
		}
		checkText(t, l.reconnect(args).Error())
	})
}

// FuzzMessages reads chunks; whatever comes is held within bounds.
func FuzzMessages(f *testing.F) {
	f.Add([]byte(control(1, 4096) + chunkOf(3, 20, 300, strings.Repeat("x", 300))))
	f.Add([]byte(control(1, 0)))
	f.Add([]byte(control(5, 1) + chunkOf(3, 20, 0xffffff, "abc")))
	f.Add([]byte("\x01\x10\x01" + chunkOf(0, 20, 3, "abc")[1:] + "\xc1\x10\x01abc"))
	f.Add([]byte(chunkOf(3, 20, 300, strings.Repeat("x", 128)) + control(2, 3) + "\x43\xff\xff\xff\x00\x00\x02\x14\x01\x02\x03\x04ab"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		m := newMessageReader(bytes.NewReader(wire), func(uint32) error { return nil })
		for {
			typ, body, err := m.next()
			if m.held > maxHeld || len(body) > maxControl || len(m.streams) > maxChunkStreams {
				t.Fatalf("held %d, message of %d bytes, %d chunk streams", m.held, len(body), len(m.streams))
			}
			if err != nil {
				return
			}
			switch typ {
			case 1:
				if m.setChunkSize(body) != nil {
					return
				}
			case 2:
				m.abort(body)
			case 5:
				m.window = 7
			}
		}
	})
}

// FuzzConversation is a server that says anything behind a handshake.
func FuzzConversation(f *testing.F) {
	result, err := amf0.Data{"_result", 1.0, nil, nil}.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(control(5, 100) + control(6, 1<<20) + chunkOf(3, 20, len(result), string(result)) + chunkOf(2, 4, 6, "\x00\x06\x00\x00\x00\x01")))
	f.Fuzz(func(t *testing.T, said []byte) {
		shake := append([]byte{3}, make([]byte, 2*1536)...)
		l := &link{addr: fuzzAddress(false), writing: make(chan struct{}, 1)}
		l.attach(struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(append(shake, said...)), io.Discard})
		_, err := l.publish("agent", opening{})
		if err == nil {
			return
		}
		if _, isChallenge := asChallenge(err); !isChallenge {
			err = explain(l.addr, err)
			checkText(t, err.Error())
			var again *output.ReconnectError
			if output.CauseOf(err) == output.CauseLocal && !errors.As(err, &again) && !errors.Is(err, context.Canceled) {
				t.Errorf("the server's fault is taken for ours: %v", err)
			}
		}
	})
}

// FuzzChallenge answers any demand.
func FuzzChallenge(f *testing.F) {
	f.Add("[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ")
	f.Add("[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=u&salt=c2Fs&challenge=Y2hh&opaque=b3Bh")
	f.Add("authmod=llnw ?reason=needauth&nonce=abc")
	f.Add("authmod=adobe ?reason=authfailed\x1b[31m&opaque=")
	f.Fuzz(func(t *testing.T, description string) {
		c, ok := demand(description)
		if !ok {
			return
		}
		a := fuzzAddress(false)
		query, err := c.answer(a)
		if err != nil {
			if output.CauseOf(err) != output.CauseAuth || !errors.Is(err, output.ErrRejected) {
				t.Errorf("cause %q: %v", output.CauseOf(err), err)
			}
			checkText(t, err.Error())
			return
		}
		if strings.Contains(query, authPassword) || !strings.HasPrefix(query, "authmod=") {
			t.Errorf("query %q", query)
		}
	})
}

// FuzzRedirect follows any address: never to a plain connection from TLS, never
// to one that cannot be dialled.
func FuzzRedirect(f *testing.F) {
	for _, to := range []string{"rtmp://edge/live", "rtmps://edge:1/live/" + secretKey, "//edge", "/a/../b", "?x", "#y", "rtmp:x", "rtmp://[::1]:x/%zz", "RTMP://edge/x"} {
		f.Add(to, true)
		f.Add(to, false)
	}
	f.Fuzz(func(t *testing.T, to string, tls bool) {
		a := fuzzAddress(tls)
		u, err := a.redirected(to)
		if err != nil {
			return // its words are checked by FuzzCommand
		}
		b, err := parse(u)
		if err != nil || tls && !b.tls || b.key != a.key || b.host == "" || b.password != a.password {
			t.Errorf("%q leads to %+v (%v)", to, b, err)
		}
		if text := (&output.ReconnectError{URL: u}).Error(); strings.Contains(text, secretKey) && !strings.Contains(to, secretKey) || strings.Contains(text, authPassword) {
			t.Errorf("shown: %s", text)
		}
	})
}
