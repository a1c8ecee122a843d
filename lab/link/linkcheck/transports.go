package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/lab/link"
	"github.com/encoderbox/encoderbox/lab/link/netns"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
	"github.com/encoderbox/encoderbox/media/h264"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/rtmp"
	"github.com/encoderbox/encoderbox/output/srt"
)

const (
	sent    = 4e6 // bits per second of what is sent
	period  = 40 * time.Millisecond
	picture = sent / 8 * int(period) / int(time.Second)
)

// transports sends 4 Mb/s through real transports to real servers over a link that
// falls from 6 to 2 Mb/s, and looks at what waits in the sender.
func transports(ctx context.Context, c *check, d time.Duration) error {
	dir, err := os.MkdirTemp("", "linkcheck-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := start(ctx)
	if err != nil {
		return err
	}
	defer l.Close()
	return peer.Do(dir, io.Discard, func(tb peer.TB) {
		place := peer.Place{Do: l.ReceiverNS().Do, Addr: l.ReceiverAddr()}
		r := peer.StartSRT(tb, peer.SRTOptions{Latency: 2 * time.Second, Discard: true, Place: place})
		n := peer.StartNginx(tb, peer.NginxOptions{DAV: true, Place: place})
		for _, way := range []struct {
			name string
			send func(context.Context, time.Duration) (account, error)
		}{
			{"SRT to srt-live-transmit", pushing(l, srt.Dial, r.URL()+"?latency=2000")},
			{"RTMP to nginx", pushing(l, rtmp.Dial, n.URL("check"))},
			{"HTTP PUT to nginx", uploading(l, n.DAVURL()+"check.bin")},
		} {
			if err := l.Up().SetBitrate(capacity); err != nil {
				tb.Fatalf("%v", err)
			}
			a, err := way.send(ctx, d)
			if err != nil {
				tb.Fatalf("%s: %w", way.name, err)
			}
			c.line(way.name, fmt.Sprintf("waiting in the sender: %d kB at 6 Mb/s, then %d kB at 2", a.before/1000, a.after/1000),
				a.after > 2*a.before)
		}
	})
}

// account is what the sender's side held, bytes: the most of the second half of the
// time before the step, and at the end.
type account struct{ before, after uint64 }

// follow calls send for each picture, in real time, has the link step down at half
// of d, and asks held what waits. What a blocked send kept from being sent waits too.
func follow(ctx context.Context, l *link.Link, d time.Duration, send func(i int) error, held func() (uint64, error)) (a account, err error) {
	begin := time.Now()
	stepped := false
	for i := 0; time.Since(begin) < d; i++ {
		wait(ctx, time.Duration(i)*period-time.Since(begin))
		if ctx.Err() != nil {
			return a, context.Cause(ctx)
		}
		if !stepped && time.Since(begin) >= d/2 {
			stepped = true
			if err := l.Up().SetBitrate(2e6); err != nil {
				return a, err
			}
		}
		if err := send(i); err != nil {
			return a, err
		}
		h, err := held()
		if err != nil {
			return a, err
		}
		now := time.Since(begin)
		h += uint64(picture * max(0, int(now/period)-i))
		if a.after = h; now > d/4 && !stepped {
			a.before = max(a.before, h)
		}
	}
	return a, nil
}

type dial func(context.Context, output.Target, []*media.Track) (output.Conn, error)

// pushing sends by one of the product's transports.
func pushing(l *link.Link, dial dial, address string) func(context.Context, time.Duration) (account, error) {
	video := &media.Track{Codec: media.H264, Video: &media.VideoParams{Width: 1280, Height: 720,
		SPS: []byte{0x67, 0x64, 0, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0, 0, 3, 0, 0x10, 0, 0, 3, 3, 0xc0, 0xf1, 0x83, 0x19, 0x60},
		PPS: []byte{0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0}}}
	return func(ctx context.Context, d time.Duration) (account, error) {
		u, err := url.Parse(address)
		if err != nil {
			return account{}, err
		}
		t := output.Target{Name: "check", URL: u, WriteTimeout: 5 * time.Second, Log: slog.New(slog.DiscardHandler)}
		var c output.Conn
		err = l.SenderNS().Do(func() error {
			dctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			c, err = dial(dctx, t, []*media.Track{video, aac.Track(48000, 2)})
			return err
		})
		if err != nil {
			return account{}, err
		}
		defer c.Close()
		path, ok := c.(output.PathConn)
		if !ok {
			return account{}, fmt.Errorf("%T tells nothing of its path", c)
		}
		_ = path.Pace(sent * 3 / 2)
		return follow(ctx, l, d, func(i int) error {
			slice := make([]byte, picture)
			for k := range slice {
				slice[k] = byte(i) | 1
			}
			slice[0] = 0x41
			if i%25 == 0 {
				slice[0] = 0x65
			}
			at := time.Duration(i) * period
			return c.Write(media.Packet{Track: video, DTS: at, PTS: at, Key: i%25 == 0, Data: h264.AppendUnit(nil, slice)})
		}, func() (uint64, error) {
			p, ok := path.Path()
			if !ok {
				return 0, fmt.Errorf("%T has no path", c)
			}
			return p.Outstanding, nil
		})
	}
}

// uploading sends one long HTTP PUT.
func uploading(l *link.Link, address string) func(context.Context, time.Duration) (account, error) {
	return func(ctx context.Context, d time.Duration) (account, error) {
		transport := l.SenderNS().Transport()
		defer transport.CloseIdleConnections()
		body, feed := io.Pipe()
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, address, body)
		if err != nil {
			return account{}, err
		}
		answered := make(chan error, 1)
		go func() {
			resp, err := transport.RoundTrip(req)
			if err == nil {
				err = resp.Body.Close()
			}
			answered <- err
		}()
		a, err := follow(ctx, l, d, func(int) error {
			_, err := feed.Write(make([]byte, picture))
			return err
		}, func() (uint64, error) { return tcpQueued(l.SenderNS()) })
		_ = l.Up().SetBitrate(50e6) // what waits is not waited for
		_ = feed.CloseWithError(err)
		if e := <-answered; err == nil {
			err = e
		}
		return a, err
	}
}

// tcpQueued is what waits in the send buffers of a namespace's TCP sockets, the
// unacknowledged included (SIOCOUTQ): the second column of numbers of /proc/net/tcp.
func tcpQueued(n *netns.Namespace) (total uint64, err error) {
	err = n.Do(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/tcp")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if len(f) < 5 || f[3] != "01" { // TCP_ESTABLISHED
				continue
			}
			queued, _, _ := strings.Cut(f[4], ":")
			v, err := strconv.ParseUint(queued, 16, 64)
			if err != nil {
				return err
			}
			total += v
		}
		return nil
	})
	return total, err
}
