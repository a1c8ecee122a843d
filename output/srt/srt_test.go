package srt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	gosrt "github.com/datarhei/gosrt"
	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
	"github.com/encoderbox/encoderbox/media/h264"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/mux/ts"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/datarhei/gosrt.Dial.func1")) // left by gosrt when a listener refuses it
}

const passphrase = "a-long-passphrase"

var (
	video = &media.Track{Codec: media.H264, Video: &media.VideoParams{Width: 1920, Height: 1080,
		FrameRate: media.Rational{Num: 25, Den: 1},
		SPS: []byte{0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04,
			0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc9, 0x20},
		PPS: []byte{0x68, 0xce, 0x3c, 0x80}}}
	audio = aac.Track(48000, 2)
)

// programme is n pictures, 40 ms apart, with sound between them.
func programme(n int) (ps []media.Packet) {
	for i := range n {
		at := time.Duration(i) * 40 * time.Millisecond
		slice := bytes.Repeat([]byte{byte(i) | 1}, 4000)
		slice[0] = 0x41
		if i%25 == 0 {
			slice[0] = 0x65
		}
		ps = append(ps,
			media.Packet{Track: video, DTS: at, PTS: at, Key: i%25 == 0, Data: h264.AppendUnit(nil, slice)},
			media.Packet{Track: audio, DTS: at, PTS: at, Key: true, Data: aac.SilentFrame(2)})
	}
	return ps
}

// transport is what the programme is as MPEG-TS.
func transport(t *testing.T, ps []media.Packet) (stream []byte) {
	t.Helper()
	m, err := ts.New(ts.Config{Tracks: []*media.Track{video, audio}})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range ps {
		if stream, err = m.Append(stream, p); err != nil {
			t.Fatal(err)
		}
	}
	return stream
}

func target(t *testing.T, rawURL string) output.Target {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return output.Target{Name: "test", URL: u, WriteTimeout: 5 * time.Second, Log: slog.New(slog.DiscardHandler)}
}

func dial(t *testing.T, tg output.Target, limit time.Duration) (output.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	c, err := Dial(ctx, tg, []*media.Track{video, audio})
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

var errRejected = errors.New("rejected as the test wants it")

// listen runs a listener of another implementation. accept decides about each
// caller; handle gets the accepted ones. Both have ended when the test has.
func listen(t *testing.T, accept func(gosrt.ConnRequest) (gosrt.Conn, error), handle func(gosrt.Conn)) string {
	t.Helper()
	config := gosrt.DefaultConfig()
	ln, err := gosrt.Listen("srt", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			request, err := ln.Accept2()
			if err != nil {
				return
			}
			conn, err := accept(request)
			switch {
			case errors.Is(err, errRejected):
			case err != nil:
				t.Error(err)
			default:
				wg.Go(func() { defer conn.Close(); handle(conn) })
			}
		}
	})
	t.Cleanup(func() { ln.Close(); wg.Wait() })
	return ln.Addr().String()
}

func TestStreamArrivesWhole(t *testing.T) {
	for _, tc := range []struct {
		name, query string
		encrypted   bool
	}{
		{"plain", "?streamid=publish:cam1&latency=1s", false},
		{"encrypted", "?passphrase=" + passphrase + "&pbkeylen=32&streamid=publish:cam1&latency=1000", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ps := programme(50)
			want := transport(t, ps)
			received := make(chan []byte, 1)
			accept := func(r gosrt.ConnRequest) (gosrt.Conn, error) {
				if r.StreamId() != "publish:cam1" || r.IsEncrypted() != tc.encrypted {
					return nil, fmt.Errorf("stream id %q, encrypted %v", r.StreamId(), r.IsEncrypted())
				}
				if tc.encrypted {
					if err := r.SetPassphrase(passphrase); err != nil {
						return nil, err
					}
				}
				return r.Accept()
			}
			addr := listen(t, accept, func(c gosrt.Conn) {
				var all []byte
				buf := make([]byte, 2048)
				for len(all) < len(want) {
					n, err := c.Read(buf)
					if err != nil {
						break
					}
					if n == 0 || n > messageSize || n%ts.PacketSize != 0 {
						t.Errorf("a message of %d bytes", n)
					}
					all = append(all, buf[:n]...)
				}
				received <- all
				c.Read(buf) // until the caller leaves
			})
			c, err := dial(t, target(t, "srt://"+addr+tc.query), 10*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range ps {
				if err := c.Write(p); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Millisecond) // a live stream is no burst: what is lost in one may not be repaired
			}
			hung := time.AfterFunc(20*time.Second, func() { c.Close() }) // ends the listener's Read
			defer hung.Stop()
			if got := <-received; !bytes.Equal(got, want) {
				t.Errorf("received %d bytes, want the %d sent", len(got), len(want))
			}
			if st := c.Stats(); st.BytesSent < uint64(len(want)) || st.RTT <= 0 || st.Lost != 0 {
				t.Errorf("stats %+v", st)
			}
			c.Close()
			if st := c.Stats(); st.BytesSent < uint64(len(want)) {
				t.Errorf("stats after Close %+v", st)
			}
			if err := c.Write(ps[0]); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Write after Close: %v", err)
			}
		})
	}
}

func TestDialFailures(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0") // takes the datagrams, answers none
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	secured := listen(t, func(r gosrt.ConnRequest) (gosrt.Conn, error) {
		if err := r.SetPassphrase(passphrase); err != nil {
			r.Reject(gosrt.REJ_BADSECRET)
			return nil, errRejected
		}
		return r.Accept()
	}, func(gosrt.Conn) {})
	reject := func(reason gosrt.RejectionReason) string {
		return listen(t, func(r gosrt.ConnRequest) (gosrt.Conn, error) { r.Reject(reason); return nil, errRejected }, nil)
	}
	// On the wire every reason is 1000 more, which gosrt does only for its own.
	for _, tc := range []struct {
		name, host, query, want string
		rejected                bool
	}{
		{"nobody there", silent.LocalAddr().String(), "", "no answer from", false},
		{"wrong passphrase", secured, "?passphrase=another-passphrase", "the passphrase is wrong", true},
		{"refused", reject(gosrt.REJ_PEER), "?passphrase=" + passphrase, "the other side gave no reason", true},
		{"unknown stream", reject(1000 + gosrt.REJX_NOTFOUND), "", "does not know this stream id", true},
		{"stream in use", reject(1000 + 1409), "", "is another encoder publishing it?", true},
		{"overloaded", reject(1000 + gosrt.REJX_OVERLOAD), "", "overloaded", false},
		{"unknown host", "nowhere.invalid:9000", "", `"nowhere.invalid"`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := dial(t, target(t, "srt://"+tc.host+tc.query), 700*time.Millisecond)
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tc.want) || errors.Is(err, output.ErrRejected) != tc.rejected {
				t.Errorf("error %q, want %q in it, rejected %v", err, tc.want, tc.rejected)
			}
			if strings.Contains(err.Error(), "passphrase=") && !strings.Contains(err.Error(), "passphrase=…") || strings.Contains(err.Error(), passphrase) {
				t.Errorf("error shows the passphrase: %q", err)
			}
		})
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, target(t, "srt://"+silent.LocalAddr().String()), []*media.Track{video}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// writeUntilError writes as fast as Write lets it.
func writeUntilError(c output.Conn) error {
	ps := programme(500)
	for {
		for _, p := range ps {
			if err := c.Write(p); err != nil {
				return err
			}
		}
	}
}

func TestListenerThatLeavesIsReported(t *testing.T) {
	addr := listen(t, gosrt.ConnRequest.Accept, func(c gosrt.Conn) {
		buf := make([]byte, 2048)
		c.Read(buf)
	})
	c, err := dial(t, target(t, "srt://"+addr), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeUntilError(c); !strings.Contains(err.Error(), "connection lost: "+addr) {
		t.Errorf("got %v", err)
	}
}

// drain takes what comes until the connection ends.
func drain(c gosrt.Conn) {
	buf := make([]byte, 2048)
	for {
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}
