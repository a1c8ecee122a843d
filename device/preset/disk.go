package preset

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/encoderbox/encoderbox/device/commit"
)

// OS is the machine's own file system.
type OS struct{ commit.OS }

var _ Disk = OS{}

// ReadFile implements Disk: it reads plain files alone, does not make the reader wait,
// and refuses what is longer than a preset may be.
func (OS) ReadFile(name string) ([]byte, error) { return readPlain(name, 0) }

func readPlain(name string, flags int) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC|flags, 0)
	var at *os.PathError
	if errors.As(err, &at) {
		err = at.Err // whoever reads the error is told the file's name anyway
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("expected a plain file")
	}
	doc, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err == nil && len(doc) > MaxSize {
		err = Check(doc)
	}
	if err != nil {
		return nil, err
	}
	return doc, nil
}

// ReadFile reads a preset that somebody brings, whose name is that of the file: a plain
// file, which is no link to one of the box's own.
func ReadFile(file string) (Preset, error) {
	p := Preset{Name: strings.TrimSuffix(filepath.Base(file), Extension), File: file}
	doc, err := readPlain(file, syscall.O_NOFOLLOW)
	if errors.Is(err, syscall.ELOOP) {
		err = errors.New("it is a link, expected the file itself")
	}
	if err == nil {
		err = Check(doc)
	}
	if err != nil {
		return Preset{}, fmt.Errorf("preset: %s: %w", file, err)
	}
	p.Doc, p.Note = doc, noteOf(doc)
	return p, nil
}

// MediaFolder is where presets are looked for on a removable medium.
const MediaFolder = "presets"

// OnMedia are the files on removable media that may be presets, by their paths. root is
// in place of "/". It reads folders of media, which a bad one makes slow.
func OnMedia(root string) ([]string, error) {
	mounts, err := commit.Media(root)
	if err != nil {
		return nil, fmt.Errorf("presets: look for removable media: %w", err)
	}
	var files []string
	for _, mount := range mounts {
		dir := filepath.Join("/", root, mount, MediaFolder)
		names, err := OS{}.List(dir)
		if err != nil {
			continue // no folder, or gone again
		}
		slices.Sort(names)
		found := 0
		for _, n := range names {
			if filepath.Ext(n) == Extension && !strings.HasPrefix(n, ".") && found < MaxKept {
				files = append(files, filepath.Join(dir, n))
				found++
			}
		}
	}
	return files, nil
}
