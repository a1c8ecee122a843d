package console

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.bug.st/serial"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/lab/pty"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// terminalOn opens a pseudo-terminal with a port on it.
func terminalOn(t *testing.T) (*os.File, *Port) {
	t.Helper()
	master, device, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	port, err := OpenPort(device, 115200)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		port.Close()
		master.Close()
	})
	return master, port
}

func TestAPortPassesBytesBothWays(t *testing.T) {
	master, port := terminalOn(t)
	for _, c := range []struct {
		to   io.Writer
		from io.Reader
	}{{master, port}, {port, master}} {
		sent := "\x00\r\n\x03\x11\x13\xffend"
		if _, err := c.to.Write([]byte(sent)); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(c.from, got); err != nil || string(got) != sent {
			t.Errorf("%q, %v", got, err)
		}
	}
}

func TestWhatCameBeforeIsKeptByOpening(t *testing.T) {
	master, device, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	held, err := os.OpenFile(device, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if _, err := master.WriteString("early\n"); err != nil {
		t.Fatal(err)
	}
	port, err := OpenPort(device, 9600)
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	got := make([]byte, 5)
	if _, err := io.ReadFull(port, got); err != nil || string(got) != "early" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAStuckReceiverHoldsUpNobody(t *testing.T) {
	_, port := terminalOn(t)
	_, err := port.Write(make([]byte, 1<<20))
	if !errors.Is(err, ErrStalled) {
		t.Errorf("%v", err)
	}
	stuck := make(chan error)
	go func() {
		for {
			if _, err := port.Write(make([]byte, 1<<20)); !errors.Is(err, ErrStalled) {
				stuck <- err
				return
			}
		}
	}()
	time.Sleep(100 * time.Millisecond) // most likely it is in the middle of one then
	_ = port.Close()
	if err := <-stuck; !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestAnUnpluggedPortEndsReading(t *testing.T) {
	master, port := terminalOn(t)
	time.AfterFunc(50*time.Millisecond, func() { master.Close() })
	if n, err := port.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("it went on")
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for _, device := range []string{"/dev/none", "/dev/null", t.TempDir()} {
		if p, err := OpenPort(device, 115200); err == nil {
			p.Close()
			t.Errorf("%s was opened", device)
		} else {
			t.Log(err)
		}
	}
}

func TestAdaptersComeAndGo(t *testing.T) {
	dev := t.TempDir()
	master, device, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	adapter := filepath.Join(dev, "ttyUSB0")
	panel := filepath.Join(dev, "ttyACM0")
	for _, link := range []string{adapter, panel} {
		if err := os.Symlink(device, link); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	c := New(newBox().options)
	go func() { done <- Ports{USB: true, Dev: dev, Except: []string{panel}, Run: c.Run}.Serve(ctx) }()

	other, device, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_ = os.Remove(adapter) // both links led to one device, which is the panel's
	if err := os.Symlink(device, adapter); err != nil {
		t.Fatal(err)
	}
	p := newPerson(t, other)
	p.sees("press Enter")
	p.types("\rdest pau youtube\r").sees("It is youtube")

	if err := errors.Join(os.Remove(adapter), other.Close()); err != nil {
		t.Fatal(err)
	}
	<-p.end
	again, device, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(device, adapter); err != nil {
		t.Fatal(err)
	}
	q := newPerson(t, again)
	q.sees("press Enter")
	q.types("\rshow status\r").sees("stream main")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	again.Close()
	master.Close()
	<-q.end
}

// What is plugged in is told of by the kernel; where nothing is, nobody looks.
func TestAFolderTellsWhatComes(t *testing.T) {
	dev := filepath.Join(t.TempDir(), "dev")
	if err := os.Mkdir(dev, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := watchFolder(dev, "tty")
	if err != nil {
		t.Fatal(err)
	}
	touch := func(name string) {
		if err := os.WriteFile(filepath.Join(dev, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	touch("ttyUSB0")
	<-f.C
	if err := os.Chmod(filepath.Join(dev, "ttyUSB0"), 0o640); err != nil {
		t.Fatal(err)
	}
	<-f.C // its group is let in
	touch("video0")
	if err := os.RemoveAll(dev); err != nil {
		t.Fatal(err)
	}
	if _, more := <-f.C; more {
		t.Error("what is no serial device is told")
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := watchFolder(dev, "tty"); err == nil {
		t.Error("a folder that is not there is watched")
	}
}

// Without any device the folder is read once, and not again.
func TestAnIdleBoxIsNotSearched(t *testing.T) {
	dev := t.TempDir()
	p := Ports{USB: true, Dev: dev}.withDefaults()
	plugged, stop := p.plugged(t.Context())
	defer stop()
	if plugged == nil {
		t.Fatal("the kernel tells nothing of a folder")
	}
	select {
	case <-plugged:
		t.Error("it tells of what has not come")
	default:
	}
}

// Where the folder cannot be watched, it is looked at.
func TestWithoutAWatchAdaptersAreLookedFor(t *testing.T) {
	dev := filepath.Join(t.TempDir(), "dev")
	ctx, cancel := context.WithCancel(t.Context())
	opened := make(chan string, 10)
	done := make(chan error, 1)
	go func() {
		done <- Ports{USB: true, Dev: dev, Open: func(device string, _ int) (io.ReadWriteCloser, error) {
			opened <- device
			return nil, errors.New("no")
		}}.Serve(ctx)
	}()
	time.Sleep(100 * time.Millisecond)
	if err := errors.Join(os.Mkdir(dev, 0o700), os.WriteFile(filepath.Join(dev, "ttyACM3"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if got := <-opened; filepath.Base(got) != "ttyACM3" {
		t.Error(got)
	}
	cancel()
	<-done
}

// cable is a serial.Port that tells whether the other side is there.
type cable struct {
	serial.Port
	there atomic.Bool
}

func (c *cable) GetModemStatusBits() (*serial.ModemStatusBits, error) {
	return &serial.ModemStatusBits{DSR: c.there.Load()}, nil
}

func TestACableThatIsPulledEndsTheSession(t *testing.T) {
	master, device, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	lines := &cable{}
	port, err := openPort(device, 115200, func(p serial.Port) serial.Port {
		lines.Port = p
		return lines
	})
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	p := newPerson(t, master)
	done := make(chan error, 1)
	go func() { done <- New(newBox().options).Run(t.Context(), "ttyS0", port) }()
	p.sees("press Enter")
	p.types("\r").sees("box> ") // three wires: there is no carrier, and that is no reason to wait
	time.Sleep(look + look/2)
	lines.there.Store(true)
	time.Sleep(look + look/2)
	lines.there.Store(false)
	if err := <-done; !errors.Is(err, errCarrier) {
		t.Errorf("%v", err)
	}
	master.Close()
	<-p.end
}
