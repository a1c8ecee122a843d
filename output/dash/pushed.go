package dash

import (
	"slices"
	"sync"
	"time"

	"github.com/Eyevinn/dash-mpd/mpd"

	"github.com/encoderbox/encoderbox/output/segment"
)

const schemeTimeDirect = "urn:mpeg:dash:utc:direct:2014"

// maxKnown bounds the Periods whose names and starts are kept.
const maxKnown = 512

// Pushed makes the manifests of one stream that are uploaded beside its
// segments, to a server that knows nothing of the box. It may be used for several
// lists of segments of the stream at once, such as the live one and that of the
// past: a Period has the same name and start in all of them.
//
// They differ from those the box serves in UTCTiming. The box's clock cannot be
// asked from where they are played, and a server's (http-head) cannot be read by
// players on pages of another origin. So the time is in the manifest itself
// (direct): the end of its newest segment. Players then never take that segment
// for one of the future, whatever their own clock says; they are as much later
// as the upload took, and where a backlog is sent in order they play that.
type Pushed struct {
	mu    sync.Mutex // guards the fields below
	known []origin   // of all manifests so far, by start
}

// Playlists is the manifest of a window by its file name; all references are
// relative. The error says that there is nothing in it that can be played, or
// that the time of day is not known, without which there is no DASH.
func (p *Pushed) Playlists(w *segment.Window) (map[string][]byte, error) {
	if len(w.Segments) == 0 {
		return nil, errNothing
	}
	sections := uniform(split(w.Segments), lastPlayable(w.Segments))
	if len(sections) == 0 {
		return nil, errNothing
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	ps, err := live(sections, p.known)
	if err != nil {
		return nil, err
	}
	now := time.Unix(0, int64(ps[len(ps)-1].ends())).UTC().Format(timeFormat)
	m := dynamicMPD(w, ps, 0, []*mpd.DescriptorType{mpd.NewDescriptor(schemeTimeDirect, now, "")})
	body, err := write(m, w, ps)
	if err != nil {
		return nil, err
	}
	p.remember(origins(ps))
	return map[string][]byte{manifestName: body}, nil
}

// lastPlayable is the newest segment that has a file: it tells what tracks the
// programme has.
func lastPlayable(segments []*segment.Segment) *segment.Segment {
	for _, s := range slices.Backward(segments) {
		if !s.Gap() {
			return s
		}
	}
	return segments[len(segments)-1]
}

// remember takes in the Periods of a manifest. p.mu is held.
func (p *Pushed) remember(all []origin) {
	for _, o := range all {
		if !slices.Contains(p.known, o) {
			p.known = append(p.known, o)
		}
	}
	slices.SortStableFunc(p.known, func(a, b origin) int { return int(a.start/time.Millisecond - b.start/time.Millisecond) })
	p.known = p.known[max(0, len(p.known)-maxKnown):]
}
