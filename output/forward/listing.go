package forward

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment"
)

// listing is a playlist on the origin: segments that are there, without a hole.
type listing struct {
	segments []*segment.Segment
	dirty    bool
	at       time.Time         // of the last upload
	files    map[string][]byte // of the last upload
	stale    bool              // of the last upload, some could not be made
}

// maxFill is how many lost segments a playlist lists as gaps; after more it
// begins anew.
const maxFill = 300

// append adds a segment. What was lost before it is listed as gaps where the
// times allow that; otherwise the list begins anew, and what left it is returned.
func (l *listing) append(s *segment.Segment, target time.Duration) (left []*segment.Segment) {
	l.dirty = true
	n := len(l.segments)
	if n == 0 {
		l.segments = append(l.segments, s)
		return nil
	}
	last := l.segments[n-1]
	missing := s.Sequence - last.Sequence - 1
	if s.Sequence <= last.Sequence || missing > maxFill || missing > 0 && runOf(last) != runOf(s) {
		left = l.segments
		l.segments = []*segment.Segment{s}
		return left
	}
	if missing > 0 {
		end := last.Start + last.Duration
		each := (s.Start - end) / time.Duration(missing)
		if each <= 0 || each > target {
			c := *s
			c.Discontinuity = true
			s, each = &c, target
		}
		for i := range missing {
			l.segments = append(l.segments, &segment.Segment{
				Sequence: last.Sequence + 1 + i, Start: end + time.Duration(i)*each, Duration: each, Independent: true,
			})
		}
	}
	l.segments = append(l.segments, s)
	return nil
}

// trim lets go of the oldest segments beyond a duration.
func (l *listing) trim(keep time.Duration) (left []*segment.Segment) {
	var d time.Duration
	for _, s := range l.segments {
		d += s.Duration
	}
	n := 0
	for n < len(l.segments)-1 && d-l.segments[n].Duration >= keep {
		d -= l.segments[n].Duration
		n++
	}
	left, l.segments = slices.Clone(l.segments[:n]), slices.Delete(l.segments, 0, n)
	return left
}

// window is the listing as what playlists are made of.
func (l *listing) window(w *segment.Window, discontinuities uint64) *segment.Window {
	v := *w
	v.Segments, v.Expired, v.Open = slices.Clone(l.segments), nil, nil
	v.Discontinuities = discontinuities
	v.Ended = false
	for _, k := range []media.Kind{media.Video, media.Audio} {
		for _, s := range slices.Backward(l.segments) {
			if m := s.Media(k); m != nil && m.Init != nil {
				if k == media.Video {
					v.Video = m.Init
				} else {
					v.Audio = m.Init
				}
				break
			}
		}
	}
	return &v
}

// list puts a segment that is there into the live playlist. l.mu is held.
func (l *life) list(s *segment.Segment, w *segment.Window) {
	left := l.live.append(s, w.TargetDuration)
	anew := len(left) > 0 || len(l.live.segments) == 1
	left = append(left, l.live.trim(max(w.Duration(), 3*w.TargetDuration))...)
	for _, gone := range left {
		if gone.Discontinuity {
			l.cur.discontinuities++
		}
		if l.set.Mode != LiveFirst || l.set.DVR == 0 {
			l.drop(gone)
		}
	}
	if anew {
		l.cur.discontinuities = max(l.cur.discontinuities, before(w, s.Sequence))
	}
	l.cur.listing, l.cur.listed = true, l.live.segments[0].Sequence
}

// before is how many discontinuities lie before a segment of the window.
func before(w *segment.Window, sequence uint64) uint64 {
	n := w.Discontinuities
	for _, s := range w.Segments {
		if s.Sequence >= sequence {
			break
		}
		if s.Discontinuity {
			n++
		}
	}
	return n
}

// mustPublish says whether the live playlist has to be uploaded now: at once
// when it has come up to live, else now and then.
func (l *life) mustPublish(w *segment.Window, caughtUp bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.live.dirty && (caughtUp || time.Since(l.live.at) >= w.TargetDuration)
}

// publish uploads the live playlists.
func (l *life) publish(ctx context.Context, _ *lane, w *segment.Window) error {
	l.mu.Lock()
	v := l.live.window(w, l.cur.discontinuities)
	last := l.live.files
	l.live.dirty, l.live.at = false, time.Now()
	gone := l.released(false)
	l.mu.Unlock()
	files, missing := l.render(v)
	if len(files) == 0 {
		l.mu.Lock()
		l.live.stale = missing
		l.settle(gone, false)
		l.mu.Unlock()
		return nil
	}
	l.gov.enter()
	defer l.gov.leave()
	sent, err := l.upload(ctx, files, last)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live.stale = missing
	l.settle(gone, err == nil)
	l.live.files = sent
	l.live.dirty = l.live.dirty || err != nil
	if len(gone) > 0 {
		l.nudge() // to delete it
	}
	return err
}

// render makes the playlists of a window. missing: not all of them can be made now,
// and what is on the origin in their place may name files that have left.
func (l *life) render(w *segment.Window) (files map[string][]byte, missing bool) {
	files, err := l.spec.Playlists(w)
	text := ""
	if err != nil {
		text = err.Error()
	}
	l.mu.Lock()
	told := l.unrendered == text
	l.unrendered = text
	l.mu.Unlock()
	if err != nil && !told { // nothing in it can be played, or the time of day is not known
		l.d.log.Warn("not every playlist can be made", "error", err, "uploaded", len(files))
	}
	return files, err != nil
}

// upload uploads the playlists that have changed, those that name others last.
// It returns what is on the origin now.
func (l *life) upload(ctx context.Context, files, last map[string][]byte) (map[string][]byte, error) {
	there := maps.Clone(last)
	if there == nil {
		there = map[string][]byte{}
	}
	var first, then []output.File
	for _, name := range slices.Sorted(maps.Keys(files)) {
		content := files[name]
		if content == nil || bytes.Equal(content, last[name]) {
			continue
		}
		f := output.File{Name: name, Type: playlistType(name), Volatile: true, Size: int64(len(content)), Open: inMemory(content)}
		if namesOthers(name, files) {
			then = append(then, f)
		} else {
			first = append(first, f)
		}
	}
	for _, group := range [][]output.File{first, then} {
		if _, err := l.putAll(ctx, group, false); err != nil {
			return there, err
		}
		for _, f := range group {
			there[f.Name] = files[f.Name]
		}
	}
	return there, nil
}

// namesOthers says whether a playlist refers to another one.
func namesOthers(name string, files map[string][]byte) bool {
	if strings.HasSuffix(name, ".mpd") {
		return true
	}
	return bytes.Contains(files[name], []byte("#EXT-X-STREAM-INF"))
}

func playlistType(name string) string {
	switch {
	case strings.HasSuffix(name, ".m3u8"):
		return "application/vnd.apple.mpegurl"
	case strings.HasSuffix(name, ".mpd"):
		return "application/dash+xml"
	}
	return "application/octet-stream"
}
