package gpiokeys

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/warthog618/go-gpiocdev/uapi"
	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/board/panel/internal/devfile"
)

// Line is a key's line.
type Line struct {
	Line string // its name ("GPIO17"), or its offset in the chip ("17")
	Key  panel.Key
	// ActiveHigh: a pressed key makes it high, and a pull-down keeps it low; else a pressed
	// key pulls it to ground against a pull-up.
	ActiveHigh bool
}

// Debounce is how long a contact has to be quiet: most are within 5 ms.
const Debounce = 5 * time.Millisecond

// Open takes lines of the chip at path (/dev/gpiochip0), at most 64. The kernel debounces
// them where it can, else Run does.
func Open(path string, lines []Line) (*Keys, error) { return open(path, lines, kernel{}) }

func open(path string, lines []Line, sys system) (*Keys, error) {
	if len(lines) == 0 || len(lines) > uapi.LinesMax {
		return nil, fmt.Errorf("gpio: %s: %d lines: 1 to %d can be taken at once", path, len(lines), uapi.LinesMax)
	}
	chip, err := devfile.Open(path, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("gpio: open: %w", err)
	}
	defer func() { _ = chip.Close() }() // the lines have a descriptor of their own
	request, err := wanted(chip, lines, sys)
	if err != nil {
		return nil, fmt.Errorf("gpio: %s: %w", path, err)
	}
	plain := request
	debounce := uapi.LineConfigAttribute{Attr: uapi.DebouncePeriod(Debounce).Encode(), Mask: uapi.NewLineBitMask(len(lines))}
	request.Config.AddAttribute(debounce)
	var quiet time.Duration
	err = sys.take(chip, &request)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOTSUP) {
		request, quiet = plain, Debounce
		err = sys.take(chip, &request)
	}
	if err != nil {
		return nil, fmt.Errorf("gpio: take %d lines of %s: %w%s", len(lines), path, err, hint(err))
	}
	file, err := sys.file(&request, path)
	if err != nil {
		return nil, fmt.Errorf("gpio: %s: %w", path, err)
	}
	return &Keys{file: file, sys: sys, name: path, lines: lines, offsets: request.Offsets[:len(lines)], quiet: quiet, state: make([]state, len(lines))}, nil
}

func hint(err error) string {
	if errors.Is(err, unix.EBUSY) {
		return ": another program or a kernel driver (gpio-keys?) has one of them"
	}
	return ""
}

func wanted(chip *os.File, lines []Line, sys system) (r uapi.LineRequest, err error) {
	names, err := sys.names(chip)
	if err != nil {
		return r, fmt.Errorf("list its lines (is it a GPIO chip?): %w", err)
	}
	var high uapi.LineBitmap
	for i, l := range lines {
		offset, err := strconv.ParseUint(l.Line, 10, 32)
		if err != nil {
			index, ok := names[l.Line]
			if !ok {
				return r, fmt.Errorf("it has no line named %q", l.Line)
			}
			offset = uint64(index)
		}
		r.Offsets[i] = uint32(offset)
		if l.ActiveHigh {
			high = high.Set(i, 1)
		}
	}
	copy(r.Consumer[:len(r.Consumer)-1], "encoderd panel")
	r.Lines = uint32(len(lines))
	both := uapi.LineFlagV2Input | uapi.LineFlagV2EdgeBoth
	r.Config.Flags = both | uapi.LineFlagV2ActiveLow | uapi.LineFlagV2BiasPullUp
	if high != 0 {
		r.Config.AddAttribute(uapi.LineConfigAttribute{Attr: (both | uapi.LineFlagV2BiasPullDown).Encode(), Mask: high})
	}
	return r, nil
}

// system is what the kernel does.
type system interface {
	names(chip *os.File) (map[string]uint32, error)
	take(chip *os.File, r *uapi.LineRequest) error
	file(r *uapi.LineRequest, name string) (*os.File, error)
	// values has a bit for each line that is active, in the request's order.
	values(lines *os.File, n int) (uapi.LineBitmap, error)
}

type kernel struct{}

func (kernel) names(chip *os.File) (map[string]uint32, error) {
	names := map[string]uint32{}
	err := devfile.Ioctl(chip, func(fd uintptr) error {
		info, err := uapi.GetChipInfo(fd)
		if err != nil {
			return err
		}
		for i := range info.Lines {
			line, err := uapi.GetLineInfoV2(fd, int(i))
			if err != nil {
				return err
			}
			names[uapi.BytesToString(line.Name[:])] = i
		}
		return nil
	})
	return names, err
}

func (kernel) take(chip *os.File, r *uapi.LineRequest) error {
	return devfile.Ioctl(chip, func(fd uintptr) error { return uapi.GetLine(fd, r) })
}

func (kernel) file(r *uapi.LineRequest, name string) (*os.File, error) {
	fd := int(r.Fd)
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil { // which brings it into the runtime's poller
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (kernel) values(lines *os.File, n int) (uapi.LineBitmap, error) {
	v := uapi.LineValues{Mask: uapi.NewLineBitMask(n)}
	err := devfile.Ioctl(lines, func(fd uintptr) error { return uapi.GetLineValuesV2(fd, &v) })
	return v.Bits, err
}
