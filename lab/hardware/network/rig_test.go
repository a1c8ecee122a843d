package network

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/box/disk"
	"github.com/encoderbox/encoderbox/lab/hardware/ctl"
)

// rig is a box whose network the daemon manages, and whose configuration and state are on
// a disk as real ones are: what is not flushed when power is cut is lost.
type rig struct {
	t    *testing.T
	disk *disk.Disk
	box  *box.Box
	*ctl.Daemon
}

const configFile = "/mnt/encoderd.toml"

// newRig has a box with the configuration of ctl.Factory, and more of [network].
func newRig(t *testing.T, more string) *rig {
	t.Helper()
	r := &rig{t: t, disk: newDisk(t)}
	r.boot()
	require.NoError(t, r.box.WriteFile(t.Context(), configFile, strings.NewReader(ctl.Factory("/mnt/state")+more), 0o600))
	r.box.Must("sync")
	r.start()
	return r
}

func newDisk(t *testing.T) *disk.Disk {
	t.Helper()
	image := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.WriteFile(image, nil, 0o600))
	require.NoError(t, os.Truncate(image, 32<<20))
	out, err := exec.CommandContext(t.Context(), "/usr/sbin/mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image).CombinedOutput()
	require.NoError(t, err, "mkfs.ext4: %s", out)
	d, err := disk.Open(image)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// boot starts a box with the disk in it.
func (r *rig) boot() {
	r.t.Helper()
	r.box = box.Start(r.t, box.Options{Systemd: true, Disks: []box.Disk{{Socket: r.disk.Socket()}}})
	r.booted()
}

// booted is what a distribution does at the start.
func (r *rig) booted() {
	r.t.Helper()
	r.box.LoadModule("virtio_blk")
	r.box.LoadModule("ext4")
	r.box.Must("mount", "-t", "ext4", "/dev/vda", "/mnt")
	r.box.LaySystemd()
}

// start starts the daemon, and returns once it takes commands.
func (r *rig) start() {
	r.t.Helper()
	r.Daemon = programs.Start(r.t, r.box, configFile)
}

// do gives the daemon a line's words as a command.
func (r *rig) do(line string) string {
	r.t.Helper()
	return r.Do(strings.Fields(line)...)
}

// has waits until the kernel says of an interface's links and addresses what is wanted.
func (r *rig) has(device string, want ...string) {
	r.t.Helper()
	var said string
	r.Await(func() bool {
		said = ""
		for _, what := range []string{"link", "addr"} {
			got, _ := r.box.Run(r.t.Context(), "ip", "-d", what, "show", "dev", device) // it may not be there yet
			said += got.Stdout
		}
		for _, w := range want {
			if !strings.Contains(said, w) {
				return false
			}
		}
		return true
	}, func() string {
		return "interface " + device + " to have " + strings.Join(want, ", ") + "; it has\n" + said
	})
}

// hasOnly waits for an IPv4 address, and wants no other.
func (r *rig) hasOnly(device, address string) {
	r.t.Helper()
	var said string
	r.Await(func() bool {
		got, err := r.box.Run(r.t.Context(), "ip", "-4", "-o", "addr", "show", "dev", device)
		said = got.Stdout
		return err == nil && strings.Count(said, "inet ") == 1 && strings.Contains(said, "inet "+address+" ")
	}, func() string { return device + " to have " + address + " alone; it has\n" + said })
}

// isCalled waits until the box has a name.
func (r *rig) isCalled(name string) {
	r.t.Helper()
	var said string
	r.Await(func() bool {
		said = strings.TrimSpace(r.box.Must("hostname"))
		return said == name
	}, func() string { return "the box to be called " + name + "; it is called " + said })
}

// saved is the configuration that the box starts with.
func (r *rig) saved() string {
	r.t.Helper()
	return r.box.Must("cat", configFile)
}

func (r *rig) await(what string, holds func() bool) {
	r.t.Helper()
	r.Await(holds, func() string { return what })
}
