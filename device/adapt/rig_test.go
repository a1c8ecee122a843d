package adapt

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/output"
)

// fakePath is a link that carries so much, with an encoder's bytes before it.
type fakePath struct {
	mu         sync.Mutex
	connection uint64 // 0: none
	began      time.Time
	capacity   int // bits per second that are acknowledged
	written    float64
	acked      float64
	at         time.Duration
	encoder    *fakeEncoder
	panics     bool
	asked      int
	advice     output.PathAdvice
	advised    int
}

func (p *fakePath) Path() (output.Path, uint64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if p.panics {
		panic("a transport's mistake")
	}
	if p.connection == 0 {
		return output.Path{}, 0, false
	}
	now := time.Since(p.began)
	elapsed := (now - p.at).Seconds()
	p.at = now
	p.written += float64(p.encoder.bitrate()) / 8 * elapsed
	p.acked = min(p.written, p.acked+float64(p.capacity)/8*elapsed)
	out := uint64(p.written) - uint64(p.acked)
	return output.Path{
		At: now, Written: uint64(p.written), Outstanding: out, RTT: 20 * time.Millisecond, MinRTT: 20 * time.Millisecond,
		Budget: time.Second, AppLimited: out == 0,
	}, p.connection, true
}

func (p *fakePath) Advise(a output.PathAdvice) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.advice = a
	p.advised++
}

// connect makes a new connection of so much; 0 breaks it.
func (p *fakePath) connect(connection uint64, capacity int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.connection, p.capacity = connection, capacity
	p.began, p.at, p.written, p.acked = time.Now(), 0, 0, 0
}

func (p *fakePath) carry(capacity int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.capacity = capacity
}

func (p *fakePath) questions() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *fakePath) told() (output.PathAdvice, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.advice, p.advised
}

// fakeEncoder puts out what it is told to.
type fakeEncoder struct {
	mu      sync.Mutex
	began   time.Time
	setting rate.Setting
	set     int
	bytes   float64
	at      time.Duration
	off     bool // passthrough
}

func newFakeEncoder() *fakeEncoder { return &fakeEncoder{began: time.Now()} }

func (e *fakeEncoder) SetRate(s rate.Setting) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.advance()
	e.setting = s
	e.set++
}

func (e *fakeEncoder) EncoderState() (rate.EncoderState, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.advance()
	return rate.EncoderState{At: e.at, Video: uint64(e.bytes), Pictures: uint64(e.at / (time.Second / 30))}, !e.off
}

func (e *fakeEncoder) advance() {
	now := time.Since(e.began)
	e.bytes += float64(e.setting.Bitrate) / 8 * (now - e.at).Seconds()
	e.at = now
}

func (e *fakeEncoder) bitrate() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.setting.Bitrate
}

func (e *fakeEncoder) told() (rate.Setting, int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.setting, e.set
}

// script is a decider that says what the test does.
type script struct {
	mu     sync.Mutex
	next   func([]rate.PathState) rate.Decision
	config rate.StreamConfig
	states []rate.PathState
	steps  int
}

func (s *script) SetConfig(c rate.StreamConfig) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config = c
}

func (s *script) Step(_ rate.EncoderState, states []rate.PathState) rate.Decision {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps++
	s.states = append(s.states[:0], states...)
	return s.next(states)
}

// seen is what it was given last, and stepped how often it was.
func (s *script) seen() []rate.PathState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.states)
}

func (s *script) stepped() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.steps
}

func (s *script) configured() rate.StreamConfig {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config
}

func (s *script) say(f func([]rate.PathState) rate.Decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = f
}

// at is a decision of so much, with an Advice of the same for every path.
func at(bitrate int, reason rate.Reason) func([]rate.PathState) rate.Decision {
	return func(states []rate.PathState) rate.Decision {
		d := rate.Decision{Setting: rate.Setting{Bitrate: bitrate, Divider: 1, Scale: 1}, Reason: reason}
		for _, s := range states {
			d.Decider = s.Name
			d.Paths = append(d.Paths, rate.PathDecision{Name: s.Name, Advice: rate.Advice{Target: bitrate, Pace: 2 * bitrate, Reason: reason}})
		}
		return d
	}
}

// rig is a Loop that runs.
type rig struct {
	*Loop
	t         *testing.T
	encoder   *fakeEncoder
	cancel    context.CancelFunc
	ended     chan error
	mu        sync.Mutex
	reports   []*status.Rate
	incidents []output.Incident
	log       bytes.Buffer
}

func testConfig() Config {
	return Config{StreamConfig: rate.StreamConfig{
		Min: 300_000, Start: 2_000_000, Max: 6_000_000, Policy: rate.ProtectPrimary,
	}, Primary: "a"}
}

// start runs a Loop with an encoder; s may be nil for the product's own law.
func start(t *testing.T, s *script) *rig {
	r := &rig{t: t, encoder: newFakeEncoder(), ended: make(chan error, 1)}
	r.Loop = New(testConfig(), Options{
		Stream: "main", Log: slog.New(slog.NewTextHandler(&r.log, nil)),
		Report: func(k *status.Rate) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.reports = append(r.reports, k)
		},
		Incidents: output.IncidentFunc(func(i output.Incident) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.incidents = append(r.incidents, i)
		}),
	})
	if s != nil {
		r.decide = func(c rate.StreamConfig) decider {
			s.SetConfig(c)
			return s
		}
	}
	t.Cleanup(r.Use(r.encoder))
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	go func() { r.ended <- r.Run(ctx) }()
	return r
}

func (r *rig) stop() {
	r.cancel()
	if err := <-r.ended; err != nil {
		r.t.Error(err)
	}
}

func (r *rig) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (r *rig) path(connection uint64, capacity int) *fakePath {
	p := &fakePath{encoder: r.encoder}
	p.connect(connection, capacity)
	return p
}

func (r *rig) reported() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.reports)
}

func (r *rig) told() []output.Incident {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.incidents)
}

func (r *rig) status() *status.Rate {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.reports) == 0 {
		return nil
	}
	return r.reports[len(r.reports)-1]
}
