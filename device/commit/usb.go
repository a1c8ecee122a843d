package commit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/control"
)

// OfferName is the file that is looked for on removable media.
const OfferName = "encoderbox.toml"

// maxFile bounds a configuration that somebody brings.
const maxFile = 1 << 20

// maxMedia bounds how many media are looked at.
const maxMedia = 32

// Offer is a configuration on a medium that somebody put in. It is only told of: a
// person takes it with Session.LoadFile.
type Offer struct {
	Path     string   `json:"path"`
	Valid    bool     `json:"valid"`
	Problems []string `json:"problems"` // a line each
	Diff     []string `json:"diff"`     // against running, as Session.Diff; empty: it is the same
}

// Offers are the configurations on removable media that are mounted below /media,
// /run/media and /mnt. It reads them, which a bad medium makes slow.
func (k *Keeper) Offers() ([]Offer, error) {
	folders, err := Media(k.o.Root)
	if err != nil {
		return nil, fmt.Errorf("config: look for removable media: %w", err)
	}
	all := []Offer{}
	for _, dir := range folders {
		file := filepath.Join(k.o.Root, dir, OfferName)
		if _, err := os.Lstat(file); err != nil {
			continue // not there, or gone again
		}
		all = append(all, k.offer(file))
	}
	return all, nil
}

func (k *Keeper) offer(file string) Offer {
	o := Offer{Path: file, Problems: []string{}, Diff: []string{}}
	c, err := loadFile(k.Running(), file, k.o.Rules)
	var invalid config.Errors
	switch {
	case errors.As(err, &invalid):
		for _, p := range invalid {
			o.Problems = append(o.Problems, p.Error())
		}
	case err != nil:
		o.Problems = []string{err.Error()}
	default:
		o.Valid = true
		for _, x := range config.Changes(k.Running(), c) {
			o.Diff = append(o.Diff, x.Lines()...)
		}
	}
	return o
}

// Media are the mount points of removable media, by their paths below root.
func Media(root string) ([]string, error) {
	f, err := os.Open(filepath.Join("/", root, "proc/mounts"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []string
	for lines := bufio.NewScanner(f); lines.Scan() && len(all) < maxMedia; {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		// The kernel writes what would part words in octal.
		point := filepath.Clean(strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(fields[1]))
		if removable(point) && !slices.Contains(all, point) {
			all = append(all, point)
		}
	}
	return all, nil
}

func removable(point string) bool {
	return slices.ContainsFunc([]string{"/media/", "/run/media/", "/mnt/"}, func(p string) bool {
		return strings.HasPrefix(point, p) || point == "/mnt"
	})
}

// fileError is that a file is none that a configuration is loaded from.
type fileError struct{ error }

// loadFile reads a configuration that somebody brings, to be in the place of current.
func loadFile(current *config.Config, file string, rules config.Rules) (*config.Config, error) {
	doc, err := readFile(file)
	if err != nil {
		return nil, fmt.Errorf("config: load: %w", err)
	}
	return config.Import(current, file, doc, rules)
}

// readFile reads a plain file, which is no link to one of the box's own and does not make
// the reader wait.
func readFile(file string) ([]byte, error) {
	if !filepath.IsAbs(file) {
		return nil, fileError{fmt.Errorf("%q: give the whole path, such as /media/usb/%s", file, OfferName)}
	}
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fileError{fmt.Errorf("%s: it is a link, expected the file itself", file)}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, control.Errorf(control.NotFound, "config: load: there is no file %s: config usb tells of those on sticks", file)
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
		return nil, fileError{fmt.Errorf("%s: expected a plain file", file)}
	}
	doc, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(doc) > maxFile {
		err = fileError{fmt.Errorf("%s: more than %d bytes, no configuration is so long", file, maxFile)}
	}
	return doc, err
}
