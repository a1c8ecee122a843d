package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/device/control"
)

// terminal is the size of one; false for what is none.
func terminal(x any) (rows, columns int, ok bool) {
	f, isFile := x.(*os.File)
	if !isFile {
		return 0, 0, false
	}
	if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err != nil {
		return 0, 0, false
	}
	rows, columns = 24, 80
	if s, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && s.Row > 1 && s.Col > 10 {
		rows, columns = int(s.Row), int(s.Col)
	}
	return rows, columns, true
}

// ask asks somebody at the terminal. asked: there is one.
func (c *client) ask(ctx context.Context, question string) (yes, asked bool, err error) {
	if _, _, ok := terminal(c.stdin); !ok {
		return false, false, nil
	}
	if _, err := fmt.Fprintf(c.stderr, "%s [y/N] ", printable(question)); err != nil {
		return false, false, err
	}
	in := c.stdin.(*os.File)
	// A read of a terminal cannot be given up: it is begun when there is a line.
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(in.Fd()), Events: unix.POLLIN}}, 100)
		if ctx.Err() != nil {
			return false, true, ctx.Err()
		}
		if n > 0 && err == nil {
			break
		}
	}
	line := make([]byte, 256)
	n, err := in.Read(line)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, true, fmt.Errorf("read the answer: %w", err)
	}
	word := strings.ToLower(strings.TrimSpace(string(line[:n])))
	return word == "y" || word == "yes", true, nil
}

// progress shows how far a long command is: on a terminal in one line that is drawn
// anew, otherwise in lines.
type progress struct {
	out     io.Writer
	columns int    // 0: no terminal
	shown   string // the last line
	tenth   int
}

func newProgress(out io.Writer) *progress {
	_, columns, _ := terminal(out)
	return &progress{out: out, columns: columns, tenth: -1}
}

// show is told of each progress. What cannot be shown is no failure of the command.
func (p *progress) show(now control.Progress) {
	text := printable(now.Text)
	if now.Bytes > 0 {
		text += fmt.Sprintf(" %.1f MB", float64(now.Bytes)/1e6)
	}
	known := now.Done >= 0 && !math.IsNaN(now.Done)
	done := min(now.Done, 1)
	if p.columns > 0 {
		line := text
		if known {
			const width = 24
			n := int(done * width)
			line = fmt.Sprintf("[%s%s] %3.0f %% %s", strings.Repeat("#", n), strings.Repeat("-", width-n), done*100, text)
		}
		if r := []rune(line); len(r) > p.columns-1 {
			line = string(r[:p.columns-1])
		}
		p.shown = line
		fmt.Fprintf(p.out, "\r%s\x1b[K", line)
		return
	}
	tenth := -1
	if known {
		tenth = int(done * 10)
	}
	if text == p.shown && tenth == p.tenth {
		return
	}
	p.shown, p.tenth = text, tenth
	if known {
		text = fmt.Sprintf("%3.0f %% %s", done*100, text)
	}
	fmt.Fprintln(p.out, strings.TrimRight(text, " "))
}

// end leaves the terminal's line for what follows.
func (p *progress) end() {
	if p.columns > 0 && p.shown != "" {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
