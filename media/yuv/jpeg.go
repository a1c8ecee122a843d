package yuv

import (
	"errors"
	"fmt"
)

// ErrTruncated says that a JPEG picture does not begin or does not end: part of
// it was lost on the way. Nothing was written.
var ErrTruncated = errors.New("truncated picture")

// ErrDamaged says that a JPEG picture is broken inside. The destination holds
// what could be made of it.
var ErrDamaged = errors.New("damaged picture")

// JPEG decodes the JPEG pictures of cameras. It belongs to one goroutine at a
// time.
type JPEG struct {
	decoder *decoder
	convert *Converter
	tables  bool // a picture brought Huffman tables of its own, which the decoder keeps
}

// NewJPEG returns a decoder. Close frees it.
func NewJPEG() (*JPEG, error) {
	d, err := newDecoder()
	if err != nil {
		return nil, err
	}
	return &JPEG{decoder: d, convert: NewConverter()}, nil
}

// Close frees the decoder. Closing it twice does nothing.
func (j *JPEG) Close() {
	j.decoder.close()
	j.convert.Close()
}

// Header says what picture data holds. The subsampling is "4:2:2", "grey" and
// the like.
func (j *JPEG) Header(data []byte) (width, height int, subsampling string, err error) {
	_, l, err := j.open(data)
	if err != nil {
		return 0, 0, "", fmt.Errorf("yuv: JPEG header: %w", err)
	}
	return l.width, l.height, l.name(), nil
}

// Decode decodes data into dst, converted to dst's format and scaled to its
// size where it differs, as Convert does. JPEG is of full range: its samples are
// mapped to limited range unless dst is of full range too.
//
// Pictures without Huffman tables, as many cameras send, have the standard's
// own. What follows the end of the picture is ignored: some devices pad.
func (j *JPEG) Decode(dst Picture, data []byte) error {
	if err := dst.check(); err != nil {
		return fmt.Errorf("yuv: JPEG decode to: %w", err)
	}
	if err := j.decode(&dst, data); err != nil {
		return fmt.Errorf("yuv: JPEG decode: %w", err)
	}
	return nil
}

func (j *JPEG) decode(dst *Picture, data []byte) error {
	data, l, err := j.open(data)
	if err != nil {
		return err
	}
	src := planar{grey: l.grey(), fullRange: true}
	for i := range src.planes {
		if i == 0 || !src.grey {
			w, h := l.plane(i)
			src.planes[i] = j.convert.plane(slotSource+i, w, h)
		}
	}
	err = j.decoder.decode(src.planes, l, data)
	if err != nil && !errors.Is(err, ErrDamaged) {
		return err
	}
	// The decoder fills whole blocks; what lies beyond the picture is left out.
	src.planes[0].width, src.planes[0].height = l.width, l.height
	j.convert.write(dst, src)
	return err
}

// open finds the picture in data and reads its header.
func (j *JPEG) open(data []byte) ([]byte, layout, error) {
	if j.decoder.handle == nil {
		return nil, layout{}, errors.New("the decoder was closed")
	}
	data, hasTables, err := scanJPEG(data)
	if err != nil {
		return nil, layout{}, err
	}
	if j.tables && !hasTables {
		// The decoder would take the tables of an earlier picture, perhaps a
		// damaged one, where the standard's are meant.
		fresh, err := newDecoder()
		if err != nil {
			return nil, layout{}, err
		}
		j.decoder.close()
		j.decoder = fresh
	}
	j.tables = hasTables
	l, err := j.decoder.header(data)
	return data, l, err
}
