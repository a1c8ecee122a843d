package forward

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/request"
	"github.com/encoderbox/encoderbox/output/segment"
)

// Kind is HLS uploaded to an HTTP origin or CDN.
var Kind = output.Kind{
	Name: "hls", Title: "HLS (CMAF) upload to an HTTP origin", Direction: output.Push,
	Schemes: []string{"hls+https", "hls+http", "https", "http"}, Transports: []string{"http", "tls"},
	Codecs: []media.Codec{media.H264, media.AAC},
	Check:  Check, Files: openOrigin, Manifests: func(output.Target) []string { return []string{output.ManifestHLS} },
}

// Mode says what happens after an outage to what could not be sent meanwhile.
type Mode string

// The modes.
const (
	LiveFirst Mode = "live_first" // live goes on at once, the rest follows beside it
	InOrder   Mode = "in_order"   // all in its order; live catches up
	Off       Mode = "off"        // only what the live window still has
)

// Spec is what a Destination shall do. Zero times mean the defaults.
type Spec struct {
	Enabled bool
	Kind    output.Kind   // with Files
	Target  output.Target // its options: see Check
	// StateDir is the folder of the cursors. Empty: nothing survives a restart.
	StateDir string
	// Playlists renders a window: file name to content. Those of it that name
	// other playlists (multivariant, MPD) are uploaded last.
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
	defaultShare        = 50
	defaultDVR          = 30 * time.Minute
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

// settings are a target's options.
type settings struct {
	mode   Mode
	share  float64 // of the link, for the backlog
	delete bool
	dvr    time.Duration // 0: no playlist of the past
	method string
}

// Check says what is wrong with a target. Its options:
//
//	store          live_first (default), in_order or off
//	store_share    percent of the link that the backlog may take: 5 … 95, default 50
//	delete_old     true: files that no playlist names any more are deleted
//	dvr            live_first: time that dvr.m3u8 goes back, default 30m; 0s: no such playlist
//	method         auto (default: PUT), PUT or POST
//	authorization  value of that header; beats name and password in the URL
//	header.NAME    value of another header, sent with every request
func Check(t output.Target) error {
	_, err := options(t)
	return err
}

func options(t output.Target) (settings, error) {
	s := settings{mode: LiveFirst, share: defaultShare / 100.0, dvr: defaultDVR, method: http.MethodPut}
	switch u := t.URL; {
	case u == nil:
		return s, errors.New("no URL")
	case !strings.HasSuffix(u.Scheme, "http") && !strings.HasSuffix(u.Scheme, "https"):
		return s, fmt.Errorf("scheme %q is not hls+https or hls+http", u.Scheme)
	}
	if err := request.Check(t); err != nil {
		return s, err
	}
	for _, key := range slices.Sorted(maps.Keys(t.Options)) {
		if err := s.set(key, t.Options[key]); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *settings) set(key, v string) (err error) {
	switch {
	case request.IsOption(key): // the client's
	case key == "store":
		s.mode = Mode(v)
		if s.mode != LiveFirst && s.mode != InOrder && s.mode != Off {
			return fmt.Errorf("store: %q is not live_first, in_order or off", v)
		}
	case key == "store_share":
		n, err := strconv.Atoi(v)
		if err != nil || n < 5 || n > 95 {
			return fmt.Errorf("store_share: %q is not a number from 5 to 95 (percent)", v)
		}
		s.share = float64(n) / 100
	case key == "delete_old":
		if s.delete, err = strconv.ParseBool(v); err != nil {
			return fmt.Errorf("delete_old: %q is not true or false", v)
		}
	case key == "dvr":
		return s.setDVR(v)
	case key == "method" && v == "auto":
	case key == "method":
		if s.method = v; v != http.MethodPut && v != http.MethodPost {
			return fmt.Errorf("method: %q is not auto, PUT or POST", v)
		}
	default:
		return fmt.Errorf("option %q is not known", key)
	}
	return nil
}

func (s *settings) setDVR(v string) (err error) {
	if s.dvr, err = time.ParseDuration(v); err != nil || s.dvr < 0 || s.dvr > 24*time.Hour {
		return fmt.Errorf("dvr: %q is not a time from 0s to 24h", v)
	}
	return nil
}
