package hardware

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/board"
	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/board/panel/evdevkeys"
	"github.com/encoderbox/encoderbox/board/panel/gpiokeys"
)

// source is a driver that keys come from.
type source struct {
	name string
	open func(context.Context) (panel.Keys, error)
}

// Keys are all keys of the panel. Where they come from several drivers they are there at
// once, and a driver whose hardware is missing is tried again while they run.
func (f *Front) Keys(ctx context.Context) (panel.Keys, error) {
	sources := f.sources()
	switch len(sources) {
	case 0:
		return nil, errors.New("panel: the model names no keys")
	case 1:
		return sources[0].open(ctx)
	default:
		return &several{front: f, sources: sources}, nil
	}
}

// keysThere are the keys of those drivers whose hardware is there.
func (f *Front) keysThere(ctx context.Context) (panel.Keys, error) {
	var there joined
	var errs []error
	sources := f.sources()
	for _, s := range sources {
		k, err := s.open(ctx)
		if err == nil {
			there = append(there, k)
		} else if errs = append(errs, err); len(sources) > 1 {
			f.tell(s.name, err)
		}
	}
	if len(there) == 0 {
		return nil, errors.Join(errs...)
	}
	return there, nil
}

func (f *Front) sources() (list []source) {
	codes, chips := evdevkeys.Default(), map[string][]gpiokeys.Line{}
	named := false
	for _, b := range f.panel.Buttons {
		if b.Key != "" {
			code, _ := evdevkeys.Named(b.Key) // Check knows them all
			codes[code], named = b.Name, true
		} else {
			chips[b.Chip] = append(chips[b.Chip], gpiokeys.Line{Line: b.Line, Key: b.Name, ActiveHigh: b.ActiveHigh})
		}
	}
	if named {
		list = append(list, source{"buttons", func(context.Context) (panel.Keys, error) { return f.inputs(codes) }})
	}
	for chip, lines := range chips {
		list = append(list, source{"buttons of " + chip, func(context.Context) (panel.Keys, error) {
			return gpiokeys.Open(filepath.Join(f.host.Root, "dev", chip), lines)
		}})
	}
	if f.panel.Port != "" {
		list = append(list, source{"serial panel's keys", f.serial.keys})
	}
	return list
}

// inputs opens every input device that has keys of the panel.
func (f *Front) inputs(codes evdevkeys.Map) (panel.Keys, error) {
	wanted := f.panel.Inputs
	if len(wanted) == 0 {
		wanted = []board.Input{{Phys: "gpio-keys/"}}
	}
	var keys []evdevkeys.Code
	for c := range codes {
		keys = append(keys, c)
	}
	var events []string
	for _, w := range wanted {
		found, err := evdevkeys.Find(os.DirFS(f.host.Root), evdevkeys.Want{Name: w.Name, Phys: w.Phys, Keys: keys})
		if err != nil {
			return nil, err
		}
		for _, d := range found {
			if !slices.Contains(events, d.Event) {
				events = append(events, d.Event)
			}
		}
	}
	if len(events) == 0 {
		return nil, fmt.Errorf("panel: no input device is %+v with one of its keys (is the overlay gpio-keys loaded?): %w", wanted, fs.ErrNotExist)
	}
	var all joined
	for _, e := range events {
		k, err := evdevkeys.Open(filepath.Join(f.host.Root, "dev/input", e), codes)
		if err != nil {
			return nil, errors.Join(err, all.Close())
		}
		all = append(all, k)
	}
	return all, nil
}

// joined are keys that belong together: without one of them there are none.
type joined []panel.Keys

func (j joined) Run(ctx context.Context, deliver func(panel.Event)) error {
	runs := make([]run, len(j))
	for i, k := range j {
		runs[i] = k.Run
	}
	return together(ctx, deliver, runs)
}

func (j joined) Close() error {
	var errs []error
	for _, k := range j {
		errs = append(errs, k.Close())
	}
	return errors.Join(errs...)
}

type run = func(context.Context, func(panel.Event)) error

// together runs all until ctx ends or one fails, and delivers from the caller's goroutine.
func together(ctx context.Context, deliver func(panel.Event), runs []run) error {
	if len(runs) == 1 {
		return runs[0](ctx, deliver)
	}
	running, stop := context.WithCancel(ctx)
	events, ended := make(chan panel.Event), make(chan error, len(runs))
	var all sync.WaitGroup
	for _, r := range runs {
		all.Go(func() {
			ended <- r(running, func(e panel.Event) {
				select {
				case events <- e:
				case <-running.Done():
				}
			})
		})
	}
	defer all.Wait()
	defer stop()
	for {
		select {
		case e := <-events:
			deliver(e)
		case err := <-ended: // nil: ctx has ended
			return err
		}
	}
}

// several are keys that come from drivers of which each may be missing.
type several struct {
	front   *Front
	sources []source
}

func (s *several) Run(ctx context.Context, deliver func(panel.Event)) error {
	runs := make([]run, len(s.sources))
	for i, source := range s.sources {
		runs[i] = func(ctx context.Context, deliver func(panel.Event)) error {
			s.front.again(ctx, source, deliver)
			return nil
		}
	}
	return together(ctx, deliver, runs)
}

// again opens and runs a source until ctx ends. Keys that were down when it failed go up.
func (f *Front) again(ctx context.Context, s source, deliver func(panel.Event)) {
	const first, longest = 250 * time.Millisecond, 10 * time.Second
	for wait := first; ctx.Err() == nil; wait = min(2*wait, longest) {
		keys, err := s.open(ctx)
		if err == nil {
			begun := time.Now()
			down := map[panel.Key]bool{}
			err = keys.Run(ctx, func(e panel.Event) { down[e.Key] = e.Down; deliver(e) })
			for k, held := range down {
				if held && ctx.Err() == nil {
					deliver(panel.Event{Key: k, At: time.Now()})
				}
			}
			_ = keys.Close() // what counts is why it ended

			if time.Since(begun) > longest { // it worked, and was not only opened
				f.tell(s.name, nil)
				wait = first
			}
		}
		if ctx.Err() != nil {
			return
		}
		f.tell(s.name, err)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func (s *several) Close() error { return nil } // Run closes what it opens
