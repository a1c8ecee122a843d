package viewer

import (
	"context"
	"net/url"
	"regexp"
	"strings"
)

// hls fetches what is new. The multivariant playlist is fetched once, as players
// of a live stream do.
func (v *Viewer) hls(ctx context.Context) error {
	if v.playlists == nil {
		master, err := v.text(ctx, v.address)
		if err != nil {
			return err
		}
		v.playlists = references(v.address, master)
	}
	for _, playlist := range v.playlists {
		text, err := v.text(ctx, playlist)
		if err != nil {
			return err
		}
		if err := v.take(ctx, references(playlist, text)); err != nil {
			return err
		}
	}
	return nil
}

var uriAttribute = regexp.MustCompile(`^#EXT-X-(?:MEDIA|MAP):.*URI="([^"]+)"`)

// references are the addresses that a playlist names, of playlists, of init
// segments and of segments, each once, in order.
func references(base, playlist string) []string {
	from, err := url.Parse(base)
	if err != nil {
		return nil
	}
	var all []string
	known := map[string]bool{}
	for line := range strings.Lines(playlist) {
		line = strings.TrimSpace(line)
		if m := uriAttribute.FindStringSubmatch(line); m != nil {
			line = m[1]
		} else if line == "" || line[0] == '#' {
			continue
		}
		ref, err := from.Parse(line)
		if err != nil || known[ref.String()] {
			continue
		}
		known[ref.String()] = true
		all = append(all, ref.String())
	}
	return all
}
