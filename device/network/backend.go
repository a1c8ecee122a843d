package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
)

// Runner runs a program to its end. Its error says what the program did.
type Runner func(ctx context.Context, program string, args ...string) error

// patience with a program: over D-Bus it may wait for a service that hangs.
const patience = 15 * time.Second

// Exec is the Runner that runs programs of the box.
func Exec(ctx context.Context, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	said := strings.Join(strings.Fields(string(out)), " ")
	if len(said) > 300 {
		said = strings.ToValidUTF8(said[:300], "") + "…"
	}
	return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, said)
}

// backend makes systemd-networkd do what the configuration says. It is not safe for
// concurrent use.
type backend struct {
	folder string
	run    Runner

	begun   bool
	unread  bool              // systemd-networkd may not have read what is in folder
	outworn bool              // systemd-networkd remembers a VLAN as it was
	vlans   map[string]string // what systemd-networkd has read of VLANs, by file; of those taken away, too
}

// apply writes the files that c needs, removes those of ours that it does not, and has
// systemd-networkd read them. Files of others are left alone. What is so already is not
// done again; only after the start of the daemon systemd-networkd reads once what may be
// new to it, which changes nothing where it is not. did says what was done, "" for
// nothing. After an error the same again goes on where it stopped. more are files in the
// place of those of the same name.
func (b *backend) apply(ctx context.Context, c config.Network, more ...File) (did string, err error) {
	have, err := b.read()
	if err != nil {
		return "", err
	}
	want := map[string]string{}
	for _, f := range append(Files(c), more...) {
		want[f.Name] = f.Text
	}
	if !b.begun {
		b.begun, b.unread = true, c.Manage || len(have) > 0
		b.vlans = map[string]string{}
	}
	var done []string
	for _, name := range union(have, want) {
		was, is := have[name], want[name]
		if was == is {
			continue
		}
		if err := b.remake(ctx, name, was, is); err != nil {
			return strings.Join(done, ", "), err
		}
		b.unread = true
		if err := b.put(name, is); err != nil {
			return strings.Join(done, ", "), err
		}
		done = append(done, changeText(name, was, is))
	}
	return strings.Join(done, ", "), b.load(ctx)
}

func changeText(name, was, is string) string {
	name = strings.TrimPrefix(name, prefix)
	switch {
	case was == "":
		return name + " added"
	case is == "":
		return name + " removed"
	}
	return name + " changed"
}

// union are the names of both, sorted.
func union(a, b map[string]string) (names []string) {
	for name := range a {
		names = append(names, name)
	}
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// load has systemd-networkd read the files. It configures those interfaces anew whose
// files changed, and no other.
func (b *backend) load(ctx context.Context) error {
	if !b.unread {
		return nil
	}
	read := func() error { return b.run(ctx, "networkctl", "reload") }
	if b.outworn {
		read = func() error {
			return b.run(ctx, "systemctl", "--no-ask-password", "restart", "systemd-networkd.service")
		}
	}
	if err := read(); err != nil {
		return fmt.Errorf("network: have systemd-networkd read its files: %w; is systemd-networkd running, and may encoderd command it (docs/network.md)? Without it, set network.manage to false", err)
	}
	b.unread, b.outworn = false, false
	return nil
}

// remake is called before the file of a VLAN changes (those of others it leaves alone).
// A VLAN that is there stays what it was made as, so it is deleted; and systemd-networkd
// (252) remembers what it has read of one for as long as it runs, so that one of the same
// name with another ID takes a restart.
func (b *backend) remake(ctx context.Context, name, was, is string) error {
	device, ok := strings.CutSuffix(name, netdev)
	if !ok {
		return nil
	}
	if was != "" {
		b.vlans[name] = was
		if err := b.remove(ctx, strings.TrimPrefix(device, prefix)); err != nil {
			return err
		}
	}
	if known, ok := b.vlans[name]; ok && is != "" && known != is {
		b.outworn = true
		delete(b.vlans, name)
	}
	return nil
}

// remove takes a VLAN away, if it is there.
func (b *backend) remove(ctx context.Context, device string) error {
	err := b.run(ctx, "networkctl", "delete", device)
	if err != nil && !strings.Contains(err.Error(), "No such device") {
		return fmt.Errorf("network: delete VLAN %s: %w; may encoderd command systemd-networkd (docs/network.md)?", device, err)
	}
	return nil
}

// reconfigure has an interface begin anew.
func (b *backend) reconfigure(ctx context.Context, name string) error {
	return b.run(ctx, "networkctl", "reconfigure", name)
}

// read are our files, by name.
func (b *backend) read() (map[string]string, error) {
	entries, err := os.ReadDir(b.folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("network: list files of systemd-networkd: %w; let the user that encoderd runs as read the folder", err)
	}
	files := map[string]string{}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		doc, err := os.ReadFile(filepath.Join(b.folder, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("network: read file of systemd-networkd: %w; remove it", err)
		}
		files[e.Name()] = string(doc)
	}
	return files, nil
}

// put writes a file, whole or not at all; with an empty text it removes it.
func (b *backend) put(name, text string) error {
	path := filepath.Join(b.folder, name)
	if text == "" {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("network: remove file of systemd-networkd: %w; %s", err, folderAdvice)
		}
		return nil
	}
	err := os.MkdirAll(b.folder, 0o755) //nolint:gosec // systemd-networkd runs as a user of its own
	if err == nil {
		err = write(path, text)
	}
	if err != nil {
		return fmt.Errorf("network: write file of systemd-networkd: %w; %s", err, folderAdvice)
	}
	return nil
}

const folderAdvice = "let the user that encoderd runs as write to the folder (docs/network.md), or set network.manage to false"

// write replaces a file. Nothing is synced: the folder is in memory.
func write(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".encoderbox-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
