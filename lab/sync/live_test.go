package avsync

import (
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// TestLive measures what servers received and play in real time, 60 ms of it put in
// before.
func TestLive(t *testing.T) {
	const delay = -60 * time.Millisecond
	file, err := footage.Flash(t.Context(), footage.FlashOptions{File: "flash.mp4", Delay: delay})
	if err != nil {
		t.Fatal(err)
	}
	check := func(t *testing.T, input string, o Options) {
		t.Helper()
		r, err := Measure(t.Context(), input, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(r)
		if d := (r.Median() - delay).Abs(); d > tolerance || r.Unpaired != 0 {
			t.Errorf("median %v, %d unpaired", r.Median(), r.Unpaired)
		}
		if d := (r.Worst() - delay).Abs(); d > tolerance {
			t.Errorf("worst %v", r.Worst())
		}
	}
	t.Run("RTMP", func(t *testing.T) {
		t.Parallel()
		n := peer.StartNginx(t, peer.NginxOptions{Record: true})
		peer.Publish(t, file, n.URL("flash"))
		if _, err := n.AwaitPublish(t.Context(), "flash"); err != nil {
			t.Fatal(err)
		}
		check(t, n.URL("flash"), Options{Duration: 6 * time.Second})
		n.Stop()
		recorded, err := n.Recordings("flash")
		if err != nil || len(recorded) != 1 {
			t.Fatalf("recordings %q, error %v", recorded, err)
		}
		check(t, recorded[0], Options{})
	})
	t.Run("SRT", func(t *testing.T) {
		t.Parallel()
		r := peer.StartSRT(t, peer.SRTOptions{})
		p := peer.Publish(t, file, r.FFmpegURL())
		time.Sleep(6 * time.Second) // of real time, for as many flashes
		p.Stop()
		r.Stop()
		check(t, r.File(), Options{})
	})
}
