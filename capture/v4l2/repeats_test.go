package v4l2capture

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// TestOpenedAgainAndAgain: a device that stalls for an hour does not fill the
// log, and another mode of it is told.
func TestOpenedAgainAndAgain(t *testing.T) {
	var out bytes.Buffer
	lines := func() (opened []string) {
		for l := range strings.Lines(out.String()) {
			if strings.Contains(l, "capture device opened") {
				opened = append(opened, l)
			}
		}
		return opened
	}
	h := hdmi()
	tale(t, Config{Log: slog.New(slog.NewTextHandler(&out, nil))}, h, func(st *story) {
		begin, times := time.Now(), 0
		for ; time.Since(begin) < time.Hour-time.Minute; times++ {
			st.mustOpen()
			st.run(layout(media.NV12, 1280, 720))
			st.shoot(h, 2)
			st.wantEnd(capture.SignalStalled, "no picture has come")
			st.release(0)
			st.shut()
			time.Sleep(time.Second)
		}
		if n := len(lines()); n != repeatsAtOnce || times < 1000 {
			t.Errorf("%d lines of %d times", n, times)
		}
		h.change(func() { h.timing = vga })
		st.mustOpen()
		st.shut()
		if l := lines(); len(l) != repeatsAtOnce+1 || !strings.Contains(l[len(l)-1], "640x480") {
			t.Errorf("another mode: %q", l)
		}
		h.change(func() { h.timing = hd50 })
		time.Sleep(time.Minute)
		st.mustOpen()
		if l := lines(); len(l) != repeatsAtOnce+2 || !strings.Contains(l[len(l)-1], fmt.Sprintf("times=%d", times-repeatsAtOnce+1)) {
			t.Errorf("after an hour: %q", l)
		}
	})
}

// TestRepeatsAreBounded, and each message has a count of its own.
func TestRepeatsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r repeats
		for i := range 100 * repeatsKept {
			if n, tell := r.count(fmt.Sprint(i)); n != 1 || !tell {
				t.Fatalf("message %d: %d, %v", i, n, tell)
			}
			if len(r.told) > repeatsKept {
				t.Fatalf("%d are kept", len(r.told))
			}
		}
	})
}
