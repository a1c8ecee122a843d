package serialpanel

import (
	"errors"
	"fmt"
	"os"
	"time"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/board/panel/internal/devfile"
)

// DefaultSpeed is that of a port where nothing else is said; 8 data bits, no parity.
const DefaultSpeed = 115200

// OpenPort opens the serial port at path, for this program alone; speed 0 is DefaultSpeed.
//
// Closing it leaves DTR as it is: raising it again would reset a board of the Arduino kind,
// each time that the port is opened anew.
//
// The library sets the port up. Bytes go through a file of our own: the library's Write cannot
// be ended, and its Read takes no descriptors from 1024 on.
func OpenPort(path string, speed int) (Port, error) {
	if speed == 0 {
		speed = DefaultSpeed
	}
	file, err := devfile.Open(path, os.O_RDWR)
	if err != nil {
		return nil, fmt.Errorf("serial panel: open: %w", err)
	}
	mode, err := serial.Open(path, &serial.Mode{BaudRate: speed, DataBits: 8})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("serial panel: set up %s for %d bit/s: %w", path, speed, err), file.Close())
	}
	if err := devfile.Ioctl(file, keepDTR); err != nil {
		return nil, errors.Join(fmt.Errorf("serial panel: set up %s: %w", path, err), mode.Close(), file.Close())
	}
	return &port{file, mode}, nil
}

// keepDTR has the last close of a port not hang up.
func keepDTR(fd uintptr) error {
	t, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
	if err != nil {
		return err
	}
	t.Cflag &^= unix.HUPCL
	return unix.IoctlSetTermios(int(fd), unix.TCSETS, t)
}

type port struct {
	file *os.File
	mode serial.Port
}

func (p *port) Read(b []byte) (int, error)         { return p.file.Read(b) }
func (p *port) Write(b []byte) (int, error)        { return p.file.Write(b) }
func (p *port) SetReadDeadline(t time.Time) error  { return p.file.SetReadDeadline(t) }
func (p *port) SetWriteDeadline(t time.Time) error { return p.file.SetWriteDeadline(t) }
func (p *port) Discard() error                     { return p.mode.ResetOutputBuffer() }
func (p *port) Close() error                       { return errors.Join(p.mode.Close(), p.file.Close()) }
