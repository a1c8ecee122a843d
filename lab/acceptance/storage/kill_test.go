package storage

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/playlist"
)

// TestKilledUnderLoad kills the daemon at random moments, while it records, keeps
// time shift and serves players, and starts it again.
func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	b := newBox(t, "[streams.main.recording]\nmode = \"always\"\nfile_duration = \"10s\"\n[streams.main.time_shift]\ndepth = \"24h\"\n")
	b.segments(1)
	v, stop := watch(t, b)
	k := killed{box: b, t: t, v: v, checked: map[string]bool{}}
	for range long(6, 50) {
		k.round()
		if t.Failed() {
			break
		}
	}
	b.segments(2)
	stop()
	v.again()
	k.everythingIsRecorded()
	t.Logf("%d requests of viewers found no daemon, %d MPDs were valid", v.faced, v.mpds)
}

type killed struct {
	*box
	t       *testing.T
	v       *viewers
	checked map[string]bool // recordings
	dropped uint64          // pictures the killed daemon had no time for
	busy    bool            // the machine was too busy for whole segments
}

// round lets the daemon work for a random time, kills it, starts it, and judges
// what there is once it has made a segment.
func (k *killed) round() {
	k.t.Helper()
	time.Sleep(time.Second + time.Duration(rand.Int64N(int64(5*time.Second))))
	before, was := k.v.last("video.m3u8"), k.Status()
	k.busy = k.busy || k.starved()
	k.dropped = encoderd.Stream(was, "main").Input.Dropped
	k.Kill()
	at := time.Now()
	k.start()
	first := last(before).Sequence
	k.stream("a whole segment after the restart", func(s status.Stream) bool {
		return s.HLS != nil && s.HLS.LastSequence > first && s.Recording != nil && s.Recording.State == "recording"
	})
	var after *playlist.Media
	for after = k.media("/hls/main/video.m3u8"); run(last(after)) == run(last(before)); after = k.media("/hls/main/video.m3u8") {
		if time.Since(at) > patience {
			k.t.Fatal("no segment of the new run")
		}
		time.Sleep(50 * time.Millisecond)
	}
	k.t.Logf("killed with %d segments stored; a segment more %v later", storedSegments(was), time.Since(at).Round(10*time.Millisecond))
	old, seam := k.goesOn(before, after)
	k.recordedUpTo(old)
	k.plays(old, seam)
}

func storedSegments(s status.Snapshot) (n uint64) {
	for _, st := range s.Streams {
		if st.Storage != nil {
			n += st.Storage.Segments
		}
	}
	return n
}

func last(m *playlist.Media) playlist.Segment { return m.Segments[len(m.Segments)-1] }

func end(s playlist.Segment) time.Time { return s.Time.Add(s.Duration) }

// run is that of a segment's name.
func run(s playlist.Segment) string { return strings.Split(s.URI, "_")[1] }

// goesOn judges the live playlist after a restart beside that before, which the
// viewers have held against each other already. It returns the last segment of
// the killed run and the first of the new one.
func (k *killed) goesOn(before, after *playlist.Media) (old, seam playlist.Segment) {
	k.t.Helper()
	if len(after.Segments) < len(before.Segments) {
		k.t.Errorf("%d segments were listed, %d are", len(before.Segments), len(after.Segments))
	}
	if last(after).Sequence <= last(before).Sequence {
		k.t.Errorf("the last segment was %d, it is %d", last(before).Sequence, last(after).Sequence)
	}
	for i, s := range after.Segments {
		if i == 0 || run(s) == run(after.Segments[i-1]) {
			if s.Discontinuity && i > 0 && !k.busy {
				k.t.Errorf("discontinuity within a run at %s", s.URI)
			}
			continue
		}
		if !s.Discontinuity {
			k.t.Errorf("no EXT-X-DISCONTINUITY at %s, after %s", s.URI, after.Segments[i-1].URI)
		}
		if !s.Time.After(end(after.Segments[i-1]).Add(-time.Millisecond)) {
			k.t.Errorf("%s begins at %v, before %s ends", s.URI, s.Time, after.Segments[i-1].URI)
		}
		old, seam = after.Segments[i-1], s
	}
	if run(old) != run(last(before)) {
		k.t.Fatalf("the killed run is %s, before the new one is %s", run(last(before)), run(old))
	}
	if end(old).Before(end(last(before))) {
		k.t.Errorf("listed up to %v before, up to %v after", end(last(before)), end(old))
	}
	for name, parse := range map[string]func([]byte) error{
		"/hls/main/index.m3u8":    func(doc []byte) error { _, err := playlist.ParseMultivariant(doc); return err },
		"/hls/main/ts/index.m3u8": func(doc []byte) error { _, err := playlist.ParseMultivariant(doc); return err },
		"/dash/main/manifest.mpd": func(doc []byte) error { return k.v.valid(k.t.Context(), doc) },
	} {
		if doc := k.Get(name); parse(doc) != nil {
			k.t.Errorf("%s: %v\n%s", name, parse(doc), doc)
		}
	}
	return old, seam
}

// recordedUpTo judges the recordings after a kill: they hold all that was made but
// for a chunk, once, and what is closed is whole.
func (k *killed) recordedUpTo(old playlist.Segment) {
	k.t.Helper()
	all := k.recorded()
	var upTo time.Time
	for i, r := range all {
		if i > 0 && r.First <= all[i-1].Last {
			k.t.Errorf("stored twice: %s has %d to %d, %s has %d to %d", all[i-1].Name, all[i-1].First, all[i-1].Last, r.Name, r.First, r.Last)
		}
		if i > 0 && r.Begin.Before(all[i-1].End.Add(-time.Millisecond)) {
			k.t.Errorf("stored twice: %s ends at %v, %s begins at %v", all[i-1].Name, all[i-1].End, r.Name, r.Begin)
		}
		if r.Run == run(old) && r.End.After(upTo) {
			upTo = r.End
		}
		k.whole(r)
	}
	if upTo.Before(end(old).Add(-chunk - time.Millisecond)) {
		k.t.Errorf("recorded up to %v, seen up to %v: more than a chunk is lost", upTo, end(old))
	}
}

// whole plays a recording and compares its checksum, once it is closed; one that
// is being written plays too.
func (k *killed) whole(r recording) {
	k.t.Helper()
	if k.checked[r.Name] {
		return
	}
	file := filepath.Join(k.options.Disk, "main", r.Name)
	if r.Writing {
		k.decodes(k.URL + api + r.URL)
		return
	}
	k.checked[r.Name] = true
	data, err := os.ReadFile(file)
	if err != nil {
		k.t.Error(err)
		return
	}
	beside, err := os.ReadFile(file + ".sha256")
	if want := sum(data); err != nil || r.SHA256 != want || string(beside) != want+"  "+r.Name+"\n" {
		k.t.Errorf("%s: SHA-256 is %s, listed %q, beside it %q (%v)", r.Name, want, r.SHA256, beside, err)
	}
	if dec := k.decodes(file); (dec.Media - time.Duration(r.Seconds*float64(time.Second))).Abs() > 100*time.Millisecond {
		k.t.Errorf("%s plays for %v, listed with %v s", r.Name, dec.Media, r.Seconds)
	}
}

// plays plays what is on both sides of the last restart, as time shift.
func (k *killed) plays(old, seam playlist.Segment) {
	k.t.Helper()
	from := end(old).Add(-4 * time.Second)
	to := seam.Time.Add(seam.Duration - 10*time.Millisecond) // within it, as playlists round
	for _, name := range []string{"video.m3u8", "audio.m3u8", "ts/stream.m3u8"} {
		m := k.media(span("/hls/main/"+name, from, to))
		breaks := 0
		for _, s := range m.Segments {
			// Sound of the chunk in which the daemon was killed may not have been there yet.
			if s.Gap && (name != "audio.m3u8" || s.Sequence != old.Sequence) {
				k.t.Errorf("%s over the restart has a gap: %s", name, s.URI)
			}
			if s.Discontinuity {
				breaks++
			}
		}
		// What is missing is told, unless it is hardly anything.
		told := len(m.DateRanges) > 0 && m.DateRanges[0].Cause == "server"
		if !m.Ended || breaks == 0 || !told && seam.Time.Sub(end(old)) > 400*time.Millisecond {
			k.t.Errorf("%s over the restart: ended %v, %d discontinuities, gaps %+v", name, m.Ended, breaks, m.DateRanges)
		}
	}
	if doc := k.Get(span("/dash/main/manifest.mpd", from, to)); k.v.valid(k.t.Context(), doc) != nil {
		k.t.Errorf("MPD over the restart: %v\n%s", k.v.valid(k.t.Context(), doc), doc)
	}
	// Pictures that were left out are missing in what plays.
	lost := time.Duration(k.dropped+encoderd.Stream(k.Status(), "main").Input.Dropped) * frame
	for what, part := range map[string][2]time.Time{"killed": {old.Time, end(old)}, "new": {seam.Time, end(seam)}} {
		// Within the segment, so that its neighbours stay out.
		from, to := part[0].Add(10*time.Millisecond), part[1].Add(-10*time.Millisecond)
		if !k.media(span("/hls/main/video.m3u8", from, to)).Independent {
			k.t.Logf("the %s run's segment begins without a key picture: no player begins there", what)
			continue
		}
		for _, name := range []string{"/hls/main/index.m3u8", "/hls/main/ts/index.m3u8", "/dash/main/manifest.mpd"} {
			short := 100*time.Millisecond + lost
			if what == "killed" && strings.HasSuffix(name, ".mpd") {
				short += time.Second // sound may lack its last chunk; ffmpeg ends a DASH file with its shorter track
			}
			if dec := k.decodes(k.URL + span(name, from, to)); dec.Media < to.Sub(from)-short {
				k.t.Errorf("%s, %s run: %v played of %v", name, what, dec.Media, to.Sub(from))
			}
		}
	}
}

// everythingIsRecorded holds the recordings against all that viewers ever saw.
func (k *killed) everythingIsRecorded() {
	k.t.Helper()
	all := k.recorded()
	for _, s := range k.v.listed("video.m3u8") {
		holders := slices.Collect(func(yield func(string) bool) {
			for _, r := range all {
				if r.First <= s.Sequence && s.Sequence <= r.Last && !yield(r.Name) {
					return
				}
			}
		})
		if len(holders) != 1 && !s.Gap {
			k.t.Errorf("segment %s is in %d recordings: %q", s.URI, len(holders), holders)
		}
	}
}
