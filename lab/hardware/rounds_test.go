package hardware

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/box"
)

// rounds is how often the programme is stopped and started: at least 200 times,
// and as often in each of the six ways, so that it captures at the end.
const rounds = 34 * 6

// held is what a daemon keeps of the kernel's and of its own.
type held struct {
	descriptors int
	device      int // mappings of device memory
	mappings    int // all of them
	threads     int
	goroutines  int
	rss         int64
	driver      map[string]int // vh264's counters of what is there now
}

// Whatever the programme is stopped and started by, and by whatever input, after
// 200 times there is not one descriptor, kernel buffer, mapping of device memory
// or goroutine more than after the first times. Go's runtime and the C library
// keep threads and freed memory: those are bounded.
func TestTwoHundredRoundsLeakNothing(t *testing.T) {
	t.Parallel()
	b := box.Start(t, box.Options{})
	loadBridge(b)
	r := startRig(t, b, smallCapture)
	const first = 12 // every way twice
	for n := range first {
		r.round(n)
	}
	before := r.held()
	began := time.Now()
	for n := range rounds {
		r.round(first + n)
	}
	t.Logf("%d rounds in %v", rounds, time.Since(began).Round(time.Second))
	after := r.heldAgain(before)
	t.Logf("before %+v", before)
	t.Logf("after  %+v", after)
	if after.descriptors != before.descriptors || after.device != before.device || after.goroutines > before.goroutines { // fewer: a page's connection ended
		t.Errorf("descriptors %d, then %d; mappings of devices %d, then %d; goroutines %d, then %d",
			before.descriptors, after.descriptors, before.device, after.device, before.goroutines, after.goroutines)
	}
	for name, n := range before.driver {
		if after.driver[name] != n {
			t.Errorf("the encoder's driver has %s %d, then %d", name, n, after.driver[name])
		}
	}
	const (
		moreThreads  = 6
		moreMappings = 4*moreThreads + 16 // a stack with its guard and an arena each; Go's heap
		moreRSS      = 12 << 20
	)
	if after.threads > before.threads+moreThreads || after.mappings > before.mappings+moreMappings || after.rss > before.rss+moreRSS {
		t.Errorf("threads %d, then %d; mappings %d, then %d; resident %d kB, then %d kB", before.threads, after.threads,
			before.mappings, after.mappings, before.rss>>10, after.rss>>10)
	}
}

// round stops and starts the programme in one of six ways, in an order that comes
// back to capturing at 15 pictures a second.
func (r *rig) round(n int) {
	r.t.Helper()
	opened := r.driver()["opens"]
	switch n % 6 {
	case 0:
		r.patch(`{"streams":{"main":{"input":{"frame_rate":"10"}}}}`)
	case 1:
		r.patch(`{"streams":{"main":{"video":{"bitrate":"%dM"}}}}`, 3+n/6%2) // live, before the restart
		r.patch(`{"streams":{"main":{"input":{"kind":"pattern"}}}}`)
	case 2:
		r.patch(`{"streams":{"main":{"input":{"kind":"capture","frame_rate":"15"}}}}`)
	case 3:
		r.reload(func(text string) string { return strings.Replace(text, "bitrate =", "gop = \"1s\"\nbitrate =", 1) })
	case 4:
		r.patch(`{"streams":{"main":{"video":{"bitrate_ceiling":"20M"}}}}`)
	case 5:
		r.reload(func(text string) string {
			lines := slices.Collect(strings.Lines(text))
			return strings.Join(slices.DeleteFunc(lines, func(l string) bool {
				return strings.HasPrefix(l, "gop =") || strings.HasPrefix(l, "bitrate_ceiling =")
			}), "")
		})
	}
	var from int
	r.await(fmt.Sprintf("round %d: the encoder works again", n), func() bool {
		now := r.driver()
		switch {
		case now["opens"] == opened:
			return false
		case from == 0:
			from = now["pictures"]
		}
		return now["pictures"] >= from+2
	})
}

// reload edits the configuration's file and has it read again.
func (r *rig) reload(edit func(text string) string) {
	r.t.Helper()
	const file = "/tmp/encoderd.toml"
	old, err := r.box.ReadFile(r.t.Context(), file)
	if err != nil {
		r.t.Fatal(err)
	}
	text := edit(string(old))
	if text == string(old) {
		r.t.Fatalf("the edit changes nothing in\n%s", old)
	}
	if err := r.box.WriteFile(r.t.Context(), file, strings.NewReader(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := r.cmd.Signal(syscall.SIGHUP); err != nil {
		r.t.Fatal(err)
	}
}

// driver are vh264's counters.
func (r *rig) driver() map[string]int {
	r.t.Helper()
	text, err := r.box.ReadFile(r.t.Context(), "/sys/kernel/debug/vh264/stats")
	if err != nil {
		r.t.Fatal(err)
	}
	stats := map[string]int{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil {
			stats[strings.TrimSuffix(name, ":")] = n
		}
	}
	return stats
}

// held looks while the programme captures.
func (r *rig) held() held {
	r.t.Helper()
	r.awaitSignal("ok")
	r.awaitFrames(5)
	h := held{driver: map[string]int{}}
	pid := r.cmd.PID()
	h.descriptors = len(strings.Fields(r.box.Must("ls", fmt.Sprintf("/proc/%d/fd", pid))))
	h.threads = len(strings.Fields(r.box.Must("ls", fmt.Sprintf("/proc/%d/task", pid))))
	for line := range strings.Lines(r.box.Must("cat", fmt.Sprintf("/proc/%d/maps", pid))) {
		h.mappings++
		if strings.Contains(line, "/dev/") || strings.Contains(line, "dmabuf") {
			h.device++
		}
	}
	var s status.Snapshot
	text, err := r.get("/api/v1/status")
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	h.goroutines, h.rss = s.Process.Goroutines, int64(s.Process.RSS)
	stats := r.driver()
	for _, name := range []string{"open_now", "buffers_now", "imported_now", "mapped_now"} {
		n, ok := stats[name]
		if !ok {
			r.t.Fatalf("the driver has no counter %s: %v", name, stats)
		}
		h.driver[name] = n
	}
	return h
}

// heldAgain looks until what must be as before is: a moment may catch a file that
// is being written, or a question that is being answered.
func (r *rig) heldAgain(before held) (after held) {
	r.t.Helper()
	for deadline := time.Now().Add(patience / 3); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		after = r.held()
		if after.descriptors == before.descriptors && after.goroutines <= before.goroutines && after.device == before.device {
			break
		}
	}
	return after
}
