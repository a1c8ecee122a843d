package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// What is taken to be at the other end until "terminal" says otherwise.
const (
	defaultWidth  = 80
	defaultLength = 24
)

// terminal is what a person sees and types on. One goroutine uses it.
type terminal struct {
	in      *input
	out     io.Writer
	keys    decoder
	rest    []byte // taken and not decoded yet
	typed   []key  // decoded and not used yet
	row     display
	pasting bool          // a paste has begun, and the terminal will say where it ends
	dumb    bool          // knows neither colours nor cursor movements
	length  int           // rows; 0: no paging
	idle    time.Duration // after which waiting for a key ends; 0: never
}

func newTerminal(in *input, out io.Writer, idle time.Duration) *terminal {
	return &terminal{in: in, out: out, idle: idle, length: defaultLength, row: display{width: defaultWidth}}
}

// print writes text of any origin: what is no text cannot steer the terminal.
func (t *terminal) print(text string) error { return t.raw(clean(text)) }

// say writes a line, or several.
func (t *terminal) say(format string, args ...any) error {
	return t.print(fmt.Sprintf(format, args...) + "\n")
}

// raw writes what may contain control characters of our own.
func (t *terminal) raw(text string) error {
	if text == "" {
		return nil
	}
	if _, err := io.WriteString(t.out, text); err != nil {
		return fmt.Errorf("console: write to the terminal: %w", err)
	}
	return nil
}

// clean makes text fit for a terminal: line ends as it needs them, and nothing else
// that is not seen.
func clean(text string) string {
	var b strings.Builder
	b.Grow(len(text) + 16)
	for _, r := range text {
		switch {
		case r == '\n':
			b.WriteString("\r\n")
		case r == '\t':
			b.WriteString("  ")
		case r == utf8.RuneError || !unicode.IsPrint(r):
			b.WriteByte('.')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// key waits for the next key.
func (t *terminal) key(ctx context.Context) (key, error) {
	for {
		switch k, err := t.any(ctx); {
		case err != nil, k == keyInterrupt:
			t.pasting = false
			return k, err
		case k == keyPaste, k == keyPasted:
			t.pasting = k == keyPaste
		default:
			return k, nil
		}
	}
}

// together is how soon after a TAB more must come to be of one piece with it: sooner than
// a key repeats, later than a USB adapter passes on the rest of what it has.
const together = 25 * time.Millisecond

// pasted says that a TAB is one of a paste's, and no key that somebody has pressed: it is
// indentation then.
func (t *terminal) pasted(ctx context.Context) (bool, error) {
	if t.pasting || t.ahead() {
		return true, nil
	}
	b, err := t.in.take(ctx, together)
	if errors.Is(err, errIdle) {
		return false, nil
	}
	t.rest = b
	return err == nil, err
}

// any waits for the next key, those that tell of pastes among them.
func (t *terminal) any(ctx context.Context) (key, error) {
	for len(t.typed) == 0 {
		if len(t.rest) == 0 {
			b, err := t.in.take(ctx, t.idle)
			if err != nil {
				return 0, err
			}
			t.rest = b
		}
		c := t.rest[0]
		t.rest = t.rest[1:]
		t.keys.feed(c, func(k key) { t.typed = append(t.typed, k) })
	}
	k := t.typed[0]
	t.typed = t.typed[1:]
	return k, nil
}

// ahead says that more was typed already.
func (t *terminal) ahead() bool { return len(t.typed) > 0 || len(t.rest) > 0 || t.in.pending() }

// forget drops what was typed ahead.
func (t *terminal) forget() {
	t.typed, t.rest = nil, nil
	_, _, _ = t.in.poll()
}

// assist is what helps while a line is typed.
type assist struct {
	past     *history
	hidden   bool                                 // nothing is shown
	help     func(before string) string           // for ?
	complete func(before string) (string, string) // for TAB: what to insert, or what to show
}

// line reads a line. The error errCtrlC tells of ^C, errLeft of ^D, errTorn of a line
// that is not taken.
func (t *terminal) line(ctx context.Context, prompt string, a assist) (string, error) {
	e := &editor{past: a.past}
	t.row.prompt = prompt
	if err := t.raw(t.row.fresh()); err != nil {
		return "", err
	}
	for {
		k, err := t.key(ctx)
		if err != nil {
			return "", err
		}
		if k == keyTab && a.complete != nil {
			pasted, err := t.pasted(ctx)
			if err != nil {
				return "", err
			}
			if pasted {
				k = ' '
			}
		}
		e.literal = e.literal || a.help == nil || t.pasting // a question mark is one, in a password
		what := e.press(k)
		if !a.hidden && (!t.ahead() || what != actNone) { // a paste is shown once, not key by key
			if err := t.raw(t.row.render(e.line, e.pos)); err != nil {
				return "", err
			}
		}
		switch what {
		case actNone:
		case actSubmit:
			return t.submit(e, a.hidden)
		case actCancel:
			return "", t.after(t.raw("^C\r\n"), errCtrlC)
		case actLeave:
			return "", t.after(t.raw("\r\n"), errLeft)
		default:
			if err := t.helpWith(e, a, what); err != nil {
				return "", err
			}
		}
	}
}

func (t *terminal) after(err, then error) error {
	if err != nil {
		return err
	}
	return then
}

// submit ends a line. One that was disturbed is not taken: half of it may be missing.
func (t *terminal) submit(e *editor, hidden bool) (string, error) {
	if err := t.raw(t.end(e, hidden) + "\r\n"); err != nil {
		return "", err
	}
	switch {
	case e.noise > 0:
		return "", t.after(t.say("%% The line was disturbed by %d bytes that are no text, and is not run. Is the terminal set to the port's speed, 8N1, UTF-8?", e.noise), errTorn)
	case e.over > 0:
		return "", t.after(t.say("%% The line is %d characters longer than the %d that are taken, and is not run.", e.over, maxLine), errTorn)
	}
	return string(e.line), nil
}

// end moves behind the line.
func (t *terminal) end(e *editor, hidden bool) string {
	if hidden {
		return ""
	}
	return t.row.render(e.line, len(e.line))
}

// helpWith does the keys that need more than the line.
func (t *terminal) helpWith(e *editor, a assist, what act) error {
	before, show := string(e.line[:e.pos]), ""
	switch {
	case what == actRedraw && !t.dumb:
		if err := t.raw("\x1b[2J\x1b[H"); err != nil {
			return err
		}
	case what == actRedraw:
		show = "\r\n"
	case what == actHelp && a.help != nil:
		show = "?\r\n" + clean(a.help(before))
	case what == actComplete && a.complete != nil:
		insert, choices := a.complete(before)
		if choices == "" {
			e.insert([]rune(insert))
			return t.raw(t.row.render(e.line, e.pos))
		}
		show = "\r\n" + clean(choices)
	default:
		return nil
	}
	if a.hidden {
		return t.raw(show + t.row.fresh())
	}
	return t.raw(show + t.row.fresh() + t.row.render(e.line, e.pos))
}

// page shows text, a screen at a time where somebody reads along: not in a paste.
func (t *terminal) page(ctx context.Context, text string) error {
	if text == "" {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	room := t.length - 1
	for len(lines) > 0 {
		n := t.fitting(lines, room)
		if err := t.print(strings.Join(lines[:n], "\n") + "\n"); err != nil {
			return err
		}
		if lines = lines[n:]; len(lines) == 0 {
			break
		}
		if t.length == 0 || t.ahead() {
			room = t.length - 1
			if t.length == 0 && t.interrupted() {
				return t.raw("^C\r\n")
			}
			continue
		}
		var err error
		if room, err = t.more(ctx, len(lines)); err != nil || room == 0 {
			return err
		}
	}
	return nil
}

// interrupted takes a ^C that waits.
func (t *terminal) interrupted() bool {
	t.in.mu.Lock()
	defer t.in.mu.Unlock()
	if len(t.in.waiting) == 0 || t.in.waiting[0] != 3 {
		return false
	}
	t.in.waiting = t.in.waiting[1:]
	return true
}

// fitting is how many lines fit into so many rows; one at least. Without paging they
// come in pieces too, between which ^C is noticed.
func (t *terminal) fitting(lines []string, room int) int {
	if t.length == 0 {
		room = defaultLength
	}
	n := 0
	for n < len(lines) {
		room -= 1 + max(0, columns([]rune(lines[n]))-1)/t.row.width
		if room < 0 && n > 0 {
			break
		}
		n++
	}
	return n
}

// more asks how to go on: it returns for how many rows, 0 for not at all.
func (t *terminal) more(ctx context.Context, left int) (rows int, err error) {
	ask := fmt.Sprintf("-- %d more lines: space, Enter, q --", left)
	erase := "\r" + strings.Repeat(" ", len(ask)) + "\r"
	if err := t.raw(ask); err != nil {
		return 0, err
	}
	for {
		k, err := t.key(ctx)
		if err != nil {
			return 0, err
		}
		switch k {
		case ' ', 'f', keyTab:
			return max(1, t.length-1), t.raw(erase)
		case keyEnter, 'j', keyDown:
			return 1, t.raw(erase)
		case 'q', 'Q', keyInterrupt, keyEndOfInput:
			return 0, t.raw(erase)
		default:
		}
	}
}
