package peer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// SRTOptions say what an srt-live-transmit is like, whoever calls.
type SRTOptions struct {
	Passphrase string        // 10 to 79 letters, digits, or any of -_.~; no encryption when empty
	KeyLength  int           // of the AES key in bytes: 16, 24 or 32; libsrt's choice when zero
	StreamID   string        // said by a caller; letters and digits
	Latency    time.Duration // 120 ms when zero
	// StatsEvery is after how many received packets a line of statistics is
	// written; 100 when zero.
	StatsEvery int
	// Discard drops what is received, for long runs; File and Bytes then show nothing.
	Discard bool
	Place   Place // where it runs
}

// SRT is an srt-live-transmit that listens, and listens again after each
// caller that leaves. What callers sent is in one file, in order.
type SRT struct {
	*server
	srtSink
	addr string
}

// SRTClient is an srt-live-transmit that calls, or meets in rendezvous, and does
// it again when the connection has ended. What it received is in one file, in order.
type SRTClient struct {
	*Process
	srtSink
}

// srtSink is where an srt-live-transmit leaves what it received.
type srtSink struct {
	o    SRTOptions
	file string
	stat string
}

// StartSRT starts an SRT listener.
func StartSRT(tb TB, o SRTOptions) *SRT {
	tb.Helper()
	r := &SRT{}
	sink, dir, out := newSRTSink(tb, o)
	r.srtSink = sink
	r.server = startServer(tb, o.Place, []string{"udp"}, func(s []socket) (Command, error) {
		r.addr = o.Place.host(s[0].port)
		return sink.command(dir, out, "srt://"+r.addr+"?"+sink.query("listener").Encode()), nil
	})
	return r
}

// StartSRTCaller starts an SRT caller that receives from a listener at addr
// (host:port), which need not be there yet.
func StartSRTCaller(tb TB, addr string, o SRTOptions) *SRTClient {
	tb.Helper()
	sink, dir, out := newSRTSink(tb, o)
	return &SRTClient{Start(tb, sink.command(dir, out, "srt://"+addr+"?"+sink.query("caller").Encode())), sink}
}

// StartSRTRendezvous starts a receiver in rendezvous mode with addr (host:port),
// from the same port of the local address: two of one machine need two addresses.
func StartSRTRendezvous(tb TB, local, addr string, o SRTOptions) *SRTClient {
	tb.Helper()
	sink, dir, out := newSRTSink(tb, o)
	q := sink.query("rendezvous")
	q.Set("adapter", local)
	return &SRTClient{Start(tb, sink.command(dir, out, "srt://"+addr+"?"+q.Encode())), sink}
}

func newSRTSink(tb TB, o SRTOptions) (sink srtSink, dir string, out *os.File) {
	tb.Helper()
	for _, v := range []string{o.Passphrase, o.StreamID} {
		if url.QueryEscape(v) != v {
			// srt-live-transmit and ffmpeg do not undo the same escapes.
			tb.Fatalf("peer: SRT passphrase or stream id %q: take letters and digits only", v)
		}
	}
	if o.Latency == 0 {
		o.Latency = 120 * time.Millisecond
	}
	if o.StatsEvery == 0 {
		o.StatsEvery = 100
	}
	dir = tb.TempDir()
	sink = srtSink{o: o, file: filepath.Join(dir, "received.ts"), stat: filepath.Join(dir, "stats.json")}
	name := sink.file
	if o.Discard {
		name = os.DevNull
	}
	// Appended to: after a Stop and a Start, the file goes on.
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		tb.Fatalf("peer: open the sink of srt-live-transmit: %v", err)
	}
	tb.Cleanup(func() { out.Close() })
	return sink, dir, out
}

func (r *srtSink) command(dir string, out *os.File, source string) Command {
	return Command{Name: "srt-live-transmit", Dir: dir, Stdout: out, Place: r.o.Place, Args: []string{
		"srt-live-transmit", "-a:yes", "-t:0", "-s:" + strconv.Itoa(r.o.StatsEvery), "-pf:json", "-f",
		"-statsout:" + r.stat, source, "file://con"}}
}

func (r *srtSink) query(mode string) url.Values {
	q := url.Values{"mode": {mode}, "latency": {strconv.FormatInt(r.o.Latency.Milliseconds(), 10)}}
	if r.o.Passphrase != "" {
		q.Set("passphrase", r.o.Passphrase)
	}
	if r.o.KeyLength != 0 {
		q.Set("pbkeylen", strconv.Itoa(r.o.KeyLength))
	}
	if r.o.StreamID != "" {
		q.Set("streamid", r.o.StreamID)
	}
	return q
}

// Addr is the host and port.
func (r *SRT) Addr() string { return r.addr }

// URL is the address without parameters.
func (r *SRT) URL() string { return "srt://" + r.addr }

// FFmpegURL is the address for ffmpeg as a caller, which counts latency in
// microseconds.
func (r *SRT) FFmpegURL() string {
	q := url.Values{"mode": {"caller"}, "latency": {strconv.FormatInt(r.o.Latency.Microseconds(), 10)}, "pkt_size": {"1316"}}
	if r.o.Passphrase != "" {
		q.Set("passphrase", r.o.Passphrase)
	}
	return r.URL() + "?" + q.Encode()
}

// File is the MPEG-TS received so far; its last 4 kB may still be in the peer.
// After Stop it is complete.
func (r *srtSink) File() string { return r.file }

// Bytes is the size of File.
func (r *srtSink) Bytes() int64 {
	fi, err := os.Stat(r.file)
	if err != nil {
		return 0
	}
	return fi.Size()
}

// SRTStat is one line of srt-live-transmit's statistics: totals of the socket SID.
type SRTStat struct {
	SID    int64 `json:"sid"`
	TimeMS int64 `json:"time"` // since the socket was made
	Link   struct {
		RTT float64 `json:"rtt"` // milliseconds
	} `json:"link"`
	Recv struct {
		Packets       int64   `json:"packets"`
		Unique        int64   `json:"packetsUnique"`
		Lost          int64   `json:"packetsLost"`
		Dropped       int64   `json:"packetsDropped"`
		Retransmitted int64   `json:"packetsRetransmitted"`
		Belated       int64   `json:"packetsBelated"`
		Bytes         int64   `json:"bytes"`
		MbitRate      float64 `json:"mbitRate"`
		LatencyMS     int     `json:"msTsbPdDelay"`
	} `json:"recv"`
}

// Stats reads all statistics written so far, oldest first.
func (r *srtSink) Stats() ([]SRTStat, error) {
	f, err := os.Open(r.stat)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("peer: read SRT statistics: %w", err)
	}
	defer f.Close()
	var all []SRTStat
	for d := json.NewDecoder(f); ; {
		var s SRTStat
		err := d.Decode(&s)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) { // the last line may be half written
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("peer: parse SRT statistics: %w", err)
		}
		all = append(all, s)
	}
}
