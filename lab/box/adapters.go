package box

import (
	"context"
	"fmt"
	"io"
	"net"
)

// SerialAdapter is a USB serial adapter (an FTDI FT232: module ftdi_sio) that is
// plugged into a box, and the host's end of its cable.
type SerialAdapter struct {
	net.Conn
	box *Box
	id  string
}

var _ io.ReadWriteCloser = (*SerialAdapter)(nil)

// PlugSerial plugs a USB serial adapter in: /dev/ttyUSB0, once the box has
// loaded xhci-pci and ftdi_sio. Options.USB must be set, or a disk on USB be there.
func (b *Box) PlugSerial(ctx context.Context) (*SerialAdapter, error) {
	b.mu.Lock()
	b.plugs++
	id := fmt.Sprintf("adapter%d", b.plugs)
	b.mu.Unlock()
	w, err := newWire(id)
	if err != nil {
		return nil, err
	}
	defer w.peer.Close() // QEMU has its own
	a := &SerialAdapter{Conn: w.Conn, box: b, id: id}
	if err := a.plug(ctx, w); err != nil {
		w.close()
		return nil, fmt.Errorf("box: plug a serial adapter in: %w", b.explain(err))
	}
	b.tb.Cleanup(w.close)
	return a, nil
}

func (a *SerialAdapter) plug(ctx context.Context, w *wireEnd) error {
	if _, err := a.box.qmp.give(ctx, "getfd", map[string]any{"fdname": a.id}, w.peer); err != nil {
		return err
	}
	backend := map[string]any{"type": "socket", "data": map[string]any{
		"addr": map[string]any{"type": "fd", "data": map[string]any{"str": a.id}}, "server": false,
	}}
	if _, err := a.box.qmp.do(ctx, "chardev-add", map[string]any{"id": a.id, "backend": backend}); err != nil {
		return err
	}
	device := map[string]any{"driver": "usb-serial", "id": a.id, "chardev": a.id, "bus": "usb.0", "always-plugged": true}
	_, err := a.box.qmp.do(ctx, "device_add", device)
	return err
}

// Unplug pulls the adapter out of the box; the cable stays in the adapter.
func (a *SerialAdapter) Unplug(ctx context.Context) error {
	if _, err := a.box.QMP(ctx, "device_del", map[string]any{"id": a.id}); err != nil {
		return fmt.Errorf("box: unplug a serial adapter: %w", err)
	}
	return nil
}

// Break holds the line of the box's console low for the time of a letter.
func (b *Box) Break(ctx context.Context) error {
	if _, err := b.QMP(ctx, "chardev-send-break", map[string]any{"id": "console"}); err != nil {
		return fmt.Errorf("box: send a break: %w", err)
	}
	return nil
}
