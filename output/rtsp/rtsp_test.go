package rtsp

import (
	"context"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func target(t *testing.T, rawURL, transport string) output.Target {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return output.Target{
		Name: "test", URL: u, WriteTimeout: 3 * time.Second, Agent: "encoderbox test",
		Options: map[string]string{"transport": transport}, Log: slog.New(slog.DiscardHandler),
	}
}

func clip(t *testing.T, file footage.Clip) *segmenttest.Clip {
	t.Helper()
	path, err := file(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := segmenttest.ReadMP4(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func dialed(t *testing.T, tg output.Target, tracks []*media.Track) (output.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := Dial(ctx, tg, tracks)
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

func mustDial(t *testing.T, tg output.Target, tracks []*media.Track) output.Conn {
	t.Helper()
	c, err := dialed(t, tg, tracks)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pace writes packets as a live source does, several times as fast.
func pace(t *testing.T, c output.Conn, ps []media.Packet, speed int) {
	t.Helper()
	begin := time.Now()
	for _, p := range ps {
		time.Sleep(time.Until(begin.Add((p.DTS - ps[0].DTS) / time.Duration(speed))))
		if err := c.Write(p); err != nil {
			t.Fatal(err)
		}
	}
}

// first are where the first picture and the first sound from there on begin.
func first(ps []media.Packet) (video, audio time.Duration) {
	started := false
	for _, p := range ps {
		switch {
		case !started && p.Track.Kind() == media.Video:
			started, video = true, p.PTS
		case started && p.Track.Kind() == media.Audio:
			return video, p.PTS
		}
	}
	return video, 0
}

func TestFFmpegRecordsWhatItIsSent(t *testing.T) {
	again := []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-fps_mode", "passthrough", "-c:a", "copy"}
	for name, tc := range map[string]struct {
		file      footage.Clip
		transport string // ours
		theirs    string
		codecs    []string
	}{
		"TCP":                  {footage.StreetMP4, "tcp", "tcp", nil},
		"UDP":                  {footage.StreetMP4, "udp", "udp", nil},
		"auto":                 {footage.StreetMP4, "auto", "udp", nil},
		"TCP, B-frames":        {footage.StreetBFrames, "tcp", "tcp", again},
		"UDP, B-frames":        {footage.StreetBFrames, "udp", "udp", again},
		"TCP, pictures alone ": {footage.StreetVideoOnly, "tcp", "tcp", nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := clip(t, tc.file)
			sent := c.Packets
			for sent[0].Track.Kind() != media.Video {
				sent = sent[1:]
			}
			for i, p := range sent { // 6 s
				if p.DTS > 6*time.Second {
					sent = sent[:i]
					break
				}
			}
			l := peer.StartFFmpegListener(t, peer.FFmpegListenerOptions{
				Scheme: "rtsp", Path: "/live/one", File: "taken.mkv", InputArgs: []string{"-rtsp_transport", tc.theirs}, Codecs: tc.codecs,
			})
			conn := mustDial(t, target(t, l.URL(), tc.transport), c.Tracks)
			pace(t, conn, sent, 2)
			if st := conn.Stats(); st.BytesSent < 100_000 {
				t.Errorf("%+v", st)
			}
			_ = conn.Close()
			select {
			case <-l.Done():
			case <-time.After(20 * time.Second):
				t.Fatalf("ffmpeg does not end: %s", l.Log())
			}
			check(t, l.File(), sent)
		})
	}
}

// check holds a recording against what was sent: it decodes in silence, nothing
// is missing, and sound is where it was.
func check(t *testing.T, file string, sent []media.Packet) {
	t.Helper()
	if _, err := peer.Decode(t.Context(), file, 0); err != nil {
		t.Error(err)
	}
	p, err := peer.Probe(t.Context(), file, peer.ProbeOptions{Packets: true})
	if err != nil {
		t.Fatal(err)
	}
	firsts, counts := map[string]time.Duration{}, map[string]int{}
	for _, q := range p.Packets {
		if counts[q.Kind]++; counts[q.Kind] == 1 {
			firsts[q.Kind] = q.PTS.Duration
		}
	}
	want := map[string]int{}
	for _, q := range sent {
		want[q.Track.Kind().String()]++
	}
	for kind, n := range want {
		if got := counts[kind]; got < n-2 || got > n {
			t.Errorf("%d packets of %s, sent %d", got, kind, n)
		}
	}
	if want["audio"] == 0 {
		return
	}
	v, a := first(sent)
	if off := (firsts["audio"] - firsts["video"] - (a - v)).Abs(); off > 40*time.Millisecond {
		t.Errorf("sound is off by %v: recorded %v, sent %v and %v", off, firsts, v, a)
	}
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	for raw, want := range map[string]string{
		"http://h/a":             "rtsp or rtsps",
		"rtsp:///a":              "no host",
		"rtsp://h/a#b":           "%23",
		"rtsp://h/a?t=multicast": "not auto",
		"rtsps://h/a?t=udp":      "not encrypted",
	} {
		tg := target(t, raw, "")
		tg.Options["transport"] = tg.URL.Query().Get("t")
		if err := Check(tg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	tg := target(t, "rtsp://u:p@h/a", "udp")
	if err := Check(tg); err != nil {
		t.Error(err)
	}
	tg.Options["ttl"] = "1"
	if err := Check(tg); err == nil || !strings.Contains(err.Error(), "unknown option") {
		t.Errorf("%v", err)
	}
}
