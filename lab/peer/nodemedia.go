package peer

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"fmt"
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
	home, err := NPM(context.Background(), "node-media-server", nodeMediaManifests, "nodemedia")
	if err != nil {
		tb.Fatalf("%v", err)
	}
	program := filepath.Join(home, "node_modules/node-media-server/bin/app.js")
	n := &NodeMedia{dir: tb.TempDir()}
	n.server = startServer(tb, Place{}, []string{"tcp"}, func(s []socket) (Command, error) {
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
