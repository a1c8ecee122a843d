package serialpanel

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/board/panel/serialpanel/paneltest"
	"github.com/encoderbox/encoderbox/lab/pty"
)

// A real terminal of the kernel, and go.bug.st/serial.
func TestTerminal(t *testing.T) {
	master, path, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	fake := paneltest.New(master, sample)
	done := make(chan struct{})
	go func() { defer close(done); _ = fake.Run(t.Context()) }()
	modes, err := unix.IoctlGetTermios(int(master.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	modes.Cflag |= unix.HUPCL // as real ports have it
	if err := unix.IoctlSetTermios(int(master.Fd()), unix.TCSETS, modes); err != nil {
		t.Fatal(err)
	}
	port, err := OpenPort(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	modes, err = unix.IoctlGetTermios(int(master.Fd()), unix.TCGETS)
	if err != nil || modes.Cflag&unix.HUPCL != 0 {
		t.Errorf("closing the port drops DTR, and opening it resets the board: %v", err)
	}
	p := open(t, port)
	events, stop := watch(t, p)
	show(t, p, "hello", "terminal")
	began := time.Now()
	fake.Press("ok", true)
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if events() != "" && fake.Text()[1] != "" {
			break
		}
	}
	t.Logf("press and two lines: %v", time.Since(began))
	if events() != "+ok" || !slices.Equal(fake.Text(), []string{"hello", "terminal"}) {
		t.Errorf("%s, %q", events(), fake.Text())
	}
	master.Close() // unplugged
	<-done
	time.Sleep(50 * time.Millisecond)
	if err := stop(); err == nil {
		t.Error("unplugged, and no error")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := OpenPort(path, 0); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := OpenPort("/dev/null", 0); err == nil {
		t.Error("no terminal")
	}
}

// A panel that reads nothing more does not keep Close waiting.
func TestFullTerminal(t *testing.T) {
	master, path, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	port, err := OpenPort(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = port.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	for err = nil; err == nil; {
		_, err = port.Write(make([]byte, 4096))
	}
	_, _ = master.Write(message{0, "hello", "1 text=16x2"}.append(nil))
	p := open(t, port)
	show(t, p, "more")
	time.Sleep(20 * time.Millisecond)
	began := time.Now()
	if p.Close(); time.Since(began) > time.Minute {
		t.Errorf("%v", time.Since(began))
	}
}
