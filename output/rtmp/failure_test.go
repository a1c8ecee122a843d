package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/handshake"
	"github.com/bluenviron/gortmplib/pkg/message"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
)

// refuse answers the command named name with an error that repeats the key.
func refuse(c net.Conn, name, code string) {
	bc := bytecounter.NewReadWriter(c)
	if _, _, err := handshake.DoServer(bc, false); err != nil {
		return
	}
	rw := message.NewReadWriter(bc, bc, false)
	for {
		m, err := rw.Read()
		if err != nil {
			return
		}
		cmd, ok := m.(*message.CommandAMF0)
		if !ok {
			continue
		}
		answer := &message.CommandAMF0{ChunkStreamID: 3, Name: "_result", CommandID: cmd.CommandID, Arguments: []any{nil, 1.0}}
		switch {
		case cmd.Name == name && code == "":
			return // closes the connection instead
		case cmd.Name == name:
			answer.Name = "_error"
			if name == "publish" {
				answer.Name = "onStatus"
			}
			answer.Arguments = []any{nil, amf0.Object{
				{Key: "level", Value: "error"}, {Key: "code", Value: code},
				{Key: "description", Value: "no\nentry for " + secretKey},
			}}
		case cmd.Name != "connect" && cmd.Name != "createStream":
			continue
		}
		if rw.Write(answer) != nil {
			return
		}
	}
}

func TestDialFailures(t *testing.T) {
	other, pool := certificate(t, "other.example")
	own, _ := certificate(t, "127.0.0.1")
	tlsServer := func(cert tls.Certificate) func(net.Conn) {
		return func(c net.Conn) {
			_ = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}}).Handshake()
		}
	}
	for _, tc := range []struct {
		name     string
		scheme   string
		handle   func(net.Conn)
		tls      *tls.Config
		want     string
		rejected bool
		cause    output.Cause
	}{
		{name: "reset at once", cause: output.CauseClosed, handle: func(c net.Conn) { c.(*net.TCPConn).SetLinger(0) }, want: "connection reset by"},
		{name: "closed in the handshake", cause: output.CauseClosed, handle: func(c net.Conn) { io.CopyN(io.Discard, c, 1537) }, want: "closed the connection"},
		{name: "an HTTP server", cause: output.CauseRejected, handle: func(c net.Conn) {
			io.CopyN(io.Discard, c, 1537)
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			io.Copy(io.Discard, c)
		}, want: "does not speak RTMP: is the port right?"},
		{name: "garbage after the handshake", cause: output.CauseRejected, handle: func(c net.Conn) {
			if _, _, err := handshake.DoServer(bytecounter.NewReadWriter(c), false); err == nil {
				io.WriteString(c, strings.Repeat("\xff", 4096))
				io.Copy(io.Discard, c)
			}
		}, want: "does not speak RTMP"},
		{name: "closed instead of a connection", cause: output.CauseClosed, handle: func(c net.Conn) { refuse(c, "connect", "") }, want: "closed the connection"},
		{name: "closed instead of a publication", cause: output.CauseClosed, handle: func(c net.Conn) { refuse(c, "publish", "") }, want: "is the stream key right?"},
		{name: "unknown application", cause: output.CauseRejected, handle: func(c net.Conn) { refuse(c, "connect", "NetConnection.Connect.Rejected") },
			want: `does the server have the application "live"?`, rejected: true},
		{name: "key in use", cause: output.CauseRejected, handle: func(c net.Conn) { refuse(c, "publish", "NetStream.Publish.BadName") },
			want: "is another encoder publishing under this key", rejected: true},
		{name: "no answer", cause: output.CauseNetwork, handle: func(c net.Conn) { io.Copy(io.Discard, c) }, want: "no answer from"},
		{name: "untrusted certificate", cause: output.CauseTLS, scheme: "rtmps", handle: tlsServer(own), want: "not signed by an authority this box trusts"},
		{name: "certificate for another name", cause: output.CauseTLS, scheme: "rtmps", handle: tlsServer(other), tls: &tls.Config{RootCAs: pool}, want: `not for the name "127.0.0.1"`},
		{name: "no TLS there", cause: output.CauseTLS, scheme: "rtmps", handle: func(c net.Conn) {
			io.WriteString(c, "220 mail.example ESMTP\r\n")
			io.Copy(io.Discard, c)
		}, want: "does not speak TLS"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			scheme := tc.scheme
			if scheme == "" {
				scheme = "rtmp"
			}
			tg := target(t, scheme+"://"+serve(t, tc.handle)+"/live/"+secretKey)
			tg.TLS = tc.tls
			checkFailure(t, tg, tc.want, tc.rejected, tc.cause)
		})
	}
}

func TestDialWithoutAServer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	checkFailure(t, target(t, "rtmp://"+ln.Addr().String()+"/live/"+secretKey),
		"connection refused: is the server running on "+ln.Addr().String(), false, output.CauseRefused)
	checkFailure(t, target(t, "rtmp://nowhere.invalid/live/"+secretKey), `"nowhere.invalid"`, false, output.CauseDNS)
}

func checkFailure(t *testing.T, tg output.Target, want string, rejected bool, cause output.Cause) {
	t.Helper()
	limit := time.Minute // for what the peer says or does, however busy the machine
	if cause == output.CauseNetwork {
		limit = time.Second // it says nothing
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	c, err := Dial(ctx, tg, []*media.Track{video, audio})
	if err == nil {
		c.Close()
		t.Fatal("no error")
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("error %q, want %q in it", err, want)
	}
	if strings.Contains(err.Error(), secretKey) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error shows the key or has several lines: %q", err)
	}
	if output.CauseOf(err) != cause {
		t.Errorf("cause %q, want %q: %v", output.CauseOf(err), cause, err)
	}
	if errors.Is(err, output.ErrRejected) != rejected {
		t.Errorf("rejected = %v, want %v: %v", !rejected, rejected, err)
	}
}

func writeUntilError(c output.Conn) error {
	for i := 0; ; i++ {
		if err := c.Write(picture(i, i, i == 0, 100_000)); err != nil {
			return err
		}
	}
}

func TestPeerThatNeverReadsIsAStall(t *testing.T) {
	for _, scheme := range []string{"rtmp", "rtmps"} {
		t.Run(scheme, func(t *testing.T) {
			release := make(chan struct{})
			defer close(release)
			cert, pool := certificate(t, "127.0.0.1")
			addr := serve(t, func(c net.Conn) {
				if scheme == "rtmps" {
					c = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
				}
				acceptThenStop(c, release)
			})
			tg := target(t, scheme+"://"+addr+"/live/key")
			tg.WriteTimeout = 200 * time.Millisecond
			tg.TLS = &tls.Config{RootCAs: pool}
			err := writeUntilError(mustDial(t, tg))
			if !errors.Is(err, output.ErrStalled) || !strings.Contains(err.Error(), "has accepted nothing for 200ms") {
				t.Errorf("got %v, want ErrStalled", err)
			}
		})
	}
}

// Slow is not stalled: as long as the peer takes something, it is waited for.
func TestSlowPeerIsNotAStall(t *testing.T) {
	received := make(chan int, 1)
	addr := serve(t, func(c net.Conn) {
		sc := &gortmplib.ServerConn{RW: c}
		if sc.Initialize() != nil || sc.Accept() != nil {
			return
		}
		total, buf := 0, make([]byte, 512<<10)
		for total < 4<<20 {
			n, err := c.Read(buf)
			if err != nil {
				break
			}
			total += n
			time.Sleep(100 * time.Millisecond)
		}
		io.Copy(io.Discard, c)
		received <- total
	})
	tg := target(t, "rtmp://"+addr+"/live/key")
	tg.WriteTimeout = 500 * time.Millisecond
	c := mustDial(t, tg)
	mustWrite(t, c, picture(0, 0, true, 16<<20)) // far beyond the buffers, in one Write
	c.Close()
	if n := <-received; n < 4<<20 {
		t.Errorf("peer got %d bytes", n)
	}
}

func TestEndByTheServerIsReportedByWrite(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		end        func(*gortmplib.ServerConn, net.Conn)
		rejected   bool
	}{
		{"closed", "closed the connection", func(_ *gortmplib.ServerConn, c net.Conn) {
			c.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, c)
		}, false},
		{"reset", "connection reset by", func(_ *gortmplib.ServerConn, c net.Conn) { c.(*net.TCPConn).SetLinger(0) }, false},
		{"thrown out", "NetStream.Publish.Denied quota", func(sc *gortmplib.ServerConn, c net.Conn) {
			sc.Write(&message.CommandAMF0{ChunkStreamID: 5, MessageStreamID: 1 << 24, Name: "onStatus", Arguments: []any{nil, amf0.Object{
				{Key: "level", Value: "error"}, {Key: "code", Value: "NetStream.Publish.Denied"}, {Key: "description", Value: "quota"}}}})
			io.Copy(io.Discard, c)
		}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			addr := serve(t, func(c net.Conn) {
				sc := &gortmplib.ServerConn{RW: c}
				if sc.Initialize() != nil || sc.Accept() != nil {
					return
				}
				for { // the opening is through with the first sound
					m, err := sc.Read()
					if err != nil {
						return
					}
					if a, ok := m.(*message.Audio); ok && a.AACType == message.AudioAACTypeConfig {
						break
					}
				}
				tc.end(sc, c)
			})
			err := writeUntilError(mustDial(t, target(t, "rtmp://"+addr+"/live/"+secretKey)))
			if !strings.Contains(err.Error(), tc.want) || errors.Is(err, output.ErrRejected) != tc.rejected {
				t.Errorf("got %v, want %q, rejected %v", err, tc.want, tc.rejected)
			}
		})
	}
}

// Messages that no publisher understands must not end a good connection.
func TestUnknownMessagesArePassedOver(t *testing.T) {
	received := make(chan error, 1)
	addr := serve(t, func(c net.Conn) {
		sc := &gortmplib.ServerConn{RW: c}
		if sc.Initialize() != nil || sc.Accept() != nil {
			return
		}
		for _, b := range []string{
			"\x02\x00\x00\x00\x00\x00\x06\x04\x00\x00\x00\x00\x00\x63\x00\x00\x00\x01", // unknown user control event
			"\x05\x00\x00\x00\x00\x00\x03\x11\x01\x00\x00\x00\x00\x01\x02",             // AMF3 command
			"\x05\x00\x00\x00\x00\x00\x03\x14\x01\x00\x00\x00\x0a\xff\xff",             // broken AMF0
			"\x05\x00\x00\x00\x00\x00\x01\x63\x01\x00\x00\x00\x00",                     // unknown type
		} {
			if _, err := io.WriteString(c, b); err != nil {
				received <- err
				return
			}
		}
		err := sc.Write(&message.UserControlPingRequest{ServerTime: 7})
		for err == nil {
			var m message.Message
			if m, err = sc.Read(); err == nil {
				if _, ok := m.(*message.UserControlPingResponse); ok {
					break
				}
			}
		}
		received <- err
		io.Copy(io.Discard, c)
	})
	c := mustDial(t, target(t, "rtmp://"+addr+"/live/key"))
	mustWrite(t, c, picture(0, 0, true, 10))
	if err := <-received; err != nil {
		t.Errorf("no answer to the ping behind them: %v", err)
	}
	mustWrite(t, c, picture(1, 1, false, 10))
}
