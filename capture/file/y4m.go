package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/encoderbox/encoderbox/media"
)

const (
	y4mMagic     = "YUV4MPEG2 "
	y4mFrame     = "FRAME"
	maxY4MHeader = 1024 // of the file's header line
	maxY4MMark   = 128  // of a frame's
	minY4MSide   = 16
	maxY4MSide   = 8192
)

// y4mHeader is what the first line of a Y4M file says.
type y4mHeader struct {
	format     media.VideoFormat
	size       int // of the line, its newline included
	interlaced bool
}

// parseY4M reads the header at the start of b, which holds the whole line or
// the file's first kilobyte.
func parseY4M(b []byte) (y4mHeader, error) {
	line, _, ok := bytes.Cut(b[:min(len(b), maxY4MHeader)], []byte{'\n'})
	if !ok || !bytes.HasPrefix(line, []byte(y4mMagic)) {
		return y4mHeader{}, errors.New("damaged Y4M file: its header line is not whole")
	}
	h := y4mHeader{size: len(line) + 1, format: media.VideoFormat{Pixel: media.I420}}
	chroma := "420"
	for _, word := range strings.Fields(string(line[len(y4mMagic):])) {
		value := word[1:]
		var err error
		switch word[0] {
		case 'W':
			h.format.Width, err = strconv.Atoi(value)
		case 'H':
			h.format.Height, err = strconv.Atoi(value)
		case 'F':
			h.format.FrameRate, err = parseRate(value)
		case 'I':
			h.interlaced = value != "p" && value != "?"
		case 'C':
			chroma = value
		case 'X':
			h.format.Color.FullRange = h.format.Color.FullRange || value == "COLORRANGE=FULL"
		}
		if err != nil {
			return y4mHeader{}, fmt.Errorf("damaged Y4M file: %q in its header: %w", word, err)
		}
	}
	return h, h.check(chroma)
}

func (h y4mHeader) check(chroma string) error {
	f := h.format
	switch chroma {
	case "420", "420jpeg", "420paldv", "420mpeg2":
	default:
		return fmt.Errorf("its samples are %s; only 8-bit 4:2:0 is supported: ffmpeg -i FILE -pix_fmt yuv420p fixed.y4m", chroma)
	}
	switch {
	case f.Width < minY4MSide || f.Height < minY4MSide || f.Width > maxY4MSide || f.Height > maxY4MSide:
		return fmt.Errorf("size %dx%d: must be between %dx%d and %dx%d", f.Width, f.Height, minY4MSide, minY4MSide, maxY4MSide, maxY4MSide)
	case f.Width%2 != 0 || f.Height%2 != 0:
		return fmt.Errorf("size %dx%d: width and height must be even: ffmpeg -i FILE -vf crop=%d:%d fixed.y4m",
			f.Width, f.Height, f.Width&^1, f.Height&^1)
	case f.FrameRate.IsZero():
		return errors.New("its header gives no frame rate; write one: ffmpeg -r 30 -i FILE fixed.y4m")
	case f.FrameRate.Float() < 1 || f.FrameRate.Float() > 240:
		return fmt.Errorf("frame rate %v: must be between 1 and 240", f.FrameRate)
	}
	return nil
}

// parseRate reads "30000:1001". "0:0" says that the rate is not known.
func parseRate(s string) (r media.Rational, err error) {
	num, den, ok := strings.Cut(s, ":")
	if !ok {
		return r, errors.New("a frame rate is two numbers with a colon between")
	}
	n, err1 := strconv.ParseUint(num, 10, 31)
	d, err2 := strconv.ParseUint(den, 10, 31)
	if err := errors.Join(err1, err2); err != nil {
		return r, errors.New("a frame rate is two numbers with a colon between")
	}
	if n == 0 || d == 0 {
		return media.Rational{}, nil
	}
	a, b := n, d
	for b != 0 {
		a, b = b, a%b
	}
	return media.Rational{Num: int(n / a), Den: int(d / a)}, nil
}

// y4mFrames finds the pictures: where the samples of each begin. A picture that
// is not whole ends the list.
func y4mFrames(r io.ReaderAt, h y4mHeader, size int64) ([]int64, error) {
	picture := int64(h.format.Width * h.format.Height * 3 / 2)
	var at []int64
	var mark [maxY4MMark]byte
	for pos := int64(h.size); pos < size; {
		n, err := r.ReadAt(mark[:min(6, size-pos)], pos)
		if err == nil && n == 6 && mark[5] != '\n' { // the mark has parameters
			n, err = r.ReadAt(mark[:min(maxY4MMark, size-pos)], pos)
		}
		if err != nil && err != io.EOF {
			return nil, err
		}
		end := bytes.IndexByte(mark[:n], '\n')
		if !bytes.HasPrefix(mark[:n], []byte(y4mFrame)[:min(n, len(y4mFrame))]) || end < 0 && n >= maxY4MMark {
			return nil, fmt.Errorf("damaged Y4M file: no frame begins at byte %d, where frame %d should", pos, len(at)+1)
		}
		if pos += int64(end) + 1; end < 0 || pos+picture > size {
			break
		}
		at = append(at, pos)
		pos += picture
	}
	if len(at) == 0 {
		return nil, errors.New("the Y4M file holds no whole picture")
	}
	return at, nil
}
