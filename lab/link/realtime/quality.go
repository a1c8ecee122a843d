package realtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Of the pixels that the pictures of the footage are compared with each other by: every
// fourth of each fourth line.
const (
	sparseWidth  = width / 4
	sparseHeight = height / 4
	sparse       = sparseWidth * sparseHeight
)

func ffmpeg(ctx context.Context, args []string) error {
	if text, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("ffmpeg: %w: %s", err, strings.TrimSpace(string(text)))
	}
	return nil
}

// source keeps some pixels of the footage.
func source(ctx context.Context, clip string, pictures int, file string) error {
	return ffmpeg(ctx, []string{
		"ffmpeg", "-v", "error", "-nostdin", "-y", "-r", fmt.Sprint(perSecond), "-i", clip, "-frames:v", fmt.Sprint(pictures), "-an",
		"-vf", filter() + "," + thin(), "-f", "rawvideo", file,
	})
}

// thin picks the pixels. The luma is taken out last: as grey pictures it would be
// scaled to another range of values.
func thin() string {
	return fmt.Sprintf("scale=%d:%d:flags=neighbor,format=yuv420p,extractplanes=y", sparseWidth, sparseHeight)
}

// differences are the mean square differences of the luma of an encoded clip's pictures
// from the footage.
func differences(ctx context.Context, clip, encoded string) (all []float64, err error) {
	stats := filepath.Join(filepath.Dir(encoded), "psnr.log")
	defer os.Remove(stats)
	err = ffmpeg(ctx, []string{
		"ffmpeg", "-v", "error", "-nostdin", "-y", "-r", fmt.Sprint(perSecond), "-i", encoded, "-r", fmt.Sprint(perSecond), "-i", clip,
		"-lavfi", "[1:v]" + filter() + ",format=yuv420p[a];[0:v][a]psnr=shortest=1:stats_file=" + stats, "-f", "null", "-",
	})
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(stats)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		_, rest, ok := strings.Cut(line, "mse_y:")
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
		if err != nil {
			return nil, fmt.Errorf("ffmpeg's psnr: %w", err)
		}
		all = append(all, v)
	}
	if len(all) == 0 {
		return nil, errors.New("ffmpeg's psnr: no figures")
	}
	return all, nil
}

// moved is the mean square difference of the luma of two pictures of the footage.
func (l *Ladder) moved(a, b int) float64 {
	if a == b {
		return 0
	}
	return difference(l.luma[a*sparse:(a+1)*sparse], l.luma[b*sparse:(b+1)*sparse])
}

// difference is the mean square difference of two sparse pictures.
func difference(a, b []byte) float64 {
	sum := 0
	for i := range a {
		d := int(a[i]) - int(b[i])
		sum += d * d
	}
	return float64(sum) / float64(len(a))
}
