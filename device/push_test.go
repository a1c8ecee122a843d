package device

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/reconcile"
)

// The certificate of a server's authority is renewed in its file, and the
// configuration loaded again: the destinations that trust it must take it up.
func TestARenewedAuthorityIsAChangeOfItsDestinations(t *testing.T) {
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	d := newBox(Options{Stderr: io.Discard}, &config.Config{})
	st := d.stream("main")
	spec := func(content string) any {
		t.Helper()
		if err := os.WriteFile(ca, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		dest := config.DefaultDestination()
		dest.TLSCA = ca
		return d.pushComponent(&config.Config{}, st, "platform", dest).Spec
	}
	old := spec("old")
	if !reflect.DeepEqual(old, spec("old")) {
		t.Error("the same file is a change")
	}
	if reflect.DeepEqual(old, spec("new")) {
		t.Error("a renewed file is no change")
	}
}

func TestADestinationKeepsItsAuthoritiesWhenTheirFileIsDamaged(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	dest := config.DefaultDestination()
	dest.TLSCA, dest.URL = ca, config.NewSecretURL("rtmps://live.example.com/app/key")
	d := newBox(Options{Stderr: io.Discard}, &config.Config{})
	p := &pusher{box: d, stream: d.stream("main"), name: "platform", config: dest}
	if err := p.Update(pushConfig{Destination: dest}); err != nil {
		t.Errorf("the file is missing: %v", err)
	}
	dest.Enabled = !dest.Enabled
	if err := p.Update(pushConfig{Destination: dest}); !errors.Is(err, reconcile.ErrRestart) {
		t.Errorf("another configuration with a missing file: %v", err)
	}
}
