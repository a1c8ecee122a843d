package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// job is what goes out of a contender.
type job struct {
	hls, rtmp, srt bool
	player         bool // one HLS player fetches everything over HTTP
	copies         int  // receivers of the one protocol that goes out; 0 in all other jobs
}

func (j job) String() string {
	var out []string
	for _, part := range []struct {
		on   bool
		name string
	}{{j.hls, "HLS"}, {j.rtmp, "RTMP"}, {j.srt, "SRT"}} {
		if part.on {
			out = append(out, part.name)
		}
	}
	switch {
	case j.copies > 0:
		return fmt.Sprintf("%s destinations, %d", out[0], j.copies)
	case len(out) == 3:
		return "all three"
	case j.player:
		return "HLS, one player"
	}
	return strings.Join(out, " and ")
}

// The programs that are measured.
const (
	ours   = "encoderd"
	theirs = "ffmpeg"
	bare   = "bare libsrt"
)

// benchCase is one program doing one job.
type benchCase struct {
	program string
	job     job
}

func (c benchCase) name() string { return c.program + ": " + c.job.String() }

var (
	hlsOnly  = job{hls: true}
	rtmpOnly = job{rtmp: true}
	srtOnly  = job{srt: true}
	allThree = job{hls: true, rtmp: true, srt: true}
	played   = job{hls: true, player: true}
)

// cases in the order of a round: contenders of one job follow each other.
var cases = []benchCase{
	{ours, allThree}, {theirs, allThree}, {bare, srtOnly},
	{ours, srtOnly}, {theirs, srtOnly},
	{ours, rtmpOnly}, {theirs, rtmpOnly},
	{ours, hlsOnly}, {theirs, hlsOnly},
	{ours, played},
}

// start starts the program with the job towards the sinks. daemon is nil but
// for encoderd.
func (b *bench) start(tb peer.TB, c benchCase, s *sinks) (p *peer.Process, daemon *encoderd.Daemon) {
	tb.Helper()
	switch c.program {
	case ours:
		d := encoderd.Start(tb, b.encoderd, b.configuration(c.job, s))
		s.hlsDir = d.Live
		return d.Process, d
	case theirs:
		return peer.FFmpeg(tb, b.ffmpegArgs(tb, c.job, s)...), nil
	default:
		return peer.Start(tb, peer.Command{Args: []string{b.bare, "-latency", fmt.Sprint(srtLatency.Milliseconds()), b.ts, s.srt.Addr()}}), nil
	}
}

// configuration is encoderd's for a job: the file passed through, nothing encoded.
func (b *bench) configuration(j job, s *sinks) string {
	var t strings.Builder
	t.WriteString(b.source(j))
	if j.rtmp {
		fmt.Fprintf(&t, "[streams.main.destinations.rtmp]\nurl = %q\n", s.nginx.URL(streamName))
	}
	if j.srt {
		fmt.Fprintf(&t, "[streams.main.destinations.srt]\nurl = %q\nlatency = %q\n", s.srt.URL(), srtLatency)
	}
	return t.String()
}

// source is the part of the configuration that all jobs have: the input, and
// what is served of it.
func (b *bench) source(j job) string {
	return fmt.Sprintf("[streams.main.input]\nkind = \"file\"\npath = %q\n[streams.main.hls]\nenabled = %t\n[streams.main.dash]\nenabled = %t\n",
		b.mp4, j.hls, j.hls)
}

// ffmpegArgs are one process with an output a leg, each a copy of both tracks.
// The source is Matroska: from MP4, ffmpeg's FLV leg may silently stay empty.
func (b *bench) ffmpegArgs(tb peer.TB, j job, s *sinks) []string {
	tb.Helper()
	args := []string{"-v", "warning", "-re", "-i", b.mkv}
	leg := func(out ...string) {
		args = append(args, "-map", "0:v", "-map", "0:a", "-c", "copy")
		args = append(args, out...)
	}
	if j.hls {
		s.hlsDir = tb.TempDir()
		leg("-f", "hls", "-hls_time", "2", "-hls_list_size", "6", "-hls_segment_type", "fmp4",
			"-hls_flags", "delete_segments", filepath.Join(s.hlsDir, "index.m3u8"))
	}
	if j.rtmp {
		leg("-f", "flv", s.nginx.URL(streamName))
	}
	if j.srt {
		leg("-f", "mpegts", s.srt.FFmpegURL())
	}
	return args
}

// makeTS makes what the bare sender sends: some seconds of the clip as MPEG-TS.
func makeTS(ctx context.Context, mkv, dir string) (string, error) {
	ts := filepath.Join(dir, "bench.ts")
	log, err := peer.Run(ctx, peer.Command{Args: []string{"ffmpeg", "-nostdin", "-v", "error", "-y",
		"-i", mkv, "-t", "10", "-map", "0:v", "-map", "0:a", "-c", "copy", "-f", "mpegts", ts}})
	if err != nil {
		return "", fmt.Errorf("make the bare sender's stream: %w: %s", err, log)
	}
	fi, err := os.Stat(ts)
	if err != nil {
		return "", fmt.Errorf("make the bare sender's stream: %w", err)
	}
	if fi.Size() == 0 {
		return "", errors.New("make the bare sender's stream: it is empty")
	}
	return ts, nil
}
