package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"
)

// ErrStalled says that nobody takes what is written: a terminal that holds it back, a
// USB gadget without a reader.
var ErrStalled = errors.New("nobody takes what is written")

const (
	// patience is how long a port may take nothing.
	patience = 5 * time.Second
	// drain is how long what was written has to leave when a port is closed: the kernel
	// would wait up to 30 s for a receiver that is gone.
	drain = 200 * time.Millisecond
	// look is from one look at the carrier to the next.
	look = time.Second
)

// errCarrier says that a cable was pulled that had told that it was there.
var errCarrier = errors.New("the cable was disconnected")

// Port is an open serial port. go.bug.st/serial sets it up and tells the carrier; bytes
// go by a descriptor of our own, since that library's Write cannot be ended (a stuck
// receiver would hold up the daemon's end) and its Close lets go of the descriptor while
// Read may still use it.
type Port struct {
	lines serial.Port
	file  *os.File
	stop  context.CancelFunc
	watch sync.WaitGroup

	mu    sync.Mutex // guards the fields below
	gone  error      // why Read ends
	close sync.Once
	err   error
}

var _ io.ReadWriteCloser = (*Port)(nil)

// OpenPort opens a serial device, 8N1, for nobody but us. What was received before is
// kept, and what the kernel or the boot loader writes to it goes on. A carrier is not
// waited for; one that was there and goes ends Read.
func OpenPort(device string, baud int) (*Port, error) {
	return openPort(device, baud, func(p serial.Port) serial.Port { return p })
}

// openPort has a test stand between the library and the port.
func openPort(device string, baud int, wrap func(serial.Port) serial.Port) (*Port, error) {
	file, err := os.OpenFile(device, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("console: open %s: %w; is the cable in, console.device right, and encoderd's user in the group of that device?", device, bare(err))
	}
	lines, err := serial.Open(device, &serial.Mode{BaudRate: baud, DataBits: 8, Parity: serial.NoParity, StopBits: serial.OneStopBit})
	if err == nil {
		if err = file.SetDeadline(time.Time{}); err == nil {
			ctx, cancel := context.WithCancel(context.Background())
			p := &Port{lines: wrap(lines), file: file, stop: cancel}
			p.watch.Go(func() { p.carrier(ctx) })
			return p, nil
		}
		err = errors.Join(err, lines.Close())
	}
	return nil, errors.Join(fmt.Errorf("console: set %s to %d baud: %w; does another program use it, or is it no serial port?", device, baud, err), file.Close())
}

// bare is an error without the operation that ours names already.
func bare(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// Read implements io.Reader. It returns when the port is closed, unplugged, or loses
// its carrier. A BREAK reads as a zero byte.
func (p *Port) Read(b []byte) (int, error) {
	n, err := p.file.Read(b)
	if err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.gone != nil {
			err = p.gone
		}
	}
	return n, err
}

// Write implements io.Writer. It is ErrStalled when nothing is taken for some seconds;
// what was not sent by then is dropped.
func (p *Port) Write(b []byte) (done int, err error) {
	const piece = 512 // of which some goes within patience, at any speed
	for done < len(b) {
		if err := p.file.SetWriteDeadline(time.Now().Add(patience)); err != nil {
			return done, err
		}
		n, err := p.file.Write(b[done:min(len(b), done+piece)])
		done += n
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && n > 0:
		case errors.Is(err, os.ErrDeadlineExceeded):
			return done, errors.Join(ErrStalled, p.lines.ResetOutputBuffer())
		case err != nil:
			return done, err
		}
	}
	return done, nil
}

// Close implements io.Closer, and ends Read and Write. It takes no longer than drain.
func (p *Port) Close() error {
	p.stop()
	p.watch.Wait()
	return p.shut()
}

func (p *Port) shut() error {
	p.close.Do(func() {
		for end := time.Now().Add(drain); p.unsent() && time.Now().Before(end); {
			time.Sleep(drain / 10)
		}
		p.err = errors.Join(p.flush(), p.file.Close(), p.lines.Close())
	})
	return p.err
}

// flush drops what did not leave.
func (p *Port) flush() error {
	if p.unsent() {
		return p.lines.ResetOutputBuffer()
	}
	return nil
}

// unsent says that something that was written has not left yet.
func (p *Port) unsent() bool {
	n := 0
	raw, err := p.file.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) })
	}
	return err == nil && n > 0
}

// carrier closes the port when the other side is there no more. Cables with three
// wires, and pseudo-terminals, never tell that it is.
func (p *Port) carrier(ctx context.Context) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	seen := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		bits, err := p.lines.GetModemStatusBits()
		if err != nil {
			return
		}
		there := bits.DCD || bits.DSR
		if seen && !there {
			p.mu.Lock()
			p.gone = errCarrier
			p.mu.Unlock()
			_ = p.shut()
			return
		}
		seen = there
	}
}
