package push

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/encoderbox/encoderbox/lab/cmafingest"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/media/ogg"
)

// server serves HTTP in this process, at one address however often it ends.
type server struct {
	t       *testing.T
	handler http.Handler
	addr    string
	http    *http.Server
	running sync.WaitGroup
}

func serve(t *testing.T, h http.Handler) *server {
	t.Helper()
	s := &server{t: t, handler: h, addr: "127.0.0.1:0"}
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *server) start() {
	s.t.Helper()
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.addr = l.Addr().String()
	s.http = &http.Server{Handler: s.handler, ReadHeaderTimeout: 10 * time.Second}
	s.running.Go(func() { _ = s.http.Serve(l) })
}

func (s *server) kill() {
	_ = s.http.Close()
	s.running.Wait()
}

// cmaf is a receiver that checks the rules of DASH-IF's interface 1.
func cmaf(t *testing.T) *receiver {
	const token = "tok-9c3f0a77"
	rc := &cmafingest.Receiver{Dir: t.TempDir()}
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			http.Error(w, "no such token", http.StatusUnauthorized)
			return
		}
		rc.ServeHTTP(w, r)
	}))
	return &receiver{
		name: "cmaf", kind: "cmaf", url: "cmaf+http://" + s.addr + "/ingest", codec: "aac",
		lines: []string{fmt.Sprintf("authorization = %q", "Bearer "+token)}, secrets: []string{token},
		kill: s.kill, start: s.start, down: refused,
		seen: func() bool { ended, open := rc.Requests(); return open == 0 && len(ended) >= 2 },
		received: func() string {
			ended, _ := rc.Requests()
			files := map[string]string{}
			for _, r := range ended {
				for _, p := range r.Problems() {
					t.Errorf("CMAF ingest of %s: %s", r.Path, p)
				}
				if len(r.Track.Chunks) > 0 {
					files[r.Track.Kind] = r.File
				}
			}
			return together(t, "-i", files["video"], "-i", files["audio"])
		},
	}
}

// whipPion is a WHIP endpoint on pion.
func whipPion(t *testing.T) *receiver {
	const token = "tok-whip-51e4d2"
	w := peer.StartWHIP(t, peer.WHIPOptions{Token: token})
	s := serve(t, w)
	return &receiver{
		name: "whip", kind: "whip", url: "whip+http://" + s.addr + "/whip", codec: "opus",
		lines: []string{fmt.Sprintf("authorization = %q", "Bearer "+token)}, secrets: []string{token},
		kill: func() {
			s.kill()
			for _, session := range w.Sessions() {
				session.Close()
			}
		},
		start: s.start, down: refused,
		received: func() string {
			all := w.Sessions()
			if len(all) != 1 || !all[0].Closed() {
				t.Fatalf("%d sessions, want one that has ended", len(all))
			}
			video, sound := all[0].Track(webrtc.RTPCodecTypeVideo), all[0].Track(webrtc.RTPCodecTypeAudio)
			if video == nil || sound == nil || video.Report == nil || sound.Report == nil {
				t.Fatalf("video %v, sound %v: a track or its report is missing", video != nil, sound != nil)
			}
			if n := video.Missing() + sound.Missing(); n > 0 {
				t.Errorf("%d packets are missing", n)
			}
			h264, err := video.AnnexB()
			if err != nil {
				t.Fatal(err)
			}
			var opus []rtpPayload
			for _, p := range sound.Packets {
				opus = append(opus, rtpPayload{p.Timestamp, p.Payload})
			}
			return webRTC(t, keep(t, "video.h264", h264), opus,
				sound.At(sound.Packets[0].Timestamp)-video.At(video.Packets[0].Timestamp))
		},
	}
}

// rtpPayload is a packet of sound.
type rtpPayload struct {
	timestamp uint32
	data      []byte
}

// webRTC makes one file of pictures, which come at an even rate, and of Opus that
// begins later than they do.
func webRTC(t *testing.T, h264 string, opus []rtpPayload, later time.Duration) string {
	t.Helper()
	o := &ogg.Opus{Serial: 1, Channels: 2, SampleRate: 48000, Vendor: "lab"}
	b, err := o.AppendHeaders(nil)
	for _, p := range opus {
		if err != nil {
			break
		}
		const frame = 960
		b, err = o.Append(b, int64(p.timestamp-opus[0].timestamp)+frame, p.data)
	}
	if err != nil {
		t.Fatal(err)
	}
	return together(t, "-framerate", fmt.Sprint(frameRate), "-i", h264,
		"-itsoffset", fmt.Sprintf("%.6f", later.Seconds()), "-i", keep(t, "sound.ogg", b))
}

// whipWerift is a WHIP endpoint on werift.
func whipWerift(t *testing.T) *receiver {
	w := peer.StartWerift(t)
	return &receiver{
		name: "whip", kind: "whip", url: w.URL(), codec: "opus",
		seen: func() bool { _, err := w.Report(); return err == nil },
		received: func() string {
			sound, err := w.Sound()
			if err != nil {
				t.Fatal(err)
			}
			r, err := w.Report()
			if err != nil {
				t.Fatal(err)
			}
			var opus []rtpPayload
			for _, p := range sound {
				opus = append(opus, rtpPayload{p.Timestamp, p.Payload})
			}
			at := func(kind string, clock int64) time.Duration {
				at, err := r.Began(kind, clock)
				if err != nil {
					t.Fatal(err)
				}
				return at
			}
			return webRTC(t, w.Video(), opus, at("audio", 48000)-at("video", 90000))
		},
	}
}

// s3 is a MinIO, which checks signatures.
func s3(t *testing.T) *receiver {
	m := peer.StartMinIO(t)
	return &receiver{
		name: "s3", kind: "s3", url: "s3://" + peer.MinIOBucket + "/live/main", codec: "aac", files: true,
		lines: []string{
			fmt.Sprintf("endpoint = %q", m.Endpoint()), fmt.Sprintf("access_key = %q", peer.MinIOAccessKey),
			fmt.Sprintf("secret_key = %q", peer.MinIOSecretKey), `playlists = "both"`,
		},
		secrets: []string{peer.MinIOAccessKey, peer.MinIOSecretKey},
		kill:    m.Kill, start: m.Start, down: refused,
		received: func() string {
			dir := t.TempDir()
			keys, err := m.Keys(t.Context(), "live/main/")
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range keys {
				o, err := m.Object(t.Context(), key)
				if err == nil {
					err = os.WriteFile(filepath.Join(dir, filepath.Base(key)), o.Data, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, playlist := range []string{"live/main/index.m3u8", "live/main/manifest.mpd"} {
				if !strings.Contains(strings.Join(keys, " "), playlist) {
					t.Errorf("no %s in %q", playlist, keys)
				}
			}
			return segments(t, dir)
		},
	}
}
