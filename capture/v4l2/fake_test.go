package v4l2capture

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// fakeKernel is a system of devices that do what a test's script says. Time is
// that of the test's bubble.
type fakeKernel struct {
	t     *testing.T
	start time.Time

	mu      sync.Mutex // guards the fields below, and every hardware's
	hw      map[string]*hardware
	media   map[string]*fakeMedia
	subdevs map[string]*hardware
	maps    int // mappings that are open
	mapped  int // that were made
	opened  int // nodes that are open
	pollers []*fakePoller
}

func newKernel(t *testing.T, hw ...*hardware) *fakeKernel {
	k := &fakeKernel{t: t, start: time.Now(), hw: map[string]*hardware{}, media: map[string]*fakeMedia{}, subdevs: map[string]*hardware{}}
	for i, h := range hw {
		k.plug(fmt.Sprintf("/dev/video%d", i), h)
	}
	return k
}

// plug makes a device appear under a path.
func (k *fakeKernel) plug(path string, h *hardware) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h.k, h.node.Path, h.gone = k, path, false
	k.hw[path] = h
}

// unplug makes it disappear.
func (k *fakeKernel) unplug(h *hardware) {
	h.change(func() { h.gone = true; delete(k.hw, h.node.Path) })
}

func (k *fakeKernel) video(cfg Config, clock *media.Clock) *Video {
	v := New(cfg, clock)
	v.sys = k
	return v
}

func (k *fakeKernel) nodes() ([]v4l2.Node, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var list []v4l2.Node
	for _, h := range k.hw {
		list = append(list, h.node)
	}
	slices.SortFunc(list, func(a, b v4l2.Node) int { return slices.Compare([]byte(a.Path), []byte(b.Path)) })
	return list, nil
}

func (k *fakeKernel) open(path string) (device, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.hw[path]
	if h == nil {
		return nil, unix.ENOENT
	}
	k.opened++
	return &fakeDevice{hardware: h}, nil
}

func (k *fakeKernel) controllers() ([]string, error) {
	var list []string
	for path := range k.media {
		list = append(list, path)
	}
	slices.Sort(list)
	return list, nil
}

func (k *fakeKernel) openMedia(path string) (mediaDevice, error) { return k.media[path], nil }

func (k *fakeKernel) openSubdev(path string) (subdev, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.subdevs[path] == nil {
		return nil, unix.ENOENT
	}
	k.opened++
	return &fakeSubdev{fakeDevice{hardware: k.subdevs[path]}}, nil
}

func (k *fakeKernel) devNode(_, minor uint32) (string, error) {
	if minor < 100 {
		return fmt.Sprintf("/dev/video%d", minor), nil
	}
	return fmt.Sprintf("/dev/v4l-subdev%d", minor-100), nil
}

func (k *fakeKernel) now() time.Duration { return time.Hour + time.Since(k.start) }

func (k *fakeKernel) mapBuffer(b *media.Buffer) (mapping, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.maps++
	k.mapped++
	m := &fakeMapping{k: k, p: b.Planes}
	if b.DMA != nil {
		mem := make([]byte, 2<<20)
		for i := range b.Format.Pixel.Planes() {
			m.p[i].Data = mem[b.DMA.Planes[i].Offset+i<<10:]
		}
	}
	return m, nil
}

type fakeMapping struct {
	k *fakeKernel
	p [3]media.Plane
}

func (m *fakeMapping) planes() [3]media.Plane { return m.p }
func (m *fakeMapping) Begin(bool) error       { return nil }
func (m *fakeMapping) End() error             { return nil }
func (m *fakeMapping) Close() error           { m.k.mu.Lock(); defer m.k.mu.Unlock(); m.k.maps--; return nil }

func (k *fakeKernel) poller() (poller, error) {
	p := &fakePoller{k: k, wake: make(chan struct{}, 1), news: make(chan struct{}, 1)}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pollers = append(k.pollers, p)
	return p, nil
}

// hardware is a device: what is plugged in.
type hardware struct {
	k    *fakeKernel
	node v4l2.Node

	inputs   []v4l2.InputDesc
	input    int
	formats  []v4l2.FormatDesc
	sizes    map[v4l2.FourCC][]v4l2.SizeRange
	rates    map[[2]int][]media.Rational
	timing   v4l2.DVTimings
	queryErr error
	setErr   error // of SetDVTimings
	edid     []byte
	edidErr  error
	edids    int // times written
	controls map[v4l2.ControlID]int64
	field    v4l2.Field
	// lay changes what S_FMT would return.
	lay func(f *v4l2.Format)
	// refuse is what an import is answered with: "" for none, "request",
	// "queue" or "start".
	refuse  string
	busy    bool
	part    fakePart
	codes   []v4l2.BusCode
	noStamp bool

	set       v4l2.DVTimings
	format    v4l2.Format
	bus       map[int]v4l2.BusFormat
	rate      media.Rational
	events    []v4l2.Event
	gone      bool
	dequeue   error // of each Dequeue
	q         *fakeQueue
	delivered uint32 // sequence number
	shots     int
	shot      func(b *v4l2.Buffer, mem []byte) // changes a finished buffer
}

// change runs f under the lock and lets all that wait look again.
func (h *hardware) change(f func()) {
	h.k.mu.Lock()
	defer h.k.mu.Unlock()
	f()
	for _, p := range h.k.pollers {
		select {
		case p.news <- struct{}{}:
		default:
		}
	}
}

// tell raises a source change after f.
func (h *hardware) tell(f func()) {
	h.change(func() {
		f()
		h.events = append(h.events, v4l2.Event{Type: v4l2.EventSourceChange, SourceChanges: v4l2.SourceChangeResolution})
	})
}

// shoot finishes a picture, or drops one for want of memory.
func (h *hardware) shoot() {
	h.change(func() {
		h.shots++
		seq := h.delivered
		h.delivered++
		q := h.q
		if q == nil || !q.streaming || len(q.waiting) == 0 {
			return
		}
		b := q.waiting[0]
		q.waiting = q.waiting[1:]
		b.Sequence, b.Timestamp = seq, h.k.now()-5*time.Millisecond
		if !h.noStamp {
			b.Flags = 0x2000
		}
		for i := range b.NPlanes {
			b.Planes[i].BytesUsed = h.format.Planes[i].Size
		}
		if h.shot != nil {
			h.shot(&b, q.memory(b.Index))
		}
		q.done = append(q.done, b)
	})
}

type fakeDevice struct{ *hardware }

func (d *fakeDevice) ready(want v4l2.PollEvents) (got v4l2.PollEvents) {
	d.k.mu.Lock()
	defer d.k.mu.Unlock()
	if d.gone {
		return v4l2.PollErr | v4l2.PollHup
	}
	if len(d.events) > 0 {
		got |= v4l2.PollPri & want
	}
	if want.Has(v4l2.PollIn) {
		switch {
		case d.q == nil || !d.q.streaming || d.dequeue != nil:
			got |= v4l2.PollErr
		case len(d.q.done) > 0:
			got |= v4l2.PollIn
		}
	}
	return got
}

// ask is what every call begins with.
func (d *fakeDevice) ask() (unlock func(), err error) {
	d.k.mu.Lock()
	if d.gone {
		err = fmt.Errorf("v4l2: ask %s: %w", d.node.Path, unix.ENODEV)
	}
	return d.k.mu.Unlock, err
}

func (d *fakeDevice) Path() string    { return d.node.Path }
func (d *fakeDevice) Info() v4l2.Info { return d.node.Info }
func (d *fakeDevice) Close() error {
	d.k.mu.Lock()
	defer d.k.mu.Unlock()
	d.k.opened--
	return nil
}

func (d *fakeDevice) Formats(v4l2.BufType) ([]v4l2.FormatDesc, error) { return d.formats, nil }
func (d *fakeDevice) FrameSizes(f v4l2.FourCC) ([]v4l2.SizeRange, error) {
	return d.sizes[f], nil
}
func (d *fakeDevice) FrameRates(f v4l2.FourCC, w, h int) ([]media.Rational, error) {
	if f == v4l2.MJPEG {
		w, h = -w, -h
	}
	return d.rates[[2]int{w, h}], nil
}
func (d *fakeDevice) Format(v4l2.BufType) (v4l2.Format, error) { return d.format, nil }

func (d *fakeDevice) SetFormat(_ v4l2.BufType, f v4l2.Format) (v4l2.Format, error) {
	unlock, err := d.ask()
	defer unlock()
	if err != nil {
		return f, err
	}
	if d.busy || d.q != nil {
		return f, fmt.Errorf("v4l2: set format on %s: %w", d.node.Path, unix.EBUSY)
	}
	if d.set.Width > 0 {
		f.Width, f.Height = d.part.format(f.Width, f.Height, d.set)
	}
	pixel, planes, raw := f.FourCC.Pixel()
	m := mode{pixel: pixel, planes: planes, width: f.Width, height: f.Height}
	ask := f.Planes
	f.Planes = make([]v4l2.PlaneLayout, max(1, planes))
	if raw {
		for i := range f.Planes {
			f.Planes[i].Stride = rowBytes(m, i)
			if i < len(ask) {
				f.Planes[i].Stride = max(f.Planes[i].Stride, ask[i].Stride)
			}
		}
		p := plan{mode: m, format: f}
		sizes := p.payload()
		for i := range f.Planes {
			f.Planes[i].Size = sizes[i]
			if i < len(ask) {
				f.Planes[i].Size = max(f.Planes[i].Size, ask[i].Size)
			}
		}
	} else {
		f.Planes[0].Size = f.Width * f.Height
	}
	f.Field = d.field
	if f.Field == v4l2.FieldAny {
		f.Field = v4l2.FieldNone
	}
	if d.lay != nil {
		d.lay(&f)
	}
	d.format = f
	return f, nil
}

func (d *fakeDevice) FrameRate(v4l2.BufType) (media.Rational, error) {
	return d.rate, rateError(d.rate)
}

func rateError(r media.Rational) error {
	if r.IsZero() {
		return v4l2.ErrNoFrameRate
	}
	return nil
}

func (d *fakeDevice) SetFrameRate(_ v4l2.BufType, r media.Rational) (media.Rational, error) {
	d.rate = r
	return r, nil
}

func (d *fakeDevice) Inputs() ([]v4l2.InputDesc, error) {
	unlock, err := d.ask()
	defer unlock()
	return slices.Clone(d.inputs), err
}
func (d *fakeDevice) Input() (int, error)  { return d.input, nil }
func (d *fakeDevice) SetInput(i int) error { d.input = i; return nil }
func (d *fakeDevice) Subscribe(t v4l2.EventType, id uint32) error {
	return nil
}

func (d *fakeDevice) QueryDVTimings() (v4l2.DVTimings, error) {
	unlock, err := d.ask()
	defer unlock()
	return d.timing, errors.Join(err, d.queryErr)
}
func (d *fakeDevice) DVTimings() (v4l2.DVTimings, error) { return d.set, nil }
func (d *fakeDevice) SetDVTimings(t v4l2.DVTimings) error {
	unlock, err := d.ask()
	defer unlock()
	if d.setErr == nil {
		d.set = t
	}
	return errors.Join(err, d.setErr)
}

func (d *fakeDevice) EDID(pad int) ([]byte, error) {
	unlock, _ := d.ask()
	defer unlock()
	if pad != d.input {
		return nil, unix.EINVAL
	}
	return d.edid, d.edidErr
}
func (d *fakeDevice) SetEDID(pad int, b []byte) error {
	unlock, err := d.ask()
	defer unlock()
	if pad != d.input || len(b) > 256 {
		return unix.EINVAL
	}
	d.edid, d.edidErr = slices.Clone(b), nil
	d.edids++
	return err
}

func (d *fakeDevice) Get(id v4l2.ControlID) (int64, error) {
	unlock, _ := d.ask()
	defer unlock()
	v, ok := d.controls[id]
	if !ok {
		return 0, v4l2.ErrNoControl
	}
	return v, nil
}

func (d *fakeDevice) DequeueEvent() (v4l2.Event, error) {
	unlock, err := d.ask()
	defer unlock()
	if err != nil {
		return v4l2.Event{}, err
	}
	if len(d.events) == 0 {
		return v4l2.Event{}, v4l2.ErrAgain
	}
	e := d.events[0]
	d.events = d.events[1:]
	return e, nil
}

func (d *fakeDevice) queue(_ v4l2.BufType, f v4l2.Format) queue { return &fakeQueue{d: d, f: f} }
