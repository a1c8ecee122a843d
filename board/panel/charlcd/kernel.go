package charlcd

import (
	"fmt"
	"io"
	"os"

	"github.com/encoderbox/encoderbox/board/panel/internal/devfile"
)

// OpenKernel opens the kernel's display device at path (/dev/lcd), which one program at a time
// may have.
func OpenKernel(path string, columns, rows int) (*Display, error) {
	file, err := devfile.Open(path, os.O_WRONLY)
	if err != nil {
		return nil, fmt.Errorf("charlcd: open: %w", err)
	}
	return open(&kernel{file, path}, columns, rows)
}

// kernel speaks the escape sequences of drivers/auxdisplay/charlcd.c.
type kernel struct {
	file io.WriteCloser
	path string
}

func (k *kernel) String() string { return k.path }

func (k *kernel) start() error {
	// A line feed ends the sequence that somebody else may have been killed in. Then: clear,
	// home, no cursor, no blinking, display on, light on.
	text := "\n\x1b[2J\x1b[H\x1b[Lc\x1b[Lb\x1b[LD\x1b[L+"
	for i, g := range glyphs {
		text += fmt.Sprintf("\x1b[LG%d%x;", i, g.rows)
	}
	return k.send(text)
}

func (k *kernel) write(column, row int, codes []byte) error {
	return k.send(fmt.Sprintf("\x1b[Lx%dy%d;%s", column, row, codes))
}

func (k *kernel) light(on bool) error {
	if on {
		return k.send("\x1b[L+")
	}
	return k.send("\x1b[L-")
}

func (k *kernel) stop() error { return k.send("\x1b[2J\x1b[Ld\x1b[L-") }

func (k *kernel) Close() error { return k.file.Close() }

func (k *kernel) send(text string) error {
	_, err := io.WriteString(k.file, text)
	return err
}
