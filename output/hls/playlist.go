package hls

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/Eyevinn/hls-m3u8/m3u8"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
	"github.com/encoderbox/encoderbox/media/h264"
	"github.com/encoderbox/encoderbox/output/segment"
)

// Names of the playlists within a stream.
const (
	multivariantName = "index.m3u8"
	videoName        = "video.m3u8"
	audioName        = "audio.m3u8"
	// The same as MPEG-TS: a folder with playlists and segments of its own.
	tsFolder     = "ts/"
	tsStreamName = "stream.m3u8"
)

// EXT-X-VERSION: 6 brought EXT-X-MAP, and the rounding of EXTINF to the target
// duration that segment.Window promises; players of fMP4 expect 7; fractions of
// seconds alone need 3; EXT-X-GAP came with 8, which old players are spared
// while nothing is lost.
const (
	version     = 7
	versionTS   = 3
	versionGaps = 8
)

// errEmpty says that a window has nothing to list.
var errEmpty = errors.New("hls: no segment to list")

// Playlists are those of a window by file name: a multivariant playlist and a
// media playlist a track, whose references are the names of the segments' files
// and headers. The error says that there is nothing in it that can be played.
func Playlists(w *segment.Window) (map[string][]byte, error) {
	return listing{window: w}.files(multivariantName, videoName, audioName)
}

// TSPlaylists are those of a window's segments as MPEG-TS, which have the names
// that TSName gives, in the same folder.
func TSPlaylists(w *segment.Window) (map[string][]byte, error) {
	files, err := listing{window: w}.files(tsFolder+multivariantName, tsFolder+tsStreamName)
	out := map[string][]byte{}
	for name, body := range files {
		out[strings.TrimPrefix(name, tsFolder)] = body
	}
	return out, err
}

func (l listing) files(names ...string) (map[string][]byte, error) {
	if !playable(l.window) {
		return nil, errEmpty
	}
	files := map[string][]byte{}
	for _, name := range names {
		body, err := l.render(name)
		if err != nil {
			return nil, err
		}
		if body != nil {
			files[name] = body
		}
	}
	return files, nil
}

// render is the playlist of a name, nil when there is none.
func (l listing) render(name string) ([]byte, error) {
	switch name {
	case multivariantName:
		return l.multivariant(), nil
	case videoName:
		return l.mediaPlaylist(media.Video)
	case audioName:
		return l.mediaPlaylist(media.Audio)
	case tsFolder + multivariantName:
		return l.multivariantTS(), nil
	case tsFolder + tsStreamName:
		return l.compose("MPEG-TS", versionTS, independent(l.window), entryTS)
	}
	return nil, nil
}

// playable says whether the window lists anything a player can fetch.
func playable(w *segment.Window) bool {
	for _, s := range w.Segments {
		for _, k := range []media.Kind{media.Video, media.Audio} {
			if m := s.Media(k); m != nil && !m.Gap {
				return true
			}
		}
	}
	return false
}

// independent says that every segment listed can be decoded by itself.
func independent(w *segment.Window) bool {
	for _, s := range w.Segments {
		if !s.Independent {
			return false
		}
	}
	return true
}

// multivariant is the playlist that players are given. Sound is a rendition
// of its own beside the picture, and the variant itself where there is no
// picture.
func (l listing) multivariant() []byte {
	p := m3u8.NewMasterPlaylist()
	p.SetVersion(version)
	p.SetIndependentSegments(independent(l.window))
	v := l.variant()
	v.AverageBandwidth, v.Bandwidth = bitrates(l.window, (*segment.Segment).Bytes)
	video, audio := newestInit(l.window, media.Video), newestInit(l.window, media.Audio)
	uri := videoName
	switch {
	case video == nil:
		uri = audioName
	case audio != nil:
		v.Audio = "audio"
		v.Alternatives = []*m3u8.Alternative{{
			Type: "AUDIO", GroupId: "audio", Name: "Sound", Default: true, Autoselect: true,
			Channels: &m3u8.Channels{Amount: audio.Track.Audio.Channels}, URI: audioName + l.query,
		}}
	}
	p.Append(uri+l.query, nil, v)
	return p.Encode().Bytes()
}

// multivariantTS is that of the segments as MPEG-TS: one stream of all tracks.
func (l listing) multivariantTS() []byte {
	p := m3u8.NewMasterPlaylist()
	p.SetVersion(versionTS)
	p.SetIndependentSegments(independent(l.window))
	v := l.variant()
	v.AverageBandwidth, v.Bandwidth = bitrates(l.window, tsBytes)
	p.Append(tsStreamName+l.query, nil, v)
	return p.Encode().Bytes()
}

// variant is what the tracks tell.
func (l listing) variant() (v m3u8.VariantParams) {
	var codecs []string
	if i := newestInit(l.window, media.Video); i != nil {
		codecs = append(codecs, h264.CodecString(i.Track.Video.SPS))
		v.Resolution = fmt.Sprintf("%dx%d", i.Track.Video.Width, i.Track.Video.Height)
		v.FrameRate = frameRate(l.window, i)
	}
	if i := newestInit(l.window, media.Audio); i != nil {
		codecs = append(codecs, aac.CodecString(i.Track.Audio.Config))
	}
	v.Codecs = strings.Join(codecs, ",")
	return v
}

// newestInit is the header of the programme's track of a kind, or of the newest
// one in the list when the programme is not known or has none now.
func newestInit(w *segment.Window, k media.Kind) *segment.Init {
	if i := w.Init(k); i != nil || w.Video != nil || w.Audio != nil {
		return i
	}
	for _, s := range slices.Backward(w.Segments) {
		if m := s.Media(k); m != nil && m.Init != nil {
			return m.Init
		}
	}
	return nil
}

// bitrates are the average over the window and the peak, both at least 1:
// BANDWIDTH is required. size is what a segment takes on the way to the player.
func bitrates(w *segment.Window, size func(*segment.Segment) int64) (average, peak uint32) {
	var bits, seconds, stored, highest float64
	for _, s := range w.Segments {
		if s.Bytes() == 0 || s.Duration <= 0 {
			continue
		}
		n := float64(8 * size(s))
		bits += n
		stored += float64(8 * s.Bytes())
		seconds += s.Duration.Seconds()
		if 2*s.Duration >= w.TargetDuration { // shorter ones say nothing
			highest = max(highest, n/s.Duration.Seconds())
		}
	}
	more := 1.0 // what the container adds to the peak that the window tells
	if seconds > 0 {
		more = bits / stored
		bits /= seconds
	}
	clamp := func(v float64) uint32 { return uint32(min(max(math.Ceil(v), 1), math.MaxUint32)) }
	return clamp(bits), clamp(max(bits, highest, more*float64(w.PeakBitrate)))
}

// tsBytes is the most a segment takes as MPEG-TS.
func tsBytes(s *segment.Segment) (n int64) {
	for _, m := range []*segment.Media{s.Video, s.Audio} {
		if m != nil && !m.Gap {
			n += tsSize(m)
		}
	}
	return n
}

// frameRate is the nominal one of a header's track, or the highest measured one.
func frameRate(w *segment.Window, i *segment.Init) (rate float64) {
	if r := i.Track.Video.FrameRate; !r.IsZero() {
		return r.Float()
	}
	for _, s := range w.Segments {
		if v := s.Video; v != nil && v.Init == i && v.Duration > 0 {
			rate = max(rate, float64(v.Samples)/v.Duration.Seconds())
		}
	}
	return rate
}

// mediaPlaylist lists the segments of one kind of track, nil when the window
// has none of it.
func (l listing) mediaPlaylist(k media.Kind) ([]byte, error) {
	if !has(l.window, k) {
		return nil, nil
	}
	var name string // of the newest header
	var of uint64   // the first segment with it
	return l.compose(k.String(), version, k == media.Audio || independent(l.window),
		func(s *segment.Segment) *m3u8.MediaSegment {
			e := entry(s, k)
			if e.Map != nil && l.kind != 0 {
				if e.Map.URI != name {
					name, of = e.Map.URI, s.Sequence
				}
				e.Map.URI += fmt.Sprintf("?%s=%d", ofName, of)
			}
			return e
		})
}

// compose writes a media playlist of the segments' entries.
func (l listing) compose(name string, version uint8, independent bool, entry func(*segment.Segment) *m3u8.MediaSegment) ([]byte, error) {
	w := l.window
	p, err := m3u8.NewMediaPlaylist(0, uint(len(w.Segments)))
	if err != nil {
		return nil, fmt.Errorf("hls: %s playlist: %w", name, err)
	}
	p.SetVersion(version)
	p.SetWritePrecision(6)
	p.SetIndependentSegments(independent)
	p.SetTargetDuration(uint(w.TargetDuration / time.Second))
	p.MediaType, p.Closed = l.kind, w.Ended
	p.SeqNo = w.Segments[0].Sequence
	p.DiscontinuitySeq = w.Discontinuities
	timed := false
	for _, s := range w.Segments {
		e := entry(s)
		if e.Gap {
			p.SetVersion(versionGaps)
		}
		timed = timed || e.Custom != nil
		if err := p.AppendSegment(e); err != nil {
			return nil, fmt.Errorf("hls: %s playlist: segment %d: %w", name, s.Sequence, err)
		}
	}
	if timed && len(l.gaps) > 0 { // date ranges need a date
		p.SetCustomTag(dateRanges(l.gaps))
	}
	return p.Encode().Bytes(), nil
}

func has(w *segment.Window, k media.Kind) bool {
	for _, s := range w.Segments {
		if s.Media(k) != nil {
			return true
		}
	}
	return false
}

const dateTimeTag = "#EXT-X-PROGRAM-DATE-TIME:"

// dateTime is EXT-X-PROGRAM-DATE-TIME. The library's own leaves out zeros at the
// end of the milliseconds, and simple parsers read .52 as 52 ms.
type dateTime time.Time

// TagName implements m3u8.CustomTag.
func (t dateTime) TagName() string { return dateTimeTag }

// String implements m3u8.CustomTag.
func (t dateTime) String() string {
	return dateTimeTag + milliseconds(time.Time(t))
}

// milliseconds is a time with its milliseconds in full.
func milliseconds(t time.Time) string {
	return t.Round(time.Millisecond).Format("2006-01-02T15:04:05.000Z07:00")
}

// Encode implements m3u8.CustomTag.
func (t dateTime) Encode() *bytes.Buffer { return bytes.NewBufferString(t.String()) }

// entry is a segment's place in the playlist of one kind of track. A segment
// of a programme without this kind keeps its place as a gap.
func entry(s *segment.Segment, k media.Kind) *m3u8.MediaSegment {
	m := s.Media(k)
	if m == nil {
		return &m3u8.MediaSegment{
			URI: noneName(k, s.Sequence), Duration: s.Duration.Seconds(),
			Discontinuity: s.Discontinuity, Gap: true,
		}
	}
	e := &m3u8.MediaSegment{
		URI: m.Name, Duration: m.Duration.Seconds(),
		Discontinuity: s.Discontinuity, Gap: m.Gap,
	}
	if !m.Wall.IsZero() {
		e.Custom = m3u8.CustomMap{dateTimeTag: dateTime(m.Wall)}
	}
	if m.Init != nil {
		e.Map = &m3u8.Map{URI: m.Init.Name}
	}
	return e
}

// entryTS is a segment's place in the playlist of MPEG-TS: with picture and
// sound, or that of them which is left.
func entryTS(s *segment.Segment) *m3u8.MediaSegment {
	e := &m3u8.MediaSegment{URI: TSName(s), Duration: s.Duration.Seconds(), Discontinuity: s.Discontinuity, Gap: s.Gap()}
	m := lead(s)
	if m == nil {
		return e
	}
	e.Duration = m.Duration.Seconds()
	if !m.Wall.IsZero() {
		e.Custom = m3u8.CustomMap{dateTimeTag: dateTime(m.Wall)}
	}
	return e
}
