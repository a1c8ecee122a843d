package hardware

import (
	"bytes"
	"context"
	bytesof "encoding/binary"
	"fmt"
	"math"
	"math/cmplx"
	"path/filepath"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/peer"
	avsync "github.com/encoderbox/encoderbox/lab/sync"
	usbrig "github.com/encoderbox/encoderbox/lab/usbip/rig"
)

const (
	soundRate = 48000
	toneHz    = 1009
)

// toneCapture leaves the machine's time to the sound.
const toneCapture = `
[streams.main.input]
kind = "capture"
audio_device = "hw:0,0"
width = 320
height = 180
frame_rate = 5
`

// A tone played into the sound card is in the stream, without a hole, and at the
// pitch that it has by the stream's clock: a card that runs fast makes a second
// of it shorter, and a sender that only counted its samples would not show that.
func TestToneArrives(t *testing.T) {
	b := box.Start(t, box.Options{})
	loadBridge(b)
	b.Must("v4l2-ctl", "-d", "/dev/video0", "-c", "osd_text_mode=2")
	b.LoadModule("snd-aloop", "index=0", "pcm_substreams=1")
	if err := b.WriteFile(t.Context(), "/tmp/tone.raw", bytes.NewReader(tone()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, ppm := range []int{0, 150} {
		t.Run(fmt.Sprintf("%+d ppm", ppm), func(t *testing.T) {
			// The control divides: below 100000 the card is fast.
			b.Must("amixer", "-q", "-c", "0", "cset", "iface=PCM,name=PCM Rate Shift 100000,device=0", fmt.Sprint(100000-ppm/10))
			play(t, b)
			d := start(t, b, toneCapture)
			d.awaitFrames(5 * 25) // the card's clock has to be learnt
			w := recordWhole(t, d, 12*time.Second)
			offset := w.offset()
			t.Logf("%+.0f ppm over %v", offset, w.length())
			const tolerance = 60 // of what is measured in so short a time in an emulated box
			if math.Abs(offset-float64(ppm)) > tolerance {
				t.Errorf("the tone is %+.0f ppm off, the card %+d", offset, ppm)
			}
			d.stop()
		})
	}
}

// tone is a second of it, which can follow upon itself, as S16_LE stereo.
func tone() []byte {
	var out []byte
	for i := range soundRate {
		v := uint16(int16(12000 * math.Sin(2*math.Pi*toneHz*float64(i)/soundRate))) //nolint:gosec // two's complement is meant
		out = bytesof.LittleEndian.AppendUint16(bytesof.LittleEndian.AppendUint16(out, v), v)
	}
	return out
}

// play plays the tone until the end of the test, two seconds ahead.
func play(t *testing.T, b *box.Box) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	c := b.Command("sh", "-c", "while :; do cat /tmp/tone.raw; done | aplay -t raw -f S16_LE -c 2 -r 48000 -D hw:0,1 --buffer-time=2000000 -")
	c.Stderr = box.LogTo(t, "aplay: ")
	if err := c.Start(ctx); err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = c.Wait() // killed
	})
}

// wave is a tone, block by block: how loud it is, and at which phase, in waves.
type wave struct{ loud, phase []float64 }

const (
	block = soundRate / 50
	edge  = 10 // blocks at both ends, where a packet may lack its neighbour
)

// recordWhole records so much of a stream's sound, without a hole. A machine
// that was too busy to run the box in time gets another chance: the player's
// two seconds, or the card's half, run dry. What the daemon does wrong is wrong
// in every attempt.
func recordWhole(t *testing.T, d *daemon, length time.Duration) wave {
	t.Helper()
	const attempts = 4
	var flaws []string
	for range attempts {
		w := record(t, d.hls(), length)
		if flaws = w.flaws(); flaws == nil {
			return w
		}
		t.Logf("another attempt: %d flaws, the first %s", len(flaws), flaws[0])
	}
	t.Fatalf("in each of %d attempts the sound has flaws, such as %s", attempts, flaws[0])
	return wave{}
}

// record records so much of a stream. What is missing between two timestamps
// becomes silence.
func record(t *testing.T, url string, length time.Duration) wave {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), length+patience)
	defer cancel()
	file := filepath.Join(t.TempDir(), "stream.mkv")
	if err := peer.Record(ctx, url, length, file); err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if log, err := peer.Run(ctx, peer.Command{Stdout: &raw, Args: []string{"ffmpeg", "-nostdin", "-v", "error", "-i", file, "-map", "0:a:0",
		"-af", "aresample=async=1:min_hard_comp=0.005,pan=mono|c0=c0", "-f", "f32le", "-"}}); err != nil || log != "" {
		t.Fatalf("%v\n%s", err, log)
	}
	samples := make([]float32, raw.Len()/4)
	if _, err := bytesof.Decode(raw.Bytes(), bytesof.LittleEndian, samples); err != nil {
		t.Fatal(err)
	}
	var w wave
	for i := 0; i+block <= len(samples); i += block {
		var sum complex128
		for k := i; k < i+block; k++ {
			sum += complex(float64(samples[k]), 0) * cmplx.Rect(2.0/block, -2*math.Pi*toneHz*float64(k)/soundRate)
		}
		w.loud, w.phase = append(w.loud, cmplx.Abs(sum)), append(w.phase, cmplx.Phase(sum)/(2*math.Pi))
	}
	if w.length() < length*3/4 {
		t.Fatalf("%v of sound in %v", w.length(), length)
	}
	w.loud, w.phase = w.loud[edge:len(w.loud)-edge], w.phase[edge:len(w.phase)-edge]
	return w
}

func (w wave) length() time.Duration {
	return time.Duration(len(w.phase)) * time.Second * block / soundRate
}

// flaws are where the tone is not as loud as it was played, or jumps.
func (w wave) flaws() (list []string) {
	const played = 12000.0 / 32768
	for i := range w.loud {
		at := time.Duration(i+edge) * time.Second * block / soundRate
		if math.Abs(w.loud[i]-played) > played/5 {
			list = append(list, fmt.Sprintf("at %v: the amplitude is %.3f, want %.3f", at, w.loud[i], played))
		}
		if turn := w.turn(i); math.Abs(turn) > 0.08 {
			list = append(list, fmt.Sprintf("at %v: a jump by %.2f of a wave", at, turn))
		}
	}
	return list
}

// turn is by how much the phase has changed since the block before.
func (w wave) turn(i int) float64 {
	if i == 0 {
		return 0
	}
	turn := w.phase[i] - w.phase[i-1]
	return turn - math.Round(turn)
}

// offset says by how many parts in a million the tone is too high.
func (w wave) offset() float64 {
	unwrapped := make([]float64, len(w.phase))
	for i := range unwrapped {
		if i > 0 {
			unwrapped[i] = unwrapped[i-1] + w.turn(i)
		}
	}
	return slope(unwrapped) * soundRate / block / toneHz * 1e6
}

// slope is that of the straight line through values one apart.
func slope(y []float64) float64 {
	n := float64(len(y))
	var sx, sy, sxx, sxy float64
	for i, v := range y {
		x := float64(i)
		sx, sy, sxx, sxy = sx+x, sy+v, sxx+x*x, sxy+x*v
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}

// What a USB grabber sees and hears is shown and heard, raw and as JPEG, and
// again after it was pulled out and put back elsewhere: its flash and its beep,
// each second. How far they lie apart is not judged: the sound of a grabber that
// is played over USB/IP in an emulated box comes in bursts, half a second late.
func TestGrabberIsSeenAndHeard(t *testing.T) {
	for _, c := range []struct {
		name, crop          string
		width, height, rate int
		transfer, reason    string
	}{
		{"YUYV", "320:32:0:50", 320, 180, 15, "zero-copy", ""},
		{"MJPEG", "640:64:0:100", 640, 360, 30, "one copy", "uvcvideo: MJPEG is decoded"}, // it has nothing else of that size and rate
	} {
		t.Run(c.name, func(t *testing.T) {
			b := box.Start(t, box.Options{})
			g := usbrig.Start(t, b)
			g.AwaitPlugged()
			b.LoadModule("vh264")
			d := start(t, b, fmt.Sprintf("[streams.main.input]\nkind = \"capture\"\nwidth = %d\nheight = %d\nframe_rate = %d\n", c.width, c.height, c.rate))
			d.awaitFrames(uint64(7 * c.rate)) //nolint:gosec // small; a few segments
			if s := d.awaitSignal("ok"); s.Transfer != c.transfer || c.reason != "" && s.TransferReason != c.reason {
				t.Errorf("the transfer is %q: %q", s.Transfer, s.TransferReason)
			}
			d.seenAndHeard(c.name, c.crop)
			if c.name == "MJPEG" {
				return
			}
			g.Do("unplug")
			d.awaitSignal("device_lost")
			d.awaitFrames(30)
			g.Do("plug 2")
			d.awaitSignal("ok")
			d.awaitFrames(15 * 14) // the slate leaves the window
			d.seenAndHeard(c.name, c.crop)
		})
	}
}

// seenAndHeard waits for a recording in which most seconds have their flash and
// their beep.
func (d *daemon) seenAndHeard(pixel, crop string) {
	d.t.Helper()
	const (
		length   = 12 * time.Second
		enough   = 5 // pairs
		attempts = 3
	)
	for range attempts {
		ctx, cancel := context.WithTimeout(d.t.Context(), length+patience)
		m, err := avsync.Measure(ctx, d.hls(), avsync.Options{Duration: length, Crop: crop})
		cancel()
		d.t.Logf("%s: %v, %v; %+v", pixel, m, err, *d.stream().Input.Signal)
		if err == nil && len(m.Events) >= enough {
			return
		}
	}
	d.t.Errorf("%s: no recording with flash and beep in %d seconds of %v", pixel, enough, length)
}
