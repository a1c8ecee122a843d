package realtime

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/encoderbox/encoderbox/lab/link/law"
)

// Sources is what the figures depend on, as digests: those of the product's law on all
// sources that take part, those of others on all but the product's law.
type Sources struct{ ours, others string }

// Of is the digest for a law.
func (s Sources) Of(name string) string {
	if name == law.Ours {
		return s.ours
	}
	return s.others
}

const module = "github.com/encoderbox/encoderbox/"

// aside are packages that this one is built of and that its figures do not depend on.
var aside = [...]string{"lab/link/sim", "lab/link/trial", "lab/footage"}

// ReadSources reads the sources that this package is built of, by go list. Where there
// are none the digest of the program stands for all.
func ReadSources(ctx context.Context) (Sources, error) {
	list := exec.CommandContext(ctx, "go", "list", "-deps", "-f", "{{if .Module}}{{if .Module.Main}}{{.ImportPath}} {{.Dir}}{{end}}{{end}}", module+"lab/link/realtime")
	text, err := list.Output()
	if err != nil {
		return program()
	}
	ours, others := sha256.New(), sha256.New()
	for line := range strings.Lines(string(text)) {
		name, dir, ok := strings.Cut(strings.TrimSpace(line), " ")
		name = strings.TrimPrefix(name, module)
		if !ok || slices.Contains(aside[:], name) {
			continue
		}
		to := io.MultiWriter(ours, others)
		if strings.HasPrefix(name, "encode") {
			to = ours
		}
		if err := readFolder(to, dir); err != nil {
			return Sources{}, fmt.Errorf("read the sources: %w", err)
		}
	}
	return Sources{fmt.Sprintf("%x", ours.Sum(nil)[:8]), fmt.Sprintf("%x", others.Sum(nil)[:8])}, nil
}

// readFolder reads the sources of a package; tests are none.
func readFolder(to io.Writer, dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		name := f.Name()
		if f.IsDir() || strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, ".md") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(to, "%s %d\n", name, len(text))
		_, _ = to.Write(text) // a hash takes everything
	}
	return nil
}

func program() (Sources, error) {
	text, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return Sources{}, fmt.Errorf("read the program: %w", err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(text))[:16]
	return Sources{sum, sum}, nil
}
