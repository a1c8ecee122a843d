package box

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/encoderbox/encoderbox/lab/box/wire"
)

// ReadFile returns the content of a file of the box's, proc and sysfs included.
func (b *Box) ReadFile(ctx context.Context, path string) ([]byte, error) {
	body, err := b.open(ctx, http.MethodGet, wire.FilePath, url.Values{"path": {path}}, nil)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	content, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("box: read %s: %w", path, err)
	}
	return content, nil
}

// WriteFile writes a file of the box's, and makes the folders it lacks.
func (b *Box) WriteFile(ctx context.Context, path string, r io.Reader, mode os.FileMode) error {
	query := url.Values{"path": {path}, "mode": {fmt.Sprintf("%o", mode.Perm())}}
	body, err := b.open(ctx, http.MethodPut, wire.FilePath, query, r)
	if err != nil {
		return err
	}
	return body.Close()
}

// CopyOut copies a file of the box's to the host.
func (b *Box) CopyOut(ctx context.Context, inBox, onHost string) error {
	body, err := b.open(ctx, http.MethodGet, wire.FilePath, url.Values{"path": {inBox}}, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	f, err := os.Create(onHost)
	if err != nil {
		return fmt.Errorf("box: copy %s out: %w", inBox, err)
	}
	_, err = io.Copy(f, body)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("box: copy %s to %s: %w", inBox, onHost, err)
	}
	return nil
}

// CopyIn copies a file of the host's, and its mode, into the box's memory. What
// need not be changed in there is better shared: see Share.
func (b *Box) CopyIn(ctx context.Context, onHost, inBox string) error {
	f, err := os.Open(onHost)
	if err != nil {
		return fmt.Errorf("box: copy %s in: %w", onHost, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("box: copy %s in: %w", onHost, err)
	}
	return b.WriteFile(ctx, inBox, f, info.Mode())
}

// Share shows a file or a folder of the host's to the box, which cannot write
// it, and returns its path in there. It is a copy, by links where the file
// system allows it.
func (b *Box) Share(onHost string) string {
	b.tb.Helper()
	name := filepath.Base(onHost)
	if err := linkTree(onHost, filepath.Join(b.share, name)); err != nil {
		b.tb.Fatalf("box: share %s: %v", onHost, err)
	}
	return "/share/" + name
}

// linkTree links, or where that cannot be copies, a file or a folder.
func linkTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.Remove(target); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if os.Link(path, target) == nil {
			return nil
		}
		return copyFile(path, target)
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
