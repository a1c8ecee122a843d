package origin

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/forward/store"
	"github.com/encoderbox/encoderbox/output/request"
)

// HLS is HLS uploaded to an HTTP origin or CDN (RFC 8216, in CMAF).
var HLS = output.Kind{
	Name: "hls", Title: "HLS (CMAF) upload to an HTTP origin", Direction: output.Push,
	Schemes: []string{"hls+https", "hls+http", "https", "http"}, Transports: []string{"http", "tls"},
	Codecs: []media.Codec{media.H264, media.AAC},
	Check:  check, Files: open,
	Manifests: func(output.Target) []string { return []string{output.ManifestHLS} },
}

// DASH is MPEG-DASH uploaded to an HTTP origin or CDN: DASH-IF Live Media Ingest
// Protocol, interface 2. Segments and headers go before the MPD that names them;
// names are relative to it and never used again.
var DASH = output.Kind{
	Name: "dash", Title: "MPEG-DASH (CMAF) upload to an HTTP origin, DASH-IF ingest interface 2", Direction: output.Push,
	Schemes: []string{"dash+https", "dash+http"}, Transports: []string{"http", "tls"},
	Codecs: []media.Codec{media.H264, media.AAC},
	Check:  check, Files: open,
	Manifests: func(output.Target) []string { return []string{output.ManifestDASH} },
}

// settings are a target's options.
type settings struct {
	method string
	verify string
	cache  string // Cache-Control of segments
}

// Values of verify_uploads: how to find out what is there already, after an
// answer that was lost and after a restart.
const (
	verifyAuto = "auto" // HEAD; where that is refused, If-None-Match: *
	verifyHead = "head" // HEAD alone
	verifyOff  = "off"  // not at all: it is sent again
)

// check says what is wrong with a target. Its options, beside those of
// output/forward/store and output/request:
//
//	method          auto (default: PUT), PUT or POST
//	verify_uploads  auto (default), head or off
//	cache_control   Cache-Control of segments and headers
func check(t output.Target) error {
	_, err := read(t)
	return err
}

func read(t output.Target) (settings, error) {
	s := settings{method: http.MethodPut, verify: verifyAuto, cache: cacheSegments}
	switch u := t.URL; {
	case u == nil:
		return s, errors.New("no URL")
	case !slices.Contains([]string{"https", "http", "hls+https", "hls+http", "dash+https", "dash+http"}, u.Scheme):
		return s, fmt.Errorf("scheme %q is not hls+https, hls+http, dash+https or dash+http", u.Scheme)
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

func (s *settings) set(key, v string) error {
	if ours, err := store.Check(key, v); ours || request.IsOption(key) {
		return err
	}
	switch key {
	case "method":
		switch v {
		case "", "auto":
		case http.MethodPut, http.MethodPost:
			s.method = v
		default:
			return fmt.Errorf("method: %q is not auto, PUT or POST", v)
		}
	case "verify_uploads":
		switch v {
		case "":
		case verifyAuto, verifyHead, verifyOff:
			s.verify = v
		default:
			return fmt.Errorf("verify_uploads: %q is not auto, head or off", v)
		}
	case "cache_control":
		if strings.ContainsFunc(v, unicode.IsControl) {
			return errors.New("cache_control: has control characters")
		}
		if v != "" {
			s.cache = v
		}
	default:
		return fmt.Errorf("option %q is not known", key)
	}
	return nil
}
