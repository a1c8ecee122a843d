// Package usb_test checks inside the virtual ARM box that the kernel's own
// drivers take the USB grabber of lab/usbip for one.
package usb_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/usbip"
	"github.com/encoderbox/encoderbox/lab/usbip/rig"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/yuv"
)

const width, height, frames = 320, 180, 20

func TestUSBGrabber(t *testing.T) {
	b := box.Start(t, box.Options{})
	g := rig.Start(t, b, "-serial=TEST42", "-product=Test grabber")
	g.AwaitPlugged()
	assert.Contains(t, b.Must("v4l2-ctl", "-d", "/dev/video0", "--info"), "Test grabber")
	assert.Contains(t, b.Must("sh", "-c", "cat /sys/bus/usb/devices/1-1/serial"), "TEST42")
	assert.Contains(t, b.Must("cat", "/proc/asound/cards"), "Test grabber")

	t.Run("raw pictures", func(t *testing.T) {
		data := stream(t, b, "YUYV")
		require.Len(t, data, frames*width*height*2)
		var pictures [][]byte
		for ; len(data) > 0; data = data[width*height*2:] {
			pictures = append(pictures, data[:width*height*2])
		}
		checkNumbers(t, pictures, raw)
	})
	t.Run("JPEG pictures", func(t *testing.T) {
		checkNumbers(t, split(stream(t, b, "MJPG")), decode(t))
	})
	t.Run("JPEG pictures that are cut", func(t *testing.T) {
		g.Do("truncate 10")
		data := stream(t, b, "MJPG")
		assert.Equal(t, frames, bytes.Count(data, []byte{0xFF, 0xD8, 0xFF, 0xDB}))
		assert.Less(t, bytes.Count(data, []byte{0xFF, 0xD9}), frames)
		g.Do("truncate 0")
	})
	t.Run("sound", func(t *testing.T) { checkBeeps(t, record(t, b)) })
	t.Run("unplug and replug elsewhere", func(t *testing.T) {
		g.Do("unplug")
		g.AwaitUnplugged()
		g.Do("plug 2")
		g.AwaitPlugged()
		assert.Contains(t, b.Must("v4l2-ctl", "-d", "/dev/video0", "--info"), "usb-vhci_hcd.0-3")
		checkNumbers(t, split(stream(t, b, "MJPG")), decode(t))
	})
	assert.NotRegexp(t, `(?i)internal error|oops|cannot find a urb`, b.Must("dmesg"))
}

// stream is what v4l2-ctl gets of the grabber.
func stream(t *testing.T, b *box.Box, format string) []byte {
	t.Helper()
	b.Must("v4l2-ctl", "-d", "/dev/video0", fmt.Sprintf("--set-fmt-video=width=%d,height=%d,pixelformat=%s", width, height, format),
		"--stream-mmap", fmt.Sprintf("--stream-count=%d", frames), "--stream-to=/tmp/pictures")
	return copied(t, b, "/tmp/pictures")
}

func copied(t *testing.T, b *box.Box, path string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, b.CopyOut(t.Context(), path, file))
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	return data
}

// split takes whole JPEG pictures apart.
func split(data []byte) [][]byte {
	end := []byte{0xFF, 0xD9}
	all := bytes.SplitAfter(data, end)
	return all[:len(all)-1]
}

// picture gives an I420 picture and its memory.
func picture() (yuv.Picture, []byte) {
	const n = width * height
	all := make([]byte, n*3/2)
	return yuv.Picture{Format: media.I420, Width: width, Height: height, Planes: [3]media.Plane{
		{Data: all[:n], Stride: width}, {Data: all[n : n*5/4], Stride: width / 2}, {Data: all[n*5/4:], Stride: width / 2},
	}}, all
}

func raw(data []byte) ([]byte, error) {
	dst, all := picture()
	src := yuv.Picture{Format: media.YUYV, Width: width, Height: height, Planes: [3]media.Plane{{Data: data, Stride: 2 * width}}}
	return all, yuv.NewConverter().Convert(dst, src)
}

func decode(t *testing.T) func([]byte) ([]byte, error) {
	t.Helper()
	j, err := yuv.NewJPEG()
	require.NoError(t, err)
	t.Cleanup(j.Close)
	return func(data []byte) ([]byte, error) {
		dst, all := picture()
		return all, j.Decode(dst, data)
	}
}

// checkNumbers wants each picture whole and newer than the one before; a busy
// host leaves some out.
func checkNumbers(t *testing.T, pictures [][]byte, decode func([]byte) ([]byte, error)) {
	t.Helper()
	require.Len(t, pictures, frames)
	last := int64(-1)
	for i, p := range pictures {
		luma, err := decode(p)
		require.NoError(t, err, "picture %d", i)
		n, flash, ok := usbip.Read(luma, width, width, height)
		require.True(t, ok, "picture %d has a number", i)
		require.Greater(t, n, last)
		assert.Equal(t, n%30 < 3, flash, "picture %d", n)
		last = n
	}
}

const sampleRate, seconds = 48000, 4

// record is the left channel. Where a busy host does not bring a period in the
// time of the buffer, the kernel calls that an error of the card's: hence a small
// period and a large buffer.
func record(t *testing.T, b *box.Box) []int16 {
	t.Helper()
	b.Must("arecord", "-q", "-D", "hw:0,0", "-t", "raw", "-f", "S16_LE", "-r", fmt.Sprint(sampleRate), "-c", "2",
		"--buffer-size=96000", "--period-size=1200", "-d", fmt.Sprint(seconds), "/tmp/sound")
	data := copied(t, b, "/tmp/sound")
	require.Len(t, data, 4*sampleRate*seconds)
	var out []int16
	for ; len(data) > 0; data = data[4:] {
		out = append(out, int16(binary.LittleEndian.Uint16(data))) //nolint:gosec // two's complement is meant
	}
	return out
}

// checkBeeps wants beeps of 1 kHz with silence between them. How long each is
// says little: a host that is too busy to fetch the samples lets a second of
// them pass at once.
func checkBeeps(t *testing.T, samples []int16) {
	t.Helper()
	beeps, quiet := 0, sampleRate
	rise := -1
	var periods []int
	for i, v := range samples {
		if v == 0 {
			quiet++
		} else {
			if quiet > sampleRate/8 {
				beeps++
			}
			quiet = 0
		}
		if i > 0 && samples[i-1] < 0 && v >= 0 {
			if rise >= 0 {
				periods = append(periods, i-rise)
			}
			rise = i
		}
	}
	assert.GreaterOrEqual(t, beeps, 2)
	require.NotEmpty(t, periods)
	slices.Sort(periods)
	assert.InDelta(t, sampleRate/1000, periods[len(periods)/2], 1, "samples from rise to rise")
}
