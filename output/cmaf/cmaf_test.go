package cmaf

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/lab/cmafingest"
	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func target(t *testing.T, rawURL string) output.Target {
	t.Helper()
	u, err := url.Parse("cmaf+" + rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return output.Target{
		Name: "test", URL: u, WriteTimeout: 3 * time.Second, Agent: "encoderbox test",
		Options: map[string]string{}, Log: slog.New(slog.DiscardHandler),
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

func mustDial(t *testing.T, tg output.Target, tracks []*media.Track, wall wallClock) *conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := dial(ctx, tg, tracks, wall)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*conn)
}

func mustWrite(t *testing.T, c output.Conn, ps ...media.Packet) {
	t.Helper()
	for _, p := range ps {
		if err := c.Write(p); err != nil {
			t.Fatal(err)
		}
	}
}

// receiver checks what it gets; url is without the scheme's "cmaf+".
func receiver(t *testing.T) (r *cmafingest.Receiver, url string) {
	t.Helper()
	r = &cmafingest.Receiver{Dir: t.TempDir()}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	return r, s.URL + "/live/one"
}

// taken are the requests once all have ended, by kind, in their order.
func taken(t *testing.T, r *cmafingest.Receiver) (video, audio []cmafingest.Request) {
	t.Helper()
	for {
		ended, open := r.Requests()
		if open == 0 {
			for _, req := range ended {
				if p := req.Problems(); len(p) > 0 {
					t.Errorf("%s: %s", req.Path, strings.Join(p, "\n"))
				}
				if req.Track.Kind == "video" {
					video = append(video, req)
				} else {
					audio = append(audio, req)
				}
			}
			return video, audio
		}
		select {
		case <-t.Context().Done():
			t.Fatal("requests do not end")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// firsts are where the first picture and the first sound from there on begin.
func firsts(c *segmenttest.Clip) (video, audio time.Duration) {
	for _, p := range c.Packets {
		if p.Track.Kind() == media.Video && p.Key {
			video = p.PTS
			break
		}
	}
	for _, p := range c.Packets {
		if p.Track.Kind() == media.Audio && p.PTS >= video {
			return video, p.PTS
		}
	}
	return video, 0
}

func near(a, b, within float64) bool { return max(a, b)-min(a, b) <= within }

func TestAStreamArrivesByTheRules(t *testing.T) {
	epoch := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		file footage.Clip
		wall wallClock
	}{
		"without B-frames":   {footage.StreetMP4, nil},
		"with B-frames":      {footage.StreetBFrames, nil},
		"with a time of day": {footage.StreetBFrames, func(d time.Duration) (time.Time, bool) { return epoch.Add(d), true }},
		"video alone":        {footage.StreetVideoOnly, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := clip(t, tc.file)
			r, to := receiver(t)
			conn := mustDial(t, target(t, to), c.Tracks, tc.wall)
			mustWrite(t, conn, c.Packets...)
			if st := conn.Stats(); st.BytesSent == 0 {
				t.Error("no bytes counted")
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			video, audio := taken(t, r)
			if len(video) != 1 || len(audio) != len(c.Tracks)-1 || video[0].Method != http.MethodPost ||
				video[0].Path != "/live/one/Streams(video.cmfv)" || !video[0].Track.Ended {
				t.Fatalf("%+v, %+v", video, audio)
			}
			first, sound := firsts(c)
			offset := tc.wall.offset()
			vt := video[0].Track
			if got := vt.Seconds(vt.Chunks[0].Shown); !near(got, (first + offset).Seconds(), 0.001) {
				t.Errorf("the first picture is at %.3f s, want %v", got, first+offset)
			}
			if chunks, pictures := len(vt.Chunks), count(c, media.Video); chunks != pictures {
				t.Errorf("%d chunks of %d pictures", chunks, pictures)
			}
			if tc.wall != nil {
				if ch := vt.Chunks[0]; !near(float64(ch.Wall.UnixMilli())/1000, ch.WallAt.Seconds(), 0.002) {
					t.Errorf("prft: %v at %v of a time line that begins in 1970", ch.Wall, ch.WallAt)
				}
			}
			if len(audio) == 0 {
				return
			}
			at := audio[0].Track
			if got := at.Seconds(at.Chunks[0].Shown); !near(got, (sound + offset).Seconds(), 0.001) {
				t.Errorf("the first sound is at %.3f s, want %v", got, sound+offset)
			}
			if p := cmafingest.CheckAligned(vt, at, 100*time.Millisecond); len(p) > 0 {
				t.Error(strings.Join(p, "\n"))
			}
		})
	}
}

func count(c *segmenttest.Clip, kind media.Kind) (n int) {
	for _, p := range c.Packets {
		if p.Track.Kind() == kind {
			n++
		}
	}
	return n
}

func TestSoundThatIsAheadIsCutWithThePictures(t *testing.T) {
	c := clip(t, footage.StreetMP4)
	slices.SortStableFunc(c.Packets, func(a, b media.Packet) int { return cmp.Compare(order(a), order(b)) })
	r, to := receiver(t)
	conn := mustDial(t, target(t, to), c.Tracks, nil)
	mustWrite(t, conn, c.Packets...)
	_ = conn.Close()
	video, audio := taken(t, r)
	if p := cmafingest.CheckAligned(video[0].Track, audio[0].Track, 100*time.Millisecond); len(p) > 0 {
		t.Error(strings.Join(p, "\n"))
	}
}

// order is when a packet of sound that is 700 ms ahead comes.
func order(p media.Packet) time.Duration {
	if p.Track.Kind() == media.Audio {
		return p.DTS - 700*time.Millisecond
	}
	return p.DTS
}

func TestSoundAloneIsCutByTheTimeLine(t *testing.T) {
	c := clip(t, footage.StreetMP4)
	r, to := receiver(t)
	track := segmenttest.Audio()
	conn := mustDial(t, target(t, to), []*media.Track{track}, nil)
	for _, p := range c.Packets {
		if p.Track.Kind() == media.Audio {
			p.Track = track
			mustWrite(t, conn, p)
		}
	}
	_ = conn.Close()
	_, audio := taken(t, r)
	segments := 0
	for _, ch := range audio[0].Track.Chunks {
		if ch.SegmentStart {
			segments++
		}
	}
	if segments < 14 || segments > 17 { // 30 s, one every two
		t.Errorf("%d segments", segments)
	}
}

func TestANewConnectionGoesOnOnTheSameTimeLine(t *testing.T) {
	c := clip(t, footage.StreetMP4)
	r, to := receiver(t)
	second := slices.IndexFunc(c.Packets, func(p media.Packet) bool {
		return p.Track.Kind() == media.Video && p.Key && p.DTS > 9*time.Second
	})
	for _, part := range [][]media.Packet{c.Packets[:second], c.Packets[second:]} {
		conn := mustDial(t, target(t, to), c.Tracks, nil)
		mustWrite(t, conn, part...)
		_ = conn.Close()
	}
	video, audio := taken(t, r)
	if len(video) != 2 || len(audio) != 2 {
		t.Fatalf("%d and %d requests", len(video), len(audio))
	}
	for _, both := range [][]cmafingest.Request{video, audio} {
		a, b := both[0].Track, both[1].Track
		if p := b.Continues(a); len(p) > 0 {
			t.Error(p)
		}
		end, start := a.Seconds(a.Chunks[len(a.Chunks)-1].End), b.Seconds(b.Chunks[0].Start)
		if !near(end, start, 0.05) {
			t.Errorf("%s: ends at %.3f s, goes on at %.3f", a.Kind, end, start)
		}
	}
}

func TestWhatIsLostIsTold(t *testing.T) {
	c := clip(t, footage.StreetMP4)
	r, to := receiver(t)
	conn := mustDial(t, target(t, to), c.Tracks, nil)
	gap := false
	for _, p := range c.Packets {
		if p.DTS > 5*time.Second && p.DTS < 7900*time.Millisecond {
			gap = true
			continue
		}
		if p.Track.Kind() == media.Video && gap {
			p.Gap, gap = true, false
		}
		mustWrite(t, conn, p)
	}
	_ = conn.Close()
	video, audio := taken(t, r) // no gap in tfdt without a gap in the sequence numbers
	for _, req := range []cmafingest.Request{video[0], audio[0]} {
		last := req.Track.Chunks[len(req.Track.Chunks)-1]
		if int(last.Sequence) != len(req.Track.Chunks)+1 {
			t.Errorf("%s: %d chunks, the last has number %d", req.Track.Kind, len(req.Track.Chunks), last.Sequence)
		}
	}
}

func TestATrackThatIsNewEndsTheConnectionWithoutAnEndOfTheStream(t *testing.T) {
	r, to := receiver(t)
	track := segmenttest.Video()
	conn := mustDial(t, target(t, to), []*media.Track{track}, nil)
	mustWrite(t, conn, segmenttest.Picture(track, 0, true, 100), segmenttest.Picture(track, 40*time.Millisecond, false, 100))
	if err := conn.Write(segmenttest.Picture(segmenttest.Video(), 80*time.Millisecond, true, 100)); !errors.Is(err, output.ErrTrackChanged) {
		t.Errorf("got %v", err)
	}
	_ = conn.Close()
	for {
		ended, open := r.Requests()
		if open > 0 {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		if ended[0].Track.Ended {
			t.Error("the receiver was told that the stream is over")
		}
		return
	}
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	for raw, want := range map[string]string{
		"cmaf+https:///a":          "no host",
		"cmaf+ftp://h/a":           "cmaf+https",
		"cmaf+https://h/a#b":       "%23",
		"cmaf+https://h/a?m=PATCH": "method",
		"cmaf+https://h/a?x=1":     "unknown option",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		tg := output.Target{URL: u, Options: map[string]string{"method": u.Query().Get("m")}}
		if u.Query().Has("x") {
			tg.Options["ttl"] = "1"
		}
		if err := Check(tg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	good := target(t, "https://u:p@h/a?token=x")
	good.Options = map[string]string{"method": "PUT", "authorization": "Bearer x", "header.X-Y": "z"}
	if err := Check(good); err != nil {
		t.Error(err)
	}
}

// discard reads all of a body.
func discard(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
