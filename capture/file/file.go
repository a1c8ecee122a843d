// Package file plays a media file as a live input: MP4 (progressive and
// fragmented) and MPEG-TS with H.264 and AAC as packets, Y4M and WAV as raw
// pictures and sound. What is played is paced by the clock and, where asked,
// begins anew without a jump in the timestamps.
//
// Files are read by position as they are played; nothing but the tables that
// say where things lie is kept in memory.
package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
)

// Config says what to play.
type Config struct {
	Path string
	// AudioPath is a WAV file that goes with a Y4M file. When empty, the file
	// with Path's name and the extension .wav is taken, if there is one.
	AudioPath string
	Loop      bool // begin anew at the end
}

// ErrEnd is what Run of a source returns when the file has been played to its
// end and does not loop.
var ErrEnd = errors.New("end of file")

// Open opens a file and reads as much of it as is needed to say what it holds.
// The kind of file is told from its content.
//
// A file that was cut short is played as far as its last whole access unit;
// Description then says so. Tracks that cannot be played are named there too.
func Open(cfg Config, clock *media.Clock) (*capture.Input, error) {
	in, err := open(cfg, clock)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", cfg.Path, err)
	}
	in.Description = filepath.Base(cfg.Path) + ": " + in.Description
	return in, nil
}

func open(cfg Config, clock *media.Clock) (*capture.Input, error) {
	f, size, err := openRegular(cfg.Path)
	if err != nil {
		return nil, err
	}
	in, err := openKind(cfg, f, size, clock)
	if err != nil {
		f.Close()
		return nil, err
	}
	return in, nil
}

// openKind opens f, which the returned input then owns.
func openKind(cfg Config, f *os.File, size int64, clock *media.Clock) (*capture.Input, error) {
	head := make([]byte, 1024)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, err
	}
	kind := sniff(head[:n])
	if cfg.AudioPath != "" && kind != kindY4M {
		return nil, errors.New("an audio file of its own goes with a Y4M file only; this one carries its sound itself")
	}
	switch kind {
	case kindMP4:
		r, err := openMP4(f, size, cfg.Path)
		if err != nil {
			return nil, err
		}
		return packetInput(r, f, cfg.Loop, clock), nil
	case kindTS:
		r, err := openTS(f, size, cfg.Path)
		if err != nil {
			return nil, err
		}
		return packetInput(r, f, cfg.Loop, clock), nil
	case kindY4M:
		return openY4MInput(cfg, f, size, clock)
	case kindWAV:
		return openWAVInput(cfg, f, size, clock)
	}
	if container := foreign(head[:n]); container != "" {
		return nil, fmt.Errorf("%s files are not supported; %s", container, convert(cfg.Path, true))
	}
	return nil, errors.New("not a media file; supported are MP4 and MPEG-TS with H.264 and AAC, Y4M, and WAV")
}

// packetInput makes the input of a file that holds packets.
func packetInput(r reader, f *os.File, loop bool, clock *media.Clock) *capture.Input {
	p := r.programme()
	in := &capture.Input{
		Packets:     &player{r: r, clock: clock, loop: loop},
		Description: p.describe(),
		Notes:       p.notes,
		Close:       f.Close,
	}
	if p.video != nil {
		in.Kinds = append(in.Kinds, media.Video)
	}
	if p.audio != nil {
		in.Kinds = append(in.Kinds, media.Audio)
	}
	return in
}

// openRegular opens a file that can be read by position. The caller adds the
// path to the error.
func openRegular(path string) (*os.File, int64, error) {
	// Without O_NONBLOCK the opening of a pipe waits for someone who writes to it.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err // says "no such file or directory", "permission denied"
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = fmt.Errorf("%w; put the file there, or correct the path", err)
		case errors.Is(err, fs.ErrPermission):
			err = fmt.Errorf("%w; let the user that encoderd runs as read it", err)
		}
		return nil, 0, err
	}
	st, err := f.Stat()
	switch {
	case err != nil:
	case st.IsDir():
		err = errors.New("is a directory; name a file in it")
	case !st.Mode().IsRegular():
		err = errors.New("is a device or pipe; name a regular file")
	case st.Size() == 0:
		err = errors.New("the file is empty; copy it again")
	default:
		return f, st.Size(), nil
	}
	f.Close()
	return nil, 0, err
}

// convert is the command line that makes a playable file of path. copyFirst
// is for containers whose streams are likely to fit as they are.
func convert(path string, copyFirst bool) string {
	out := strings.TrimSuffix(path, filepath.Ext(path)) + ".converted.mp4"
	coded := fmt.Sprintf("ffmpeg -i %q -c:v libx264 -pix_fmt yuv420p -c:a aac %q", path, out)
	if copyFirst {
		return fmt.Sprintf("convert it: ffmpeg -i %q -c copy %q, or, if its codecs are others than H.264 and AAC: %s", path, out, coded)
	}
	return "convert it: " + coded
}
