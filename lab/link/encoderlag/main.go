// Command encoderlag measures how fast and how well the software encoder follows
// its bit rate, on real footage: what a bit rate controller has to live with.
//
//	go run ./lab/link/encoderlag [-size 1280x720] [-rates 4M,1M,4M,…] [-seconds 6] [-divider 2]
//
// It prints one line a step: how long until the coded rate is the new one, the
// worst second after it, what was coded beyond it at most (in seconds of the new
// rate), and the rate from one second after the step on. Everything is in the
// pictures' own time: how fast this machine codes has no part in it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/software"
	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/media"
)

// options of a measurement.
type options struct {
	width, height int
	rates         []int
	hold          time.Duration // each rate
	gop           time.Duration
	divider       int
	dump          bool
}

func main() {
	var o options
	size := flag.String("size", "1280x720", "of the pictures")
	rates := flag.String("rates", "4M,1M,4M,500k,2M,300k,4M", "one after another")
	flag.DurationVar(&o.hold, "hold", 6*time.Second, "each of them")
	flag.DurationVar(&o.gop, "gop", 2*time.Second, "between key pictures")
	flag.IntVar(&o.divider, "divider", 1, "code every n-th picture only")
	flag.BoolVar(&o.dump, "dump", false, "print every picture's time, bits and K for a key picture")
	flag.Parse()
	if err := o.parse(*size, *rates); err != nil {
		fmt.Fprintln(os.Stderr, "encoderlag:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "encoderlag:", err)
		stop()
		os.Exit(1)
	}
}

func (o *options) parse(size, rates string) error {
	if _, err := fmt.Sscanf(size, "%dx%d", &o.width, &o.height); err != nil {
		return fmt.Errorf("size %q is not like 1280x720", size)
	}
	for _, r := range strings.Split(rates, ",") {
		number := strings.NewReplacer("M", "e6", "k", "e3").Replace(r)
		f, err := strconv.ParseFloat(number, 64)
		if err != nil || f <= 0 {
			return fmt.Errorf("rate %q is not like 4M or 500k", r)
		}
		o.rates = append(o.rates, int(f))
	}
	if o.divider < 1 || o.hold <= settled {
		return errors.New("the divider is at least 1, and each rate is held for more than a second")
	}
	return nil
}

const framesPerSecond = 30

func run(ctx context.Context, o options) error {
	pictures, steps, err := code(ctx, o)
	if err != nil {
		return err
	}
	if o.dump {
		for _, p := range pictures {
			fmt.Println(p.pts.Milliseconds(), p.bits, map[bool]string{true: "K"}[p.key])
		}
	}
	end := time.Duration(len(steps)) * o.hold
	fmt.Printf("software encoder, %dx%d at %d pictures a second, a key picture every %v\n", o.width, o.height, framesPerSecond/o.divider, o.gop)
	fmt.Println("   from     to kb/s  follows after  worst second  beyond at most  steady")
	for _, r := range respond(pictures, steps, end) {
		after := "never"
		if r.after >= 0 {
			after = strconv.Itoa(int(r.after.Milliseconds())) + " ms"
		}
		fmt.Printf("%7d %7d       %13s %13.2f %12d ms  %6.2f\n", r.from/1000, r.to/1000, after, r.worst, r.debt.Milliseconds(), r.steady)
	}
	return nil
}

// code runs the footage through the encoder, a step each hold.
func code(ctx context.Context, o options) ([]coded, []step, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pipe, wait, err := decode(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	format := media.VideoFormat{Width: o.width, Height: o.height, Pixel: media.I420, FrameRate: media.Rational{Num: framesPerSecond, Den: 1}}
	highest := 0
	for _, r := range o.rates {
		highest = max(highest, r)
	}
	set := encode.Settings{Format: format, Bitrate: o.rates[0], MaxBitrate: highest, Divider: o.divider}
	e, err := software.New(set)
	if err != nil {
		return nil, nil, err
	}
	var pictures []coded
	frames, done := make(chan media.Frame), make(chan error, 1)
	go func() {
		done <- e.Run(ctx, frames, media.WriterFunc(func(p media.Packet) {
			pictures = append(pictures, coded{p.PTS, 8 * len(p.Data), p.Key})
		}))
	}()
	steps, err := feed(ctx, o, set, e, pipe, frames)
	close(frames)
	err = errors.Join(err, <-done)
	cancel()
	_ = wait() // it was cut off
	return pictures, steps, err
}

func feed(ctx context.Context, o options, set encode.Settings, e encode.Encoder, from io.Reader, to chan<- media.Frame) ([]step, error) {
	var steps []step
	cadence := encode.NewCadence(o.gop)
	total := int(o.hold.Seconds() * framesPerSecond * float64(len(o.rates)))
	for n := range total {
		data := make([]byte, o.width*o.height*3/2)
		if _, err := io.ReadFull(from, data); err != nil {
			return steps, fmt.Errorf("read the footage: %w", err)
		}
		pts := set.Format.FrameRate.FrameTime(int64(n))
		if i := min(len(o.rates)-1, int(pts/o.hold)); i == len(steps) {
			set.Bitrate = o.rates[i]
			if err := e.Update(set); err != nil {
				return steps, err
			}
			steps = append(steps, step{time.Duration(i) * o.hold, o.rates[i]})
		}
		if n%o.divider != 0 {
			continue
		}
		frame := media.Frame{Buffer: planes(set.Format, data), PTS: pts, ForceKey: cadence.Due(pts)}
		cadence.Commit(pts)
		select {
		case to <- frame:
		case <-ctx.Done():
			return steps, ctx.Err()
		}
	}
	return steps, nil
}

func planes(f media.VideoFormat, data []byte) *media.Buffer {
	luma, chroma := f.Width*f.Height, f.Width*f.Height/4
	return media.NewBuffer(f, [3]media.Plane{
		{Data: data[:luma], Stride: f.Width},
		{Data: data[luma:][:chroma], Stride: f.Width / 2},
		{Data: data[luma+chroma:], Stride: f.Width / 2},
	}, func(*media.Buffer) {})
}

// decode has ffmpeg decode the benchmarks' footage, again and again.
func decode(ctx context.Context, o options) (io.Reader, func() error, error) {
	path, _, err := footage.Bench(ctx)
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-nostdin", "-stream_loop", "-1", "-i", path, "-an",
		"-vf", fmt.Sprintf("scale=%d:%d:flags=fast_bilinear", o.width, o.height), "-pix_fmt", "yuv420p", "-f", "rawvideo", "pipe:1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, fmt.Errorf("ffmpeg: %w", err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("ffmpeg: %w", err)
	}
	return out, cmd.Wait, nil
}
