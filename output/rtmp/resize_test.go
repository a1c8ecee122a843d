package rtmp

import (
	"context"
	"crypto/tls"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// resized is the first 8 s of real footage, a quarter of the size from 2 s to 4 s and
// from 6 s on.
func resized(t *testing.T) (tracks []*media.Track, packets []media.Packet) {
	t.Helper()
	tracks, packets = street(t, 8*time.Second)
	path, err := footage.StreetSmall(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	clip, err := segmenttest.ReadMP4(path)
	if err != nil {
		t.Fatal(err)
	}
	isVideo := func(p media.Packet) bool { return p.Track.Video != nil }
	pictures := slices.Collect(func(yield func(media.Packet) bool) {
		for _, p := range clip.Packets {
			if isVideo(p) && !yield(p) {
				return
			}
		}
	})
	count, gop := 0, 0
	for i, p := range packets {
		if !isVideo(p) {
			continue
		}
		if p.Key {
			gop++
		}
		if gop%2 == 0 {
			q := pictures[count]
			if q.Key != p.Key {
				t.Fatalf("picture %d is not the same in both sizes", count)
			}
			q.PTS, q.DTS = p.PTS, p.DTS
			packets[i] = q
		}
		count++
	}
	return tracks, packets
}

// Real servers record, and hand on to who watches, pictures that change their size in
// one connection; ffmpeg decodes all without a word, each in its size.
func TestRealServersTakePicturesOfAnotherSize(t *testing.T) {
	tracks, packets := resized(t)
	for name, start := range map[string]func(*testing.T) recorder{
		"nginx-rtmp":        func(t *testing.T) recorder { return peer.StartNginx(t, peer.NginxOptions{Record: true}) },
		"lal":               func(t *testing.T) recorder { return peer.StartLal(t, peer.LalOptions{}) },
		"node-media-server": func(t *testing.T) recorder { return peer.StartNodeMedia(t, peer.NodeMediaOptions{}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			tg := target(t, server.URL("cam"))
			var watching sync.WaitGroup
			watching.Go(func() {
				time.Sleep(time.Second)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				if d, err := peer.Decode(ctx, server.URL("cam"), 4*time.Second); err != nil || d.Frames < 50 { // sound may begin long before
					t.Errorf("watched %+v: %v", d, err)
				}
			})
			stream(t, tg, tracks, packets)
			watching.Wait()
			file := recording(t, server, "cam")
			checkRecording(t, file, packets)
			var want []string
			for _, p := range packets {
				if v := p.Track.Video; v != nil {
					want = append(want, map[bool]string{true: "768x576", false: "384x288"}[v.Width == 768])
				}
			}
			if got := sizes(t, file); !slices.Equal(got, want) {
				t.Errorf("recorded %d pictures, %q at the changes, sent %d, %q", len(got), slices.Compact(got), len(want), slices.Compact(want))
			}
		})
	}
}

// sizes are those of a file's pictures, as they are decoded.
func sizes(t *testing.T, file string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-select_streams", "v",
		"-show_entries", "frame=width,height", "-of", "csv=p=0:s=x", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(strings.ReplaceAll(string(out), "x\n", "\n")) // side data leaves one behind
}

func TestPicturesOfAnotherSizeOverTLS(t *testing.T) {
	n, ca := peer.StartNginx(t, peer.NginxOptions{Record: true}), peer.NewCA(t)
	tg := target(t, peer.StartTLSFront(t, ca, n.Addr(), peer.CertOptions{}).RTMPS("cam"))
	tg.TLS = &tls.Config{RootCAs: ca.Pool}
	tracks, packets := resized(t)
	stream(t, tg, tracks, packets)
	checkRecording(t, recording(t, n, "cam"), packets)
}
