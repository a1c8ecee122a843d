package forward

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/forward/store"
	"github.com/encoderbox/encoderbox/output/segment"
)

// Mode says what happens after an outage to what could not be sent meanwhile.
type Mode = store.Mode

// The modes.
const (
	LiveFirst = store.LiveFirst
	InOrder   = store.InOrder
	Off       = store.Off
)

// Spec is what a Destination shall do. Zero times mean the defaults.
type Spec struct {
	Enabled bool
	Kind    output.Kind   // with Files
	Target  output.Target // its options: see package store, and the kind
	// StateDir is the folder of the cursors. Empty: nothing survives a restart.
	StateDir string
	// Playlists renders a window: file name to content. Those of it that name
	// other playlists (multivariant, MPD) are uploaded last. Beside those that can be
	// made now it may return the error of others: nothing that these may name is
	// deleted meanwhile.
	Playlists func(*segment.Window) (map[string][]byte, error)

	// RetryDelay bounds the wait before the second attempt; every further failure
	// doubles the bound, up to RetryMax, but not past RetryLink while it is the
	// link that fails: its return is not to be missed, and asking is cheap.
	RetryDelay, RetryMax time.Duration
}

// The defaults of a Spec.
const (
	DefaultRetryDelay   = 2 * time.Second
	DefaultRetryMax     = time.Minute
	RetryLink           = 10 * time.Second
	defaultWriteTimeout = 10 * time.Second
)

func (s Spec) withDefaults() Spec {
	if s.RetryDelay <= 0 {
		s.RetryDelay = DefaultRetryDelay
	}
	if s.RetryMax <= 0 {
		s.RetryMax = DefaultRetryMax
	}
	s.RetryMax = max(s.RetryMax, s.RetryDelay)
	if s.Target.WriteTimeout <= 0 {
		s.Target.WriteTimeout = defaultWriteTimeout
	}
	return s
}

// check says what no attempt can mend.
func (s Spec) check() error {
	switch {
	case s.Kind.Files == nil:
		return fmt.Errorf("output kind %q takes no segments", s.Kind.Name)
	case s.Playlists == nil:
		return errors.New("no playlists to upload")
	case s.Kind.Check == nil:
		return nil
	}
	return s.Kind.Check(s.Target)
}

// same says that nothing has to change.
func (s Spec) same(t Spec) bool {
	a, b := s.Target, t.Target
	return s.Enabled == t.Enabled && s.Kind.Name == t.Kind.Name && s.StateDir == t.StateDir &&
		s.RetryDelay == t.RetryDelay && s.RetryMax == t.RetryMax &&
		a.Name == b.Name && a.WriteTimeout == b.WriteTimeout && a.Agent == b.Agent &&
		a.URL != nil && b.URL != nil && a.URL.String() == b.URL.String() && maps.Equal(a.Options, b.Options) &&
		(a.TLS == b.TLS || a.TLS != nil && b.TLS != nil && a.TLS.RootCAs.Equal(b.TLS.RootCAs) &&
			a.TLS.ServerName == b.TLS.ServerName && a.TLS.InsecureSkipVerify == b.TLS.InsecureSkipVerify)
}
