package box_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/encoderbox/encoderbox/lab/box"
)

func TestSystemdAndVLANs(t *testing.T) {
	b := box.Start(t, box.Options{Systemd: true})
	b.LaySystemd()
	assert.Contains(t, b.Must("networkctl", "list", "--no-pager"), "unmanaged")
	b.Must("hostnamectl", "--transient", "set-hostname", "studio")
	assert.Equal(t, "studio\n", b.Must("hostname"))
	b.Must("ip", "link", "add", "link", "eth0", "name", "cameras", "type", "vlan", "id", "20")
	assert.Contains(t, b.Must("ip", "-d", "link", "show", "cameras"), "802.1Q id 20")
	b.LoadModule("virtio_blk") // still to be had
}
