package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// The programs that are measured.
const (
	ours   = "encoderd"
	theirs = "ffmpeg"
)

// job is what a contender does with the stream.
type job struct {
	dash     bool // beside HLS
	recorded bool
	watched  bool // by one player each
}

func (j job) String() string {
	switch {
	case j.watched:
		return "HLS, DASH and recording, two viewers"
	case j.recorded && j.dash:
		return "HLS, DASH and recording"
	case j.recorded:
		return "HLS and MP4"
	}
	return "HLS and DASH"
}

// benchCase is one program doing one job.
type benchCase struct {
	program string
	job     job
}

func (c benchCase) name() string { return c.program + ": " + c.job.String() }

var (
	everything = job{dash: true, recorded: true, watched: true}
	unwatched  = job{dash: true, recorded: true}
	liveOnly   = job{dash: true}
	hlsAndMP4  = job{recorded: true}
)

// cases in the order of a round.
var cases = []benchCase{
	{ours, everything}, {theirs, hlsAndMP4}, {ours, unwatched}, {ours, liveOnly},
}

// contender is a running program, and where it writes.
type contender struct {
	*peer.Process
	daemon *encoderd.Daemon // nil of ffmpeg
	hls    string           // folder of segments, on tmpfs
	disk   string           // folder of what is recorded, on a disk
}

// start starts the program of a case. What survives goes below disk.
func (b *bench) start(tb peer.TB, c benchCase, disk string) contender {
	tb.Helper()
	if c.program == theirs {
		hls := tb.TempDir()
		return contender{Process: peer.FFmpeg(tb, b.ffmpegArgs(hls, disk)...), hls: hls, disk: disk}
	}
	return b.startDaemon(tb, b.encoderd, c.job, disk)
}

func (b *bench) startDaemon(tb peer.TB, binary string, j job, disk string, env ...string) contender {
	tb.Helper()
	d := encoderd.Launch(tb, b.daemonOptions(binary, j, disk, env...))
	d.AwaitPage()
	return contender{Process: d.Process, daemon: d, hls: d.Live, disk: filepath.Join(disk, "recordings")}
}

// daemonOptions of a job: the file passed through, nothing encoded. Storage is
// there also when nothing is recorded.
func (b *bench) daemonOptions(binary string, j job, disk string, env ...string) encoderd.Options {
	mode := "manual"
	if j.recorded {
		mode = "always"
	}
	return encoderd.Options{
		Binary: binary, Disk: filepath.Join(disk, "recordings"), State: filepath.Join(disk, "state"), Env: env,
		TOML: fmt.Sprintf("[streams.main.input]\nkind = \"file\"\npath = %q\n[streams.main.dash]\nenabled = %t\n[streams.main.recording]\nmode = %q\n",
			b.mp4, j.dash, mode),
	}
}

// ffmpegArgs are one process with two outputs, each a copy of both tracks.
func (b *bench) ffmpegArgs(hls, disk string) []string {
	return strings.Fields(strings.NewReplacer(
		"SOURCE", b.mkv, "PLAYLIST", filepath.Join(hls, "index.m3u8"), "FILE", filepath.Join(disk, "recording.mp4"),
	).Replace("-v warning -re -i SOURCE" +
		" -map 0:v -map 0:a -c copy -f hls -hls_time 2 -hls_list_size 6 -hls_segment_type fmp4 -hls_flags delete_segments PLAYLIST" +
		" -map 0:v -map 0:a -c copy -f mp4 FILE"))
}
