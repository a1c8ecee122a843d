// Package footage makes the media that tests and benchmarks read, by ffmpeg, and
// keeps it under the user's cache folder for the next run.
//
// What it calls real is the street camera's recording of Debian's opencv-doc,
// its 10 pictures a second played at 25 so that no picture repeats.
package footage

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

const vtest = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"

// Sound in place of what the camera did not record: a street's murmur that swells and
// a tone that steps through a scale, different left and right.
const street = "anoisesrc=color=pink:amplitude=0.25:sample_rate=48000:seed=7,tremolo=f=0.4:d=0.7[n];" +
	"aevalsrc='0.15*sin(2*PI*(220+55*mod(floor(t)\\,8))*t)|0.15*sin(2*PI*(330+55*mod(floor(t)\\,8))*t)':s=48000[t];" +
	"[n]aformat=channel_layouts=stereo[m];[m][t]amix=inputs=2:duration=longest:normalize=0"

// Clip is what the makers below make, for a table of tests.
type Clip func(ctx context.Context) (path string, err error)

// All is every clip that is sound, by name.
var All = map[string]Clip{
	"street.mp4":        StreetMP4,
	"street.ts":         StreetTS,
	"street-bframes":    StreetBFrames,
	"street-video-only": StreetVideoOnly,
	"street-long-gop":   StreetLongGOP,
	"street-small":      StreetSmall,
	"flash.mp4":         FlashMP4,
	"flash.ts":          FlashTS,
}

// StreetMP4 is real footage: 30 s, 768×576, 25 pictures a second, H.264 High
// without B-frames, a key frame every 2 s, with AAC-LC 48 kHz stereo, moov in front.
func StreetMP4(ctx context.Context) (string, error) {
	return streetClip(ctx, "street", "street.mp4", 30, x264("-bf", "0", "-g", "50", "-keyint_min", "50"))
}

// StreetTS is StreetMP4 as MPEG-TS.
func StreetTS(ctx context.Context) (string, error) {
	src, err := StreetMP4(ctx)
	if err != nil {
		return "", err
	}
	return remux(ctx, "street-ts", src, "street.ts")
}

// StreetBFrames is 20 s of the same with two B-frames between the others: its DTS
// and PTS differ.
func StreetBFrames(ctx context.Context) (string, error) {
	return streetClip(ctx, "street-bframes", "street-bframes.mp4", 20,
		x264("-bf", "2", "-b_strategy", "0", "-g", "50", "-keyint_min", "50"))
}

// StreetLongGOP is 30 s of the same with a key frame every 12 s only.
func StreetLongGOP(ctx context.Context) (string, error) {
	return streetClip(ctx, "street-long-gop", "street-long-gop.mp4", 30, x264("-bf", "0", "-g", "300", "-keyint_min", "300"))
}

// StreetVideoOnly is StreetMP4 without its sound.
func StreetVideoOnly(ctx context.Context) (string, error) {
	src, err := StreetMP4(ctx)
	if err != nil {
		return "", err
	}
	return remux(ctx, "street-video-only", src, "street-video-only.mp4", "-an")
}

// Raw is 5 s of uncompressed footage, 384×288 and 48 kHz stereo.
func Raw(ctx context.Context) (y4m, wav string, err error) {
	src, err := source(ctx)
	if err != nil {
		return "", "", err
	}
	dir, err := recipe{name: "raw", inputs: []string{src}, steps: [][]string{
		ffmpeg("-r", "25", "-i", src, "-t", "5", "-an", "-vf", "scale=384:288", "-pix_fmt", "yuv420p", "raw.y4m"),
		ffmpeg("-f", "lavfi", "-i", street, "-t", "5", "-c:a", "pcm_s16le", "raw.wav"),
	}}.make(ctx)
	return filepath.Join(dir, "raw.y4m"), filepath.Join(dir, "raw.wav"), err
}

// BenchRate is the video bit rate of Bench.
const BenchRate = 8_000_000

// BenchDuration is the length of Bench.
const BenchDuration = time.Minute

// Bench is the load of the benchmarks, as MP4 and the same as Matroska: 60 s
// of 1080p30 H.264 High at 8 Mb/s with AAC 128 kb/s, a key frame every 2 s. It
// is real footage scaled up, with a camera's noise, so that the rate is spent on
// pictures and not on padding.
func Bench(ctx context.Context) (mp4, mkv string, err error) {
	src, err := source(ctx)
	if err != nil {
		return "", "", err
	}
	// A third is encoded and played three times: its groups are closed.
	rate := strconv.Itoa(BenchRate)
	dir, err := recipe{name: "bench", inputs: []string{src}, steps: [][]string{
		ffmpeg("-r", "30", "-i", src, "-t", "20", "-an", "-vf", "scale=1920:1080:flags=fast_bilinear,noise=alls=9:allf=t",
			"-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "high", "-pix_fmt", "yuv420p",
			"-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", rate, "-bf", "0", "-g", "60", "-keyint_min", "60", "-sc_threshold", "0",
			"-x264-params", "nal-hrd=cbr:8x8dct=1:cabac=1", "third.mkv"),
		ffmpeg("-stream_loop", "2", "-i", "third.mkv", "-f", "lavfi", "-i", street, "-map", "0:v", "-map", "1:a",
			"-t", "60", "-c:v", "copy", "-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart", "bench.mp4"),
		ffmpeg("-i", "bench.mp4", "-c", "copy", "bench.mkv"),
		{"rm", "third.mkv"},
	}}.make(ctx)
	return filepath.Join(dir, "bench.mp4"), filepath.Join(dir, "bench.mkv"), err
}

// FlashPeriod is the time between two flashes of the flash clips.
const FlashPeriod = time.Second

// FlashMP4 is 12 s of 640×360 at 30 pictures a second that is white for the first
// 100 ms of every second, from second 1 on, and black otherwise, with a 1 kHz beep
// at the very same times.
func FlashMP4(ctx context.Context) (string, error) {
	return flashClip(ctx, FlashOptions{File: "flash.mp4"})
}

// FlashTS is FlashMP4 as MPEG-TS.
func FlashTS(ctx context.Context) (string, error) {
	return flashClip(ctx, FlashOptions{File: "flash.ts"})
}

// FlashOptions say how a flash clip differs from FlashMP4.
type FlashOptions struct {
	File  string        // its ending chooses the container
	Delay time.Duration // of the beeps; negative is early
}

// Flash makes a flash clip whose sound is off by a known amount: what a
// measurement of sync is measured by.
func Flash(ctx context.Context, o FlashOptions) (string, error) { return flashClip(ctx, o) }

func flashClip(ctx context.Context, o FlashOptions) (string, error) {
	on := func(delay float64) string { // true while on, from second 1 on
		return fmt.Sprintf("gte(t-(%g)\\,0.9)*lt(mod(t-(%g)+0.00001\\,1)\\,0.1)", delay, delay)
	}
	args := ffmpeg("-f", "lavfi", "-i", "color=black:s=640x360:r=30,drawbox=c=white:t=fill:enable='"+on(0)+"'",
		"-f", "lavfi", "-i", "aevalsrc='0.8*sin(2*PI*1000*t)*"+on(o.Delay.Seconds())+"':s=48000:c=mono,aformat=channel_layouts=stereo", "-t", "12")
	args = append(args, x264("-bf", "0", "-g", "30", "-keyint_min", "30")...)
	args = append(args, "-c:a", "aac", "-b:a", "128k")
	return one(ctx, "flash", nil, append(args, container(o.File)...), o.File)
}

// StreetSmall is 20 s of the same pictures at half the width and height, 384×288, with
// StreetMP4's key frames: what another step of an encoder makes of it.
func StreetSmall(ctx context.Context) (string, error) {
	return streetClip(ctx, "street-small", "street-small.mp4", 20,
		x264("-vf", "scale=384:288", "-bf", "0", "-g", "50", "-keyint_min", "50"))
}

func streetClip(ctx context.Context, name, file string, seconds int, encode []string) (string, error) {
	src, err := source(ctx)
	if err != nil {
		return "", err
	}
	args := ffmpeg("-r", "25", "-i", src, "-f", "lavfi", "-i", street, "-map", "0:v", "-map", "1:a", "-t", strconv.Itoa(seconds))
	args = append(args, encode...)
	args = append(args, "-c:a", "aac", "-b:a", "128k", "-ac", "2")
	return one(ctx, name, []string{src}, append(args, container(file)...), file)
}

func remux(ctx context.Context, name, src, file string, args ...string) (string, error) {
	cmd := append(ffmpeg("-i", src, "-c", "copy"), args...)
	return one(ctx, name, []string{src}, append(cmd, container(file)...), file)
}

func one(ctx context.Context, name string, inputs, cmd []string, file string) (string, error) {
	dir, err := recipe{name: name, inputs: inputs, steps: [][]string{cmd}}.make(ctx)
	return filepath.Join(dir, file), err
}

func ffmpeg(args ...string) []string {
	return append([]string{"ffmpeg", "-nostdin", "-v", "error", "-y"}, args...)
}

// x264 is H.264 High made quickly, with key frames only where asked for.
func x264(args ...string) []string {
	return append([]string{"-c:v", "libx264", "-preset", "superfast", "-profile:v", "high",
		"-pix_fmt", "yuv420p", "-crf", "24", "-sc_threshold", "0"}, args...)
}

func container(file string) []string {
	switch filepath.Ext(file) {
	case ".mp4":
		return []string{"-movflags", "+faststart", file}
	case ".m3u8":
		return []string{"-hls_segment_type", "fmp4", "-hls_time", "2", "-hls_playlist_type", "vod", file}
	}
	return []string{file}
}

// source returns the camera's recording, which Debian may have compressed.
func source(ctx context.Context) (string, error) {
	if exists(vtest) {
		return vtest, nil
	}
	if !exists(vtest + ".gz") {
		return "", fmt.Errorf("footage: no %s: apt-get install opencv-doc", vtest)
	}
	dir, err := recipe{name: "vtest", inputs: []string{vtest + ".gz"}, afterV: "1", after: func(dir string) error {
		return gunzip(vtest+".gz", filepath.Join(dir, "vtest.avi"))
	}}.make(ctx)
	return filepath.Join(dir, "vtest.avi"), err
}

func gunzip(src, dst string) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		return fmt.Errorf("%s: %w", src, err)
	}
	out, err := os.Create(dst)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, z)
	return errors.Join(err, out.Close())
}
