package dash

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/encoderbox/encoderbox/lab/peer"
)

//go:embed schema
var schemas embed.FS

// Schema is the schema of manifests, in a folder that Validate can use.
type Schema struct{ dir string }

// NewSchema writes the schema into the folder.
func NewSchema(dir string) (*Schema, error) {
	if err := os.CopyFS(dir, schemas); err != nil {
		return nil, fmt.Errorf("dash: write the schema: %w", err)
	}
	return &Schema{dir: filepath.Join(dir, "schema")}, nil
}

// Validate holds a manifest against the schema by xmllint, without the network.
func (s *Schema) Validate(ctx context.Context, manifest string) error {
	manifest, err := filepath.Abs(manifest)
	if err != nil {
		return fmt.Errorf("dash: validate %s: %w", manifest, err)
	}
	if _, err := os.Stat(manifest); err != nil {
		return fmt.Errorf("dash: validate: %w", err)
	}
	log, err := peer.Run(ctx, peer.Command{
		Dir:  s.dir,
		Args: []string{"xmllint", "--nonet", "--noout", "--schema", "DASH-MPD.xsd", manifest},
		Env:  []string{"XML_CATALOG_FILES=" + filepath.Join(s.dir, "catalog.xml")},
	})
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("dash: validate %s: %w (xmllint is installed by: apt-get install libxml2-utils)", manifest, err)
	case err != nil:
		return fmt.Errorf("dash: %s: %w: %s", manifest, err, log)
	}
	return nil
}
