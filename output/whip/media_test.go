package whip

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
)

// decodes holds a byte stream against ffmpeg's decoder, and returns how many
// pictures it has.
func decodes(t *testing.T, stream []byte) int64 {
	t.Helper()
	file := filepath.Join(t.TempDir(), "received.h264")
	if err := os.WriteFile(file, stream, 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := peer.Decode(t.Context(), file, 0)
	if err != nil {
		t.Fatalf("what was received does not decode: %v", err)
	}
	if log, err := peer.Run(t.Context(), peer.Command{Args: []string{"ffmpeg", "-nostdin", "-v", "error", "-xerror", "-i", file, "-f", "null", "-"}}); err != nil || strings.TrimSpace(log) != "" {
		t.Errorf("ffmpeg: %v: %s", err, log)
	}
	return d.Frames
}

func TestPublicationArrives(t *testing.T) {
	p := street(t, 4)
	w := peer.StartWHIP(t, peer.WHIPOptions{Token: secretToken, DropEvery: 97})
	tg := target(t, w.URL())
	tg.Options["authorization"] = secretToken
	c := mustDial(t, tg, p.video, soundTrack)
	if err := play(c, p.packets); err != nil {
		t.Fatal(err)
	}
	s := w.Sessions()[0]
	until(t, "everything has come, what was lost too", func() bool {
		v, a := s.Track(webrtc.RTPCodecTypeVideo), s.Track(webrtc.RTPCodecTypeAudio)

		return v != nil && a != nil && v.Missing() == 0 && len(a.Packets) == len(p.of(media.Audio)) &&
			v.Report != nil && a.Report != nil && c.waiting.Load() == 0
	})
	st := c.Stats()
	if st.BytesSent < 100_000 || st.RTT <= 0 || st.Retransmitted == 0 || st.Bandwidth <= 0 {
		t.Errorf("stats %+v", st)
	}
	v, a := s.Track(webrtc.RTPCodecTypeVideo), s.Track(webrtc.RTPCodecTypeAudio)
	stream, err := v.AnnexB()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := decodes(t, stream), int64(len(p.of(media.Video))); got != want {
		t.Errorf("%d pictures decoded, %d sent", got, want)
	}
	if v.CName != cname || a.CName != cname {
		t.Errorf("CNAMEs %q and %q", v.CName, a.CName)
	}
	for i, one := range p.of(media.Audio) {
		if string(a.Packets[i].Payload) != string(one.Data) {
			t.Fatalf("Opus packet %d came changed", i)
		}
	}
	sent := p.of(media.Audio)[0].PTS - p.of(media.Video)[0].PTS
	came := a.At(a.Packets[0].Timestamp) - v.At(v.Packets[0].Timestamp)
	if off := came - sent; off.Abs() > 5*time.Millisecond {
		t.Errorf("sound is off by %v", off)
	}
	checkTimestamps(t, v, p.of(media.Video))
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if m := w.Methods(); !slices.Equal(m, []string{"POST", "DELETE"}) || !s.Closed() {
		t.Errorf("the endpoint got %v, session ended: %v", m, s.Closed())
	}
}

// checkTimestamps holds the RTP timestamps of pictures against their times,
// rounded from the beginning.
func checkTimestamps(t *testing.T, got *peer.WHIPTrack, sent []media.Packet) {
	t.Helper()
	first, i := got.Packets[0].Timestamp, 0
	for _, p := range got.Packets {
		want := uint32(media.ToTimescale(sent[i].PTS, clockH264) - media.ToTimescale(sent[0].PTS, clockH264))
		if p.Timestamp-first != want {
			t.Fatalf("picture %d has timestamp %d, want %d", i, p.Timestamp-first, want)
		}
		if p.Marker {
			i++
		}
	}
}

func TestReceiverAsksForKeyPictures(t *testing.T) {
	w := peer.StartWHIP(t, peer.WHIPOptions{AskKey: 20 * time.Millisecond})
	tg := target(t, w.URL())
	var asked atomic.Int64
	tg.RequestKey = func() { asked.Add(1) }
	c := mustDial(t, tg, testVideo)
	start := time.Now()
	for n := 0; asked.Load() < 2; n++ {
		if err := c.Write(picture(n, 300, n == 0)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if d := time.Since(start); d < keyInterval {
		t.Errorf("asked twice within %v", d)
	}
}

func TestOnlyWhatTheEndpointTakesIsPublished(t *testing.T) {
	for _, tc := range []struct {
		name   string
		opts   peer.WHIPOptions
		tracks []*media.Track
		says   string
	}{
		{"the stream has no Opus", peer.WHIPOptions{}, []*media.Track{testVideo, aacTrack}, "WHIP carries Opus"},
		{"the endpoint takes no Opus", peer.WHIPOptions{NoAudio: true}, []*media.Track{testVideo, soundTrack}, "does not take Opus"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := peer.StartWHIP(t, tc.opts)
			var log journal
			tg := target(t, w.URL())
			tg.Log = log.logger()
			c := mustDial(t, tg, tc.tracks...)
			for n := range 10 {
				for _, p := range []media.Packet{picture(n, 500, n == 0), {Track: tc.tracks[1], PTS: time.Duration(n) * 40 * time.Millisecond, Key: true, Data: []byte{1, 2}}} {
					p.DTS = p.PTS
					if err := c.Write(p); err != nil {
						t.Fatal(err)
					}
				}
			}
			until(t, "pictures have come", func() bool {
				v := w.Sessions()[0].Track(webrtc.RTPCodecTypeVideo)
				return v != nil && len(v.Packets) >= 11
			})
			if strings.Count(log.String(), tc.says) != 1 {
				t.Errorf("log: %s", log.String())
			}
		})
	}
}

func TestSoundAlone(t *testing.T) {
	w := peer.StartWHIP(t, peer.WHIPOptions{Absolute: true})
	c := mustDial(t, target(t, w.URL()), soundTrack)
	for n := range 10 {
		at := time.Duration(n) * 20 * time.Millisecond
		if err := c.Write(media.Packet{Track: soundTrack, PTS: at, DTS: at, Key: true, Data: []byte{0xfc, byte(n)}}); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "all has come", func() bool {
		a := w.Sessions()[0].Track(webrtc.RTPCodecTypeAudio)
		return a != nil && len(a.Packets) == 10 && a.Packets[9].Timestamp-a.Packets[0].Timestamp == 9*960
	})
	c.Close()
	until(t, "the session has ended", w.Sessions()[0].Closed)
}

func TestPaceSpreadsKeyPictures(t *testing.T) {
	for _, tc := range []struct {
		n      int
		spread time.Duration
		batch  int
		step   time.Duration
	}{
		{1, 20 * time.Millisecond, 1, 20 * time.Millisecond},
		{8, 20 * time.Millisecond, 8, 20 * time.Millisecond},
		{9, 20 * time.Millisecond, 5, 10 * time.Millisecond},
		{160, 20 * time.Millisecond, 8, time.Millisecond},
		{1600, 20 * time.Millisecond, 80, time.Millisecond}, // no finer than timers are
		{5, 0, 5, 0},
		{0, 0, 1, 0},
	} {
		if b, s := pace(tc.n, tc.spread); b != tc.batch || s != tc.step {
			t.Errorf("%d packets over %v: %d at once every %v, want %d every %v", tc.n, tc.spread, b, s, tc.batch, tc.step)
		}
	}
}
