package peer

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Decoded is what ffmpeg got out of an input.
type Decoded struct {
	Frames int64         // pictures
	Media  time.Duration // where it stood at the end, from the start of the input
	Stderr string        // what ffmpeg complained of
}

// Decode decodes up to d of a file or a URL, the whole when d is 0, and
// stops at the first error. inputArgs go before the input ("-ca_file", …). The
// error is nil only if ffmpeg said nothing at all and something was decoded.
func Decode(ctx context.Context, input string, d time.Duration, inputArgs ...string) (Decoded, error) {
	args := []string{"ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-xerror", "-nostats", "-progress", "pipe:1"}
	args = append(args, inputArgs...)
	args = append(args, "-i", input)
	args = append(args, limit(d)...)
	args = append(args, "-f", "null", "-")
	var progress bytes.Buffer
	stderr, err := Run(ctx, Command{Args: args, Stdout: &progress})
	dec := parseProgress(progress.String())
	dec.Stderr = strings.TrimSpace(stderr)
	switch {
	case dec.Stderr != "" && err != nil:
		return dec, fmt.Errorf("decode %s: %w: %s", input, err, firstLines(dec.Stderr, 3))
	case err != nil:
		return dec, fmt.Errorf("decode %s: %w", input, err)
	case dec.Stderr != "":
		return dec, fmt.Errorf("decode %s: ffmpeg complained: %s", input, firstLines(dec.Stderr, 3))
	case dec.Frames == 0 && dec.Media <= 0:
		return dec, fmt.Errorf("decode %s: nothing in it", input)
	}
	return dec, nil
}

// parseProgress reads the last block of ffmpeg's -progress output.
func parseProgress(s string) Decoded {
	var d Decoded
	for line := range strings.Lines(s) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		if err != nil {
			continue
		}
		switch k {
		case "frame":
			d.Frames = n
		case "out_time_us":
			d.Media = time.Duration(n) * time.Microsecond
		}
	}
	return d
}

// Record copies up to d of an input into a file, whose name's ending chooses
// the container; timestamps are kept as they are. Matroska and MPEG-TS take
// what we send unchanged.
func Record(ctx context.Context, input string, d time.Duration, file string, inputArgs ...string) error {
	args := []string{"ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-y", "-copyts"}
	args = append(args, limit(d)...) // of the input: an output's would count from time zero
	args = append(args, inputArgs...)
	args = append(args, "-i", input, "-map", "0", "-c", "copy", file)
	stderr, err := Run(ctx, Command{Args: args})
	if err != nil {
		return fmt.Errorf("record %s: %w: %s", input, err, firstLines(strings.TrimSpace(stderr), 3))
	}
	return nil
}

// FFmpeg starts ffmpeg with the arguments, stopped at the end of the test.
func FFmpeg(tb TB, args ...string) *Process {
	tb.Helper()
	return Start(tb, Command{Name: "ffmpeg", Args: append([]string{"ffmpeg", "-hide_banner", "-nostdin", "-nostats"}, args...)})
}

// Publish starts an ffmpeg that sends a file in real time, over and over, as
// it is: over RTMP as FLV, over SRT as MPEG-TS.
func Publish(tb TB, file, url string) *Process {
	tb.Helper()
	format := "mpegts"
	if strings.HasPrefix(url, "rtmp") {
		format = "flv"
	}
	return FFmpeg(tb, "-v", "warning", "-re", "-stream_loop", "-1", "-i", file,
		"-map", "0", "-c", "copy", "-f", format, url)
}

func limit(d time.Duration) []string {
	if d <= 0 {
		return nil
	}
	return []string{"-t", strconv.FormatFloat(d.Seconds(), 'f', 6, 64)}
}

func firstLines(s string, n int) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[:min(n, len(lines))], " | ")
}
