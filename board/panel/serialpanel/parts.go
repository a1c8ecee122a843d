package serialpanel

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/encoderbox/encoderbox/board/panel"
)

// Keys are the panel's keys; nil where it has none. They end with the panel: Close does
// nothing.
func (p *Panel) Keys() panel.Keys {
	if len(p.hello.Keys) == 0 {
		return nil
	}
	return p.keys
}

// Screen is the panel's screen; nil where it has none. Close makes it dark.
func (p *Panel) Screen() panel.Screen {
	if p.hello.Size == (panel.Size{}) {
		return nil
	}
	return &screen{p}
}

// Light is one of the panel's lights; ok is false where it has none of the name.
func (p *Panel) Light(name string) (l panel.Light, ok bool) {
	if !slices.Contains(p.hello.Lights, name) {
		return nil, false
	}
	return &light{p, name}, true
}

// keys hands events to Run. Its fields are guarded by the panel's lock.
type keys struct {
	panel *Panel
	wake  chan struct{}
	queue []panel.Event
	lost  bool // events were dropped: Run looks at the state
}

const maxQueue = 64

// add queues events. When nobody fetches them they are dropped, and what is down then is what
// Run delivers.
func (k *keys) add(events []panel.Event) {
	if len(events) == 0 {
		return
	}
	k.queue = append(k.queue, events...)
	if len(k.queue) > maxQueue {
		k.queue, k.lost = k.queue[:0], true
	}
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// take is what has happened since; down is what was delivered.
func (k *keys) take(down map[panel.Key]bool) (events []panel.Event) {
	k.panel.mu.Lock()
	defer k.panel.mu.Unlock()
	events = append(events, k.queue...)
	if k.lost {
		for _, key := range k.panel.hello.Keys {
			if held := k.panel.link.held[key]; held != down[key] {
				events = append(events, panel.Event{Key: key, Down: held, At: k.panel.link.heard})
			}
		}
	}
	k.queue, k.lost = k.queue[:0], false
	return events
}

func (k *keys) Run(ctx context.Context, deliver func(panel.Event)) error {
	down := map[panel.Key]bool{}
	k.panel.mu.Lock()
	k.queue, k.lost = k.queue[:0], true // what was before is over
	k.panel.mu.Unlock()
	for {
		for _, e := range k.take(down) {
			if down[e.Key] != e.Down {
				down[e.Key] = e.Down
				deliver(e)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-k.panel.gone:
			return k.panel.failed()
		case <-k.wake:
		}
	}
}

func (k *keys) Close() error { return nil }

type light struct {
	panel *Panel
	name  string
}

func (l *light) Set(brightness float64) error {
	return l.panel.set(func(set func(name, word, want string)) {
		set("light "+l.name, "light", fmt.Sprintf("%s %d", l.name, level(brightness)))
	})
}

// level is a brightness from 0 to 255.
func level(brightness float64) int {
	if brightness > 0 { // NaN is not
		return int(math.Round(min(brightness, 1) * 255))
	}
	return 0
}

func (l *light) Close() error { return l.Set(0) }

type screen struct{ panel *Panel }

func (s *screen) Size() panel.Size { return s.panel.hello.Size }

// Show returns at once: what has changed is sent as fast as the line takes it, and what is
// outdated before is not.
func (s *screen) Show(p panel.Picture) error {
	return s.panel.set(func(set func(name, word, want string)) {
		if s.panel.hello.Size.Rows > 0 {
			s.text(p, set)
		} else {
			s.pixels(p, set)
		}
	})
}

func (s *screen) text(p panel.Picture, set func(name, word, want string)) {
	for row := range s.panel.hello.Size.Rows {
		line := ""
		if row < len(p.Lines) {
			line = " " + escape(p.Lines[row], s.panel.hello.Size.Columns, s.panel.hello.UTF8)
		}
		set(fmt.Sprintf("text %d", row), "text", fmt.Sprintf("%d%s", row, line))
	}
}

func (s *screen) pixels(p panel.Picture, set func(name, word, want string)) {
	size := s.panel.hello.Size
	columns := make([]byte, size.Width)
	for page := range size.Height / pageHeight {
		clear(columns)
		for x := range columns {
			for bit := range pageHeight {
				columns[x] |= on(p, x, page*pageHeight+bit) << bit
			}
		}
		for from := 0; from < len(columns); from += maxChunk {
			piece := columns[from:min(from+maxChunk, len(columns))]
			at := fmt.Sprintf("%d %d", page, from)
			set("pix "+at, "pix", at+" "+pack(piece))
		}
	}
}

func on(p panel.Picture, x, y int) byte {
	if p.Pixels == nil {
		return 0
	}
	from := p.Pixels.Bounds().Min
	return p.Pixels.GrayAt(from.X+x, from.Y+y).Y >> 7
}

// Dim tells the panel how bright its screen is to be.
func (s *screen) Dim(brightness float64) error {
	return s.panel.set(func(set func(name, word, want string)) {
		set("bright", "bright", strconv.Itoa(level(brightness)))
	})
}

func (s *screen) Close() error { return s.Show(panel.Picture{}) }
