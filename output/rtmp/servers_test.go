package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// recorder is a real server that keeps what it was sent.
type recorder interface {
	URL(stream string) string
	Recordings(stream string) ([]string, error)
	Stop()
}

// street is the first d of real footage.
func street(t *testing.T, d time.Duration) (tracks []*media.Track, packets []media.Packet) {
	t.Helper()
	path, err := footage.StreetMP4(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	clip, err := segmenttest.ReadMP4(path)
	if err != nil {
		t.Fatal(err)
	}
	first := slices.IndexFunc(clip.Packets, func(p media.Packet) bool { return p.Track.Video != nil && p.Key })
	packets = clip.Packets[first:]
	n := slices.IndexFunc(packets, func(p media.Packet) bool { return p.DTS > packets[0].DTS+d })
	return clip.Tracks, packets[:n]
}

// stream publishes packets at the pace of their times.
func stream(t *testing.T, tg output.Target, tracks []*media.Track, packets []media.Packet) {
	t.Helper()
	c := mustDial(t, tg, tracks...)
	start := time.Now()
	for _, p := range packets {
		time.Sleep(time.Until(start.Add(p.DTS - packets[0].DTS)))
		mustWrite(t, c, p)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

const streamed = 4 * time.Second

func TestRealServersRecordWhatIsSent(t *testing.T) {
	tracks, packets := street(t, streamed)
	plain := func(r recorder) (recorder, output.Target) { return r, target(t, r.URL("cam")) }
	for name, start := range map[string]func(*testing.T) (recorder, output.Target){
		"nginx-rtmp": func(t *testing.T) (recorder, output.Target) {
			return plain(peer.StartNginx(t, peer.NginxOptions{Record: true}))
		},
		"nginx-rtmp behind stunnel": func(t *testing.T) (recorder, output.Target) {
			n, ca := peer.StartNginx(t, peer.NginxOptions{Record: true}), peer.NewCA(t)
			tg := target(t, peer.StartTLSFront(t, ca, n.Addr(), peer.CertOptions{}).RTMPS("cam"))
			tg.TLS = &tls.Config{RootCAs: ca.Pool}
			return n, tg
		},
		"lal": func(t *testing.T) (recorder, output.Target) { return plain(peer.StartLal(t, peer.LalOptions{})) },
		"node-media-server": func(t *testing.T) (recorder, output.Target) {
			return plain(peer.StartNodeMedia(t, peer.NodeMediaOptions{}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, tg := start(t)
			stream(t, tg, tracks, packets)
			checkRecording(t, recording(t, server, "cam"), packets)
		})
	}
}

// recording waits until the server writes no more and returns its file.
func recording(t *testing.T, server recorder, name string) string {
	t.Helper()
	deadline, last := time.Now().Add(20*time.Second), int64(-1)
	for time.Now().Before(deadline) {
		time.Sleep(300 * time.Millisecond)
		files, err := server.Recordings(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(files) != 1 {
			continue
		}
		info, err := os.Stat(files[0])
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() == last && last > 0 {
			server.Stop()
			return files[0]
		}
		last = info.Size()
	}
	t.Fatal("the server has recorded nothing")
	return ""
}

// checkRecording holds a file against what was sent: every packet with its time
// beside the other track's, and ffmpeg decodes it without a word.
func checkRecording(t *testing.T, file string, sent []media.Packet) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	if _, err := peer.Decode(ctx, file, 0); err != nil {
		t.Error(err)
	}
	probed, err := peer.Probe(ctx, file, peer.ProbeOptions{Packets: true})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]time.Duration{}
	for _, p := range probed.Packets {
		got[p.Kind] = append(got[p.Kind], p.PTS.Duration)
	}
	compareTimes(t, got, sent)
}

// compareTimes holds presentation times by kind of track against those sent: no
// packet missing, none off by more than rounding takes.
func compareTimes(t *testing.T, got map[string][]time.Duration, sent []media.Packet) {
	t.Helper()
	want := map[string][]time.Duration{}
	for _, p := range sent {
		kind := "audio"
		if p.Track.Video != nil {
			kind = "video"
		}
		if p.DTS >= sent[0].DTS {
			want[kind] = append(want[kind], p.PTS)
		}
	}
	base := got["video"][0] - want["video"][0] // the protocol's times begin where they like
	for _, kind := range []string{"video", "audio"} {
		slices.Sort(got[kind])
		slices.Sort(want[kind])
		if len(got[kind]) != len(want[kind]) {
			t.Errorf("%d %s packets arrived, %d were sent", len(got[kind]), kind, len(want[kind]))
			continue
		}
		for i := range got[kind] {
			if off := got[kind][i] - base - want[kind][i]; off.Abs() > 2*time.Millisecond {
				t.Errorf("%s packet %d is %v off", kind, i, off)
				break
			}
		}
	}
}

// What the servers do with a key they do not want, and what is made of it. None
// of the three says a word: nginx-rtmp closes instead of answering, lal and
// node-media-server accept first. So the cause is no more than "closed".
func TestRealServersRefuseAWrongKey(t *testing.T) {
	tracks, packets := street(t, time.Second)
	for name, start := range map[string]func(*testing.T) recorder{
		"nginx-rtmp":        func(t *testing.T) recorder { return peer.StartNginx(t, peer.NginxOptions{Key: "right"}) },
		"lal":               func(t *testing.T) recorder { return peer.StartLal(t, peer.LalOptions{Secret: "right"}) },
		"node-media-server": func(t *testing.T) recorder { return peer.StartNodeMedia(t, peer.NodeMediaOptions{Secret: "right"}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := publishUntilError(t, target(t, start(t).URL(secretKey)), tracks, packets)
			if output.CauseOf(err) != output.CauseClosed || !strings.Contains(err.Error(), "is the stream key right") {
				t.Errorf("cause %q: %v", output.CauseOf(err), err)
			}
			t.Log(err)
			if strings.Contains(err.Error(), secretKey) {
				t.Errorf("the key is shown: %v", err)
			}
		})
	}
}

// publishUntilError publishes packets over and over until the connection fails.
func publishUntilError(t *testing.T, tg output.Target, tracks []*media.Track, packets []media.Packet) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := Dial(ctx, tg, tracks)
	if err != nil {
		return err
	}
	defer c.Close()
	for ctx.Err() == nil {
		for _, p := range packets {
			if err := c.Write(p); err != nil {
				return err
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	t.Fatal("the server takes what it should not")
	return nil
}

// What a second encoder under the same key hears: nginx-rtmp says so, lal and
// node-media-server accept and then just close.
func TestRealServersRefuseASecondPublisher(t *testing.T) {
	tracks, packets := street(t, time.Second)
	for name, tc := range map[string]struct {
		start func(*testing.T) recorder
		cause output.Cause
		words string
	}{
		"nginx-rtmp": {func(t *testing.T) recorder { return peer.StartNginx(t, peer.NginxOptions{}) },
			output.CauseRejected, "is another encoder publishing under this key"},
		"lal":               {func(t *testing.T) recorder { return peer.StartLal(t, peer.LalOptions{}) }, output.CauseClosed, "no other encoder publishing under it"},
		"node-media-server": {func(t *testing.T) recorder { return peer.StartNodeMedia(t, peer.NodeMediaOptions{}) }, output.CauseClosed, "no other encoder publishing under it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tg := target(t, tc.start(t).URL("cam"))
			first := mustDial(t, tg, tracks...)
			mustWrite(t, first, packets[:10]...)
			err := publishUntilError(t, tg, tracks, packets)
			if output.CauseOf(err) != tc.cause || !strings.Contains(err.Error(), tc.words) {
				t.Errorf("cause %q: %v", output.CauseOf(err), err)
			}
			mustWrite(t, first, packets[10:]...)
		})
	}
}

func TestStunnelWithABadCertificateIsRefused(t *testing.T) {
	n, ca := peer.StartNginx(t, peer.NginxOptions{}), peer.NewCA(t)
	for name, tc := range map[string]struct {
		trust *peer.CA
		cert  peer.CertOptions
		want  string
	}{
		"another CA":   {peer.NewCA(t), peer.CertOptions{}, "not signed by an authority this box trusts"},
		"expired":      {ca, peer.CertOptions{NotAfter: time.Now().Add(-time.Hour)}, "out of its dates"},
		"another name": {ca, peer.CertOptions{Hosts: []string{"live.example.com"}}, "is not for the name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tg := target(t, peer.StartTLSFront(t, ca, n.Addr(), tc.cert).RTMPS(secretKey))
			tg.TLS = &tls.Config{RootCAs: tc.trust.Pool}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, err := Dial(ctx, tg, []*media.Track{video})
			if output.CauseOf(err) != output.CauseTLS || !strings.Contains(fmt.Sprint(err), tc.want) {
				t.Errorf("cause %q: %v", output.CauseOf(err), err)
			}
		})
	}
}

// gomedia's server is a library: what it decodes is taken from it directly, raw
// H.264 and ADTS, and its times beside them.
func TestGomediaServerDecodesRealFootage(t *testing.T) {
	tracks, packets := street(t, streamed)
	dir := t.TempDir()
	g := startGomedia(t, filepath.Join(dir, "a.h264"), filepath.Join(dir, "a.aac"))
	c := mustDial(t, target(t, "rtmp://"+g.addr+"/live/cam"), tracks...)
	mustWrite(t, c, packets...)
	c.Close()
	got := <-g.done
	for _, name := range []string{"a.h264", "a.aac"} {
		if _, err := peer.Decode(t.Context(), filepath.Join(dir, name), 0); err != nil {
			t.Error(err)
		}
	}
	compareTimes(t, got, packets)
}
