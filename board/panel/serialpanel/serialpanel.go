// Package serialpanel drives a front panel on a serial line, by the protocol that
// docs/panel-protocol.md describes for its makers.
package serialpanel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/board/panel/internal/devfile"
)

// Port is a serial port.
type Port interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// discarder is a Port that can drop what was written and is not sent.
type discarder interface{ Discard() error }

// Panel is a front panel that has said hello. Safe for concurrent use.
type Panel struct {
	name  string
	port  Port
	hello Hello
	stop  context.CancelFunc
	tasks sync.WaitGroup
	due   chan struct{} // something is to be sent
	met   chan struct{} // closed at the first hello
	gone  chan struct{} // closed when the panel is; err says why
	keys  *keys

	mu   sync.Mutex // guards the fields below
	link *link
	err  error
}

var errClosed = errors.New("closed")

// Open asks on the port for a panel's hello, until one comes or ctx ends. The port is closed
// with the panel, or when there is none; name is the port's, for errors. A board that is reset
// when its port is opened takes some seconds to answer.
func Open(ctx context.Context, port Port, name string) (*Panel, error) {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	p := &Panel{
		name: name, port: port, stop: stop, link: newLink(),
		due: make(chan struct{}, 1), met: make(chan struct{}), gone: make(chan struct{}),
	}
	p.keys = &keys{panel: p, wake: make(chan struct{}, 1)}
	release, err := devfile.WakeAtEnd(running, port)
	if err != nil {
		stop()
		return nil, fmt.Errorf("serial panel: %s: %w", name, errors.Join(err, port.Close()))
	}
	p.tasks.Go(func() { defer release(); p.read() })
	p.tasks.Go(func() { p.write(running) })
	select {
	case <-p.met:
		return p, nil
	case <-p.gone:
		err = p.failed()
	case <-ctx.Done():
		err = fmt.Errorf("serial panel: no panel answers on %s: %w", name, ctx.Err())
	}
	return nil, errors.Join(err, p.Close())
}

// Hello is what the panel said of itself.
func (p *Panel) Hello() Hello { return p.hello }

// Err is why the panel is gone; nil while it is there.
func (p *Panel) Err() error { return p.failed() }

// Stats counts what happened on the line.
func (p *Panel) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.link.stats
}

// Close makes the panel dark and closes the port.
func (p *Panel) Close() error {
	p.fail(errClosed)
	p.stop()
	_ = p.port.SetWriteDeadline(time.Unix(1, 0)) // fails where no write waits any more
	p.tasks.Wait()
	switch d, ok := p.port.(discarder); {
	case ok && !errors.Is(p.failed(), errClosed):
		_ = d.Discard() // else the kernel may wait 30 s for a panel that reads nothing
	case p.isMet():
		// Behind a line end, for a line that was cut off. It is not waited for: a panel that
		// misses it goes dark by itself.
		off := message{seq: p.link.number(), word: "off"}.append([]byte("\n"))
		_ = p.port.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = p.port.Write(off)
	}
	return p.port.Close()
}

// read takes what comes until the panel is gone.
func (p *Panel) read() {
	var lines splitter
	buffer := make([]byte, 512)
	for {
		n, err := p.port.Read(buffer)
		lines.feed(buffer[:n], p.receive)
		if err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) { // that is Close
				p.fail(fmt.Errorf("read: %w", err))
			}
			return
		}
	}
}

func (p *Panel) receive(line []byte) {
	p.mu.Lock()
	events, err := p.link.receive(line, time.Now())
	p.keys.add(events)
	first := p.link.hello != nil && !p.isMet()
	if first {
		p.hello = *p.link.hello
	}
	p.mu.Unlock()
	if err != nil {
		p.fail(err)
	} else if first {
		close(p.met)
	}
	p.wake()
}

func (p *Panel) isMet() bool {
	select {
	case <-p.met:
		return true
	default:
		return false
	}
}

// write sends what is due until ctx ends or the panel is gone.
func (p *Panel) write(ctx context.Context) {
	var lines []byte
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.gone:
			return
		case <-p.due:
		case <-timer.C:
		}
		now := time.Now()
		p.mu.Lock()
		l, next, err := p.link.send(lines[:0], now)
		p.mu.Unlock()
		lines = l
		if err == nil && len(lines) > 0 {
			err = p.port.SetWriteDeadline(now.Add(silence))
			if ctx.Err() != nil { // after the deadline, which would hide that of Close
				return
			}
			if err == nil {
				_, err = p.port.Write(lines)
			}
			if err != nil {
				err = fmt.Errorf("write: %w", err)
			}
		}
		if err != nil {
			p.fail(err)
			return
		}
		timer.Reset(max(time.Until(next), time.Millisecond))
	}
}

// wake lets write look at once; that it is woken already is enough.
func (p *Panel) wake() {
	select {
	case p.due <- struct{}{}:
	default:
	}
}

// fail ends the panel with its first error.
func (p *Panel) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = fmt.Errorf("serial panel: %s: %w", p.name, err)
		close(p.gone)
	}
}

func (p *Panel) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// set says what a thing of the panel's is to be.
func (p *Panel) set(things func(set func(name, word, want string))) error {
	p.mu.Lock()
	err := p.err
	if err == nil {
		things(p.link.set)
	}
	p.mu.Unlock()
	p.wake()
	return err
}

var (
	_ panel.Keys   = (*keys)(nil)
	_ panel.Light  = (*light)(nil)
	_ panel.Screen = (*screen)(nil)
)
