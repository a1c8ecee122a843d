package measure

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Disk is where a contender writes what is to last. Where this program may
// mount, it is a file system of its own, whose device counts every byte that
// reaches it, the file system's own included; else it is a folder.
type Disk struct {
	Dir     string
	Own     error  // why it is no file system of its own; nil when it is one
	root    string // removed with all that is in it
	counter string // the device's stat in sysfs
}

// diskSize is of a sparse file: as much as is ever written at a time, and what
// the daemon keeps free.
const diskSize = 2 << 30

// NewDisk makes one below a folder, which must not be on a memory file system.
func NewDisk(folder string) (*Disk, error) {
	root, err := diskFolder(folder)
	if err != nil {
		return nil, err
	}
	d := &Disk{root: root, Dir: filepath.Join(root, "disk")}
	if err := os.Mkdir(d.Dir, 0o755); err != nil {
		d.Remove()
		return nil, err
	}
	d.Own = d.mount()
	return d, nil
}

// diskFolder is a new folder on a disk.
func diskFolder(root string) (string, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", err
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(root, &fs); err != nil {
		return "", fmt.Errorf("look at the file system of %s: %w", root, err)
	}
	if fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.RAMFS_MAGIC {
		return "", fmt.Errorf("%s is on a memory file system: name a folder on a disk", root)
	}
	dir, err := os.MkdirTemp(root, "disk-")
	if err != nil {
		return "", err
	}
	return filepath.Abs(dir)
}

// mount puts an ext4 on a loop device over the folder.
func (d *Disk) mount() error {
	image := filepath.Join(d.root, "image")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(image, diskSize); err != nil {
		return err
	}
	for _, args := range [][]string{
		// Nothing is left to be written later, behind a contender's back.
		{"mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image},
		{"mount", "-o", "loop", image, d.Dir},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(d.Dir, &st); err != nil {
		return err
	}
	d.counter = fmt.Sprintf("/sys/dev/block/%d:%d/stat", unix.Major(st.Dev), unix.Minor(st.Dev))
	_, err := deviceBytes(d.counter)
	return err
}

// Written is what the device has been given so far, once all that was written is
// on it; 0 where the disk is no file system of its own.
func (d *Disk) Written() (int64, error) {
	if d.Own != nil {
		return 0, nil
	}
	f, err := os.Open(d.Dir)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return 0, fmt.Errorf("sync %s: %w", d.Dir, err)
	}
	return deviceBytes(d.counter)
}

// deviceBytes reads the sectors written of a block device's stat.
func deviceBytes(file string) (int64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	const sector = 512
	f := strings.Fields(string(text))
	if len(f) < 7 {
		return 0, fmt.Errorf("read %s: unexpected content %q", file, text)
	}
	n, err := strconv.ParseInt(f[6], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", file, err)
	}
	return n * sector, nil
}

// Remove removes it with all that is on it.
func (d *Disk) Remove() {
	if d.counter != "" {
		_ = exec.Command("umount", d.Dir).Run()
	}
	_ = os.RemoveAll(d.root)
}
