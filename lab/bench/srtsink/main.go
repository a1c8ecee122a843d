// Package main takes streams over SRT, each on a port of its own, and counts
// them: a receiver for many senders at once that costs little, and the same for
// every contender. It looks at its connections fifty times a second instead of
// waking up for each message, in one loop of C, and keeps only the beginning of
// each stream.
package main

/*
#cgo LDFLAGS: -lsrt
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <srt/srt.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

// A port. taken and callers are in memory that another program reads.
struct port {
	SRTSOCKET listener, caller;
	int file;
	long keep; // bytes that still go into the file
	volatile uint64_t *taken, *callers;
};

// port_open listens on a free port of the loopback and returns its number, or a
// negative value where libsrt refuses.
static int port_open(struct port *p, int latency) {
	int no = 0;
	SRT_TRANSTYPE live = SRTT_LIVE;
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int len = sizeof sa;
	p->caller = SRT_INVALID_SOCK;
	p->listener = srt_create_socket();
	if (srt_setsockflag(p->listener, SRTO_TRANSTYPE, &live, sizeof live) < 0 ||
	    srt_setsockflag(p->listener, SRTO_LATENCY, &latency, sizeof latency) < 0 ||
	    srt_setsockflag(p->listener, SRTO_RCVSYN, &no, sizeof no) < 0 ||
	    srt_bind(p->listener, (struct sockaddr *)&sa, len) < 0 || srt_listen(p->listener, 1) < 0 ||
	    srt_getsockname(p->listener, (struct sockaddr *)&sa, &len) < 0)
		return -1;
	return ntohs(sa.sin_port);
}

// port_drain takes what has come, and the next caller when there is none.
static void port_drain(struct port *p) {
	char buf[1500];
	if (p->caller == SRT_INVALID_SOCK) {
		p->caller = srt_accept(p->listener, NULL, NULL);
		if (p->caller == SRT_INVALID_SOCK)
			return;
		++*p->callers;
	}
	int n;
	while ((n = srt_recvmsg(p->caller, buf, sizeof buf)) > 0) {
		*p->taken += n;
		if (p->keep > 0) {
			if (write(p->file, buf, n) != n)
				p->keep = 0;
			p->keep -= n;
		}
	}
	if (srt_getlasterror(NULL) != SRT_EASYNCRCV) {
		srt_close(p->caller);
		p->caller = SRT_INVALID_SOCK;
	}
}

static void drain(struct port *ports, int n, volatile int *stop) {
	struct timespec pause = {0, 20 * 1000 * 1000};
	while (!*stop) {
		for (int i = 0; i < n; i++)
			port_drain(&ports[i]);
		nanosleep(&pause, NULL);
	}
}
*/
import "C"

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "srtsink:", err)
		os.Exit(1)
	}
}

// run prints a line "port NUMBER" for each stream, and leaves in the folder a
// file NUMBER.ts with its beginning and, in the file counts, two integers of 64
// bits: the bytes taken so far, and how many have called.
func run(args []string, w io.Writer) error {
	f := flag.NewFlagSet("srtsink FOLDER", flag.ContinueOnError)
	streams := f.Int("streams", 1, "how many")
	latency := f.Int("latency", 200, "in milliseconds")
	keep := f.Int("keep", 1<<20, "bytes of each stream that are kept")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() != 1 || *streams < 1 {
		return errors.New("want a folder, and one stream or more")
	}
	dir := f.Arg(0)
	counts, err := shared(filepath.Join(dir, "counts"), *streams*16)
	if err != nil {
		return err
	}
	C.srt_startup()
	C.srt_setloglevel(C.LOG_CRIT)
	defer C.srt_cleanup()
	ports := unsafe.Slice((*C.struct_port)(C.calloc(C.size_t(*streams), C.sizeof_struct_port)), *streams) // kept to the end
	for i := range ports {
		p := &ports[i]
		p.taken = (*C.uint64_t)(unsafe.Pointer(&counts[i*16]))
		p.callers = (*C.uint64_t)(unsafe.Pointer(&counts[i*16+8]))
		p.keep = C.long(*keep)
		number := int(C.port_open(p, C.int(*latency)))
		if number < 0 {
			return fmt.Errorf("listen: %s", C.GoString(C.srt_getlasterror_str()))
		}
		file, err := os.Create(filepath.Join(dir, fmt.Sprintf("%d.ts", number)))
		if err != nil {
			return err
		}
		defer file.Close()
		p.file = C.int(file.Fd())
		fmt.Fprintln(w, "port", number)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	stop := (*C.int)(C.calloc(1, C.sizeof_int)) // C memory, as the loop reads it all the while; kept to the end
	context.AfterFunc(ctx, func() { atomic.StoreInt32((*int32)(unsafe.Pointer(stop)), 1) })
	C.drain(&ports[0], C.int(len(ports)), stop)
	return nil
}

// shared is memory that is a file's contents, for others to read.
func shared(name string, size int) ([]byte, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := f.Truncate(int64(size)); err != nil {
		return nil, err
	}
	m, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", name, err)
	}
	return m, nil
}
