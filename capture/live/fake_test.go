package live

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var fps30 = media.Rational{Num: 30, Den: 1}

const interval30 = time.Second / 30

func size(w, h int, rate media.Rational) media.VideoFormat {
	return media.VideoFormat{Width: w, Height: h, FrameRate: rate, Pixel: media.YUYV}
}

// device is a scripted picture device: what the n-th Open and the n-th Run do.
// Beyond the end of a script the last entry goes on.
type device struct {
	clock *media.Clock
	opens []func(ctx context.Context) (media.VideoFormat, error)
	runs  []func(ctx context.Context, s *session) error
	lag   time.Duration // from a picture's PTS to its arrival
	held  int           // buffers the device keeps queued

	mu     sync.Mutex
	tried  []time.Duration // when Open was called
	ran    int
	open   int                    // sessions not closed
	sent   map[time.Duration]bool // PTS of the pictures emitted
	asked  bool                   // sessions are Choosers, and ask
	unused int                    // pictures left out after asking
}

func at[T any](script []T, n int) T { return script[min(n, len(script)-1)] }

func opensAs(f media.VideoFormat) []func(context.Context) (media.VideoFormat, error) {
	return []func(context.Context) (media.VideoFormat, error){func(context.Context) (media.VideoFormat, error) { return f, nil }}
}

func refuses(err error) func(context.Context) (media.VideoFormat, error) {
	return func(context.Context) (media.VideoFormat, error) { return media.VideoFormat{}, err }
}

func (d *device) Open(ctx context.Context) (VideoSession, error) {
	d.mu.Lock()
	n := len(d.tried)
	d.tried = append(d.tried, d.clock.Now())
	if d.sent == nil {
		d.sent = make(map[time.Duration]bool)
	}
	d.mu.Unlock()
	format, err := at(d.opens, n)(ctx)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open++
	return &session{device: d, format: format}, nil
}

func (d *device) isSent(pts time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.sent[pts]
}

func (d *device) attempts() []time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.tried)
}

func (d *device) sessions() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open
}

type session struct {
	device  *device
	format  media.VideoFormat
	pool    capture.Pool
	emit    func(media.Frame)
	wanted  func(time.Duration) bool
	queue   []*media.Buffer
	skipped atomic.Uint64
	running atomic.Bool
	closed  atomic.Bool
}

func (s *session) Format() media.VideoFormat   { return s.format }
func (s *session) Pixels() []media.PixelFormat { return []media.PixelFormat{media.YUYV} }
func (s *session) Device() string              { return "fake (usb:1-1)" }
func (s *session) Choose(wanted func(time.Duration) bool) {
	if s.device.asked {
		s.wanted = wanted
	}
}

func (s *session) Status() (capture.Transfer, string, uint64) {
	return capture.OneCopy, "fake: pictures are copied", s.skipped.Load()
}

func (s *session) Close() error {
	if s.running.Load() || s.closed.Swap(true) {
		panic("Close while Run runs, or twice")
	}
	s.device.mu.Lock()
	defer s.device.mu.Unlock()
	s.device.open--
	return errors.New("close: the cable is out") // which is no reason to end
}

func (s *session) Run(ctx context.Context, pool capture.Pool, emit func(media.Frame)) error {
	if s.running.Swap(true) || s.closed.Load() {
		panic("Run while another runs, or after Close")
	}
	defer s.running.Store(false)
	s.pool, s.emit = pool, emit
	defer func() {
		for _, b := range s.queue {
			media.Frame{Buffer: b}.Release()
		}
		s.queue = nil
	}()
	s.device.mu.Lock()
	n := s.device.ran
	s.device.ran++
	s.device.mu.Unlock()
	return at(s.device.runs, n)(ctx, s)
}

// picture emits one whose capture time is now minus the lag.
func (s *session) picture() {
	pts := s.device.clock.Now() - s.device.lag
	if s.wanted != nil && !s.wanted(pts) {
		s.device.unused++
		return
	}
	for len(s.queue) <= s.device.held {
		b := s.pool.Get()
		if b == nil {
			break
		}
		if b.Planes[0].Data != nil {
			b.Planes[0].Data[0] = 1 // the device wrote there
		}
		s.queue = append(s.queue, b)
	}
	if len(s.queue) == 0 {
		s.skipped.Add(1)
		return
	}
	b := s.queue[0]
	s.queue = s.queue[1:]
	s.device.mu.Lock()
	s.device.sent[pts] = true
	s.device.mu.Unlock()
	s.emit(media.Frame{Buffer: b, PTS: pts})
}

// shoots delivers n pictures at the session's rate and returns err; n < 0: until
// ctx ends.
func shoots(n int, err error) func(context.Context, *session) error {
	return func(ctx context.Context, s *session) error {
		start := s.device.clock.Now()
		for i := 0; i != n; i++ {
			if e := pause(ctx, start+s.format.FrameRate.FrameTime(int64(i))-s.device.clock.Now()); e != nil {
				return e
			}
			s.picture()
		}
		return err
	}
}

// silent delivers nothing for d and returns err.
func silent(d time.Duration, err error) func(context.Context, *session) error {
	return func(ctx context.Context, _ *session) error {
		if e := pause(ctx, d); e != nil {
			return e
		}
		return err
	}
}

// deaf does not even notice that ctx ended, for a while.
func deaf(ctx context.Context, s *session) error {
	<-ctx.Done()
	time.Sleep(300 * time.Millisecond)
	return ctx.Err()
}

var none = &capture.SignalError{Signal: capture.SignalNone, Detail: "HDMI: nothing is connected"}

// shot is a picture that came out.
type shot struct {
	pts, at time.Duration
	key     bool
	device  bool // of the device, not of the slate
	drawn   bool // the slate drew all of it
}

// rig runs the frames of an input and keeps what came out.
type rig struct {
	t      *testing.T
	dev    *device
	clock  *media.Clock
	frames *Frames
	pool   *capture.MemoryPool
	cancel context.CancelFunc
	done   chan error

	mu    sync.Mutex
	shots []shot
	kept  []media.Frame // as an encoder holds some
}

// start opens the input in the test's bubble and runs its frames.
func start(t *testing.T, d *device, cfg Config) *rig {
	t.Helper()
	r := &rig{t: t, dev: d, clock: d.clock, done: make(chan error, 1)}
	cfg.Video = d
	in, err := Open(t.Context(), cfg, d.clock)
	if err != nil {
		t.Fatal(err)
	}
	r.frames = in.Frames.(*Frames)
	r.pool = capture.NewPool(in.Video, nil)
	r.frames.UsePool(r.pool)
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	go func() { r.done <- r.frames.Run(ctx, r.take) }()
	return r
}

func (r *rig) take(f media.Frame) {
	s := shot{pts: f.PTS, at: r.clock.Now(), key: f.ForceKey, drawn: f.Planes[0].Data[0] != 1}
	s.device = !s.drawn && r.dev.isSent(f.PTS) // a slate may have the time of one that was dropped
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shots = append(r.shots, s)
	r.kept = append(r.kept, f)
	if len(r.kept) > 2 {
		r.kept[0].Release()
		r.kept = r.kept[1:]
	}
}

// stop ends the run and checks what holds for every one.
func (r *rig) stop() []shot {
	r.t.Helper()
	r.cancel()
	if err := <-r.done; !errors.Is(err, context.Canceled) {
		r.t.Errorf("Run returned %v", err)
	}
	return r.ended()
}

func (r *rig) ended() []shot {
	r.t.Helper()
	for _, f := range r.kept {
		f.Release()
	}
	if n := free(r.pool); n != capture.PoolSize {
		r.t.Errorf("%d of %d pictures are back in the pool", n, capture.PoolSize)
	}
	if n := r.dev.sessions(); n != 0 {
		r.t.Errorf("%d sessions are still open", n)
	}
	for i, s := range r.shots {
		if i > 0 && s.pts <= r.shots[i-1].pts {
			r.t.Errorf("picture %d at %v does not come after the one at %v", i, s.pts, r.shots[i-1].pts)
		}
		if i > 0 && s.device != r.shots[i-1].device && !s.key {
			r.t.Errorf("picture %d at %v: a seam without a key picture", i, s.pts)
		}
		if i > 0 && s.device != r.shots[i-1].device && s.pts-r.shots[i-1].pts < interval30/2 {
			r.t.Errorf("picture %d at %v: right behind the one at %v", i, s.pts, r.shots[i-1].pts)
		}
		if !s.device && !s.drawn {
			r.t.Errorf("picture %d at %v: a slate over the device's picture", i, s.pts)
		}
	}
	return r.shots
}

// free is how many pictures a pool has to give.
func free(p capture.Pool) int {
	var list []*media.Buffer
	for b := p.Get(); b != nil; b = p.Get() {
		list = append(list, b)
	}
	for _, b := range list {
		media.Frame{Buffer: b}.Release()
	}
	return len(list)
}

// longest is the longest time between two pictures.
func longest(shots []shot) (most time.Duration) {
	for i := 1; i < len(shots); i++ {
		most = max(most, shots[i].pts-shots[i-1].pts)
	}
	return most
}

// slates counts runs of slate pictures.
func slates(shots []shot) (n int) {
	for i, s := range shots {
		if !s.device && (i == 0 || shots[i-1].device) {
			n++
		}
	}
	return n
}

// bubble runs a test in its own time.
func bubble(t *testing.T, f func(t *testing.T)) { synctest.Test(t, f) }
