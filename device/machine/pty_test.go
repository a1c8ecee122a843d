package machine

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pty is both ends of a pseudo-terminal in raw mode: a serial line.
func pty(t *testing.T) (here, there *os.File) {
	t.Helper()
	here, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = here.Close() })
	fd := int(here.Fd()) // sets it blocking
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	far, err := unix.Open(fmt.Sprintf("/dev/pts/%d", n), unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	mode, err := unix.IoctlGetTermios(far, unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	mode.Iflag, mode.Oflag, mode.Lflag = 0, 0, 0
	if err := unix.IoctlSetTermios(far, unix.TCSETS, mode); err != nil {
		t.Fatal(err)
	}
	there = os.NewFile(uintptr(far), "pts")
	t.Cleanup(func() { _ = there.Close() })
	return here, there
}

func TestASerialLine(t *testing.T) {
	s, _, done := stand(t)
	here, there := pty(t)
	ended := make(chan error, 1)
	go func() {
		_, err := s.Serve(t.Context(), there, Options{Caller: admin})
		ended <- err
	}()
	c := newClient(t, here)
	c.until("HELLO")
	c.say("\x00\x00\xfe\r\nDO 1 destination pause a\r\nDO 2 destination pause b\r")
	c.until("ACK 1")
	c.until("ACK 2")
	go func() { // a paste of 100 kB that means nothing
		_, _ = here.WriteString(strings.Repeat("lorem ipsum\n", 8500) + "EXIT\n")
	}()
	c.until("BYE")
	if err := <-ended; err != nil || done.Load() != 2 {
		t.Errorf("%v, %d done", err, done.Load())
	}
	// The console reads on from the same port.
	_ = there.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, _ = here.WriteString("x")
	if n, err := there.Read(make([]byte, 9)); n != 1 || err != nil {
		t.Errorf("afterwards: %d %v", n, err)
	}
}

func TestASerialLineThatIsHungUp(t *testing.T) {
	s, _, _ := stand(t)
	here, there := pty(t)
	ended := make(chan error, 1)
	go func() {
		_, err := s.Serve(t.Context(), there, Options{Caller: admin})
		ended <- err
	}()
	newClient(t, here).until("STATE")
	_ = here.Close()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("still there")
	}
}
