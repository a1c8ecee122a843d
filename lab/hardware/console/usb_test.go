package console

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/board/panel/serialpanel/paneltest"
	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/terminal"
)

const adapter = "/dev/ttyUSB0"

func usbBox(t *testing.T) *box.Box {
	t.Helper()
	b := box.Start(t, box.Options{USB: true})
	b.LoadModule("xhci-pci")
	b.LoadModule("ftdi_sio")
	return b
}

// TestAnAdapterComesGoesAndComes has the console on whatever USB serial adapter is
// plugged in; pulled out in the middle of a session, that is over.
func TestAnAdapterComesGoesAndComes(t *testing.T) {
	t.Parallel()
	b := usbBox(t)
	configure(t, b, used+"usb = true\n")
	d := start(t, b, "")
	for _, last := range []string{"", "configure\r", "monitor\r"} {
		a, err := b.PlugSerial(t.Context())
		require.NoError(t, err)
		d.awaitLog("a serial port is open", "device="+adapter)
		l := login(terminal.NewLine(t, a, patience))
		d.awaitLog("a session began")
		l.Types("show status\r")
		l.Until("stream main")
		l.Until("box> ")
		if last != "" {
			l.Types(last)
			l.Until("\n")
		}
		require.NoError(t, a.Unplug(t.Context()))
		d.awaitLog("the serial adapter is gone", "device="+adapter)
	}
	require.NotRegexp(t, `(?i)internal error|oops|BUG:`, b.Must("dmesg"))
}

// TestAPanelComesGoesAndComes has a serial front panel on an adapter, which is no line for
// the console, and a person on another.
func TestAPanelComesGoesAndComes(t *testing.T) {
	t.Parallel()
	b := usbBox(t)
	configure(t, b, used+"usb = true\n[board]\npanel_port = \""+adapter+"\"\n")
	d := start(t, b, "")
	panel := plugPanel(t, b)
	panel.shows(t, "Input")
	a, err := b.PlugSerial(t.Context())
	require.NoError(t, err)
	d.awaitLog("a serial port is open", "device=/dev/ttyUSB1")
	login(terminal.NewLine(t, a, patience))

	require.NoError(t, panel.adapter.Unplug(t.Context()))
	// Before that the next adapter would have another name.
	require.Eventually(t, func() bool {
		held, _ := b.Run(t.Context(), "sh", "-c", "ls -l "+adapter+" /proc/[0-9]*/fd 2>/dev/null") // fails where there is none
		return !strings.Contains(held.Stdout, adapter)
	}, patience, 100*time.Millisecond, "the daemon still holds the adapter")
	panel = plugPanel(t, b)
	panel.shows(t, "Input")
	panel.Press("ok", true)
	require.Eventually(t, func() bool { return strings.HasPrefix(panel.Text()[0], "Menu") }, patience, 50*time.Millisecond, "no menu")
}

// pluggedPanel is a panel of software on an adapter.
type pluggedPanel struct {
	*paneltest.Panel
	adapter *box.SerialAdapter
}

func plugPanel(t *testing.T, b *box.Box) *pluggedPanel {
	t.Helper()
	a, err := b.PlugSerial(t.Context())
	require.NoError(t, err)
	p := &pluggedPanel{paneltest.New(a, "name=Test text=20x4 keys=up,down,ok,back lights=status:red"), a}
	var runs sync.WaitGroup
	runs.Go(func() { _ = p.Run(context.Background()) }) // until the cable is cut
	t.Cleanup(func() {
		_ = a.Close()
		runs.Wait()
	})
	return p
}

func (p *pluggedPanel) shows(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(strings.Join(p.Text(), "|"), text) }, patience, 50*time.Millisecond,
		"the panel to show %q", text)
}
