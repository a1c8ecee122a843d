package udp

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// BenchmarkJitter sends sound at a constant 5 Mb/s, mostly null packets, for two
// seconds an iteration, and reports how far datagrams arrive from an even pace.
func BenchmarkJitter(b *testing.B) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	u := &url.URL{Scheme: "udp", Host: conn.LocalAddr().String()}
	track := segmenttest.Audio()
	var off []time.Duration
	for b.Loop() {
		c, err := Dial(context.Background(), output.Target{
			Name: "bench", URL: u, Options: map[string]string{"mux_rate": "5M"}, WriteTimeout: time.Second, Log: slog.New(slog.DiscardHandler),
		}, []*media.Track{track})
		if err != nil {
			b.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			start := time.Now()
			for n := range 94 { // two seconds of it
				p := segmenttest.Sound(track, 0, n)
				time.Sleep(p.DTS - time.Since(start))
				if err := c.Write(p); err != nil {
					b.Error(err)
					return
				}
			}
		}()
		const interval = chunk * 8 * time.Second / 5_000_000
		buf := make([]byte, 2048)
		var first time.Time
		for n := range 900 {
			if _, err := conn.Read(buf); err != nil {
				b.Fatal(err)
			}
			if n == 0 {
				first = time.Now()
			}
			off = append(off, (time.Since(first) - time.Duration(n)*interval).Abs())
		}
		<-done
		_ = c.Close()
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		for {
			if _, err := conn.Read(buf); err != nil {
				break
			}
		}
		_ = conn.SetReadDeadline(time.Time{})
	}
	slices.Sort(off)
	b.ReportMetric(float64(off[len(off)/2].Microseconds()), "µs-p50")
	b.ReportMetric(float64(off[len(off)*99/100].Microseconds()), "µs-p99")
	b.ReportMetric(float64(off[len(off)-1].Microseconds()), "µs-max")
}
