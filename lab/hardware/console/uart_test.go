package console

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/terminal"
)

// uart is the box's, and the kernel's console.
const uart = "/dev/ttyAMA0"

// onUART is a box whose console is on its UART.
type onUART struct {
	*cable
	b *box.Box
	d *daemon
}

// TestUART goes through a day of the console on the kernel's own serial port. Each part
// leaves the box with nobody logged in.
func TestUART(t *testing.T) {
	t.Parallel()
	b, c := startBox(t, box.Options{})
	configure(t, b, used+"device = \""+uart+"\"\n")
	r := &onUART{c, b, start(t, b, uart)}
	t.Run("a person, and the kernel in between", r.person)
	t.Run("a BREAK", r.break_)
	t.Run("garbage", r.garbage)
	t.Run("a paste of 100 kB", r.paste)
	t.Run("the cable is gone and comes back", r.pulled)
	t.Run("the daemon restarts", r.restarts)
	t.Run("nothing is typed", r.idle)
}

// kernel has the kernel write on its console.
func (r *onUART) kernel(t *testing.T, message string) {
	t.Helper()
	_, err := r.b.Run(t.Context(), "sh", "-c", "echo '<1>"+message+"' >/dev/kmsg")
	require.NoError(t, err)
}

func (r *onUART) person(t *testing.T) {
	s := terminal.Picocom(t, r.plug(), patience)
	s.Types("Enter").Sees("Help: ? at any place")
	s.Types("admin", "Enter", "wrong", "Enter").Sees("wrong name or password")
	s.Types("admin", "Enter", "secret", "Enter").Sees("You have the role admin.")
	s.Asks("box> ")

	s.Types("show sta").Asks("box> show sta")
	r.kernel(t, "usb 1-1: new high-speed USB device")
	s.Sees("new high-speed USB device")
	s.Types("C-l").Asks("box> show sta")
	s.Types("Tab").Asks("box> show status ")
	s.Types("Enter").Sees("stream main")
	s.Types("dest", "Tab").Asks("box> destination ")
	s.Types("pa", "Tab").Asks("box> destination pause ")
	s.Types("Tab").Asks("box> destination pause youtube ")
	r.kernel(t, "usb 1-1: USB disconnect")
	s.Sees("USB disconnect")
	s.Types("Enter").Sees("Done.")
	s.Types("help").Types("?").Sees("Explain a command, or list all")
	s.Types("C-c").Asks("box> ")

	s.Types("configure", "Enter").Asks("box(config)# ")
	s.Types("set log.level debug", "Enter").Asks("box(config)# ")
	s.Types("commit", "Enter").Sees("Committed.")
	require.Contains(t, r.b.Must("cat", config), "debug")
	s.Types("exit", "Enter").Asks("box> ")
	s.Types("logout", "Enter").Sees("press Enter for the console")
}

// break_: here the kernel takes a BREAK for its own, and the key behind it.
func (r *onUART) break_(t *testing.T) {
	l := login(terminal.Open(t, r.plug(), patience))
	l.Types("show st")
	l.Until("show st")
	require.NoError(t, r.b.Break(t.Context()))
	l.Types("\x03")
	l.Until("sysrq: HELP")
	l.Types("atus\r")
	l.Until("stream main")
	l.Until("box> ")
	logout(l)
}

func (r *onUART) garbage(t *testing.T) {
	l := login(terminal.Open(t, r.plug(), patience))
	random := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // the same noise each time
	noise := make([]byte, 20_000)
	for i := range noise {
		if noise[i] = byte(random.Uint32()); noise[i] == 4 {
			noise[i] = 0 // ^D would log out, rightly
		}
	}
	l.Types(string(noise))
	l.Types("\x03\x15\rshow version\r\x15\rdestination pause youtube\r")
	l.Until("Done.")
	l.Until("box> ")
	logout(l)
}

func (r *onUART) paste(t *testing.T) {
	l := login(terminal.Open(t, r.plug(), patience))
	begun := time.Now()
	l.Types(strings.Repeat("word ", 20_000) + "\r")
	l.Until("longer than the 4096 that are taken")
	l.Until("box> ")
	t.Logf("100 kB in one line: %v", time.Since(begun))

	const lines = 50
	l.Types(strings.Repeat("destination pause youtube\r", lines))
	for range lines {
		l.Until("Done.")
	}
	l.Until("box> ")
	logout(l)
}

// pulled: three wires do not tell that the cable is gone; the box must not wait for it.
func (r *onUART) pulled(t *testing.T) {
	l := login(terminal.Open(t, r.plug(), patience))
	l.Types("monitor\r")
	l.Until("Any key ends this.")
	r.pull()
	r.kernel(t, "said to nobody")
	l = terminal.Open(t, r.plug(), patience)
	l.Types("x")
	l.Until("box> ")
	l.Types("show destinations\r")
	l.Until("paused by admin")
	logout(l)
}

func (r *onUART) restarts(t *testing.T) {
	l := login(terminal.Open(t, r.plug(), patience))
	l.Types("configure\r")
	l.Until("box(config)# ")
	r.d.stop()
	r.d = start(r.t, r.b, uart)
	l.Until("press Enter")
	login(l).Types("show sta")
	l.Until("show sta")
	r.d.kill()
	r.d = start(r.t, r.b, uart)
	l.Until("press Enter")
	logout(login(l))
}

func (r *onUART) idle(t *testing.T) {
	l := login(terminal.Open(t, r.plug(), patience))
	// The console begins anew with what holds for it now.
	l.Types("configure\rset console.idle_timeout 5s\rcommit\r")
	l.Until("press Enter")
	login(l)
	l.Until("Logged out: nothing was typed for 5s.")
	l.Until("press Enter")
	login(l)
}
