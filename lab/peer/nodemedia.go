package peer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// What the node-media-server of the tests is made of: exact versions, with
// checksums.
//
//go:embed nodemedia/package.json nodemedia/package-lock.json
var nodeMediaManifests embed.FS

// NodeMediaOptions say what a [NodeMedia] does besides taking streams.
type NodeMediaOptions struct {
	// Secret, when set, is what the parameter sign of the stream's name has to be
	// made with.
	Secret string
}

// NodeMedia is a node-media-server: RTMP in, and every stream recorded as FLV.
type NodeMedia struct {
	*server
	dir  string
	addr string
}

// StartNodeMedia starts a node-media-server, which is fetched from npm first
// when the user's cache folder has none of the pinned versions.
func StartNodeMedia(tb TB, o NodeMediaOptions) *NodeMedia {
	tb.Helper()
	program, err := nodeMediaProgram(context.Background())
	if err != nil {
		tb.Fatalf("%v", err)
	}
	n := &NodeMedia{dir: tb.TempDir()}
	n.server = startServer(tb, []string{"tcp"}, func(s []socket) (Command, error) {
		n.addr = loopback(s[0].port)
		conf := filepath.Join(n.dir, "config.json")
		if err := n.writeConfig(conf, s[0].port, o); err != nil {
			return Command{}, fmt.Errorf("peer: write node-media-server's configuration: %w", err)
		}
		return Command{Name: "node-media-server", Dir: n.dir, Args: []string{"node", program, "-c", conf}}, nil
	})
	return n
}

// URL is where to publish, and from where to play, the stream of that name.
func (n *NodeMedia) URL(stream string) string { return "rtmp://" + n.addr + "/live/" + stream }

// Addr is the host and port of RTMP.
func (n *NodeMedia) Addr() string { return n.addr }

// Recordings lists the FLV files of a stream, oldest first.
func (n *NodeMedia) Recordings(stream string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(n.dir, "rec", "live", stream, "*.flv"))
	if err != nil {
		return nil, fmt.Errorf("peer: list node-media-server's recordings of %q: %w", stream, err)
	}
	slices.Sort(files) // the names are Unix milliseconds
	return files, nil
}

func (n *NodeMedia) writeConfig(path string, port int, o NodeMediaOptions) error {
	type object map[string]any
	b, err := json.MarshalIndent(object{
		"bind":     "127.0.0.1",
		"notify":   object{"url": ""},
		"store":    object{"path": filepath.Join(n.dir, "data")},
		"auth":     object{"play": false, "publish": o.Secret != "", "secret": cmp.Or(o.Secret, "unused")},
		"rtmp":     object{"port": port},
		"webadmin": object{"enable": false},
		"record":   object{"auto": true, "path": filepath.Join(n.dir, "rec")},
	}, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o600)
}

// nodeMediaProgram returns the server's script in the cache folder.
func nodeMediaProgram(ctx context.Context) (string, error) {
	const name = "node_modules/node-media-server/bin/app.js"
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("peer: fetch node-media-server: %w", err)
	}
	lock, err := nodeMediaManifests.ReadFile("nodemedia/package-lock.json")
	if err != nil {
		return "", fmt.Errorf("peer: fetch node-media-server: %w", err)
	}
	sum := sha256.Sum256(lock)
	dir := filepath.Join(cache, "encoderbox", "node-media-server-"+hex.EncodeToString(sum[:])[:12])
	if _, err := os.Stat(dir); err == nil {
		return filepath.Join(dir, name), nil
	}
	if err := fetchNodeMedia(ctx, dir); err != nil {
		return "", fmt.Errorf("peer: fetch node-media-server: %w", err)
	}
	return filepath.Join(dir, name), nil
}

// fetchNodeMedia makes dir, whole or not at all.
func fetchNodeMedia(ctx context.Context, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), "node-media-server-*.tmp")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for _, name := range []string{"package.json", "package-lock.json"} {
		data, err := nodeMediaManifests.ReadFile("nodemedia/" + name)
		if err != nil {
			return err
		}
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
