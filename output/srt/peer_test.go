package srt

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/mux/ts"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// street is the beginning of real footage with sound.
func street(t *testing.T) ([]*media.Track, []media.Packet) {
	t.Helper()
	path, err := footage.StreetMP4(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	clip, err := segmenttest.ReadMP4(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range clip.Packets {
		if p.DTS > 4*time.Second {
			return clip.Tracks, clip.Packets[:i]
		}
	}
	return clip.Tracks, clip.Packets
}

// freePort is a UDP port of every address of this machine that nobody holds.
func freePort(t *testing.T) int {
	t.Helper()
	c, err := net.ListenPacket("udp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

func connect(t *testing.T, rawURL string, tracks []*media.Track) output.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := Dial(ctx, target(t, rawURL), tracks)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// play writes packets at twice the speed of life, and waits until the peer has
// acknowledged all.
func play(t *testing.T, c output.Conn, ps []media.Packet) {
	t.Helper()
	begin := time.Now()
	for _, p := range ps {
		time.Sleep(time.Until(begin.Add((p.DTS - ps[0].DTS) / 2)))
		if err := c.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "the last acknowledgement", func() bool { return c.Stats().Outstanding == 0 })
}

func await(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); !reached(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited for %s in vain", what)
		}
	}
}

// receiver is what all peers of srt-live-transmit have.
type receiver interface {
	Bytes() int64
	File() string
	Stop()
}

// checkReceived compares what the peer has with what was sent, decodes it, and
// holds sound against picture.
func checkReceived(t *testing.T, r receiver, tracks []*media.Track, ps []media.Packet) {
	t.Helper()
	m, err := ts.New(ts.Config{Tracks: tracks})
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	for _, p := range ps {
		if want, err = m.Append(want, p); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "the receiver's file", func() bool { return r.Bytes() >= int64(len(want))-8192 })
	time.Sleep(500 * time.Millisecond) // what is in the peer's buffer for its latency
	r.Stop()
	got, err := os.ReadFile(r.File())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("received %d bytes, want the %d sent", len(got), len(want))
	}
	if _, err := peer.Decode(t.Context(), r.File(), 0); err != nil {
		t.Error(err)
	}
	probed, err := peer.Probe(t.Context(), r.File(), peer.ProbeOptions{Packets: true})
	if err != nil {
		t.Fatal(err)
	}
	first := map[string]time.Duration{}
	for _, p := range probed.Packets {
		if _, seen := first[p.Kind]; !seen {
			first[p.Kind] = p.PTS.Duration
		}
	}
	sent := map[media.Kind]time.Duration{}
	for _, p := range ps {
		if _, seen := sent[p.Track.Codec.Kind()]; !seen {
			sent[p.Track.Codec.Kind()] = p.PTS
		}
	}
	if off := (first["video"] - first["audio"]) - (sent[media.Video] - sent[media.Audio]); off.Abs() > 40*time.Millisecond {
		t.Errorf("sound is %v off the picture", off)
	}
}

func TestSRTLiveTransmitReceives(t *testing.T) {
	tracks, ps := street(t)
	for _, bits := range []int{0, 128, 192, 256} {
		o := peer.SRTOptions{Latency: 300 * time.Millisecond}
		query := "latency=300"
		if bits > 0 {
			o.Passphrase, o.KeyLength = passphrase, bits/8
			query += fmt.Sprintf("&passphrase=%s&pbkeylen=%d", passphrase, bits/8)
		}
		t.Run(fmt.Sprintf("as listener, AES-%d", bits), func(t *testing.T) {
			t.Parallel()
			r := peer.StartSRT(t, o)
			c := connect(t, r.URL()+"?streamid=cam1&"+query, tracks)
			play(t, c, ps)
			checkReceived(t, r, tracks, ps)
		})
		t.Run(fmt.Sprintf("as caller, AES-%d", bits), func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			called := o
			called.StreamID = "cam1"
			r := peer.StartSRTCaller(t, fmt.Sprintf("127.0.0.1:%d", port), called)
			c := connect(t, fmt.Sprintf("srt://:%d?mode=listener&streamid=cam1&%s", port, query), tracks)
			play(t, c, ps)
			checkReceived(t, r, tracks, ps)
		})
		t.Run(fmt.Sprintf("in rendezvous, AES-%d", bits), func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			r := peer.StartSRTRendezvous(t, "127.0.0.2", fmt.Sprintf("127.0.0.1:%d", port), o)
			c := connect(t, fmt.Sprintf("srt://127.0.0.2:%d?mode=rendezvous&localaddr=127.0.0.1&%s", port, query), tracks)
			play(t, c, ps)
			checkReceived(t, r, tracks, ps)
		})
	}
}

func TestConstantRate(t *testing.T) {
	tracks, ps := street(t)
	r := peer.StartSRT(t, peer.SRTOptions{Latency: 300 * time.Millisecond})
	c := connect(t, r.URL()+"?latency=300&mux_rate=8M", tracks)
	begin := time.Now()
	for _, p := range ps {
		time.Sleep(time.Until(begin.Add(p.DTS - ps[0].DTS)))
		if err := c.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "the end", func() bool { return r.Bytes() > 4_500_000 }) // of 5 MB by the clock, some later
	c.Close()
	time.Sleep(500 * time.Millisecond)
	r.Stop()
	stream, err := os.ReadFile(r.File())
	if err != nil {
		t.Fatal(err)
	}
	null := 0
	for i := 0; i+ts.PacketSize <= len(stream); i += ts.PacketSize {
		if stream[i] != 0x47 {
			t.Fatalf("no sync byte at %d", i)
		}
		if stream[i+1]&0x1f == 0x1f && stream[i+2] == 0xff {
			null++
		}
	}
	if null == 0 {
		t.Error("no null packets")
	}
	if _, err := peer.Decode(t.Context(), r.File(), 0); err != nil {
		t.Error(err)
	}
	if err := Check(target(t, "srt://h:1?mux_rate=1")); err == nil {
		t.Error("mux_rate=1 was taken")
	}
}
