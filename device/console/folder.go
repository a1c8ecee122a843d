package console

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// folder tells of what comes into a folder of devices, and of what gets other rights
// there. It costs nothing while nothing does.
type folder struct {
	C <-chan struct{} // has one when there may be something new; closed when it is known no more

	file *os.File
	done sync.WaitGroup
}

// watchFolder watches for files whose names begin with a prefix; Close ends it.
func watchFolder(path, prefix string) (*folder, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("console: watch %s: %w", path, err)
	}
	c := make(chan struct{}, 1)
	f := &folder{C: c, file: os.NewFile(uintptr(fd), "inotify")}
	const events = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_ATTRIB | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR
	if _, err := unix.InotifyAddWatch(fd, path, events); err != nil {
		return nil, errors.Join(fmt.Errorf("console: watch %s: %w", path, err), f.file.Close())
	}
	f.done.Go(func() {
		defer close(c)
		f.run(c, prefix)
	})
	return f, nil
}

func (f *folder) run(c chan<- struct{}, prefix string) {
	b := make([]byte, 8<<10)
	for {
		n, err := f.file.Read(b)
		if err != nil {
			return
		}
		matters, gone := news(b[:n], prefix)
		if matters {
			select {
			case c <- struct{}{}:
			default: // it is to be looked already
			}
		}
		if gone {
			return
		}
	}
}

// news says whether events of the kernel's matter, and whether there will be no more.
func news(b []byte, prefix string) (matters, gone bool) {
	for len(b) >= unix.SizeofInotifyEvent {
		mask := binary.NativeEndian.Uint32(b[4:])
		end := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(b[12:]))
		if end > len(b) {
			break
		}
		name := string(b[unix.SizeofInotifyEvent:end])
		matters = matters || strings.HasPrefix(name, prefix) || mask&unix.IN_Q_OVERFLOW != 0
		gone = gone || mask&(unix.IN_IGNORED|unix.IN_DELETE_SELF|unix.IN_MOVE_SELF) != 0
		b = b[end:]
	}
	return matters, gone
}

// Close ends watching and closes C.
func (f *folder) Close() error {
	err := f.file.Close()
	f.done.Wait()
	return err
}
