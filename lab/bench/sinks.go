package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
)

const (
	streamName = "bench"
	srtLatency = 200 * time.Millisecond // of every sender
)

// sinks are what a trial's contender sends to: real servers, and a folder on
// tmpfs.
type sinks struct {
	job    job
	nginx  *peer.Nginx
	srt    *peer.SRT
	hlsDir string // set by who starts the contender
	hls    *dirMeter
}

func startSinks(tb peer.TB, j job) *sinks {
	tb.Helper()
	s := &sinks{job: j}
	if j.rtmp {
		s.nginx = peer.StartNginx(tb, peer.NginxOptions{})
	}
	if j.srt {
		s.srt = peer.StartSRT(tb, peer.SRTOptions{Latency: srtLatency})
	}
	return s
}

// received is what each leg's sink has got so far, in bytes.
type received struct {
	at             time.Time
	hls, rtmp, srt int64
}

func (s *sinks) received(ctx context.Context) (received, error) {
	r := received{at: time.Now()}
	if s.job.rtmp {
		st, err := s.nginx.Stream(ctx, streamName)
		if err != nil {
			return r, err
		}
		if st != nil {
			r.rtmp = st.BytesIn
		}
	}
	if s.job.srt {
		r.srt = s.srt.Bytes()
	}
	if s.job.hls {
		r.hls = s.hls.bytes()
	}
	return r, nil
}

// await returns once every leg's sink receives media.
func (s *sinks) await(ctx context.Context, p *peer.Process) error {
	const enough = 200_000
	deadline := time.Now().Add(30 * time.Second)
	for {
		r, err := s.received(ctx)
		if err != nil {
			return err
		}
		if (!s.job.hls || r.hls > enough) && (!s.job.rtmp || r.rtmp > enough) && (!s.job.srt || r.srt > enough) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.Done():
			return fmt.Errorf("it has ended:\n%s", p.Log())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after 30 s not every sink receives (HLS %d, RTMP %d, SRT %d bytes):\n%s", r.hls, r.rtmp, r.srt, p.Log())
		}
	}
}

// segmentSlack is by how much what a folder got in a window may differ: a
// segment may appear whole at its end.
const segmentSlack = 2200 * time.Millisecond

// check says which leg did not get what it must have between a and b. rate is
// the media's, in bytes a second; its bit rate is constant over a second, not
// from picture to picture, and transports add up to a tenth.
func (s *sinks) check(a, b received, rate float64) error {
	elapsed := b.at.Sub(a.at).Seconds()
	var wrong []string
	leg := func(on bool, name string, bytes int64, slack time.Duration) {
		low := rate * (elapsed*0.92 - slack.Seconds())
		high := rate * (elapsed*1.18 + slack.Seconds())
		if on && (float64(bytes) < low || float64(bytes) > high) {
			wrong = append(wrong, fmt.Sprintf("%s got %d bytes in %.1f s, not %.0f to %.0f", name, bytes, elapsed, low, high))
		}
	}
	leg(s.job.hls, "the HLS folder", b.hls-a.hls, segmentSlack)
	leg(s.job.rtmp, "nginx", b.rtmp-a.rtmp, 0)
	leg(s.job.srt, "srt-live-transmit", b.srt-a.srt, 0)
	if len(wrong) > 0 {
		return fmt.Errorf("%w: %s", errVoid, strings.Join(wrong, "; "))
	}
	return nil
}

// checkTracks says which leg lacks the picture or the sound.
func (s *sinks) checkTracks(ctx context.Context) error {
	if s.job.rtmp {
		st, err := s.nginx.Stream(ctx, streamName)
		if err != nil {
			return err
		}
		if st == nil || st.Video.Codec != "H264" || st.Audio.Codec != "AAC" {
			return fmt.Errorf("nginx does not see H.264 and AAC but %+v", st)
		}
	}
	if s.job.srt {
		p, err := peer.Probe(ctx, s.srt.File(), peer.ProbeOptions{InputArgs: []string{"-v", "fatal"}}) // ffmpeg puts an SEI before the SPS it refers to
		if err != nil {
			return err
		}
		codecs := map[string]bool{}
		for _, st := range p.Streams {
			codecs[st.Codec] = true
		}
		if !codecs["h264"] || !codecs["aac"] {
			return fmt.Errorf("what came over SRT holds %v, not H.264 and AAC", codecs)
		}
	}
	return nil
}

// cpu is what the sinks have cost.
func (s *sinks) cpu() time.Duration {
	var sum time.Duration
	if s.job.rtmp {
		sum += cpuTime(s.nginx.Process().PID())
	}
	if s.job.srt {
		sum += cpuTime(s.srt.Process().PID())
	}
	return sum
}

// dirMeter counts the bytes of all media files that ever were in a folder, or
// below it. Files are known by inode, so that one that gets its name when it is
// complete counts once.
type dirMeter struct {
	dir  string
	stop chan struct{}
	wg   sync.WaitGroup

	mu    sync.Mutex // guards the field below
	sizes map[uint64]int64
}

func startDirMeter(tb peer.TB, dir string) *dirMeter {
	m := &dirMeter{dir: dir, stop: make(chan struct{}), sizes: map[uint64]int64{}}
	m.wg.Go(m.watch)
	tb.Cleanup(func() {
		close(m.stop)
		m.wg.Wait()
	})
	return m
}

// watch looks often enough to see every file before it is deleted, which is
// many seconds after it was written.
func (m *dirMeter) watch() {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-m.stop:
			return
		case <-tick.C:
			m.look()
		}
	}
}

func (m *dirMeter) bytes() int64 {
	m.look()
	m.mu.Lock()
	defer m.mu.Unlock()
	var sum int64
	for _, n := range m.sizes {
		sum += n
	}
	return sum
}

func (m *dirMeter) look() {
	m.mu.Lock()
	defer m.mu.Unlock()
	// Errors are of files that have gone since; what is missed is missing in the check.
	_ = filepath.WalkDir(m.dir, func(path string, d fs.DirEntry, gone error) error {
		if gone != nil || d.IsDir() || !strings.Contains(filepath.Base(path), ".m4s") {
			return nil //nolint:nilerr // see above
		}
		if fi, gone := os.Stat(path); gone == nil {
			if st, ok := fi.Sys().(*syscall.Stat_t); ok {
				m.sizes[st.Ino] = max(m.sizes[st.Ino], fi.Size())
			}
		}
		return nil
	})
}
