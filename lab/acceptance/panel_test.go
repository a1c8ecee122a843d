package acceptance

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/encoderbox/encoderbox/board/panel/serialpanel/paneltest"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/pty"
)

// TestASerialFrontPanelByConfiguration has a running daemon told of a panel's port, moved
// to another, and told of none.
func TestASerialFrontPanelByConfiguration(t *testing.T) {
	t.Parallel()
	d := encoderd.Start(t, binary, patternInput("main"))
	one, two := serialPanel(t), serialPanel(t)
	shows := func(p *plugged) func() bool {
		return func() bool { return strings.Contains(strings.Join(p.Text(), "|"), "OFF AIR") }
	}
	d.Patch(`{"board":{"panel_port":%q}}`, one.device)
	eventually(t, "the panel to show something", shows(one))
	if shows(two)() {
		t.Error("a panel shows something that the box was not told of")
	}
	one.Press("ok", true)
	eventually(t, "the menu", func() bool { return strings.Contains(strings.Join(one.Text(), "|"), "Menu") })
	one.Press("ok", false)
	d.Patch(`{"board":{"panel_port":%q}}`, two.device)
	eventually(t, "the other panel to show something", shows(two))
	eventually(t, "the first one to go dark", one.Off)
	d.Patch(`{"board":{"panel_port":""}}`)
	eventually(t, "the other one to go dark", two.Off)
	d.Refused(`{"board":{"panel_port":"ttyUSB0"}}`)
}

type plugged struct {
	*paneltest.Panel
	device string
}

func serialPanel(t *testing.T) *plugged {
	t.Helper()
	port, err := pty.NewPort()
	if err != nil {
		t.Fatal(fmt.Errorf("a panel's port: %w", err))
	}
	p := &plugged{paneltest.New(port, "name=Test text=20x4 keys=up,down,ok,back lights=status:red"), port.Device}
	var runs sync.WaitGroup
	runs.Go(func() { _ = p.Run(context.Background()) }) // until the port is closed
	t.Cleanup(func() {
		_ = port.Close()
		runs.Wait()
	})
	return p
}
