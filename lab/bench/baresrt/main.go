// Package main sends an MPEG transport stream over SRT, to one receiver or to
// several, and does nothing else: what libsrt itself costs. The stream is held in
// memory and sent over and over, a picture at a time, each when it is due, in
// messages of 1316 bytes.
// The loop is C: Go's scheduler would add a cost that is not the library's.
package main

/*
#cgo LDFLAGS: -lsrt
#include <errno.h>
#include <srt/srt.h>
#include <stdlib.h>
#include <time.h>

// send_picture sends len bytes in messages of at most size bytes. It returns 0,
// or libsrt's error.
static int send_picture(SRTSOCKET u, const char *p, int left, int size) {
	while (left > 0) {
		int len = left < size ? left : size;
		if (srt_sendmsg2(u, p, len, NULL) < 0)
			return srt_getlasterror(NULL);
		p += len;
		left -= len;
	}
	return 0;
}

// send_pictures sends n pictures of the given sizes, which follow each other in
// data, over and over, one each period, to each of the sockets. It returns 0 once
// *stop is set, or libsrt's error.
static int send_pictures(const SRTSOCKET *us, int sockets, const char *data, const int *sizes, int n, long period, int size, volatile int *stop) {
	struct timespec due;
	clock_gettime(CLOCK_MONOTONIC, &due);
	for (;;) {
		const char *p = data;
		for (int i = 0; i < n; i++) {
			while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
				;
			if (*stop)
				return 0;
			for (int k = 0; k < sockets; k++) {
				int code = send_picture(us[k], p, sizes[i], size);
				if (code)
					return code;
			}
			p += sizes[i];
			due.tv_nsec += period;
			for (; due.tv_nsec >= 1000000000L; due.tv_nsec -= 1000000000L)
				due.tv_sec++;
		}
	}
}
*/
import "C"

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/haivision/srtgo"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "baresrt:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	f := flag.NewFlagSet("baresrt FILE HOST:PORT…", flag.ContinueOnError)
	latency := f.Int("latency", 200, "in milliseconds")
	rate := f.Float64("rate", 30, "pictures a second")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() < 2 {
		return errors.New("want a file, and an address or several")
	}
	stream, err := os.ReadFile(f.Arg(0))
	if err != nil {
		return err
	}
	pictures, err := split(stream)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Arg(0), err)
	}
	srtgo.InitSRT()
	defer srtgo.CleanupSRT()
	var ids []C.SRTSOCKET
	for _, to := range f.Args()[1:] {
		sock, err := connect(to, *latency)
		if err != nil {
			return err
		}
		defer sock.Close()
		ids = append(ids, C.SRTSOCKET(sock.GetSocket()))
	}
	return send(ids, stream, pictures, time.Duration(float64(time.Second) / *rate))
}

func connect(to string, latency int) (*srtgo.SrtSocket, error) {
	host, port, err := address(to)
	if err != nil {
		return nil, err
	}
	sock := srtgo.NewSrtSocket(host, port, map[string]string{
		"transtype": "live", "blocking": "1", "latency": strconv.Itoa(latency),
	})
	if sock == nil {
		return nil, errors.New("libsrt does not take the options")
	}
	if err := sock.Connect(); err != nil {
		sock.Close()
		return nil, fmt.Errorf("connect to %s: %w", to, err)
	}
	return sock, nil
}

// send sends the pictures, which are the stream in pieces, over all connections,
// until a signal comes or one of them breaks.
func send(ids []C.SRTSOCKET, stream []byte, pictures [][]byte, period time.Duration) error {
	var sizes []C.int
	for _, p := range pictures {
		sizes = append(sizes, C.int(len(p)))
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	stop := (*C.int)(C.calloc(1, C.sizeof_int)) // C memory, as the loop reads it all the while; kept to the end
	context.AfterFunc(ctx, func() { atomic.StoreInt32((*int32)(unsafe.Pointer(stop)), 1) })
	code := C.send_pictures(&ids[0], C.int(len(ids)), (*C.char)(unsafe.Pointer(&stream[0])), &sizes[0], C.int(len(sizes)),
		C.long(period.Nanoseconds()), messageSize, stop)
	if code != 0 {
		return fmt.Errorf("send: libsrt error %d: %s", code, C.GoString(C.srt_strerror(code, 0)))
	}
	return nil
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
