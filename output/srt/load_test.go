package srt

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"github.com/encoderbox/encoderbox/media"
)

// usage is what this process holds.
type usage struct{ threads, files, rss int }

func used(t *testing.T) (u usage) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		f := strings.Fields(line)
		switch f[0] {
		case "Threads:":
			u.threads, _ = strconv.Atoi(f[1])
		case "VmRSS:":
			u.rss, _ = strconv.Atoi(f[1]) // kB
		}
	}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	u.files = len(fds)
	return u
}

// srtThreads counts libsrt's threads by their names.
func srtThreads(t *testing.T) (n int) {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		name, _ := os.ReadFile("/proc/self/task/" + task.Name() + "/comm")
		if strings.HasPrefix(string(name), "SRT:") {
			n++
		}
	}
	return n
}

func TestSixteenAtOnce(t *testing.T) {
	addr := listen(t, gosrt.ConnRequest.Accept, drain)
	ps := programme(50)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			c, err := dial(t, target(t, "srt://"+addr), 20*time.Second)
			if err != nil {
				t.Error(err)
				return
			}
			for _, p := range ps {
				if err := c.Write(p); err != nil {
					t.Error(err)
					return
				}
				time.Sleep(5 * time.Millisecond)
			}
			if st := c.Stats(); st.BytesSent == 0 || st.RTT <= 0 {
				t.Errorf("stats %+v", st)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := srtThreads(t); n != 0 {
		t.Errorf("%d threads of libsrt are left", n)
	}
}

// Nothing is left of a connection: neither of those that were made, nor of those
// that nobody answered or that were refused, nor of a wait that ended.
func TestTwoHundredConnectionsLeaveNothing(t *testing.T) {
	addr := listen(t, func(r gosrt.ConnRequest) (gosrt.Conn, error) {
		if r.StreamId() == "no" {
			r.Reject(1000 + gosrt.REJX_FORBIDDEN)
			return nil, errRejected
		}
		return r.Accept()
	}, drain)
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	port := freePort(t)
	ps := programme(2)
	cycle := func(i int) {
		raw, limit, works := "srt://"+addr, 20*time.Second, true
		switch i % 5 {
		case 1:
			raw, works = "srt://"+addr+"?streamid=no", false
		case 2:
			raw, limit, works = "srt://"+silent.LocalAddr().String(), 20*time.Millisecond, false
		case 3:
			raw, limit, works = fmt.Sprintf("srt://:%d?mode=listener&streamid=cam", port), 20*time.Millisecond, false
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		c, err := Dial(ctx, target(t, raw), []*media.Track{video, audio})
		if (err == nil) != works {
			t.Fatalf("cycle %d: %v", i, err)
		}
		if err != nil {
			return
		}
		for _, p := range ps {
			if err := c.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		c.Close()
	}
	for i := range 50 {
		cycle(i)
	}
	before := used(t)
	for i := range 200 {
		cycle(i)
	}
	after := used(t)
	t.Logf("before %+v, after %+v", before, after)
	if n := srtThreads(t); n != 0 {
		t.Errorf("%d threads of libsrt are left", n)
	}
	if after.files > before.files+2 || after.threads > before.threads+8 || after.rss > before.rss+24<<10 {
		t.Errorf("before %+v, after %+v", before, after)
	}
}
