package console

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/encoderbox/encoderbox/device/control"
)

// errCanceled is why a command is given up.
var errCanceled = errors.New("you pressed ^C")

// await runs something that may take its time, shows its progress, and has ^C end it, and
// the end of the line: who could see what comes of it has gone. It returns when the work has.
func (s *session) await(ctx context.Context, long bool, work func(context.Context, func(control.Progress)) (control.Result, error)) (control.Result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	interrupted := make(chan struct{}, 1)
	var lost atomic.Pointer[error]
	s.term.in.set(func(why error) {
		cancel(why)
		if !errors.Is(why, errCanceled) {
			lost.Store(&why)
			return
		}
		select {
		case interrupted <- struct{}{}:
		default:
		}
	}, false)
	defer s.term.in.set(nil, false)

	latest := make(chan control.Progress, 1) // newest wins
	var result control.Result
	var err error
	var running sync.WaitGroup
	done := make(chan struct{})
	running.Go(func() {
		defer close(done)
		result, err = work(ctx, func(p control.Progress) {
			select {
			case <-latest:
			default:
			}
			latest <- p
		})
	})
	defer running.Wait()

	bar := bar{term: s.term, on: long}
	for {
		select {
		case p := <-latest:
			bar.show(p)
		case <-interrupted:
			s.term.pasting = false // its end was dropped with what was typed ahead
			bar.end("^C: it is being given up")
		case <-done:
			select {
			case p := <-latest:
				bar.show(p)
			default:
			}
			bar.end("")
			if gone := lost.Load(); gone != nil {
				return result, fmt.Errorf("the line ended: %w", *gone)
			}
			return result, err
		}
	}
}

// bar is a long command's progress. Errors of the line show at the next prompt.
type bar struct {
	term  *terminal
	on    bool
	shown string
	step  string // on a dumb terminal: what was last said
}

// show replaces what is shown; a dumb terminal gets a line for each tenth and task.
func (b *bar) show(p control.Progress) {
	if !b.on {
		return
	}
	text := progressText(p)
	if b.term.dumb {
		if step := fmt.Sprint(int(p.Done*10), p.Text); step != b.step {
			b.step = step
			_ = b.term.say("%s", text)
		}
		return
	}
	if text = cut(text, b.term.row.width-1); text == b.shown {
		return
	}
	less := max(0, columns([]rune(b.shown))-columns([]rune(text)))
	_ = b.term.raw("\r" + clean(text) + strings.Repeat(" ", less) + strings.Repeat("\b", less))
	b.shown = text
}

// end goes to the next line and says something there; with nothing to say, what was shown
// makes room for the answer.
func (b *bar) end(text string) {
	switch width := columns([]rune(b.shown)); {
	case width == 0:
	case text == "":
		_ = b.term.raw("\r" + strings.Repeat(" ", width) + "\r")
	default:
		_ = b.term.raw("\r\n")
	}
	b.shown = ""
	if text != "" {
		_ = b.term.say("%s", text)
	}
}

func progressText(p control.Progress) string {
	const width = 20
	var parts []string
	if p.Done >= 0 {
		done := min(1, p.Done)
		full := int(done * width)
		parts = append(parts, fmt.Sprintf("[%s%s] %3d%%", strings.Repeat("#", full), strings.Repeat(".", width-full), int(done*100)))
	}
	if p.Text != "" {
		parts = append(parts, p.Text)
	}
	if p.Bytes > 0 {
		parts = append(parts, size(float64(p.Bytes))+"B")
	}
	return strings.Join(parts, "  ")
}

// cut is text in so many columns.
func cut(text string, width int) string {
	runes := []rune(text)
	if columns(runes) <= width {
		return text
	}
	for len(runes) > 0 && columns(runes) > max(0, width-1) {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "~"
}
