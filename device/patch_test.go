package device

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// A client that goes away while its change is saved must not leave the box
// running something else than its configuration.
func TestAChangeIsAppliedWhenItsClientHasGone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "encoderd.toml")
	if err := os.WriteFile(file, []byte("[streams.main.input]\nkind = \"pattern\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := loadConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	d := newBox(Options{ConfigFile: file, Stderr: io.Discard}, cfg)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for n := range cap(d.applies) {
		patch := fmt.Sprintf(`{"streams":{"main":{"video":{"bitrate":"%dk"}}}}`, 500+n)
		if err := d.PatchConfig(gone, "somebody", "", []byte(patch)); err == nil {
			t.Error("applied without the loop")
		}
		if len(d.applies) != n+1 {
			t.Fatalf("change %d was saved, but the loop is not asked to apply it", n+1)
		}
	}
}
