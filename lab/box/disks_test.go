package box_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/box/disk"
)

// openDisk serves an empty disk until the end of the test.
func openDisk(t *testing.T, size int64) *disk.Disk {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Truncate(path, size))
	d, err := disk.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, d.Close()) })
	return d
}

func nothing(int64) bool { return false }

func TestVolatileDiskLosesWhatWasNotFlushed(t *testing.T) {
	d := openDisk(t, 8<<20)
	options := box.Options{Disks: []box.Disk{{Socket: d.Socket()}}}
	b := box.Start(t, options)
	b.LoadModule("virtio_blk")
	flushes := d.Flushes()
	b.Must("sh", "-c", "echo flushed | dd of=/dev/vda bs=4096 conv=sync,fsync 2>/dev/null")
	require.Greater(t, d.Flushes(), flushes, "the box has the cache flushed")
	// It is on the disk, as far as the box can tell: but nobody had it flushed.
	b.Must("sh", "-c", "echo not flushed >/tmp/x; dd if=/tmp/x of=/dev/vda bs=4096 seek=1 conv=sync,notrunc oflag=direct 2>/dev/null")
	require.Equal(t, "not flushed\n", b.Must("sh", "-c", "dd if=/dev/vda bs=4096 skip=1 count=1 iflag=direct 2>/dev/null | head -n 1"))
	b.PowerCut()
	lost, err := d.PowerCut(nothing)
	require.NoError(t, err)
	assert.Equal(t, 1, lost)

	b = box.Start(t, options)
	b.LoadModule("virtio_blk")
	assert.Equal(t, "flushed\n", b.Must("head", "-n", "1", "/dev/vda"))
	assert.Equal(t, "0\n", b.Must("sh", "-c", "dd if=/dev/vda bs=4096 skip=1 count=1 2>/dev/null | tr -d '\\0' | wc -c"))
}

func TestDiskThatFails(t *testing.T) {
	d := openDisk(t, 8<<20)
	b := box.Start(t, box.Options{Disks: []box.Disk{{Socket: d.Socket()}}})
	b.LoadModule("virtio_blk")
	write := func() error {
		_, err := b.Run(soon(t), "sh", "-c", "dd if=/dev/zero of=/dev/vda bs=4096 count=1 conv=fsync")
		return err
	}
	require.NoError(t, write())
	d.Fail(true)
	require.ErrorContains(t, write(), "Input/output error")
	assert.Positive(t, d.Failed())
	d.Fail(false)
	require.NoError(t, write())
	d.Limit(16 << 10)
	begin := time.Now()
	require.NoError(t, write())
	assert.GreaterOrEqual(t, time.Since(begin), 250*time.Millisecond, "4 KiB at 16 KiB/s")
	d.Limit(0)
	d.Hang()
	done := make(chan error, 1)
	go func() { done <- write() }()
	select {
	case err := <-done:
		t.Fatalf("a disk that hangs has answered: %v", err)
	case <-time.After(time.Second):
	}
	d.Resume()
	require.NoError(t, <-done)
}

func TestStickPulledAndPutInAgain(t *testing.T) {
	d := openDisk(t, 8<<20)
	b := box.Start(t, box.Options{Disks: []box.Disk{{Socket: d.Socket(), USB: true}}})
	for _, m := range []string{"xhci-pci", "usb-storage", "sd_mod"} {
		b.LoadModule(m)
	}
	there := func(block string) bool {
		_, err := b.Run(soon(t), "test", "-b", "/dev/"+block)
		return err == nil
	}
	require.Eventually(t, func() bool { return there("sda") }, patient, 100*time.Millisecond)
	b.Must("sh", "-c", "echo written | dd of=/dev/sda conv=fsync 2>/dev/null")
	require.NoError(t, b.Unplug(soon(t), 0))
	require.Eventually(t, func() bool { return !there("sda") }, patient, 100*time.Millisecond)
	require.NoError(t, b.Plug(soon(t), 0))
	require.Eventually(t, func() bool { return there("sda") }, patient, 100*time.Millisecond)
	assert.Equal(t, "written\n", b.Must("head", "-n", "1", "/dev/sda"))
}
