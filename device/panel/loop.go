package panel

import (
	"context"
	"errors"
	"image"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

// loop owns what people see. Nothing in it waits for anything but its channels.
type loop struct {
	cfg       Config
	events    chan panel.Event
	released  chan struct{}
	snapshots chan *status.Snapshot
	sizes     chan panel.Size
	frames    chan frame
	progress  chan told
	results   chan told

	scene   scene
	presses Presses
	ui      ui
	artist  *artist // nil without a screen
	began   time.Time
	turned  time.Time // since when rows take turns
	touched time.Time // when somebody or something last gave a reason to look
	air     Air
	errors  int // alarms that are errors
	asleep  bool
	ignored panel.Key // the key that woke the screen does nothing more until it is up
}

// told is what a command says while it runs, and in the end.
type told struct {
	number   int
	progress control.Progress
	result   control.Result
	err      error
}

func newLoop(cfg Config) *loop {
	now := time.Now()
	return &loop{
		cfg:    cfg,
		events: make(chan panel.Event, 256), released: make(chan struct{}),
		snapshots: make(chan *status.Snapshot, 1),
		sizes:     make(chan panel.Size, 1), frames: make(chan frame, 1),
		progress: make(chan told, 1), results: make(chan told, 1),
		scene: scene{status: &status.Snapshot{}, now: now}, ui: ui{table: cfg.Table, by: Caller()},
		began: now, turned: now, touched: now,
	}
}

// run is the loop. Commands run in goroutines that are counted in all.
func (l *loop) run(ctx context.Context, all *sync.WaitGroup) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	giveUp := func(error) {}
	for {
		sign, signed := l.cfg.Signs.Watch()
		l.scene.sign = sign
		select {
		case <-ctx.Done():
			return
		case e := <-l.events:
			l.event(e)
		case <-l.released:
			for len(l.events) > 0 { // came before; else a key would be down for ever
				<-l.events
			}
			l.presses.Release()
			l.ignored = ""
		case s := <-l.snapshots:
			l.scene.status, l.scene.addresses = s, addressesOf(s, l.cfg.Page)
			errors, _ := alarmsOf(s)
			if air := airOfBox(s); air != l.air || len(errors) > l.errors {
				l.air, l.touched = air, time.Now()
			}
			l.errors = len(errors)
		case size := <-l.sizes:
			l.artist, l.ui.grid = nil, grid{}
			if size != (panel.Size{}) {
				l.artist = newArtist(size)
				l.ui.grid = l.artist.grid()
			}
		case t := <-l.progress:
			l.ui.progress(t.number, t.progress)
		case t := <-l.results:
			l.scene.now = time.Now()
			l.touched = l.scene.now
			l.ui.finished(l.scene, t.number, t.result, t.err)
		case <-signed:
			l.touched = time.Now()
		case <-timer.C:
		}
		l.step(time.Now())
		if j := l.ui.wanted(); j != nil {
			jobCtx, cancel := context.WithCancelCause(ctx)
			giveUp = cancel
			all.Go(func() {
				defer cancel(nil)
				l.do(jobCtx, ctx, j)
			})
		}
		if l.ui.giveUp {
			giveUp(errGivenUp)
		}
		timer.Reset(l.next(l.scene.now).Sub(l.scene.now))
	}
}

// event takes what a key did; its time is not trusted further than a second.
func (l *loop) event(e panel.Event) {
	now := time.Now()
	if e.At.After(now) || now.Sub(e.At) > time.Second {
		e.At = now
	}
	l.scene.now = now
	l.press(l.presses.Event(e))
}

func (l *loop) press(all []Press) {
	for _, p := range all {
		l.touched, l.turned = l.scene.now, l.scene.now
		l.scene.turn = 0
		if l.asleep {
			l.asleep, l.ignored = false, p.Key
		}
		if p.Key == l.ignored {
			if p.Kind == Short || p.Kind == Double || p.Kind == Up && p.For >= longPress {
				l.ignored = ""
			}
			continue
		}
		l.ui.press(l.scene, p)
	}
}

// step brings all up to now, and draws.
func (l *loop) step(now time.Time) {
	l.scene.now = now
	l.press(l.presses.Advance(now))
	l.scene.turn = int(now.Sub(l.turned) / turnEvery)
	l.scene.moving = int(now.Sub(l.began) / moveEvery)
	l.ui.tick(l.scene)
	if l.artist == nil {
		return
	}
	idle := now.Sub(l.touched)
	f := frame{dim: 1}
	if l.cfg.DimAfter > 0 && idle >= l.cfg.DimAfter {
		f.dim = 0.2
	}
	// The light behind characters is on or off: dimmed, they cannot be read.
	dark := l.artist.size.Columns > 0 && f.dim < 0.5
	rests := l.cfg.SaveAfter > 0 && idle >= l.cfg.SaveAfter && l.artist.size.Width > 0
	l.asleep = (dark || rests) && l.ui.running == nil
	v := l.ui.view(l.scene)
	if l.asleep && rests {
		v = restView(l.scene)
	}
	minute := int(now.Sub(l.began) / time.Minute)
	f.picture = l.artist.draw(v, image.Pt(minute%3, minute/3%2))
	newest(l.frames, f)
}

// restView is what is shown when nobody looks.
func restView(s scene) view {
	v := view{restful: true, big: string(airOfBox(s.status)), turn: s.turn}
	if st := mainStream(s.status); st != nil {
		if since := onAirSince(st); !since.IsZero() {
			v.corner = clock(s.now.Sub(since))
		}
	}
	return v
}

// next is when something changes by itself.
func (l *loop) next(now time.Time) time.Time {
	every := time.Second
	switch {
	case l.artist == nil:
		every = 10 * time.Second
	case l.asleep:
		every = turnEvery
	case l.ui.moves(l.scene):
		every = moveEvery
	}
	return sooner(l.presses.Next(), now.Add(every))
}

// errGivenUp ends a command that people do not want any more.
var errGivenUp = errors.New("at the front panel")

// do runs a command until jobCtx ends; ctx is the loop's.
func (l *loop) do(jobCtx, ctx context.Context, j *job) {
	r := j.request
	r.Progress = func(p control.Progress) { newest(l.progress, told{number: j.number, progress: p}) }
	result, err := l.cfg.Table.Do(jobCtx, Caller(), r)
	select {
	case l.results <- told{number: j.number, result: result, err: err}:
	case <-ctx.Done():
	}
}
