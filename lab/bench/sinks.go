package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/lab/measure"
	"github.com/encoderbox/encoderbox/lab/peer"
)

const (
	streamName = "bench"
	srtLatency = 200 * time.Millisecond // of every sender
)

// receivers are what a trial's contender sends to.
type receivers interface {
	// received is what each has got so far.
	received(ctx context.Context) (received, error)
	// all says that each has got more than enough bytes.
	all(r received, enough int64) bool
	// check says which did not get what it must have between a and b; rate is the
	// media's, in bytes a second.
	check(a, b received, rate float64) error
	checkTracks(ctx context.Context) error
	cpu() time.Duration // what they have cost
}

var _ receivers = (*sinks)(nil)

// sinks are what a trial's contender sends to: real servers, and a folder on
// tmpfs.
type sinks struct {
	job    job
	nginx  *peer.Nginx
	srt    *peer.SRT
	hlsDir string // set by who starts the contender
	hls    *measure.Meter
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
	each           []int64 // of a fan
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
		r.hls = s.hls.Bytes()
	}
	return r, nil
}

func (s *sinks) all(r received, enough int64) bool {
	return (!s.job.hls || r.hls > enough) && (!s.job.rtmp || r.rtmp > enough) && (!s.job.srt || r.srt > enough)
}

// await returns once every sink receives media.
func await(ctx context.Context, s receivers, p *peer.Process) error {
	const enough = 200_000
	deadline := time.Now().Add(30 * time.Second)
	for {
		r, err := s.received(ctx)
		if err != nil {
			return err
		}
		if s.all(r, enough) {
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
			return fmt.Errorf("after 30 s not every sink receives (HLS %d, RTMP %d, SRT %d bytes, each %d):\n%s", r.hls, r.rtmp, r.srt, r.each, p.Log())
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
		return checkTS(ctx, s.srt.File())
	}
	return nil
}

// checkTS says what a transport stream lacks.
func checkTS(ctx context.Context, file string) error {
	p, err := peer.Probe(ctx, file, peer.ProbeOptions{InputArgs: []string{"-v", "fatal"}}) // ffmpeg puts an SEI before the SPS it refers to
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
	return nil
}

// cpu is what the sinks have cost.
func (s *sinks) cpu() time.Duration {
	var sum time.Duration
	if s.job.rtmp {
		sum += measure.CPUTime(s.nginx.Process().PID())
	}
	if s.job.srt {
		sum += measure.CPUTime(s.srt.Process().PID())
	}
	return sum
}

// watchHLS counts what a contender writes into the HLS folder.
func (s *sinks) watchHLS(tb peer.TB) {
	s.hls = measure.NewMeter(tb, s.hlsDir, func(name string) bool { return strings.Contains(name, ".m4s") })
}
