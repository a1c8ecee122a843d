package box

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// diskArguments are QEMU's for the disks.
func (b *Box) diskArguments() (args []string) {
	if b.options.USB || slices.ContainsFunc(b.options.Disks, func(d Disk) bool { return d.USB }) {
		args = append(args, "-device", "qemu-xhci,id=usb")
	}
	for i, d := range b.options.Disks {
		node := map[string]any{"node-name": nodeName(i), "read-only": d.ReadOnly}
		if d.Socket != "" {
			node["driver"], node["server"] = "nbd", map[string]string{"type": "unix", "path": d.Socket}
		} else {
			node["driver"], node["file"] = "raw", map[string]string{"driver": "file", "filename": d.Path}
		}
		text, err := json.Marshal(node)
		if err != nil {
			panic(err) // strings and a bool
		}
		device, err := json.Marshal(b.diskDevice(i))
		if err != nil {
			panic(err)
		}
		args = append(args, "-blockdev", string(text), "-device", string(device))
	}
	return args
}

func nodeName(disk int) string   { return fmt.Sprintf("disk%d", disk) }
func deviceName(disk int) string { return fmt.Sprintf("drive%d", disk) }

// diskDevice is the device as QEMU is told of it. Errors are the box's to deal
// with: QEMU would stop for some.
func (b *Box) diskDevice(disk int) map[string]any {
	d := map[string]any{
		"driver": "virtio-blk-pci", "id": deviceName(disk), "drive": nodeName(disk),
		"write-cache": "on", "werror": "report", "rerror": "report",
	}
	if b.options.Disks[disk].USB {
		d["driver"], d["bus"], d["removable"] = "usb-storage", "usb.0", true
		d["share-rw"] = true // QEMU lets go of one that is unplugged some time later
		delete(d, "werror")  // reported anyway
		delete(d, "rerror")
	}
	return d
}

// Unplug pulls a USB stick, given by its place among Options.Disks, whatever is
// being done with it.
func (b *Box) Unplug(ctx context.Context, disk int) error {
	if _, err := b.QMP(ctx, "device_del", map[string]any{"id": deviceName(disk)}); err != nil {
		return fmt.Errorf("box: unplug disk %d: %w", disk, err)
	}
	return nil
}

// Plug puts a stick in again that Unplug has pulled.
func (b *Box) Plug(ctx context.Context, disk int) error {
	if _, err := b.QMP(ctx, "device_add", b.diskDevice(disk)); err != nil {
		return fmt.Errorf("box: plug disk %d in: %w", disk, err)
	}
	return nil
}
