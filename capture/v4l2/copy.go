package v4l2capture

import (
	"errors"
	"fmt"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
	"github.com/encoderbox/encoderbox/media/yuv"
)

// ownBuffers is how many pictures a device gets at least that keeps its own
// memory, and ownSpare how many beyond those that its driver keeps: one is being
// written, one read, and two stand by for a late reader.
const (
	ownBuffers = 4
	ownSpare   = 2
)

// copied has the device write memory of its own, from which each picture is
// converted, scaled or decoded into one of the pool's.
type copied struct {
	sys    system
	queue  queue
	pool   capture.Pool
	plan   plan
	full   bool // the device's samples are of full range
	n      int
	gen    uint64
	known  bool // gen is
	conv   *yuv.Converter
	jpeg   *yuv.JPEG
	mapped map[int]mapping // by the picture's index in the pool
	now    v4l2.Buffer     // whose bytes memory gives
	memory func(plane int) []byte
}

func newCopied(sys system, q queue, p plan, pool capture.Pool, keeps int) (*copied, error) {
	n, err := q.Request(v4l2.MMAP, max(ownBuffers, keeps+ownSpare))
	if err != nil {
		return nil, err
	}
	if err := q.Map(); err != nil {
		return nil, err
	}
	f := &copied{sys: sys, queue: q, pool: pool, plan: p, mapped: make(map[int]mapping)}
	f.full = p.format.Color.Media().FullRange
	f.memory = f.bytes
	for i := range n {
		if err := q.QueueBuffer(v4l2.Buffer{Index: i}); err != nil {
			return nil, err
		}
	}
	f.n = n
	if err := q.Start(); err != nil {
		return nil, err
	}
	f.conv = yuv.NewConverter()
	if p.mode.jpeg {
		if f.jpeg, err = yuv.NewJPEG(); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *copied) fill() error     { return nil }
func (f *copied) hungry() bool    { return false }
func (f *copied) queued() int     { return f.n }
func (f *copied) streaming() bool { return true }

func (f *copied) take(b *v4l2.Buffer) (pic *media.Buffer, damage, err error) {
	pic = f.pool.Get()
	if pic != nil {
		damage, err = f.fillPicture(pic, b)
		if damage != nil || err != nil {
			giveBack(pic)
			pic = nil
		}
	}
	if err == nil {
		if err = f.again(b); err != nil && pic != nil {
			giveBack(pic)
			pic = nil
		}
	}
	return pic, damage, err
}

// fillPicture makes the pool's picture of the device's.
func (f *copied) fillPicture(pic *media.Buffer, b *v4l2.Buffer) (damage, err error) {
	d := pic.DMA
	if d == nil {
		return f.convert(yuv.PictureOf(pic.Format, pic.Planes), b), nil
	}
	if f.known && d.Generation != f.gen {
		return nil, recovering()
	}
	f.gen, f.known = d.Generation, true
	m, err := f.mapping(pic)
	if err != nil {
		return nil, err
	}
	if err := m.Begin(true); err != nil {
		return nil, err
	}
	damage = f.convert(yuv.PictureOf(pic.Format, m.planes()), b)
	return damage, m.End()
}

func (f *copied) convert(dst yuv.Picture, b *v4l2.Buffer) error {
	f.now = *b
	if f.jpeg != nil {
		return f.decode(dst)
	}
	src, whole := f.plan.picture(f.full, f.memory)
	if !whole {
		return errors.New("the picture is shorter than its format")
	}
	return f.conv.Convert(dst, src)
}

// bytes is what the device wrote into a memory plane.
func (f *copied) bytes(plane int) []byte {
	mem, use := f.queue.Bytes(f.now.Index, plane), f.now.Planes[plane]
	end := min(use.BytesUsed, len(mem))
	if use.DataOffset < 0 || use.DataOffset > end {
		return nil
	}
	return mem[use.DataOffset:end]
}

func (f *copied) decode(dst yuv.Picture) error {
	data := f.memory(0)
	w, h, _, err := f.jpeg.Header(data)
	if err != nil {
		return err
	}
	if w != f.plan.format.Width || h != f.plan.format.Height {
		return fmt.Errorf("a JPEG picture of %dx%d came, %dx%d was set", w, h, f.plan.format.Width, f.plan.format.Height)
	}
	return f.jpeg.Decode(dst, data)
}

// mapping gives the process a picture's memory, for as long as the queue runs:
// mapping it anew for each picture would cost more than the copy.
func (f *copied) mapping(pic *media.Buffer) (mapping, error) {
	if m := f.mapped[pic.DMA.Index]; m != nil {
		return m, nil
	}
	m, err := f.sys.mapBuffer(pic)
	if err != nil {
		return nil, err
	}
	f.mapped[pic.DMA.Index] = m
	return m, nil
}

func (f *copied) again(b *v4l2.Buffer) error {
	return f.queue.QueueBuffer(v4l2.Buffer{Index: b.Index})
}

func (f *copied) close() error {
	errs := []error{f.queue.Close()}
	for _, m := range f.mapped {
		errs = append(errs, m.Close())
	}
	clear(f.mapped)
	if f.conv != nil {
		f.conv.Close()
	}
	if f.jpeg != nil {
		f.jpeg.Close()
	}
	f.n = 0
	return errors.Join(errs...)
}
