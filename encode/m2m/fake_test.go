package m2m

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// machine is a computer with one stateful encoder that does what a test says.
// It keeps to the kernel's rules and says so where this package does not.
type machine struct {
	mu       sync.Mutex // guards everything, devices included
	trouble  []string   // rules that were broken
	calls    []string   // in order, of the device opened last
	fds      map[int]bool
	nextFD   int
	opened   []*fakeDevice
	openNow  int
	stopping int // queues
	kick     chan struct{}
	woken    bool
	wakeUps  int // returns of wait
	pictures int // queued so far, over all devices

	hardware
}

// hardware is what the encoder is like and does; set before it is opened, or by
// alter.
type hardware struct {
	mplane        bool
	takes         []v4l2.FourCC
	strideAlign   int
	rowAlign      int // of the raw format's height
	extraStride   bool
	sizes         []v4l2.SizeRange
	controls      []v4l2.Control
	minOutput     int
	rate          func(media.Rational) (media.Rational, error)
	noCrop        bool
	cropTo        v4l2.Rect // what a crop ends up as, if not zero
	noExport      bool
	noMap         bool
	giveRaw       int // buffers given whatever was asked for
	coder         func(d *fakeDevice) coder
	delay         time.Duration // a picture takes
	openErr       func(n int) error
	startErr      error
	busy          bool // BITRATE refuses while streaming
	deafBitrate   bool // BITRATE is stored for the next start
	deafKey       bool // FORCE_KEY_FRAME does nothing
	lateKey       int  // it comes so many pictures late
	refusesKey    bool
	noCommand     bool
	silentCommand bool // STOP is taken, LAST never comes
	emptyLast     bool // LAST comes in a buffer of its own
	apart         bool // parameter sets come in a buffer of their own
	hang          func(n int) bool
	damaged       func(n int) bool
	skips         func(n int) bool // no coded buffer
	blank         func(n int) bool // an empty one
	twice         func(n int) bool // two
	swallow       bool             // raw buffers come back, nothing is coded
	stopTakes     time.Duration
	stopBlocks    bool // nothing is coded meanwhile, whoever stops
	eio           bool
	controlErr    error
	keepRaw       bool // raw buffers come back only with the next picture
}

// coder turns a picture into an access unit, with parameter sets if it is a key
// picture.
type coder interface {
	code(d *fakeDevice, index int, bitrate int, key bool) []byte
}

func newMachine() *machine {
	m := &machine{fds: map[int]bool{}, nextFD: 1000, kick: make(chan struct{}, 1)}
	m.takes = []v4l2.FourCC{v4l2.NV12, v4l2.YUV420}
	m.strideAlign, m.rowAlign = 1, 1
	m.controls = usualControls()
	m.coder = func(*fakeDevice) coder { return &plainCoder{size: 400} }
	return m
}

func usualControls() []v4l2.Control {
	integer := func(id v4l2.ControlID, low, high int64) v4l2.Control {
		return v4l2.Control{ID: id, Type: v4l2.ControlInteger, Min: low, Max: high, Step: 1}
	}
	menu := func(id v4l2.ControlID, items ...int) v4l2.Control {
		c := v4l2.Control{ID: id, Type: v4l2.ControlMenu, Max: int64(items[len(items)-1])}
		for _, i := range items {
			c.Menu = append(c.Menu, v4l2.MenuItem{Index: i})
		}
		return c
	}
	return []v4l2.Control{
		integer(v4l2.CtrlBitrate, 25_000, 25_000_000),
		integer(v4l2.CtrlBFrames, 0, 2),
		integer(v4l2.CtrlGOPSize, 1, 600),
		{ID: v4l2.CtrlForceKeyFrame, Type: v4l2.ControlButton},
		{ID: v4l2.CtrlRepeatSeqHeader, Type: v4l2.ControlBoolean, Max: 1},
		menu(v4l2.CtrlBitrateMode, 0, 1),
		menu(v4l2.CtrlH264Profile, 0, 1),
		menu(v4l2.CtrlH264Level, 0, 2, 5, 7, 9, 11),
	}
}

// alter changes the hardware while it runs. What hangs goes on hanging.
func (m *machine) alter(f func(*hardware)) {
	m.mu.Lock()
	f(&m.hardware)
	m.mu.Unlock()
	m.signal()
}

func (m *machine) signal() {
	select {
	case m.kick <- struct{}{}:
	default:
	}
}

func (m *machine) wrong(format string, args ...any) {
	m.trouble = append(m.trouble, fmt.Sprintf(format, args...))
}

func (m *machine) device() *fakeDevice {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.opened[len(m.opened)-1]
}

func (m *machine) nodes() ([]v4l2.Node, error) {
	camera := v4l2.Info{Driver: "uvcvideo", Caps: v4l2.CapStreaming | v4l2.CapVideoCapture}
	return []v4l2.Node{{Path: "/dev/video0", Info: camera}, {Path: "/dev/video7", Info: m.info()}}, nil
}

func (m *machine) info() v4l2.Info {
	caps := v4l2.CapStreaming | v4l2.CapVideoM2M
	if m.mplane {
		caps = v4l2.CapStreaming | v4l2.CapVideoM2MMplane
	}
	return v4l2.Info{Driver: "fake-enc", Card: "Fake encoder", Caps: caps}
}

func (m *machine) open(path string) (device, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.openErr != nil {
		if err := m.openErr(len(m.opened)); err != nil {
			return nil, fmt.Errorf("open %s: %w", path, err)
		}
	}
	d := &fakeDevice{m: m, path: path, values: map[v4l2.ControlID]int64{v4l2.CtrlBFrames: 2}}
	m.calls = nil
	m.opened = append(m.opened, d)
	m.openNow++
	return d, nil
}

func (m *machine) closeFD(fd int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.fds[fd] {
		m.wrong("descriptor %d is closed twice", fd)
	}
	delete(m.fds, fd)
	return nil
}

// fakeDevice is the open node.
type fakeDevice struct {
	m       *machine
	path    string
	values  map[v4l2.ControlID]int64
	raw     v4l2.Format
	coded   v4l2.Format
	rate    media.Rational
	crop    v4l2.Rect
	out, in *fakeQueue
	closed  bool

	coder    coder
	bitrate  int // that the hardware works with
	force    bool
	lateIn   int
	began    bool
	draining bool
	timer    *time.Timer
	rawOwed  []v4l2.Buffer
}

func (d *fakeDevice) call(format string, args ...any) {
	d.m.calls = append(d.m.calls, fmt.Sprintf(format, args...))
	if d.closed {
		d.m.wrong("%s after close", fmt.Sprintf(format, args...))
	}
}

func (d *fakeDevice) Path() string    { return d.path }
func (d *fakeDevice) Info() v4l2.Info { return d.m.info() }

func (d *fakeDevice) Formats(t v4l2.BufType) (list []v4l2.FormatDesc, _ error) {
	if !t.IsOutput() {
		return []v4l2.FormatDesc{{FourCC: v4l2.FWHT, Compressed: true}, {FourCC: v4l2.H264, Compressed: true}}, nil
	}
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	for _, f := range d.m.takes {
		list = append(list, v4l2.FormatDesc{FourCC: f})
	}
	return list, nil
}

func (d *fakeDevice) FrameSizes(v4l2.FourCC) ([]v4l2.SizeRange, error) {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	return d.m.sizes, nil
}

func (d *fakeDevice) Format(t v4l2.BufType) (v4l2.Format, error) {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	d.call("get format")
	if t.IsOutput() {
		return d.raw, nil
	}
	return d.coded, nil
}

func (d *fakeDevice) SetFormat(t v4l2.BufType, f v4l2.Format) (v4l2.Format, error) {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	if !t.IsOutput() {
		d.call("set coded format")
		d.coded, d.raw = f, v4l2.Format{}
		return f, nil
	}
	d.call("set raw format")
	pixel, planes, _ := f.FourCC.Pixel()
	f.Height = align(f.Height, d.m.rowAlign)
	stride := align(rowBytes(pixel, f.Width, 0), d.m.strideAlign)
	if d.m.extraStride && len(f.Planes) > 0 {
		stride = max(stride, f.Planes[0].Stride)
	}
	f.Planes = make([]v4l2.PlaneLayout, planes)
	for i := range pixel.Planes() {
		s := subsample(pixel, i, stride)
		at := min(i, planes-1)
		if i < planes {
			f.Planes[i].Stride = s
		}
		f.Planes[at].Size += s * planeRows(pixel, i, f.Height)
	}
	d.raw, d.crop = f, v4l2.Rect{Width: f.Width, Height: f.Height}
	return f, nil
}

func (d *fakeDevice) SetFrameRate(_ v4l2.BufType, r media.Rational) (media.Rational, error) {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	d.call("set rate %v", r)
	d.rate = r
	if d.m.rate != nil {
		return d.m.rate(r)
	}
	return r, nil
}

func (d *fakeDevice) SetSelection(_ v4l2.BufType, _ v4l2.SelectionTarget, r v4l2.Rect) (v4l2.Rect, error) {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	d.call("crop")
	switch {
	case d.m.noCrop:
		return v4l2.Rect{}, syscall.ENOTTY
	case d.m.cropTo != v4l2.Rect{}:
		r = d.m.cropTo
	}
	d.crop = r
	return r, nil
}

func (d *fakeDevice) Selection(v4l2.BufType, v4l2.SelectionTarget) (v4l2.Rect, error) {
	return v4l2.Rect{}, syscall.ENOTTY
}

func (d *fakeDevice) Controls() ([]v4l2.Control, error) {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	list := slices.Clone(d.m.controls)
	if d.m.minOutput > 0 {
		list = append(list, v4l2.Control{ID: v4l2.CtrlMinBuffersForOutput, Type: v4l2.ControlInteger, Flags: v4l2.ControlReadOnly})
	}
	return list, nil
}

func (d *fakeDevice) Get(id v4l2.ControlID) (int64, error) {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	if id == v4l2.CtrlMinBuffersForOutput {
		return int64(d.m.minOutput), nil
	}
	return d.values[id], nil
}

func (d *fakeDevice) Set(id v4l2.ControlID, v int64) error {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	i := slices.IndexFunc(d.m.controls, func(c v4l2.Control) bool { return c.ID == id })
	if i < 0 {
		d.m.wrong("control %v is set and not there", id)
		return v4l2.ErrNoControl
	}
	d.call("set %v to %d", id, v)
	c := d.m.controls[i]
	if c.Type == v4l2.ControlInteger && (v < c.Min || v > c.Max) {
		d.m.wrong("control %v is set to %d, outside %d to %d", id, v, c.Min, c.Max)
	}
	streaming := d.in != nil && d.in.streaming
	switch {
	case d.m.controlErr != nil:
		return d.m.controlErr
	case id == v4l2.CtrlForceKeyFrame && d.m.refusesKey:
		return syscall.EINVAL
	case id == v4l2.CtrlForceKeyFrame:
		d.force = !d.m.deafKey
		return nil
	case id == v4l2.CtrlBFrames && c.Min > 0:
		return syscall.ERANGE
	case id == v4l2.CtrlBitrate && d.values[v4l2.CtrlBitratePeak] > 0 && v > d.values[v4l2.CtrlBitratePeak],
		id == v4l2.CtrlBitratePeak && v < d.values[v4l2.CtrlBitrate]:
		d.m.wrong("a bit rate above its peak")
		return syscall.EINVAL
	case id == v4l2.CtrlBitrate && streaming && d.m.busy:
		return syscall.EBUSY
	}
	d.values[id] = v
	if id == v4l2.CtrlBitrate && (!streaming || !d.m.deafBitrate) {
		d.bitrate = int(v)
	}
	return nil
}

func (d *fakeDevice) EncoderCommand(cmd v4l2.EncoderCmd) error {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	d.call("command %d", cmd)
	if d.m.noCommand {
		return syscall.ENOTTY
	}
	d.draining = !d.m.silentCommand
	d.work()
	d.m.signal()
	return nil
}

func (d *fakeDevice) queue(t v4l2.BufType, f v4l2.Format) queue {
	d.m.mu.Lock() // an old device that stops lets this one work
	defer d.m.mu.Unlock()
	q := &fakeQueue{d: d, t: t, format: f}
	if t.IsOutput() {
		d.out = q
	} else {
		d.in = q
	}
	return q
}

func (d *fakeDevice) Close() error {
	d.m.mu.Lock()
	defer d.m.mu.Unlock()
	d.call("close")
	d.closed = true
	if c, ok := d.coder.(io.Closer); ok {
		_ = c.Close()
	}
	d.m.openNow--
	return nil
}

// ready is poll.
func (d *fakeDevice) ready(want v4l2.PollEvents) (e v4l2.PollEvents) {
	if d.m.eio {
		return v4l2.PollErr
	}
	if want.Has(v4l2.PollIn) && len(d.in.done) > 0 {
		e |= v4l2.PollIn
	}
	if want.Has(v4l2.PollOut) && len(d.out.done) > 0 {
		e |= v4l2.PollOut
	}
	return e
}
