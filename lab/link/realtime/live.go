package realtime

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/encode"
	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/encode/software"
	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/h264"
)

// unitsFile has all that was coded live, in the job's folder: of each picture its
// number and its length, four bytes each, and the picture as a byte stream.
const unitsFile = "units.bin"

// ahead is how many pictures are decoded before they are due: ffmpeg takes its time to
// begin anew.
const ahead = perSecond * 3 / 2

// live is a camera whose pictures the software encoder codes, behind the same Feed as
// on the box.
type live struct {
	sender   *sender
	settings encode.Settings
	encoder  *software.Encoder
	feed     *encode.Feed
	raw      chan []byte // decoded footage
	seen     int         // pictures so far
	units    *os.File
	end      context.CancelFunc
	running  sync.WaitGroup
	failed   [3]error

	mu      sync.Mutex // guards the field below
	numbers map[time.Duration]int
}

func newLive(s *sender) (*live, error) {
	format := media.VideoFormat{Width: width, Height: height, Pixel: media.I420, FrameRate: media.Rational{Num: perSecond, Den: 1}}
	c := &live{
		sender: s, settings: encode.Settings{Format: format, Bitrate: s.job.Limits.Start, MaxBitrate: s.job.Limits.Max},
		feed: encode.NewFeed(gop * Picture), raw: make(chan []byte, ahead), numbers: map[time.Duration]int{},
	}
	var err error
	if c.encoder, err = software.New(c.settings); err != nil {
		return nil, err
	}
	if c.units, err = os.Create(filepath.Join(s.job.Dir, unitsFile)); err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(context.Background())
	c.end = end
	frames := make(chan media.Frame)
	c.running.Go(func() { c.failed[0] = c.decode(ctx) })
	c.running.Go(func() { c.failed[1] = c.feed.Run(ctx, frames) })
	c.running.Go(func() { c.failed[2] = c.encoder.Run(ctx, frames, media.WriterFunc(c.write)) })
	return c, nil
}

func (c *live) sees() int { return c.seen % c.sender.ladder.Len() }

func (c *live) picture(number int, at time.Duration, a rate.Advice) {
	data, ok := <-c.raw
	if !ok {
		c.sender.failed("the footage has ended")
		return
	}
	c.seen++
	c.mu.Lock()
	c.numbers[at] = number
	c.mu.Unlock()
	next := c.settings
	next.Bitrate = min(int(c.sender.bitrate(a)), c.settings.MaxBitrate)
	if math.Abs(float64(next.Bitrate-c.settings.Bitrate)) > 0.02*float64(c.settings.Bitrate) {
		if c.encoder.Update(next) == nil {
			c.settings = next
		}
	}
	c.feed.Thin(encode.Thinning{Skip: a.Skip, FrameTime: Picture})
	const luma = width * height
	c.feed.Put(media.Frame{PTS: at, Buffer: media.NewBuffer(c.settings.Format, [3]media.Plane{
		{Data: data[:luma], Stride: width}, {Data: data[luma:][:luma/4], Stride: width / 2}, {Data: data[luma*5/4:], Stride: width / 2},
	}, func(*media.Buffer) {})})
}

// write takes a coded picture.
func (c *live) write(p media.Packet) {
	c.mu.Lock()
	number, known := c.numbers[p.PTS]
	delete(c.numbers, p.PTS)
	c.mu.Unlock()
	if !known {
		return
	}
	unit := make([]byte, 8, len(p.Data)+100)
	if p.Key {
		unit = h264.AppendAnnexB(unit, h264.AppendUnit(h264.AppendUnit(nil, p.Track.Video.SPS), p.Track.Video.PPS))
	}
	unit = h264.AppendAnnexB(unit, p.Data)
	binary.BigEndian.PutUint32(unit, uint32(number))
	binary.BigEndian.PutUint32(unit[4:], uint32(len(unit)-8))
	if _, err := c.units.Write(unit); err != nil {
		c.sender.failed(err.Error())
	}
	c.sender.coded(number, 0, p)
}

func (c *live) key() { c.feed.RequestKey() }

func (c *live) close() error {
	c.feed.Close()
	c.end()
	c.running.Wait()
	errs := []error{c.units.Close()}
	for _, err := range c.failed {
		if !errors.Is(err, context.Canceled) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// decode has ffmpeg decode the footage, again and again, the same each time.
func (c *live) decode(ctx context.Context) error {
	defer close(c.raw)
	clip, err := footage.StreetMP4(ctx)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := c.play(ctx, clip); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

func (c *live) play(ctx context.Context, clip string) error {
	cmd := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-nostdin", "-r", fmt.Sprint(perSecond), "-i", clip, "-frames:v", fmt.Sprint(c.sender.ladder.Len()), "-an",
		"-vf", filter(), "-pix_fmt", "yuv420p", "-threads", "1", "-f", "rawvideo", "pipe:1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { _ = cmd.Wait() }() // it is cut off at the end
	for range c.sender.ladder.Len() {
		data := make([]byte, width*height*3/2)
		if _, err := io.ReadFull(out, data); err != nil {
			return fmt.Errorf("decode the footage: %w", err)
		}
		select {
		case c.raw <- data:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}
