package udp

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/tscheck"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func target(t *testing.T, rawURL string, options ...string) output.Target {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	tg := output.Target{Name: "test", URL: u, Options: map[string]string{}, WriteTimeout: 5 * time.Second, Log: slog.New(slog.DiscardHandler)}
	for i := 0; i < len(options); i += 2 {
		tg.Options[options[i]] = options[i+1]
	}
	return tg
}

func mustDial(t *testing.T, tg output.Target, tracks []*media.Track) output.Conn {
	t.Helper()
	c, err := Dial(t.Context(), tg, tracks)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// street is the first seconds of real footage.
func street(t *testing.T, length time.Duration) ([]media.Packet, []*media.Track) {
	t.Helper()
	file, err := footage.StreetMP4(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	clip, err := segmenttest.ReadMP4(file)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for n < len(clip.Packets) && clip.Packets[n].DTS < length {
		n++
	}
	return clip.Packets[:n], clip.Tracks
}

// play writes packets as a live programme brings them.
func play(t *testing.T, c output.Conn, ps []media.Packet) {
	t.Helper()
	start := time.Now()
	for _, p := range ps {
		time.Sleep(p.DTS - time.Since(start))
		if err := c.Write(p); err != nil {
			t.Fatalf("at %v: %v", p.DTS, err)
		}
	}
}

// receiver collects datagrams.
type receiver struct {
	conn *net.UDPConn
	wg   sync.WaitGroup

	mu   sync.Mutex // guards all
	all  [][]byte
	from net.Addr
}

func receive(t *testing.T, conn *net.UDPConn) *receiver {
	t.Helper()
	_ = conn.SetReadBuffer(4 << 20)
	r := &receiver{conn: conn}
	r.wg.Go(func() {
		buf := make([]byte, 65536)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			r.mu.Lock()
			r.all, r.from = append(r.all, bytes.Clone(buf[:n])), from
			r.mu.Unlock()
		}
	})
	t.Cleanup(func() { r.end() })
	return r
}

// end is what was received.
func (r *receiver) end() [][]byte {
	_ = r.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	r.wg.Wait()
	_ = r.conn.Close()
	return r.all
}

// pair is two ports in a row, the first even.
func pair(t *testing.T, host string) (a, b *net.UDPConn) {
	t.Helper()
	for range 50 {
		a, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
		if err != nil {
			t.Fatal(err)
		}
		port := a.LocalAddr().(*net.UDPAddr).Port
		if port%2 == 0 {
			if b, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host), Port: port + 1}); err == nil {
				return a, b
			}
		}
		_ = a.Close()
	}
	t.Fatal("no two ports in a row are free")
	return nil, nil
}

// passes checks a stream, and that picture and sound begin as far apart as sent.
func passes(t *testing.T, stream []byte, o tscheck.Options, ps []media.Packet) {
	t.Helper()
	r, err := tscheck.Check(bytes.NewReader(stream), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Findings {
		t.Error(f)
	}
	if n := len(r.Units); n < len(ps)*9/10 || r.Breaks != 0 {
		t.Fatalf("%d access units of %d, %d breaks", n, len(ps), r.Breaks)
	}
	first := map[media.Kind]time.Duration{}
	for i := len(ps) - 1; i >= 0; i-- {
		first[ps[i].Track.Kind()] = ps[i].PTS
	}
	want := first[media.Audio] - first[media.Video]
	if got := r.Of(0x101)[0].PTS - r.Of(0x100)[0].PTS; (got - want).Abs() > 100*time.Microsecond {
		t.Errorf("sound begins %v after the picture, want %v", got, want)
	}
	t.Logf("%d packets, %.0f bit/s, %.1f %% null, PCR %v, error %v, decoded %v to %v after arrival",
		r.Packets, r.Rate, r.NullShare()*100, r.MaxPCR, r.PCRError, r.MinDelay, r.MaxDelay)
}

func TestDatagrams(t *testing.T) {
	ps, tracks := street(t, 3*time.Second)
	for _, tc := range []struct {
		name, host, rate string
		o                tscheck.Options
	}{
		{"IPv4", "127.0.0.1", "", tscheck.Options{}},
		{"IPv6", "::1", "", tscheck.Options{}},
		{"IPv4 at a constant rate", "127.0.0.1", "4M", tscheck.Options{Rate: 4_000_000}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(tc.host)})
			if err != nil {
				t.Fatal(err)
			}
			r := receive(t, conn)
			c := mustDial(t, target(t, "udp://"+conn.LocalAddr().String(), "mux_rate", tc.rate, "ttl", "4"), tracks)
			play(t, c, ps)
			if tc.rate != "" {
				time.Sleep(600 * time.Millisecond) // the rest of what the rate holds back
			}
			sent := c.Stats().BytesSent
			_ = c.Close()
			sent = max(sent, c.Stats().BytesSent)
			var stream []byte
			for i, d := range r.end() {
				if len(d) > chunk || len(d)%188 != 0 || tc.rate != "" && len(d) != chunk {
					t.Errorf("datagram %d has %d bytes", i, len(d))
				}
				stream = append(stream, d...)
			}
			if int(sent) != len(stream) {
				t.Errorf("%d bytes sent by the counter, %d received", sent, len(stream))
			}
			passes(t, stream, tc.o, ps)
			if err := c.Write(ps[0]); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Write after Close: %v", err)
			}
		})
	}
}

func TestRTP(t *testing.T) {
	ps, tracks := street(t, 3*time.Second)
	port, control := pair(t, "127.0.0.1")
	data, reports := receive(t, port), receive(t, control)
	began := time.Now()
	c := mustDial(t, target(t, "rtp://"+port.LocalAddr().String(), "mux_rate", "4M"), tracks)
	play(t, c, ps)
	time.Sleep(600 * time.Millisecond)
	_ = c.Close()
	var stream []byte
	var last rtp.Packet
	for i, d := range data.end() {
		var p rtp.Packet
		if err := p.Unmarshal(d); err != nil {
			t.Fatal(err)
		}
		switch {
		case p.PayloadType != 33 || len(p.Payload) != chunk || p.Marker:
			t.Fatalf("packet %d: %v", i, p.Header)
		case i > 0 && (p.SSRC != last.SSRC || p.SequenceNumber != last.SequenceNumber+1):
			t.Fatalf("packet %d: %v after %v", i, p.Header, last.Header)
		case i > 0: // 1316 bytes at 4 Mb/s are 236.88 ticks
			if d := p.Timestamp - last.Timestamp; d < 236 || d > 237 {
				t.Fatalf("packet %d: the time stamp goes on by %d", i, d)
			}
		}
		stream, last = append(stream, p.Payload...), p
	}
	passes(t, stream, tscheck.Options{Rate: 4_000_000}, ps)
	var senders, byes int
	for _, d := range reports.end() {
		all, err := rtcp.Unmarshal(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			switch p := p.(type) {
			case *rtcp.SenderReport:
				senders++
				at := time.Unix(int64(p.NTPTime>>32)-2_208_988_800, int64(p.NTPTime&0xffffffff*1e9>>32))
				if p.SSRC != last.SSRC || at.Before(began.Add(-time.Second)) || at.After(time.Now().Add(time.Second)) {
					t.Errorf("report %v, at %v", p, at)
				}
			case *rtcp.Goodbye:
				byes++
			}
		}
	}
	if senders < 2 || byes != 1 {
		t.Errorf("%d sender reports, %d goodbyes", senders, byes)
	}
}

// multicastInterface is one that IPv6 multicast can leave by, which the loopback
// is not; nil on a machine without network.
func multicastInterface() *net.Interface {
	all, _ := net.Interfaces()
	for _, i := range all {
		const want = net.FlagUp | net.FlagMulticast
		addrs, err := i.Addrs()
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && err == nil && i.Flags&want == want && n.IP.To4() == nil {
				return &i
			}
		}
	}
	return nil
}

func TestMulticast(t *testing.T) {
	ps, tracks := street(t, 2*time.Second)
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	groups := map[string]*net.Interface{"239.77.1.5": lo}
	if i := multicastInterface(); i != nil {
		groups["ff11::77:5"] = i // of interface-local scope: never leaves the machine
	}
	for group, i := range groups {
		t.Run(group, func(t *testing.T) {
			conn, err := net.ListenMulticastUDP("udp", i, &net.UDPAddr{IP: net.ParseIP(group)})
			if err != nil {
				t.Fatal(err)
			}
			r := receive(t, conn)
			_, port, _ := net.SplitHostPort(conn.LocalAddr().String())
			c := mustDial(t, target(t, "udp://"+net.JoinHostPort(group, port), "interface", i.Name, "ttl", "1"), tracks)
			play(t, c, ps)
			_ = c.Close()
			passes(t, bytes.Join(r.end(), nil), tscheck.Options{}, ps)
		})
	}
}

func TestNobodyThereIsToldByTheNetwork(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	address := conn.LocalAddr().String()
	_ = conn.Close()
	ps, tracks := street(t, 2*time.Second)
	c := mustDial(t, target(t, "udp://"+address), tracks)
	for i := 0; i < len(ps) && err == nil; i++ {
		time.Sleep(20 * time.Millisecond)
		err = c.Write(ps[i])
	}
	if output.CauseOf(err) != output.CauseRefused || !strings.Contains(err.Error(), address) || !strings.Contains(err.Error(), "start the receiver") {
		t.Errorf("cause %q of %v", output.CauseOf(err), err)
	}
}

func TestDialFailures(t *testing.T) {
	_, tracks := street(t, time.Second)
	for _, tc := range []struct {
		name, url string
		options   []string
		cause     output.Cause
		want      string
	}{
		{"unknown host", "udp://nowhere.invalid:5000", nil, output.CauseDNS, `"nowhere.invalid"`},
		{"unknown interface", "udp://239.1.1.1:5000", []string{"interface", "eth99"}, output.CauseLocal, "it has lo"},
		{"interface for one receiver", "udp://localhost:5000", []string{"interface", "lo"}, output.CauseLocal, "remove it"},
		{"rate too low for any", "udp://127.0.0.1:5000", []string{"mux_rate", "10k"}, output.CauseLocal, "mux_rate"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			c, err := Dial(ctx, target(t, tc.url, tc.options...), tracks)
			if err == nil {
				_ = c.Close()
				t.Fatal("no error")
			}
			if output.CauseOf(err) != tc.cause || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("cause %q of %v", output.CauseOf(err), err)
			}
		})
	}
}

func TestARateTooLowIsToldInWords(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	receive(t, conn)
	ps, tracks := street(t, 20*time.Second)
	c := mustDial(t, target(t, "udp://"+conn.LocalAddr().String(), "mux_rate", "300k"), tracks)
	start := time.Now()
	for i := 0; i < len(ps) && err == nil; i++ {
		time.Sleep(ps[i].DTS - time.Since(start))
		err = c.Write(ps[i])
	}
	if output.CauseOf(err) != output.CauseLocal || !strings.Contains(err.Error(), "raise mux_rate") {
		t.Errorf("cause %q of %v", output.CauseOf(err), err)
	}
	t.Log(err)
}
