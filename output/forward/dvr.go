package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/segment"
)

// archive is the playlist of the past: in order, up to the first segment that
// is not there yet.
type archive struct {
	listing
	next            uint64
	held            map[uint64]*segment.Segment // there, but after a hole
	discontinuities uint64
	spent           uint64 // bytes delivered when it was uploaded last
	size            uint64 // of that upload
	whole           bool   // nothing was held then
}

// dvrCost is what uploading the playlist of the past may cost: one part in so
// many of what is delivered.
const dvrCost = 50

// maxHeld bounds the segments after a hole. Beyond, the hole is skipped: they
// are all on the origin, the playlist alone begins after it.
const maxHeld = 1 << 16

// hold takes a segment that is there, without what playlists do not need.
func (a *archive) hold(s *segment.Segment) {
	if s.Sequence < a.next {
		return
	}
	c := *s
	for _, m := range []**segment.Media{&c.Video, &c.Audio} {
		if *m != nil {
			bare := **m
			bare.Chunks, bare.Content = nil, nil
			*m = &bare
		}
	}
	a.held[s.Sequence] = &c
}

// advance moves what has come in order into the playlist of the past. l.mu is
// held.
func (l *life) advance() {
	if l.set.Mode != LiveFirst || l.set.DVR == 0 {
		return
	}
	a, target := &l.dvr, l.src.Window().TargetDuration
	for len(a.held) > 0 {
		if s := a.held[a.next]; s != nil {
			delete(a.held, a.next)
			l.leave(a.append(s, target))
			l.leave(a.trim(max(l.set.DVR, l.src.Window().Duration(), 3*target)))
			a.next++
			continue
		}
		if !l.cur.done.contains(a.next) && len(a.held) < maxHeld {
			return // still to come
		}
		next := uint64(0) // given up, or sent by the process before
		for n := range a.held {
			if next == 0 || n < next {
				next = n
			}
		}
		if hole, ok := l.cur.pending(next); ok && hole.first > a.next && hole.first < next && len(a.held) < maxHeld {
			a.next = hole.first
			return
		}
		a.next = next
	}
}

// leave deletes what has left the playlist of the past. l.mu is held.
func (l *life) leave(left []*segment.Segment) {
	for _, s := range left {
		if s.Discontinuity {
			l.dvr.discontinuities++
		}
		l.drop(s)
	}
}

// due says whether the playlist of the past is to be uploaded: when it has
// just become whole, and else as often as is cheap.
func (a *archive) due(l *life) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !a.dirty || time.Since(a.at) < l.src.Window().TargetDuration {
		return false
	}
	return len(a.held) == 0 && !a.whole || l.counts.bytes-a.spent >= dvrCost*a.size
}

// publishDVR uploads the playlist of the past.
func (l *life) publishDVR(ctx context.Context, _ *lane) error {
	l.mu.Lock()
	a := &l.dvr
	v := a.window(l.src.Window(), a.discontinuities)
	last, whole := a.files, len(a.held) == 0
	a.dirty, a.at = false, time.Now()
	gone := l.released(true)
	l.mu.Unlock()
	files, missing := l.render(v)
	if len(files) == 0 {
		l.mu.Lock()
		a.stale = missing
		l.settle(gone, false)
		l.mu.Unlock()
		return nil
	}
	files = renamed(files)
	sent, err := l.upload(ctx, files, last)
	l.mu.Lock()
	defer l.mu.Unlock()
	a.stale = missing
	l.settle(gone, err == nil)
	a.files, a.spent, a.whole = sent, l.counts.bytes, whole
	a.dirty = a.dirty || err != nil
	a.size = 0
	for _, f := range files {
		a.size += uint64(len(f))
	}
	return err
}

// renamed gives playlists names beside the live ones: index.m3u8 becomes
// dvr.m3u8, the others get dvr_ before their names; and they refer to each other
// by these.
func renamed(files map[string][]byte) map[string][]byte {
	name := func(old string) string {
		if base, ext, _ := strings.Cut(old, "."); base == "index" || base == "manifest" {
			return "dvr." + ext
		}
		return "dvr_" + old
	}
	out := make(map[string][]byte, len(files))
	for n, content := range files {
		if content == nil {
			continue
		}
		lines := bytes.Split(content, []byte("\n"))
		for i, line := range lines {
			for other := range files {
				if string(bytes.TrimSpace(line)) == other {
					line = []byte(name(other))
				}
				line = bytes.ReplaceAll(line, []byte(`"`+other+`"`), []byte(`"`+name(other)+`"`))
			}
			lines[i] = line
		}
		out[name(n)] = bytes.Join(lines, []byte("\n"))
	}
	return out
}

// drop puts the files of a segment that no playlist names among those to be
// deleted. l.mu is held.
func (l *life) drop(s *segment.Segment) {
	if !l.set.Delete || l.noTrash {
		return
	}
	for _, m := range []*segment.Media{s.Video, s.Audio} {
		if m != nil && !m.Gap {
			l.leaving = append(l.leaving, m.Name)
		}
	}
	l.leaving = l.bounded(l.leaving)
}

// bounded leaves the oldest of too many files on the origin. l.mu is held.
func (l *life) bounded(names []string) []string {
	n := max(len(names)-maxTrash, 0)
	l.counts.undeleted += uint64(n)
	return names[n:]
}

// released takes out what has left the playlists that are about to be uploaded,
// for settle. They are those that were the last to name it. l.mu is held.
func (l *life) released(past bool) (names []string) {
	if past != (l.set.Mode == LiveFirst && l.set.DVR > 0) {
		return nil
	}
	names, l.leaving = l.leaving, nil
	return names
}

// settle lets what released gave be deleted, or not yet where the upload has
// failed, or a playlist on the origin is older than that. l.mu is held.
func (l *life) settle(names []string, uploaded bool) {
	if uploaded && !l.live.stale && !l.dvr.stale {
		l.trash = l.bounded(append(l.trash, names...))
	} else {
		l.leaving = l.bounded(append(names, l.leaving...))
	}
}

func (l *life) nextTrash() (string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.trash) == 0 {
		return "", false
	}
	return l.trash[0], true
}

// discard deletes a file from the origin.
func (l *life) discard(ctx context.Context, name string) error {
	if err := l.gov.wait(ctx, 0); err != nil {
		return err
	}
	err := l.files.Delete(ctx, name)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.counts.deleted++
	case errors.Is(err, output.ErrRejected):
		l.counts.undeleted += uint64(len(l.trash) + len(l.leaving))
		l.noTrash, l.trash, l.leaving = true, nil, nil
		return fmt.Errorf("old segments stay on the server, since it deletes none: %w", err)
	default:
		return err
	}
	if len(l.trash) > 0 && l.trash[0] == name {
		l.trash = l.trash[1:]
	}
	return nil
}
