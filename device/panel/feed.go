package panel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/device/status"
)

// What feeds the loop, and what it feeds. Each may wait for hardware; the loop never does.

// statusPause is the least time between snapshots that are looked at: a box under load
// makes hundreds a second.
const statusPause = 100 * time.Millisecond

// newest puts a value where one fits, in place of an older one. One goroutine may call it
// for a channel.
func newest[T any](slot chan T, value T) {
	for {
		select {
		case slot <- value:
			return
		default:
		}
		select {
		case <-slot:
		default:
		}
	}
}

func watchStatus(ctx context.Context, from Status, slot chan *status.Snapshot) {
	for {
		s, changed := from.Watch()
		newest(slot, s)
		if !sleep(ctx, statusPause) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

func keysUntil(ctx context.Context, open func(context.Context) (panel.Keys, error), l *loop) error {
	keys, err := open(ctx)
	if err != nil {
		return fmt.Errorf("panel: open keys: %w", err)
	}
	err = keys.Run(ctx, func(e panel.Event) {
		select {
		case l.events <- e:
		default: // 256 events behind: nobody presses so fast
		}
	})
	select {
	case l.released <- struct{}{}:
	case <-ctx.Done():
	}
	if err == nil && ctx.Err() == nil {
		err = errors.New("they ended")
	}
	return errors.Join(err, keys.Close())
}

// frame is what a screen is to show.
type frame struct {
	picture panel.Picture
	dim     float64
}

func screenUntil(ctx context.Context, open func(context.Context) (panel.Screen, error), l *loop) (err error) {
	screen, err := open(ctx)
	if err != nil {
		return fmt.Errorf("panel: open screen: %w", err)
	}
	select { // what was drawn before the screen was there is of no use
	case <-l.frames:
	default:
	}
	newest(l.sizes, screen.Size())
	defer func() {
		newest(l.sizes, panel.Size{})
		err = errors.Join(err, screen.Close())
	}()
	bright := 1.0
	for {
		select {
		case <-ctx.Done():
			return nil
		case f := <-l.frames:
			if !fits(f.picture, screen.Size()) {
				continue // drawn for the screen before this one
			}
			if d, ok := screen.(Dimmer); ok && f.dim != bright {
				if err := d.Dim(f.dim); err != nil {
					return fmt.Errorf("panel: dim screen: %w", err)
				}
				bright = f.dim
			}
			if err := screen.Show(f.picture); err != nil {
				return fmt.Errorf("panel: show a picture: %w", err)
			}
		}
	}
}

func fits(p panel.Picture, size panel.Size) bool {
	if size.Columns > 0 {
		return len(p.Lines) == size.Rows
	}
	return p.Pixels != nil && p.Pixels.Rect.Dx() == size.Width && p.Pixels.Rect.Dy() == size.Height
}

// lightsUntil plays patterns until a light fails.
func (p *Panel) lightsUntil(ctx context.Context) (err error) {
	all, err := patterns()
	if err != nil {
		return err
	}
	lights, err := p.cfg.Hardware.Lights(ctx)
	if err != nil {
		return fmt.Errorf("panel: open lights: %w", err)
	}
	play := newPlayer(lights, all, time.Now())
	defer func() { err = errors.Join(err, play.close()) }()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var snapshot *status.Snapshot
	var changed <-chan struct{}
	var fresh time.Time // when the status may be looked at again
	for {
		now := time.Now()
		if changed == nil && !now.Before(fresh) {
			snapshot, changed = p.cfg.Status.Watch()
			fresh = now.Add(statusPause)
		}
		sign, signed := p.cfg.Signs.Watch()
		for lamp := range play.lamps {
			play.senses[lamp] = senseOf(play.says(lamp), snapshot, sign, p.cfg.TallyDestination, now)
		}
		next, err := play.play(now)
		if err != nil {
			return err
		}
		if changed == nil {
			next = sooner(next, fresh)
		}
		if now.Before(sign.Identify) {
			next = sooner(next, sign.Identify)
		}
		if timer.Stop(); !next.IsZero() {
			timer.Reset(time.Until(next))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			changed = nil
		case <-signed:
		case <-timer.C:
		}
	}
}

// sooner is the earlier of two times, of which zero is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
