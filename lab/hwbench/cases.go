package main

import (
	"fmt"
	"strings"
)

// picture is what the capture device delivers and the encoder is told.
type picture struct {
	width, height, rate int
	bitrate             int
}

func (p picture) size() string { return fmt.Sprintf("%dx%d", p.width, p.height) }

// pictures that are measured. The emulated processor sets the rates: the virtual
// camera draws its pictures on it.
var pictures = []picture{
	{640, 360, 15, 2_500_000},
	{1280, 720, 10, 4_000_000},
}

const gopSeconds = 2

// The jobs and the programs that do them.
const (
	jobPath = "capture and encode" // to nowhere
	jobHLS  = "HLS"                // segments of 2 s as fragmented MP4 on tmpfs, no reader

	encoderd = "encoderd"
	pathOnly = "its path alone" // capture/v4l2, encode/m2m, and a counter behind them
	ffmpeg   = "ffmpeg"
)

type benchCase struct {
	program, job string
	picture
	command func(b *bench, p picture) []string
}

func (c benchCase) name() string { return fmt.Sprintf("%s: %s, %s", c.program, c.job, c.size()) }

// cases of a picture.
func cases(p picture) []benchCase {
	return []benchCase{
		{pathOnly, jobPath, p, pathCommand},
		{ffmpeg, jobPath, p, func(_ *bench, p picture) []string {
			return append(ffmpegCommand(p), "-f", "null", "-")
		}},
		{encoderd, jobHLS, p, daemonCommand},
		{ffmpeg, jobHLS, p, func(_ *bench, p picture) []string {
			return append(ffmpegCommand(p), "-f", "hls", "-hls_segment_type", "fmp4", "-hls_time", fmt.Sprint(gopSeconds),
				"-hls_list_size", "6", "-hls_flags", "delete_segments", hlsFolder+"/index.m3u8")
		}},
	}
}

// In the box, on tmpfs.
const (
	hlsFolder  = "/tmp/hls"
	configFile = "/tmp/encoderd.toml"
	device     = "/dev/video0"
)

func pathCommand(b *bench, p picture) []string {
	return []string{
		b.inbox, "path", "-device", device, "-width", fmt.Sprint(p.width), "-height", fmt.Sprint(p.height),
		"-rate", fmt.Sprint(p.rate), "-bitrate", fmt.Sprint(p.bitrate), "-gop", fmt.Sprintf("%ds", gopSeconds),
	}
}

func ffmpegCommand(p picture) []string {
	return []string{
		"ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-nostats",
		"-f", "v4l2", "-input_format", "nv12", "-video_size", p.size(), "-framerate", fmt.Sprint(p.rate), "-i", device,
		"-c:v", "h264_v4l2m2m", "-b:v", fmt.Sprint(p.bitrate), "-g", fmt.Sprint(gopSeconds * p.rate),
	}
}

func daemonCommand(b *bench, _ picture) []string { return []string{b.encoderd, "-config", configFile} }

// daemonConfig has the daemon do as ffmpeg does: no sound, segments on tmpfs,
// nobody who reads them.
func daemonConfig(p picture) string {
	return strings.NewReplacer(
		"WIDTH", fmt.Sprint(p.width), "HEIGHT", fmt.Sprint(p.height), "RATE", fmt.Sprint(p.rate),
		"BITRATE", fmt.Sprint(p.bitrate), "FOLDER", hlsFolder, "GOP", fmt.Sprint(gopSeconds),
	).Replace(`
[http]
listen = "127.0.0.1:8080"
[log]
level = "warn"
[storage]
live = "FOLDER"
[streams.main.input]
kind = "capture"
audio_device = "none"
width = WIDTH
height = HEIGHT
frame_rate = RATE
[streams.main.video]
encoder = "hardware"
bitrate = BITRATE
gop = "GOPs"
[streams.main.audio]
mode = "off"
[streams.main.segment]
duration = "GOPs"
`)
}
