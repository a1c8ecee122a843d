package device

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/device/api"
	"github.com/encoderbox/encoderbox/device/control"
)

// file is one that a command has made, for programs: on the box, and on its API for
// those who may.
type file struct {
	Name string `json:"name,omitempty"`
	Path string `json:"path,omitempty"`
	URL  string `json:"url,omitempty"`
}

// exportsKept is how many files of a sort stay: they lie in memory.
const exportsKept = 3

// exportsFolder is where commands put files. No stream can have its name.
func (d *box) exportsFolder() (string, error) {
	live, err := d.keeper.Running().LivePath()
	if err != nil {
		return "", fmt.Errorf("export: %w", err)
	}
	return filepath.Join(live, ".exports"), nil
}

// export makes a file that the daemon's user alone can read, in place of the oldest
// of its sort. Where write fails there is none.
func (d *box) export(sort, extension string, write func(io.Writer) error) (f file, err error) {
	dir, err := d.exportsFolder()
	if err != nil {
		return f, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return f, fmt.Errorf("export: %w", err)
	}
	old, err := filepath.Glob(filepath.Join(dir, sort+"-*"+extension))
	if err != nil {
		return f, fmt.Errorf("export: %w", err)
	}
	slices.Sort(old) // by their time
	for len(old) >= exportsKept {
		if err := os.Remove(old[0]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return f, fmt.Errorf("export: %w", err)
		}
		old = old[1:]
	}
	f.Name = sort + "-" + hostWord(d.store.Load().Hostname) + "-" + time.Now().UTC().Format("20060102-150405.000") + extension
	f.Path, f.URL = filepath.Join(dir, f.Name), "/api/v1/exports/"+f.Name
	out, err := os.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return f, fmt.Errorf("export: %w", err)
	}
	if err = errors.Join(write(out), out.Close()); err != nil {
		return file{}, fmt.Errorf("export: %w", errors.Join(err, os.Remove(f.Path)))
	}
	return f, nil
}

// hostWord is a host's name as a part of a file's.
func hostWord(host string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, host)
}

// serveExport is GET /api/v1/exports/NAME, for those who may have made it.
func (d *box) serveExport(w http.ResponseWriter, r *http.Request) {
	if by := api.Caller(r); by.Role < control.Admin {
		api.Refuse(w, control.Errorf(control.Forbidden, "exports need the role %s: %s has %s", control.Admin, by.Name, by.Role))
		return
	}
	dir, err := d.exportsFolder()
	if err != nil {
		api.Refuse(w, err)
		return
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		api.Refuse(w, control.Errorf(control.NotFound, "nothing was exported since the box was started"))
		return
	}
	defer root.Close()
	f, err := root.Open(r.PathValue("name"))
	if err != nil {
		api.Refuse(w, control.Errorf(control.NotFound, "there is no export %q any more: make another", r.PathValue("name")))
		return
	}
	defer f.Close()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `attachment; filename="`+r.PathValue("name")+`"`)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, f)
}
