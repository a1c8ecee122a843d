package srt

/*
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <srt/srt.h>
#include <srt/access_control.h>

// gate decides about callers before libsrt answers them, on the thread that
// receives for the listener: a flood of them never reaches Go.
struct gate {
	int open;       // accepted nobody yet
	SRTSOCKET last; // the one let through last, 0 before
	int passed, strangers, busy;
	int bell; // eventfd: rung when more than limit come within a second
	int limit, came;
	time_t second;
	char streamid[513]; // "" for any
};

static void gate_count(struct gate *g) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec != g->second) {
		g->second = now.tv_sec;
		g->came = 0;
	}
	if (++g->came == g->limit) {
		uint64_t one = 1;
		(void)!write(g->bell, &one, sizeof one);
	}
}

static int gate_hook(void *opaque, SRTSOCKET ns, int hs, const struct sockaddr *peer, const char *streamid) {
	struct gate *g = opaque;
	(void)hs, (void)peer;
	gate_count(g);
	if (g->streamid[0] && strcmp(g->streamid, streamid ? streamid : "")) {
		__atomic_add_fetch(&g->strangers, 1, __ATOMIC_RELAXED);
		srt_setrejectreason(ns, SRT_REJX_NOTFOUND);
		return -1;
	}
	// Who was let through may fail yet, at the passphrase: then the next may try.
	SRTSOCKET last = __atomic_load_n(&g->last, __ATOMIC_RELAXED);
	if (!__atomic_load_n(&g->open, __ATOMIC_ACQUIRE) || (last && srt_getsockstate(last) <= SRTS_CONNECTED)) {
		__atomic_add_fetch(&g->busy, 1, __ATOMIC_RELAXED);
		srt_setrejectreason(ns, SRT_REJX_LOCKED);
		return -1;
	}
	__atomic_store_n(&g->last, ns, __ATOMIC_RELAXED);
	__atomic_add_fetch(&g->passed, 1, __ATOMIC_RELAXED);
	return 0;
}

static struct gate *gate_new(SRTSOCKET listener, const char *streamid, int bell, int limit) {
	struct gate *g = calloc(1, sizeof *g);
	if (!g)
		return NULL;
	g->open = 1;
	g->bell = bell;
	g->limit = limit;
	strncpy(g->streamid, streamid, sizeof g->streamid - 1);
	if (srt_listen_callback(listener, gate_hook, g) == SRT_ERROR) {
		free(g);
		return NULL;
	}
	return g;
}

static void gate_shut(struct gate *g) { __atomic_store_n(&g->open, 0, __ATOMIC_RELEASE); }

// gate_failed counts those that were let through and then failed.
static int gate_failed(struct gate *g) {
	SRTSOCKET last = __atomic_load_n(&g->last, __ATOMIC_RELAXED);
	int n = __atomic_load_n(&g->passed, __ATOMIC_RELAXED);
	return n - (last && srt_getsockstate(last) <= SRTS_CONNECTED);
}

static int gate_load(const int *n) { return __atomic_load_n(n, __ATOMIC_RELAXED); }
*/
import "C"

import (
	"errors"
	"unsafe"
)

// gate lets one caller through to a listener: the first that names the stream
// id, if one is wanted. The others are refused with a reason: "not found" for
// another stream id (SRT_REJX_NOTFOUND), "locked" (SRT_REJX_LOCKED) while there
// is a caller.
type gate struct{ c *C.struct_gate }

// newGate watches over a listener that is not listening yet. It rings the bell,
// an eventfd, when limit callers have come within a second.
func newGate(listener socket, streamid string, bell, limit int) (*gate, error) {
	id := C.CString(streamid)
	defer C.free(unsafe.Pointer(id))
	g := C.gate_new(C.int(listener), id, C.int(bell), C.int(limit))
	if g == nil {
		return nil, errors.New("srt: libsrt takes no listen callback")
	}
	return &gate{g}, nil
}

// shut refuses everyone from now on.
func (g *gate) shut() { C.gate_shut(g.c) }

// refusals are the callers refused so far: strangers with another stream id,
// those that came while another was there, and those that failed after the gate:
// their passphrase or mode did not fit.
func (g *gate) refusals() (strangers, busy, failed int) {
	return int(C.gate_load(&g.c.strangers)), int(C.gate_load(&g.c.busy)), int(C.gate_failed(g.c))
}

// free gives the memory back. The listener must be closed: libsrt closes it
// under the lock that it calls the gate under.
func (g *gate) free() { C.free(unsafe.Pointer(g.c)) }
