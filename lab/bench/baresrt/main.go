// Package main sends an MPEG transport stream over SRT and does nothing else:
// what libsrt itself costs. The stream is held in memory and sent over and
// over, a picture at a time, each when it is due, in messages of 1316 bytes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/haivision/srtgo"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "baresrt:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	f := flag.NewFlagSet("baresrt FILE HOST:PORT", flag.ContinueOnError)
	latency := f.Int("latency", 200, "in milliseconds")
	rate := f.Float64("rate", 30, "pictures a second")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() != 2 {
		return errors.New("want a file and an address")
	}
	stream, err := os.ReadFile(f.Arg(0))
	if err != nil {
		return err
	}
	pictures, err := split(stream)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Arg(0), err)
	}
	host, port, err := address(f.Arg(1))
	if err != nil {
		return err
	}
	srtgo.InitSRT()
	defer srtgo.CleanupSRT()
	sock := srtgo.NewSrtSocket(host, port, map[string]string{
		"transtype": "live", "blocking": "1", "latency": strconv.Itoa(*latency),
	})
	if sock == nil {
		return errors.New("libsrt does not take the options")
	}
	defer sock.Close()
	if err := sock.Connect(); err != nil {
		return fmt.Errorf("connect to %s: %w", f.Arg(1), err)
	}
	return send(sock, pictures, time.Duration(float64(time.Second) / *rate))
}

// send sends until a signal comes or the connection breaks.
func send(sock *srtgo.SrtSocket, pictures [][]byte, period time.Duration) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	timer := time.NewTimer(0)
	start := time.Now()
	for i := 0; ; i++ {
		timer.Reset(time.Until(start.Add(time.Duration(i) * period)))
		select {
		case <-stop:
			return nil
		case <-timer.C:
		}
		for rest := pictures[i%len(pictures)]; len(rest) > 0; {
			n := min(len(rest), messageSize)
			if _, err := sock.Write(rest[:n]); err != nil {
				return fmt.Errorf("send: %w", err)
			}
			rest = rest[n:]
		}
	}
}

const (
	packetSize  = 188
	messageSize = 7 * packetSize // libsrt's live payload
)

// split cuts a stream before each packet that begins a picture. What is
// between two of them, the sound too, goes with the first.
func split(stream []byte) ([][]byte, error) {
	var pictures [][]byte
	begin := 0
	for at := 0; at < len(stream); at += packetSize {
		p := stream[at:]
		if len(p) < packetSize || p[0] != 0x47 {
			return nil, fmt.Errorf("no transport stream packet at byte %d", at)
		}
		if at > begin && beginsPicture(p[:packetSize]) {
			pictures = append(pictures, stream[begin:at])
			begin = at
		}
	}
	if begin == 0 {
		return nil, errors.New("fewer than two pictures")
	}
	return append(pictures, stream[begin:]), nil
}

// beginsPicture says that a PES packet of a video stream begins in p.
func beginsPicture(p []byte) bool {
	if p[1]&0x40 == 0 || p[3]&0x10 == 0 {
		return false // payload_unit_start_indicator, or no payload
	}
	payload := p[4:]
	if p[3]&0x20 != 0 {
		n := 1 + int(payload[0]) // adaptation field
		if n > len(payload) {
			return false
		}
		payload = payload[n:]
	}
	return len(payload) >= 4 && payload[0] == 0 && payload[1] == 0 && payload[2] == 1 && payload[3]&0xf0 == 0xe0
}

func address(s string) (host string, port uint16, err error) {
	host, p, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("address %s: %w", s, err)
	}
	return host, uint16(n), nil
}
