package file

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/encoderbox/encoderbox/media"
)

// wav is an opened WAV file: where its samples lie and how they are coded.
type wav struct {
	r       io.ReaderAt
	format  media.AudioFormat
	bytes   int // of a sample of one channel
	offset  int64
	samples int64 // a channel
	cut     bool  // the file is shorter than its header says
}

const (
	wavPCM        = 1
	wavExtensible = 0xfffe
	maxChunks     = 1000
)

// openWAV reads the chunks up to the samples.
func openWAV(r io.ReaderAt, size int64) (*wav, error) {
	w := &wav{r: r}
	var h [40]byte
	pos := int64(12)
	for range maxChunks {
		if _, err := r.ReadAt(h[:8], pos); err != nil {
			if err == io.EOF {
				break
			}
			return nil, err
		}
		id, n := string(h[:4]), int64(binary.LittleEndian.Uint32(h[4:]))
		pos += 8
		switch id {
		case "fmt ":
			k, err := r.ReadAt(h[:min(n, int64(len(h)))], pos)
			if err != nil && err != io.EOF {
				return nil, err
			}
			if err := w.parseFormat(h[:k]); err != nil {
				return nil, err
			}
		case "data":
			return w, w.setData(pos, n, size)
		}
		pos += n + n&1
	}
	return nil, errors.New("damaged WAV file: it has no samples (data chunk)")
}

func (w *wav) parseFormat(b []byte) error {
	if len(b) < 16 {
		return errors.New("damaged WAV file: its format is cut short")
	}
	tag, bits := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[14:]))
	if tag == wavExtensible && len(b) >= 26 {
		tag = binary.LittleEndian.Uint16(b[24:])
	}
	w.format = media.AudioFormat{
		Channels:   int(binary.LittleEndian.Uint16(b[2:])),
		SampleRate: int(min(binary.LittleEndian.Uint32(b[4:]), math.MaxInt32)),
	}
	w.bytes = bits / 8
	switch f := w.format; {
	case tag != wavPCM || bits != 16 && bits != 24 && bits != 32:
		return fmt.Errorf("WAV coding %d with %d bits is not supported; %s", tag, bits, fixWAV)
	case f.SampleRate != 44100 && f.SampleRate != 48000:
		return fmt.Errorf("a WAV sample rate of %d Hz is not supported; %s", f.SampleRate, fixWAV)
	case f.Channels != 1 && f.Channels != 2:
		return fmt.Errorf("%d WAV channels are not supported; %s", f.Channels, fixWAV)
	}
	return nil
}

const fixWAV = "convert it: ffmpeg -i FILE -c:a pcm_s16le -ar 48000 -ac 2 fixed.wav"

func (w *wav) setData(pos, n, size int64) error {
	if w.bytes == 0 {
		return errors.New("damaged WAV file: its samples come before their format")
	}
	w.offset = pos
	if whole := max(0, size-pos); n > whole {
		w.cut = n < 0xffff_0000 // more is what a pipe's writer puts who does not know
		n = whole
	}
	if w.samples = n / int64(w.frame()); w.samples == 0 {
		return errors.New("the WAV file holds no samples")
	}
	return nil
}

// frame is the bytes of one sample of all channels.
func (w *wav) frame() int { return w.bytes * w.format.Channels }

// read appends n samples from the given one on, as 16 bits. scratch is memory
// to use, returned for the next call.
func (w *wav) read(dst []int16, from, n int64, scratch []byte) ([]int16, []byte, error) {
	size := int(n) * w.frame()
	if cap(scratch) < size {
		scratch = make([]byte, size)
	}
	b := scratch[:size]
	if _, err := w.r.ReadAt(b, w.offset+from*int64(w.frame())); err != nil {
		return dst, scratch, fmt.Errorf("read samples: %w", err)
	}
	for ; len(b) > 0; b = b[w.bytes:] {
		// the highest two bytes, rounded by the one beneath
		v := int32(int16(binary.LittleEndian.Uint16(b[w.bytes-2:])))
		if w.bytes > 2 {
			v = min(v+int32(b[w.bytes-3]>>7), math.MaxInt16)
		}
		dst = append(dst, int16(v))
	}
	return dst, scratch, nil
}
