package whip

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
)

func TestWeriftTakesThePublication(t *testing.T) {
	p := street(t, 4)
	w := peer.StartWerift(t)
	c := mustDial(t, target(t, w.URL()), p.video, soundTrack)
	if err := play(c, p.packets); err != nil {
		t.Fatal(err)
	}
	until(t, "all is sent", func() bool { return c.waiting.Load() == 0 })
	time.Sleep(300 * time.Millisecond) // werift says nothing of what has come before the end
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := w.Report()
	if err != nil {
		t.Fatal(err)
	}
	stream, err := os.ReadFile(w.Video())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := decodes(t, stream), int64(len(p.of(media.Video))); got != want {
		t.Errorf("%d pictures decoded, %d sent", got, want)
	}
	// What is lost of sound is not asked for again, and Node.js may be slow.
	sound := p.of(media.Audio)
	first := slices.IndexFunc(sound, func(x media.Packet) bool { return bytes.Equal(x.Data, r["audio"].Head) })
	if got, want := r["audio"].Packets, len(sound); first < 0 || got < want/2 {
		t.Fatalf("%d packets of sound came, from number %d on; %d sent", got, first, want)
	}
	at := func(kind string, clock int) time.Duration {
		one := r[kind]
		ntp, err := strconv.ParseUint(one.Report.NTP, 10, 64)
		if err != nil {
			t.Fatalf("%s: no sender report: %v", kind, err)
		}
		return time.Duration(ntp>>32)*time.Second + time.Duration((ntp&0xffffffff)*uint64(time.Second)>>32) +
			time.Duration(int32(one.First-one.Report.RTP))*time.Second/time.Duration(clock)
	}
	sent := sound[first].PTS - p.of(media.Video)[0].PTS
	if off := at("audio", clockOpus) - at("video", clockH264) - sent; off.Abs() > 40*time.Millisecond {
		t.Errorf("sound is off by %v", off)
	}
}
