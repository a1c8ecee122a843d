package hls

import (
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/segment"
)

func TestDateTimesHaveThreeDigitsOfMilliseconds(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for want, wall := range map[string]time.Time{
		"2026-03-01T12:00:00.000Z": noon,
		"2026-03-01T12:00:00.520Z": noon.Add(519_999_600),
		"2026-03-01T12:00:00.031Z": noon.Add(31 * time.Millisecond),
		"2026-03-01T12:00:01.000Z": noon.Add(999_999_999),
	} {
		m := &segment.Media{Name: "a.m4s", Duration: time.Second, Wall: wall, Init: &segment.Init{Name: "i.mp4"}}
		w := &segment.Window{TargetDuration: time.Second, Segments: []*segment.Segment{{Video: m, Duration: time.Second}}}
		text, err := (listing{window: w}).mediaPlaylist(media.Video)
		if err != nil || !strings.Contains(string(text), "\n#EXT-X-PROGRAM-DATE-TIME:"+want+"\n#EXTINF:") {
			t.Errorf("%v: %v, want %s in\n%s", wall, err, want, text)
		}
	}
	m := &segment.Media{Name: "a.m4s", Duration: time.Second}
	w := &segment.Window{TargetDuration: time.Second, Segments: []*segment.Segment{{Video: m, Duration: time.Second}}}
	if text, _ := (listing{window: w}).mediaPlaylist(media.Video); strings.Contains(string(text), "DATE-TIME") {
		t.Errorf("a time that is not known is told:\n%s", text)
	}
}
