package playlist

import (
	"strings"
	"testing"
	"time"
)

const goodMedia = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA-SEQUENCE:41
#EXT-X-DISCONTINUITY-SEQUENCE:3
#EXT-X-TARGETDURATION:2
#EXT-X-MAP:URI="a_init1.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-21T04:58:57.279Z
#EXTINF:2.005333,
a_41.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-11-21T04:58:59.285Z
#EXTINF:1.984000,
a_42.m4s
# a comment

#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="a_init2.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-21T05:59:01.29Z
#EXTINF:2.000000,
a_43.m4s
`

const goodRange = `#EXTM3U
#EXT-X-VERSION:3
#EXT-X-DATERANGE:ID="gap-1",CLASS="gap",START-DATE="2026-11-21T04:58:59.285Z",DURATION=20.500,X-CAUSE="disk: full"
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-MEDIA-SEQUENCE:41
#EXT-X-TARGETDURATION:2
#EXT-X-PROGRAM-DATE-TIME:2026-11-21T04:58:57.279Z
#EXTINF:2.005333,
a_41.ts?x=1
#EXT-X-ENDLIST
`

func TestFinishedPlaylists(t *testing.T) {
	m, err := ParseMedia([]byte(goodRange))
	if err != nil {
		t.Fatal(err)
	}
	want := DateRange{ID: "gap-1", Class: "gap", Start: time.Date(2026, 11, 21, 4, 58, 59, 285e6, time.UTC), Duration: 20500 * time.Millisecond, Cause: "disk: full"}
	if m.Type != "VOD" || !m.Ended || len(m.DateRanges) != 1 || m.DateRanges[0] != want {
		t.Errorf("%+v", m)
	}
	check(t, goodRange, ParseMedia, map[string]defect{
		"VOD that does not end":   {"#EXT-X-ENDLIST\n", "", "without EXT-X-ENDLIST"},
		"another type":            {":VOD", ":LIVE", "neither VOD nor EVENT"},
		"range without dates":     {"#EXT-X-PROGRAM-DATE-TIME:2026-11-21T04:58:57.279Z\n", "", "without EXT-X-PROGRAM-DATE-TIME"},
		"range without start":     {"START-DATE", "X-START", "unknown attribute"},
		"range of a bad date":     {"59.285Z", "59.285", "not a date"},
		"range of no length":      {",DURATION=20.500", "", "DURATION is missing"},
		"two ranges of one ID":    {"#EXT-X-PLAYLIST", "#EXT-X-DATERANGE:ID=\"gap-1\",START-DATE=\"2026-11-21T04:58:59Z\",DURATION=1\n#EXT-X-PLAYLIST", "two of the ID"},
		"fMP4 without its header": {".ts?x=1", ".m4s?x=.ts", "no EXT-X-MAP"},
		"fractions need 3":        {"VERSION:3", "VERSION:2", "needs 3"},
	})
}

const goodMultivariant = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Sound",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=784780,AVERAGE-BANDWIDTH=774686,CODECS="avc1.42c01e,mp4a.40.2",RESOLUTION=640x360,FRAME-RATE=30.000,AUDIO="audio"
video.m3u8
`

func TestGoodPlaylists(t *testing.T) {
	m, err := ParseMedia([]byte(goodMedia))
	if err != nil {
		t.Fatal(err)
	}
	want := Segment{
		Sequence: 43, URI: "a_43.m4s", Map: "a_init2.mp4", Duration: 2 * time.Second, Discontinuity: true,
		Time: time.Date(2026, 11, 21, 5, 59, 1, 290e6, time.UTC),
	}
	if len(m.Segments) != 3 || m.Segments[2] != want || m.DiscontinuitySequence != 3 || !m.Independent {
		t.Errorf("%+v", m)
	}
	v, err := ParseMultivariant([]byte(goodMultivariant))
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Variants) != 1 || v.Variants[0].Bandwidth != 784780 || v.Variants[0].Audio != "audio" || v.Variants[0].URI != "video.m3u8" ||
		len(v.Renditions) != 1 || !v.Renditions[0].Default || v.Renditions[0].URI != "audio.m3u8" {
		t.Errorf("%+v", v)
	}
}

// defect is a good playlist with one thing changed, and what must be said.
type defect struct{ from, to, want string }

func check[T any](t *testing.T, good string, parse func([]byte) (T, error), defects map[string]defect) {
	for name, d := range defects {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(good, d.from) {
				t.Fatalf("nothing to change: %q", d.from)
			}
			_, err := parse([]byte(strings.Replace(good, d.from, d.to, 1)))
			if err == nil || !strings.Contains(err.Error(), d.want) {
				t.Errorf("error %v, want one about %q", err, d.want)
			}
		})
	}
}

func TestDefectsOfMediaPlaylists(t *testing.T) {
	check(t, goodMedia, ParseMedia, map[string]defect{
		"no header":                     {"#EXTM3U\n", "", "not #EXTM3U"},
		"space before a tag":            {"#EXTINF:1.984000", " #EXTINF:1.984000", "white space"},
		"no end of line":                {"a_43.m4s\n", "a_43.m4s", "does not end"},
		"control character":             {"a_42", "a\x07", "control character"},
		"duration above the target":     {"EXTINF:2.000000", "EXTINF:2.500000", "above EXT-X-TARGETDURATION"},
		"version too low for MAP":       {"VERSION:7", "VERSION:5", "needs 6"},
		"version too low for GAP":       {"#EXTINF:1.984000", "#EXT-X-GAP\n#EXTINF:1.984000", "needs 8"},
		"no target duration":            {"#EXT-X-TARGETDURATION:2\n", "", "TARGETDURATION is missing"},
		"target with a fraction":        {"TARGETDURATION:2", "TARGETDURATION:2.0", "not a decimal-integer"},
		"tag twice":                     {"#EXT-X-VERSION:7", "#EXT-X-VERSION:7\n#EXT-X-VERSION:7", "there twice"},
		"segment tag twice":             {"#EXTINF:1.984000,", "#EXTINF:1.984000,\n#EXTINF:1.984000,", "there twice"},
		"EXTINF missing":                {"#EXTINF:1.984000,\n", "", "no EXTINF"},
		"EXTINF without comma":          {"1.984000,", "1.984000", "a duration and a comma"},
		"negative duration":             {"1.984000", "-1.984000", "a duration and a comma"},
		"no MAP":                        {"#EXT-X-MAP:URI=\"a_init1.mp4\"\n", "", "no EXT-X-MAP"},
		"MAP without quotes":            {"URI=\"a_init1.mp4\"", "URI=a_init1.mp4", "not a quoted-string"},
		"new MAP without discontinuity": {"#EXT-X-DISCONTINUITY\n", "", "without EXT-X-DISCONTINUITY"},
		"media sequence too late":       {"a_42.m4s\n", "a_42.m4s\n#EXT-X-ALLOW:1\n", "after the first segment"},
		"tag of another playlist":       {"#EXT-X-VERSION:7", "#EXT-X-STREAM-INF:BANDWIDTH=1", "not a tag of a live media"},
		"time without zone":             {"57.279Z", "57.279", "a zone"},
		"time in microseconds":          {"57.279Z", "57.279000Z", "to the millisecond"},
		"time that jumps":               {"59.285Z", "59.345Z", "60"},
		"tags after the last segment":   {"a_43.m4s\n", "a_43.m4s\n#EXTINF:2,\n", "without URI"},
		"value where none belongs":      {"#EXT-X-DISCONTINUITY\n", "#EXT-X-DISCONTINUITY:1\n", "a value where none"},
	})
}

func TestDefectsOfMultivariantPlaylists(t *testing.T) {
	check(t, goodMultivariant, ParseMultivariant, map[string]defect{
		"no bandwidth":            {"BANDWIDTH=784780,AVERAGE", "AVERAGE", "BANDWIDTH is missing"},
		"average above the peak":  {"=784780", "=700000", "above the peak"},
		"codecs without quotes":   {`"avc1.42c01e,mp4a.40.2"`, "avc1.42c01e", "not a quoted-string"},
		"group that is not there": {`AUDIO="audio"`, `AUDIO="sound"`, "no group"},
		"unknown attribute":       {"RESOLUTION", "SIZE", "unknown attribute SIZE"},
		"attribute twice":         {"FRAME-RATE=30.000", "RESOLUTION=640x360", "there twice"},
		"space after a comma":     {",FRAME", ", FRAME", "not an attribute list"},
		"rendition without name":  {`NAME="Sound",`, "", "NAME is missing"},
		"default not selected":    {"AUTOSELECT=YES", "AUTOSELECT=NO", "DEFAULT=YES with"},
		"neither yes nor no":      {"AUTOSELECT=YES", "AUTOSELECT=TRUE", "neither YES nor NO"},
		"no URI":                  {"video.m3u8\n", "", "has no URI"},
		"tag before the URI":      {"video.m3u8", "#EXT-X-VERSION:7\nvideo.m3u8", "between EXT-X-STREAM-INF"},
		"tag of a media playlist": {"#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-TARGETDURATION:2", "not a tag of a multi"},
	})
}

func TestHistory(t *testing.T) {
	// state is a live playlist of four segments from a sequence number on, each
	// of two seconds.
	state := func(sequence uint64, change func(*Media)) *Media {
		m := &Media{TargetDuration: 2 * time.Second, Sequence: sequence}
		for i := range uint64(4) {
			n := sequence + i
			m.Segments = append(m.Segments, Segment{
				Sequence: n, URI: string(rune('a' + n)), Map: "init", Duration: 2 * time.Second,
				Time: time.Unix(int64(2*n), 0),
			})
		}
		if change != nil {
			change(m)
		}
		return m
	}
	for name, c := range map[string]struct {
		next *Media
		want string
	}{
		"one more":                {state(6, nil), ""},
		"none more":               {state(5, nil), ""},
		"sequence falls":          {state(4, nil), "fell from 5 to 4"},
		"more than all replaced":  {state(10, nil), "without those between"},
		"target changes":          {state(6, func(m *Media) { m.TargetDuration++ }), "TARGETDURATION changed"},
		"a listed one changes":    {state(6, func(m *Media) { m.Segments[0].Duration++ }), "segment 6 changed"},
		"taken from the end":      {state(5, func(m *Media) { m.Segments = m.Segments[:3] }), "taken away from the end"},
		"window gets too short":   {state(7, func(m *Media) { m.Segments = m.Segments[:2] }), "less than three"},
		"the new one jumps":       {state(6, func(m *Media) { m.Segments[3].Time = time.Unix(19, 0) }), "off the end"},
		"discontinuities counted": {state(6, func(m *Media) { m.DiscontinuitySequence = 1 }), "is 1, want 0"},
	} {
		t.Run(name, func(t *testing.T) {
			var h History
			if err := h.Add(state(5, nil)); err != nil {
				t.Fatal(err)
			}
			err := h.Add(c.next)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	var h History
	first := state(5, func(m *Media) { m.Segments[0].Discontinuity = true })
	for _, m := range []*Media{first, state(6, func(m *Media) { m.DiscontinuitySequence = 1 })} {
		if err := h.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	if len(h.Segments) != 5 || h.Reloads != 2 {
		t.Errorf("%d segments, %d reloads", len(h.Segments), h.Reloads)
	}
}
