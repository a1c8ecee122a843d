package output

import (
	"errors"
	"net/url"
	"strings"
)

// Errors that the life cycle of a push branches on.
var (
	// ErrTrackChanged: the connection cannot carry a new Track.
	ErrTrackChanged = errors.New("track changed")
	// ErrStalled: the peer accepted no data for Target.WriteTimeout.
	ErrStalled = errors.New("peer takes no data")
	// ErrRejected: the peer refused for a reason that the same attempt repeated
	// will not change by itself: wrong key, wrong passphrase, name taken. It is
	// still retried, but the longest back-off applies at once.
	ErrRejected = errors.New("rejected by the peer")
	// ErrNotSent: the attempt failed before anything reached the peer.
	ErrNotSent = errors.New("not sent")
)

// Redacted is a target's URL without its secrets: user information, the whole
// query (a token need not have a name), the fragment (RTMP stream key) and, for
// RTMP without a fragment, the last path element, which is the stream key on
// every known platform; for WHIP the whole path, where some have it anywhere.
func Redacted(u *url.URL) string {
	if u == nil {
		return ""
	}
	const mask = "***"
	r := *u
	if r.Opaque != "" {
		r.Opaque = mask
	}
	if r.User != nil {
		r.User = url.User(mask)
	}
	if r.RawQuery != "" {
		r.RawQuery = mask
	}
	switch {
	case strings.HasPrefix(r.Scheme, "whip"):
		r.Path, r.RawPath, r.Fragment, r.RawFragment = "/"+mask, "", "", ""
	case r.Fragment != "":
		r.Fragment, r.RawFragment = mask, ""
	case strings.HasPrefix(r.Scheme, "rtmp"):
		path := strings.TrimRight(r.Path, "/")
		if i := strings.LastIndexByte(path, '/'); i >= 0 {
			r.Path, r.RawPath = path[:i]+"/"+mask, ""
		}
	}
	return strings.ReplaceAll(r.String(), "%2A%2A%2A", mask)
}
