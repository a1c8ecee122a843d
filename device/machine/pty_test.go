package machine

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/lab/pty"
)

// serialLine is both ends of one.
func serialLine(t *testing.T) (here *pty.Port, there *os.File) {
	t.Helper()
	here, err := pty.NewPort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = here.Close() })
	there, err = os.OpenFile(here.Device, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = there.Close() })
	return here, there
}

func TestASerialLine(t *testing.T) {
	s, _, done := stand(t)
	here, there := serialLine(t)
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
	here, there := serialLine(t)
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
