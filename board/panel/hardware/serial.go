package hardware

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/encoderbox/encoderbox/board"
	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/board/panel/serialpanel"
)

// shared is the serial panel, whose keys, lights and screen are opened and closed each by
// itself, on one port.
type shared struct {
	open func(context.Context) (*serialpanel.Panel, error)
	turn chan struct{} // one opens or closes at a time; guards the fields below
	now  *serialpanel.Panel
	uses int

	opened atomic.Int64 // how often
}

func newShared(open func(context.Context) (*serialpanel.Panel, error)) *shared {
	return &shared{open: open, turn: make(chan struct{}, 1)}
}

func openSerial(ctx context.Context, host Host, p board.Panel) (*serialpanel.Panel, error) {
	port, err := host.Port(filepath.Join(host.Root, p.Port), p.Speed)
	if err != nil {
		return nil, err
	}
	return serialpanel.Open(ctx, port, p.Port)
}

// get is the panel, opened anew where it is gone; give it back by put.
func (s *shared) get(ctx context.Context) (*serialpanel.Panel, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.turn }()
	if s.now != nil && s.now.Err() != nil {
		_ = s.now.Close() // gone for those who still have it, too; the port is needed
		s.now = nil
	}
	if s.now == nil {
		p, err := s.open(ctx)
		if err != nil {
			return nil, err
		}
		s.now, s.uses = p, 0
		s.opened.Add(1)
	}
	s.uses++
	return s.now, nil
}

// put closes the panel when nobody else has it.
func (s *shared) put(p *serialpanel.Panel) error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.now != p {
		return nil // replaced, and closed then
	}
	if s.uses--; s.uses > 0 {
		return nil
	}
	s.now = nil
	return p.Close()
}

// part gives a panel back once, however often its part is closed.
func (s *shared) part(p *serialpanel.Panel) func() error {
	return sync.OnceValue(func() error { return s.put(p) })
}

func (s *shared) keys(ctx context.Context) (panel.Keys, error) {
	p, err := s.get(ctx)
	if err != nil {
		return nil, err
	}
	k := p.Keys()
	if k == nil {
		return nil, errors.Join(fmt.Errorf("panel: the serial panel %q has no keys: %w", p.Hello().Name, panel.ErrNone), s.put(p))
	}
	return serialKeys{k, s.part(p)}, nil
}

type serialKeys struct {
	panel.Keys
	put func() error
}

func (k serialKeys) Close() error { return k.put() }

func (s *shared) screen(ctx context.Context) (panel.Screen, error) {
	p, err := s.get(ctx)
	if err != nil {
		return nil, err
	}
	screen := p.Screen()
	if screen == nil {
		return nil, errors.Join(fmt.Errorf("panel: the serial panel %q has no screen", p.Hello().Name), s.put(p))
	}
	return serialScreen{screen, s.part(p)}, nil
}

type serialScreen struct {
	panel.Screen
	put func() error
}

// Dim is the panel's.
func (s serialScreen) Dim(brightness float64) error {
	if d, ok := s.Screen.(interface{ Dim(float64) error }); ok {
		return d.Dim(brightness)
	}
	return nil
}

// Close makes it dark; a screen that is gone is.
func (s serialScreen) Close() error {
	_ = s.Screen.Close()
	return s.put()
}

// lights adds the serial panel's lights.
func (s *shared) lights(ctx context.Context, lights map[string]panel.Light) error {
	p, err := s.get(ctx)
	if err != nil {
		return err
	}
	names := p.Hello().Lights
	if len(names) == 0 {
		return s.put(p)
	}
	left := len(names)
	var mu sync.Mutex // guards left
	put := func() error {
		mu.Lock()
		defer mu.Unlock()
		if left--; left > 0 {
			return nil
		}
		return s.put(p)
	}
	for _, name := range names {
		l, _ := p.Light(name)
		own := lights[name]
		lights[name] = serialLight{l, sync.OnceValue(put)}
		if own != nil {
			lights[name] = both{own, lights[name]}
		}
	}
	return nil
}

type serialLight struct {
	panel.Light
	put func() error
}

// Close makes it dark; a light that is gone is.
func (l serialLight) Close() error {
	_ = l.Light.Close()
	return l.put()
}

// both are two lights of one name, on the box and on its serial panel.
type both [2]panel.Light

func (b both) Set(brightness float64) error {
	return errors.Join(b[0].Set(brightness), b[1].Set(brightness))
}

func (b both) Close() error { return errors.Join(b[0].Close(), b[1].Close()) }

// waiting is a light beside which the serial panel's were not there. Once they may be, it
// fails, so that its owner opens all lights again.
type waiting struct {
	panel.Light
	serial *shared
	opened int64
}

var errPlugged = errors.New("panel: the serial panel is there now: its lights can be opened, too")

func (w waiting) Set(brightness float64) error {
	if w.serial.opened.Load() != w.opened {
		return errPlugged
	}
	return w.Light.Set(brightness)
}
