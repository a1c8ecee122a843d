// Package store reads the options of store-and-forward, which every kind of
// output has that takes segments as files.
package store

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Mode says what happens after an outage to what could not be sent meanwhile.
type Mode string

// The modes.
const (
	LiveFirst Mode = "live_first" // live goes on at once, the rest follows beside it
	InOrder   Mode = "in_order"   // all in its order; live catches up
	Off       Mode = "off"        // only what the live window still has
)

// Settings are what the options say:
//
//	store        live_first (default), in_order or off
//	store_share  percent of the link that the backlog may take: 5 … 95, default 50
//	delete_old   true: files that no playlist names any more are deleted
//	dvr          live_first: time that the playlist of the past goes back, default 30m; 0s: none
type Settings struct {
	Mode   Mode
	Share  float64 // of the link, for the backlog
	Delete bool
	DVR    time.Duration // 0: no playlist of the past
}

const (
	defaultShare = 0.5
	defaultDVR   = 30 * time.Minute
	maxDVR       = 24 * time.Hour
)

// Read reads a target's options. Those of other packages are left to them.
func Read(options map[string]string) (Settings, error) {
	s := Settings{Mode: LiveFirst, Share: defaultShare, DVR: defaultDVR}
	for _, key := range slices.Sorted(maps.Keys(options)) {
		if _, err := s.set(key, options[key]); err != nil {
			return s, err
		}
	}
	return s, nil
}

// Check says whether an option is one of this package, and what is wrong with
// its value.
func Check(key, v string) (ours bool, err error) { return new(Settings).set(key, v) }

func (s *Settings) set(key, v string) (ours bool, err error) {
	switch key {
	case "store":
		s.Mode = Mode(v)
		if s.Mode != LiveFirst && s.Mode != InOrder && s.Mode != Off {
			return true, fmt.Errorf("store: %q is not live_first, in_order or off", v)
		}
	case "store_share":
		n, err := strconv.Atoi(v)
		if err != nil || n < 5 || n > 95 {
			return true, fmt.Errorf("store_share: %q is not a number from 5 to 95 (percent)", v)
		}
		s.Share = float64(n) / 100
	case "delete_old":
		if s.Delete, err = strconv.ParseBool(v); err != nil {
			return true, fmt.Errorf("delete_old: %q is not true or false", v)
		}
	case "dvr":
		if s.DVR, err = time.ParseDuration(v); err != nil || s.DVR < 0 || s.DVR > maxDVR {
			return true, fmt.Errorf("dvr: %q is not a time from 0s to 24h", v)
		}
	default:
		return false, nil
	}
	return true, nil
}
