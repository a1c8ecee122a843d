// Package cmaf pushes a programme by the DASH-IF Live Media Ingest Protocol,
// interface 1 (CMAF ingest): one long chunked request a track, the CMAF header
// first and then CMAF chunks as they come.
//
// Choices within the interface (version 1.2), which receivers can rely on:
//   - A track's address is the destination's path and the Streams() keyword, as
//     §6.2 (9) wants it where no MPD is posted: …/Streams(video.cmfv) and
//     …/Streams(audio.cmfa). Method POST, or PUT by the option method.
//   - One request lasts as long as the connection, as in version 1.1 of the
//     interface; version 1.2 also knows a request a segment.
//   - A video chunk is one picture, sent when the next one tells how long it
//     lasts; a sound chunk is up to 100 ms, since the boxes around every frame of
//     21 ms would cost a third of its bit rate. Chunks that begin no segment have
//     a styp cmfl.
//   - Segments begin at key pictures, those of sound at the first frame from there
//     on; without pictures at whole multiples of two seconds of the time line.
//   - tfdt is the stream's clock, mapped to the Unix epoch where that is known: it
//     goes on over a new connection, which begins with the header again. Chunks of
//     a track abut exactly. Where something was lost, tfdt jumps to the true time
//     and the sequence number skips one, so that a receiver notices (§6.2 (11)):
//     the interface permits this discontinuity (§6.9), and a new request would
//     only make the hole larger.
//   - The end is an empty mfra (§6.2 (7)) and HTTP's last chunk; the answer is
//     waited for shortly. A request that ends for another one has no mfra.
package cmaf

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/request"
)

// Kind is CMAF ingest over HTTP and HTTPS.
var Kind = output.Kind{
	Name: "cmaf", Title: "CMAF ingest (DASH-IF, interface 1)", Direction: output.Push,
	Schemes: []string{"cmaf+https", "cmaf+http"}, Transports: []string{"http", "tls"},
	Codecs: []media.Codec{media.H264, media.AAC},
	Check:  Check, Dial: Dial,
}

// The interface's name and version as a header (§5.1): that whose requests last.
const (
	versionHeader = "header.DASH-IF-Ingest"
	version       = "1.1"
)

// Check says what is wrong with a target before any connection is made.
func Check(t output.Target) error {
	if err := request.Check(t); err != nil {
		return err
	}
	if _, err := base(t.URL); err != nil {
		return err
	}
	if _, err := method(t); err != nil {
		return err
	}
	for key := range t.Options {
		if key != "method" && !request.IsOption(key) {
			return fmt.Errorf("unknown option %q: CMAF ingest has method, authorization and headers", key)
		}
	}
	return nil
}

// base is the target's URL with the scheme of HTTP.
func base(u *url.URL) (*url.URL, error) {
	scheme, ok := strings.CutPrefix(u.Scheme, "cmaf+")
	switch {
	case !ok || scheme != "https" && scheme != "http":
		return nil, fmt.Errorf("scheme %q is not cmaf+https or cmaf+http", u.Scheme)
	case u.Fragment != "":
		return nil, errors.New("the URL has a # part, which is never sent to a server: remove it, or write %23")
	}
	b := *u
	b.Scheme = scheme
	return &b, nil
}

func method(t output.Target) (string, error) {
	switch m := t.Options["method"]; m {
	case "", "auto", http.MethodPost:
		return http.MethodPost, nil
	case http.MethodPut:
		return m, nil
	default:
		return "", fmt.Errorf("method %q is not auto, PUT or POST", m)
	}
}

// address is where a track goes.
func address(to *url.URL, kind media.Kind) *url.URL {
	name := "/Streams(video.cmfv)"
	if kind == media.Audio {
		name = "/Streams(audio.cmfa)"
	}
	u := *to
	u.RawPath = strings.TrimRight(to.EscapedPath(), "/") + name // as the interface writes it: no %28
	u.Path = strings.TrimRight(to.Path, "/") + name
	return &u
}

// origin is added to the stream's times where the time of day is not known: the
// decode times of reordered pictures can begin before zero.
const origin = 10 * time.Second

// wallClock maps the stream's clock to the time of day; ok is false while that
// is not known. media.Clock's Wall is one.
type wallClock func(time.Duration) (wall time.Time, ok bool)

// offset is what turns times of the stream into those of the receiver.
func (w wallClock) offset() time.Duration {
	if w == nil {
		return origin
	}
	zero, ok := w(0)
	if !ok {
		return origin
	}
	return zero.Sub(time.Unix(0, 0))
}
