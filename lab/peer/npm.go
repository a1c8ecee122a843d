package peer

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// NPM makes a folder of the files of folder in files, and of the packages that the
// package-lock.json among them names, and returns its path. It is fetched once, and
// kept in the user's cache folder for as long as the files stay the same; their names
// there begin with name.
func NPM(ctx context.Context, name string, files embed.FS, folder string) (string, error) {
	dir, err := npmHome(ctx, name, files, folder)
	if err != nil {
		return "", fmt.Errorf("peer: fetch %s: %w", name, err)
	}
	return dir, nil
}

func npmHome(ctx context.Context, name string, files embed.FS, folder string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	entries, err := files.ReadDir(folder)
	if err != nil {
		return "", err
	}
	content, sum := map[string][]byte{}, sha256.New()
	for _, e := range entries {
		data, err := files.ReadFile(path.Join(folder, e.Name()))
		if err != nil {
			return "", err
		}
		content[e.Name()] = data
		sum.Write(data)
	}
	dir := filepath.Join(cache, "encoderbox", name+"-"+hex.EncodeToString(sum.Sum(nil))[:12])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	return dir, npmFetch(ctx, dir, content)
}

// npmFetch makes dir, whole or not at all.
func npmFetch(ctx context.Context, dir string, content map[string][]byte) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+"-*.tmp")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for name, data := range content {
		if err := os.WriteFile(filepath.Join(work, name), data, 0o644); err != nil {
			return err
		}
	}
	log, err := Run(ctx, Command{Dir: work, Args: []string{"npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"}})
	if err != nil {
		return fmt.Errorf("%w: %s", err, lastLines(log, 5))
	}
	if err := os.Rename(work, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
