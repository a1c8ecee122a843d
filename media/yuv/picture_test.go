package yuv

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/media"
)

var formats = []media.PixelFormat{media.I420, media.NV12, media.YUYV, media.UYVY}

// ffmpegName is what ffmpeg calls a format.
func ffmpegName(f media.PixelFormat) string {
	return map[media.PixelFormat]string{
		media.I420: "yuv420p", media.NV12: "nv12", media.YUYV: "yuyv422", media.UYVY: "uyvy422",
	}[f]
}

// blank is a picture whose planes lie one after the other, as ffmpeg writes them.
func blank(f media.PixelFormat, width, height int) (Picture, []byte) {
	p := Picture{Format: f, Width: width, Height: height}
	total := 0
	for i := range f.Planes() {
		row, rows := planeSize(f, i, width, height)
		total += row * rows
	}
	all := make([]byte, total)
	rest := all
	for i := range f.Planes() {
		row, rows := planeSize(f, i, width, height)
		p.Planes[i] = media.Plane{Data: rest[:row*rows], Stride: row}
		rest = rest[row*rows:]
	}
	return p, all
}

// guarded is a picture each of whose planes ends where memory ends: touching
// the byte behind it, or well before it, ends the program.
func guarded(t *testing.T, f media.PixelFormat, width, height, padding int) Picture {
	t.Helper()
	p := Picture{Format: f, Width: width, Height: height}
	page := os.Getpagesize()
	for i := range f.Planes() {
		row, rows := planeSize(f, i, width, height)
		stride := row + padding
		n := stride*(rows-1) + row
		size := (n + page - 1) / page * page
		memory, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		require.NoError(t, err)
		t.Cleanup(func() { _ = unix.Munmap(memory) })
		require.NoError(t, unix.Mprotect(memory[:page], unix.PROT_NONE))
		require.NoError(t, unix.Mprotect(memory[page+size:], unix.PROT_NONE))
		p.Planes[i] = media.Plane{Data: memory[page+size-n : page+size], Stride: stride}
	}
	return p
}

// fill makes the picture noise, the same each time.
func fill(p Picture) {
	rnd := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // reproducible
	for i := range p.Format.Planes() {
		for k := range p.Planes[i].Data {
			p.Planes[i].Data[k] = byte(rnd.Uint32())
		}
	}
}

// psnr compares what two pictures hold, in decibels.
func psnr(a, b []byte) float64 {
	var sum float64
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		sum += d * d
	}
	if sum == 0 {
		return math.Inf(1)
	}
	return 10 * math.Log10(255*255*float64(len(a))/sum)
}

// ffmpeg runs it in a folder of the test, and gives what it wrote on its output.
func ffmpeg(t testing.TB, input []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("ffmpeg", append([]string{"-nostdin", "-v", "error"}, args...)...)
	if input != nil {
		file := filepath.Join(t.TempDir(), "input")
		require.NoError(t, os.WriteFile(file, input, 0o600))
		for i, a := range cmd.Args {
			if a == "INPUT" {
				cmd.Args[i] = file
			}
		}
	}
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	require.NoError(t, err, "%v: %s", cmd.Args, errors.String())
	return out
}

func size(width, height int) string { return strconv.Itoa(width) + "x" + strconv.Itoa(height) }
