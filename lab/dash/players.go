// Package dash is the bench for the product's DASH: the schema of ISO/IEC
// 23009-1, and the two players of the field, dash.js and Shaka, in a browser.
package dash

import (
	"context"
	"embed"
	"path/filepath"

	"github.com/encoderbox/encoderbox/lab/peer"
)

//go:embed players/package.json players/package-lock.json
var manifests embed.FS

// Players are the players' scripts, by name: dash and shaka. They are fetched from npm
// once, in the exact versions of lab/dash/players.
func Players(ctx context.Context) (map[string]string, error) {
	home, err := peer.NPM(ctx, "dash-players", manifests, "players")
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"dash":  filepath.Join(home, "node_modules/dashjs/dist/modern/umd/dash.all.min.js"),
		"shaka": filepath.Join(home, "node_modules/shaka-player/dist/shaka-player.dash.js"),
	}, nil
}
