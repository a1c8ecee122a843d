// Package kinds is the table of the ways out. A protocol is added by one folder
// under output and one line here.
package kinds

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/cmaf"
	"github.com/encoderbox/encoderbox/output/dash"
	"github.com/encoderbox/encoderbox/output/hls"
	"github.com/encoderbox/encoderbox/output/icecast"
	"github.com/encoderbox/encoderbox/output/origin"
	"github.com/encoderbox/encoderbox/output/rtmp"
	"github.com/encoderbox/encoderbox/output/rtsp"
	"github.com/encoderbox/encoderbox/output/s3"
	"github.com/encoderbox/encoderbox/output/srt"
	"github.com/encoderbox/encoderbox/output/tshttp"
	"github.com/encoderbox/encoderbox/output/udp"
	"github.com/encoderbox/encoderbox/output/whip"
)

// All is every kind, in the order they are shown.
func All() []output.Kind {
	return []output.Kind{hls.Kind, dash.Kind, rtmp.Kind, rtmp.KindTLS, srt.Kind, origin.HLS, origin.DASH, s3.Kind, whip.Kind, tshttp.Kind, udp.Kind, udp.KindRTP, cmaf.Kind, rtsp.Kind, icecast.Kind, icecast.KindShoutcast}
}

// ForScheme finds the kind that pushes to URLs of a scheme.
func ForScheme(scheme string) (k output.Kind, ok bool) {
	for _, k := range All() {
		if slices.Contains(k.Schemes, strings.ToLower(scheme)) {
			return k, true
		}
	}
	return output.Kind{}, false
}

// Schemes are the URL schemes that can be pushed to.
func Schemes() (all []string) {
	for _, k := range All() {
		all = append(all, k.Schemes...)
	}
	return all
}

// entry is a kind as `encoderd -kinds` prints it.
type entry struct {
	Kind       string           `json:"kind"`
	Title      string           `json:"title"`
	Direction  output.Direction `json:"direction"`
	Schemes    []string         `json:"schemes"`
	Transports []string         `json:"transports"`
	Codecs     []string         `json:"codecs"`
}

// JSON is the table as `encoderd -kinds` prints it.
func JSON() ([]byte, error) {
	entries := []entry{}
	for _, k := range All() {
		e := entry{
			Kind: k.Name, Title: k.Title, Direction: k.Direction,
			Schemes: append([]string{}, k.Schemes...), Transports: k.Transports,
		}
		for _, c := range k.Codecs {
			e.Codecs = append(e.Codecs, c.String())
		}
		entries = append(entries, e)
	}
	b, err := json.MarshalIndent(entries, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("kinds: %w", err)
	}
	return append(b, '\n'), nil
}
