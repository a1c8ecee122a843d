// Package dash is the bench for the product's DASH: the schema of ISO/IEC
// 23009-1, and the two players of the field, dash.js and Shaka, in a browser.
package dash

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/encoderbox/encoderbox/lab/peer"
)

//go:embed players/package.json players/package-lock.json
var manifests embed.FS

// What the players are made of: exact versions, with checksums.
var manifestNames = []string{"package.json", "package-lock.json"}

// Players is a folder with the players' scripts, dash.js and shaka.js. They are
// fetched from npm once, and kept under the user's cache folder for as long as
// lab/dash/players asks for these versions.
func Players(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("dash: fetch the players: %w", err)
	}
	sum := sha256.New()
	for _, name := range manifestNames {
		data, err := manifests.ReadFile("players/" + name)
		if err != nil {
			return "", fmt.Errorf("dash: fetch the players: %w", err)
		}
		sum.Write(data)
	}
	dir := filepath.Join(cache, "encoderbox", "dash-players-"+hex.EncodeToString(sum.Sum(nil))[:12])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := fetch(ctx, dir); err != nil {
		return "", fmt.Errorf("dash: fetch the players: %w", err)
	}
	return dir, nil
}

// scripts are where the packages have what a page loads.
var scripts = map[string]string{
	"dash.js":  "node_modules/dashjs/dist/modern/umd/dash.all.min.js",
	"shaka.js": "node_modules/shaka-player/dist/shaka-player.dash.js",
}

// fetch makes dir, whole or not at all.
func fetch(ctx context.Context, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "dash-players-*.tmp")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for _, name := range manifestNames {
		data, err := manifests.ReadFile("players/" + name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(work, name), data, 0o644); err != nil {
			return err
		}
	}
	log, err := peer.Run(ctx, peer.Command{Dir: work, Args: []string{"npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"}})
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("%w: apt-get install npm", err)
	case err != nil:
		return fmt.Errorf("%w: %s", err, log)
	}
	out := filepath.Join(work, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	for name, from := range scripts {
		if err := os.Rename(filepath.Join(work, from), filepath.Join(out, name)); err != nil {
			return err
		}
	}
	if err := os.Rename(out, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
