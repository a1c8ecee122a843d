package m2m

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// session is one opened device with both its queues and their memory. It
// belongs to one goroutine at a time.
type session struct {
	dev device
	formats
	ctl      *controls
	raw, cod queue
	inputs   int // buffers for raw pictures
	outputs  int // for coded ones
	depth    int // pictures that are queued at a time, at most
	bitrate  int // that was set when it, or the last run in it, began or ended
	noDrain  bool
	exported bool
	mapped   bool // the raw pictures' memory
	gen      *generation
}

// openSession opens the device, agrees with it on everything, and allocates.
func (e *Encoder) openSession() (*session, error) {
	path, err := choose(e.sys, e.cfg.Device)
	if err != nil {
		return nil, err
	}
	d, err := e.sys.open(path)
	if err != nil {
		return nil, fmt.Errorf("m2m: %w", err)
	}
	s := &session{dev: d, noDrain: e.cfg.Quirks.NoDrain}
	if err := s.prepare(e); err != nil {
		if err := s.abandon(); err != nil {
			e.log.Debug("closing the encoder", "error", err)
		}
		return nil, fmt.Errorf("m2m: %s (%s): %w", path, d.Info().Driver, err)
	}
	return s, nil
}

func (s *session) prepare(e *Encoder) error {
	var err error
	q, prefer := e.cfg.Quirks, e.cfg.Prefer
	if len(prefer) == 0 {
		prefer = []media.PixelFormat{e.settings.Format.Pixel}
	}
	if s.formats, err = negotiate(s.dev, e.settings, prefer, q, e.codedSize); err != nil {
		return err
	}
	if s.ctl, err = listControls(s.dev, q, e.log); err != nil {
		return err
	}
	s.ctl.scale = s.rate.Float() / rateOf(e.settings.Format).Float()
	s.bitrate = int(e.bitrate.Load())
	if err := s.ctl.configure(e.settings, s.bitrate); err != nil {
		return err
	}
	if err := s.allocate(q); err != nil {
		return err
	}
	return s.install(e)
}

// allocate asks for the buffers of both queues. The raw pictures' are exported,
// or mapped where the driver cannot; the coded ones' are mapped.
func (s *session) allocate(q Quirks) error {
	const spare = 6 // one with the source, one in the slot before the encoder, the slate's and what a preview holds
	minRaw, minCoded := s.ctl.minimum(v4l2.CtrlMinBuffersForOutput), s.ctl.minimum(v4l2.CtrlMinBuffersForCapture)
	raw, coded := q.BuffersOut, q.BuffersIn
	if raw == 0 {
		raw = max(8, minRaw+spare)
	}
	if coded == 0 {
		coded = max(4, minCoded+2)
	}
	var err error
	s.raw, s.cod = s.dev.queue(s.out, s.formats.raw), s.dev.queue(s.in, s.coded)
	if s.inputs, err = s.raw.Request(v4l2.MMAP, raw); err != nil {
		return err
	}
	if s.outputs, err = s.cod.Request(v4l2.MMAP, coded); err != nil {
		return err
	}
	if s.inputs < 2 || s.outputs < 1 {
		return fmt.Errorf("it gave %d and %d buffers", s.inputs, s.outputs)
	}
	s.depth = min(minRaw+1, s.inputs-1)
	if err := s.cod.Map(); err != nil {
		return err
	}
	for i := range s.outputs {
		if s.cod.Bytes(i, 0) == nil {
			return fmt.Errorf("coded buffer %d has no memory", i)
		}
	}
	return nil
}

// install makes the raw buffers the pool's.
func (s *session) install(e *Encoder) error {
	fds, err := s.export(e.sys)
	if err != nil {
		e.log.Info("the encoder cannot share its memory: pictures are copied", "error", err)
		if err := s.mapRaw(); err != nil {
			return err
		}
	}
	s.exported = err == nil
	layout := s.layout
	layout.Count = s.inputs
	if !s.exported {
		layout.Memory = nil
	}
	g := &generation{freeBuffer: func(int) {}, freeAll: func() {}}
	if s.exported {
		g.freeBuffer = func(i int) { closeAll(e.sys, fds[i], e.log) }
	} else {
		g.freeAll = func() { s.free(e.log) }
	}
	if !e.pool.install(g, layout, func(number uint64, free func(*media.Buffer)) []*media.Buffer {
		return s.buffers(fds, number, free)
	}) {
		for _, f := range fds {
			closeAll(e.sys, f, e.log)
		}
		return errors.New("its memory is not laid out as before")
	}
	s.gen = g
	return nil
}

// export makes a descriptor of each buffer's each memory. All or nothing.
func (s *session) export(sys system) ([][]int, error) {
	fds := make([][]int, s.inputs)
	for i := range fds {
		for plane := range s.formats.raw.Planes {
			fd, err := s.raw.Export(i, plane)
			if err != nil {
				for _, f := range fds {
					closeAll(sys, f, slog.New(slog.DiscardHandler))
				}
				return nil, err
			}
			fds[i] = append(fds[i], fd)
		}
	}
	return fds, nil
}

func closeAll(sys system, fds []int, log *slog.Logger) {
	for _, fd := range fds {
		if err := sys.closeFD(fd); err != nil {
			log.Warn("a picture's memory was not given up", "error", err)
		}
	}
}

// buffers makes the pool's buffers.
func (s *session) buffers(fds [][]int, number uint64, free func(*media.Buffer)) []*media.Buffer {
	list := make([]*media.Buffer, s.inputs)
	for i := range list {
		var planes [3]media.Plane
		for p := range s.pixel.Planes() {
			planes[p].Stride = s.layout.Strides[p]
			if !s.exported {
				planes[p] = s.plane(i, p)
			}
		}
		b := media.NewBuffer(s.layout.Format, planes, free)
		if s.exported {
			b.DMA = &media.DMA{Index: i, Generation: number, Planes: s.places}
			for m, fd := range fds[i] {
				b.DMA.Memory = append(b.DMA.Memory, media.DMAMemory{FD: fd, Length: s.layout.Memory[m]})
			}
		}
		list[i] = b
	}
	return list
}

// plane is a plane of samples in mapped memory.
func (s *session) plane(index, plane int) media.Plane {
	at, stride := s.places[plane], s.layout.Strides[plane]
	end := at.Offset + stride*planeRows(s.pixel, plane, s.layout.Format.Height)
	return media.Plane{Data: s.raw.Bytes(index, at.Memory)[at.Offset:end:end], Stride: stride}
}

// mapRaw maps the raw pictures' memory, once.
func (s *session) mapRaw() error {
	if s.mapped {
		return nil
	}
	if err := s.raw.Map(); err != nil {
		return err
	}
	for i := range s.inputs {
		for m, need := range s.layout.Memory {
			if len(s.raw.Bytes(i, m)) < need {
				return fmt.Errorf("raw buffer %d has %d bytes of memory, %d were agreed on", i, len(s.raw.Bytes(i, m)), need)
			}
		}
	}
	s.mapped = true
	return nil
}

// start queues the coded pictures' buffers and starts both queues.
func (s *session) start() error {
	for i := range s.outputs {
		if err := s.cod.QueueBuffer(v4l2.Buffer{Index: i}); err != nil {
			return err
		}
	}
	if err := s.raw.Start(); err != nil {
		return err
	}
	return s.cod.Start()
}

// stop stops both queues, which gives all buffers back.
func (s *session) stop() error { return errors.Join(s.raw.Stop(), s.cod.Stop()) }

// close ends the session. Stopping may take a driver seconds. Memory that is in
// use goes with its last user.
func (s *session) close(e *Encoder) {
	e.pool.detach(s.gen)
	if err := s.cod.Close(); err != nil {
		e.log.Debug("closing the encoder", "error", err)
	}
	if s.exported {
		s.free(e.log)
	} else if err := s.raw.Stop(); err != nil {
		e.log.Debug("closing the encoder", "error", err)
	}
	e.pool.discard(s.gen)
}

// free closes the queue of raw pictures and the device.
func (s *session) free(log *slog.Logger) {
	if err := errors.Join(s.raw.Close(), s.dev.Close()); err != nil {
		log.Debug("closing the encoder", "error", err)
	}
}

// abandon closes what prepare left behind when it failed.
func (s *session) abandon() error {
	var errs []error
	for _, q := range []queue{s.raw, s.cod} {
		if q != nil {
			errs = append(errs, q.Close())
		}
	}
	return errors.Join(append(errs, s.dev.Close())...)
}
