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

// SRTOptions say how an [SRT] listens.
type SRTOptions struct {
	Passphrase string        // 10 to 79 letters, digits, or any of -_.~; no encryption when empty
	Latency    time.Duration // 120 ms when zero
	// StatsEvery is after how many received packets a line of statistics is
	// written; 100 when zero.
	StatsEvery int
	// Discard drops what is received, for long runs; File and Bytes then show nothing.
	Discard bool
}

// SRT is an srt-live-transmit that listens, and listens again after each
// caller that leaves. What callers sent is in one file, in order.
type SRT struct {
	*server
	addr string
	o    SRTOptions
	file string
	stat string
}

// StartSRT starts an SRT listener.
func StartSRT(tb TB, o SRTOptions) *SRT {
	tb.Helper()
	if url.QueryEscape(o.Passphrase) != o.Passphrase {
		// srt-live-transmit and ffmpeg do not undo the same escapes.
		tb.Fatalf("peer: SRT passphrase %q: take letters and digits only", o.Passphrase)
	}
	if o.Latency == 0 {
		o.Latency = 120 * time.Millisecond
	}
	if o.StatsEvery == 0 {
		o.StatsEvery = 100
	}
	dir := tb.TempDir()
	r := &SRT{o: o, file: filepath.Join(dir, "received.ts"), stat: filepath.Join(dir, "stats.json")}
	sink := r.file
	if o.Discard {
		sink = os.DevNull
	}
	// Appended to: after a Stop and a Start, the file goes on.
	out, err := os.OpenFile(sink, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		tb.Fatalf("peer: open the sink of srt-live-transmit: %v", err)
	}
	tb.Cleanup(func() { out.Close() })
	r.server = startServer(tb, []string{"udp"}, func(s []socket) (Command, error) {
		r.addr = loopback(s[0].port)
		return Command{Name: "srt-live-transmit", Dir: dir, Stdout: out, Args: []string{
			"srt-live-transmit", "-a:yes", "-t:0", "-s:" + strconv.Itoa(o.StatsEvery), "-pf:json", "-f",
			"-statsout:" + r.stat, "srt://" + r.addr + "?" + r.query("listener"), "file://con"}}, nil
	})
	return r
}

func (r *SRT) query(mode string) string {
	q := url.Values{"mode": {mode}, "latency": {strconv.FormatInt(r.o.Latency.Milliseconds(), 10)}}
	if r.o.Passphrase != "" {
		q.Set("passphrase", r.o.Passphrase)
	}
	return q.Encode()
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
func (r *SRT) File() string { return r.file }

// Bytes is the size of File.
func (r *SRT) Bytes() int64 {
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
func (r *SRT) Stats() ([]SRTStat, error) {
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
