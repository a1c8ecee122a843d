package storage

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/lab/playlist"
)

// frame is how long a picture stands.
const frame = 40 * time.Millisecond

// TestTwoBoxesAreOneEncoder has two daemons that know of each other no more than
// the time. Their pictures are taken at moments of their own, up to a frame
// apart, as with cameras that run free; a capture of one signal would be closer.
func TestTwoBoxesAreOneEncoder(t *testing.T) {
	t.Parallel()
	var boxes [2]*box
	for i := range boxes {
		boxes[i] = newBox(t, "[streams.main.segment]\nepoch_locked = true\nwindow = 8\n")
		time.Sleep(time.Duration(i)*300*time.Millisecond + 13*time.Millisecond) // phases of their own
	}
	one, two := calm(t, boxes)
	for name, length := range map[string]time.Duration{"video.m3u8": frame, "audio.m3u8": 1024 * time.Second / 48000} {
		alternating(t, boxes, name, length, shared(t, one[name], two[name]))
	}
	switching(t, boxes)
}

// calm waits until neither box has lost pictures for a window, as a busy machine
// makes them do, and returns the playlists of then.
func calm(t *testing.T, boxes [2]*box) (one, two map[string]*playlist.Media) {
	t.Helper()
	for deadline := time.Now().Add(2 * patience); ; time.Sleep(time.Second) {
		lists, whole := [2]map[string]*playlist.Media{{}, {}}, true
		for i, b := range boxes {
			b.segments(1)
			for _, name := range []string{"video.m3u8", "audio.m3u8"} {
				m := b.media("/hls/main/" + name)
				lists[i][name] = m
				whole = whole && len(m.Segments) >= 8
				for _, s := range m.Segments {
					whole = whole && !s.Discontinuity && (s.Duration-2*time.Second).Abs() <= frame
				}
			}
		}
		if whole {
			return lists[0], lists[1]
		}
		if time.Now().After(deadline) {
			t.Fatalf("no window of whole segments: %+v, %+v", lists[0]["video.m3u8"], lists[1]["video.m3u8"])
		}
	}
}

// shared are the segments that both playlists list.
func shared(t *testing.T, one, two *playlist.Media) (both []playlist.Segment) {
	t.Helper()
	names := map[uint64]playlist.Segment{}
	for _, s := range two.Segments {
		names[s.Sequence] = s
	}
	for _, s := range one.Segments {
		o, ok := names[s.Sequence]
		if !ok {
			continue
		}
		if s.URI != o.URI || s.Map != o.Map || s.Gap || o.Gap || s.Discontinuity || o.Discontinuity {
			t.Errorf("segment %d is %+v at one box, %+v at the other", s.Sequence, s, o)
		}
		both = append(both, s)
	}
	if len(both) < 6 || one.TargetDuration != two.TargetDuration {
		t.Fatalf("%d segments at both, target durations %v and %v", len(both), one.TargetDuration, two.TargetDuration)
	}
	return both
}

// alternating puts segments of one box and the other behind each other, and judges
// what is in them.
func alternating(t *testing.T, boxes [2]*box, name string, length time.Duration, list []playlist.Segment) {
	t.Helper()
	header := boxes[0].Get("/hls/main/" + list[0].Map)
	if other := boxes[1].Get("/hls/main/" + list[0].Map); !bytes.Equal(header, other) {
		t.Errorf("%s is not the same at both boxes", list[0].Map)
	}
	// A segment begins with its cell's first picture, and with the sound that begins
	// with that.
	late := frame + 3*time.Millisecond
	if name == "audio.m3u8" {
		late += length
	}
	whole := bytes.Clone(header)
	var end, widest time.Duration
	for i, s := range list {
		data := boxes[i%2].Get("/hls/main/" + s.URI)
		whole = append(whole, data...)
		p := probe(t, append(bytes.Clone(header), data...))
		begin := p.Packets[0].DTS.Duration
		if off := begin - time.Duration(s.Sequence)*2*time.Second; off < -3*time.Millisecond || off > late {
			t.Errorf("%s of box %d begins %v off the grid", s.URI, i%2, off)
		}
		if i > 0 {
			widest = max(widest, (begin - end).Abs())
		}
		end = p.Packets[len(p.Packets)-1].DTS.Duration + length
	}
	t.Logf("%s: %d segments, seams up to %v off", name, len(list), widest)
	if widest > late {
		t.Errorf("%s taken from both jumps by %v", name, widest)
	}
	if p := probe(t, whole); name == "video.m3u8" { // sound may overlap by less than an access unit
		if err := p.CheckTimestamps(); err != nil {
			t.Errorf("%s taken from both: %v", name, err)
		}
	}
	file := filepath.Join(t.TempDir(), "whole.mp4")
	write(t, file, whole)
	play(t, file)
}

// play has ffmpeg decode an input, and returns how many pictures it got. Their
// times stay as they are: in ticks of a picture, two that are a little closer
// would be one.
func play(t *testing.T, input string, args ...string) (pictures int) {
	t.Helper()
	argv := append([]string{"ffmpeg", "-nostdin", "-v", "error", "-xerror", "-progress", "pipe:1"}, args...)
	argv = append(argv, "-i", input, "-enc_time_base", "-1", "-fps_mode", "passthrough", "-t", fmt.Sprint(played.Seconds()), "-f", "null", "-")
	var progress bytes.Buffer
	log, err := peer.Run(t.Context(), peer.Command{Args: argv, Stdout: &progress})
	if err != nil || log != "" {
		t.Errorf("play %s: %v: %s", input, err, log)
	}
	for line := range strings.Lines(progress.String()) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "frame="); ok {
			pictures, _ = strconv.Atoi(strings.TrimSpace(n))
		}
	}
	return pictures
}

// played is how much of an input is played.
const played = 14 * time.Second

func probe(t *testing.T, data []byte) *peer.Probed {
	t.Helper()
	file := filepath.Join(t.TempDir(), "probed.mp4")
	write(t, file, data)
	p, err := peer.Probe(t.Context(), file, peer.ProbeOptions{Packets: true})
	if err != nil || len(p.Packets) == 0 {
		t.Fatalf("probe: %v", err)
	}
	return p
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// switching has a player take every file from a CDN that asks another box each
// time.
func switching(t *testing.T, boxes [2]*box) {
	t.Helper()
	number := regexp.MustCompile(`_(\d+)\.m4s$`)
	var mu sync.Mutex
	asked := [2]int{}
	var proxies [2]*httputil.ReverseProxy
	for i, b := range boxes {
		u, err := url.Parse(b.URL)
		if err != nil {
			t.Fatal(err)
		}
		proxies[i] = httputil.NewSingleHostReverseProxy(u)
	}
	cdn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := 0
		if m := number.FindStringSubmatch(r.URL.Path); m != nil {
			n, _ := strconv.Atoi(m[1])
			i = n % 2
			mu.Lock()
			asked[i]++
			mu.Unlock()
		} else if strings.Contains(r.URL.Path, "audio") {
			i = 1 // playlists of both, too
		}
		proxies[i].ServeHTTP(w, r)
	}))
	defer cdn.Close()
	pictures := play(t, cdn.URL+"/hls/main/index.m3u8", "-live_start_index", "0")
	dropped := 0 // by a busy machine
	for _, b := range boxes {
		dropped += int(encoderd.Stream(b.Status(), "main").Input.Dropped)
	}
	if want := int(played/time.Second) * 25; pictures < want-10-dropped || pictures > want+10 {
		t.Errorf("a player that is switched showed %d pictures, want %d; %d were dropped", pictures, want, dropped)
	}
	mu.Lock()
	defer mu.Unlock()
	if asked[0] < 4 || asked[1] < 4 {
		t.Errorf("the boxes were asked for %v segments", asked)
	}
}
