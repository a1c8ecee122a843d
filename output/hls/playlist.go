package hls

import (
	"bytes"
	"fmt"
	"math"
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
)

// EXT-X-VERSION: 6 brought EXT-X-MAP, and the rounding of EXTINF to the target
// duration that segment.Window promises; players of fMP4 expect 7; EXT-X-GAP
// came with 8, which old players are spared while nothing is lost.
const (
	version     = 7
	versionGaps = 8
)

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
func multivariant(w *segment.Window) []byte {
	p := m3u8.NewMasterPlaylist()
	p.SetVersion(version)
	p.SetIndependentSegments(independent(w))
	average, peak := bitrates(w)
	v := m3u8.VariantParams{Bandwidth: peak, AverageBandwidth: average}
	if w.Audio != nil {
		v.Codecs = aac.CodecString(w.Audio.Track.Audio.Config)
	}
	if w.Video == nil {
		p.Append(audioName, nil, v)
		return p.Encode().Bytes()
	}
	picture := w.Video.Track.Video
	v.Resolution = fmt.Sprintf("%dx%d", picture.Width, picture.Height)
	v.FrameRate = frameRate(w)
	if w.Audio == nil {
		v.Codecs = h264.CodecString(picture.SPS)
	} else {
		v.Codecs = h264.CodecString(picture.SPS) + "," + v.Codecs
		v.Audio = "audio"
		v.Alternatives = []*m3u8.Alternative{{
			Type: "AUDIO", GroupId: "audio", Name: "Sound", Default: true, Autoselect: true,
			Channels: &m3u8.Channels{Amount: w.Audio.Track.Audio.Channels}, URI: audioName,
		}}
	}
	p.Append(videoName, nil, v)
	return p.Encode().Bytes()
}

// bitrates are the average over the window and the peak, both at least 1:
// BANDWIDTH is required.
func bitrates(w *segment.Window) (average, peak uint32) {
	var bits, seconds float64
	for _, s := range w.Segments {
		if n := s.Bytes(); n > 0 {
			bits += float64(8 * n)
			seconds += s.Duration.Seconds()
		}
	}
	if seconds > 0 {
		bits /= seconds
	}
	clamp := func(v float64) uint32 { return uint32(min(max(math.Ceil(v), 1), math.MaxUint32)) }
	return clamp(bits), clamp(max(bits, float64(w.PeakBitrate)))
}

// frameRate is the nominal one, or the highest measured one.
func frameRate(w *segment.Window) (rate float64) {
	if r := w.Video.Track.Video.FrameRate; !r.IsZero() {
		return r.Float()
	}
	for _, s := range w.Segments {
		if v := s.Video; v != nil && v.Init == w.Video && v.Duration > 0 {
			rate = max(rate, float64(v.Samples)/v.Duration.Seconds())
		}
	}
	return rate
}

// mediaPlaylist lists the segments of one kind of track, nil when the window
// has none of it.
func mediaPlaylist(w *segment.Window, k media.Kind) ([]byte, error) {
	if !has(w, k) {
		return nil, nil
	}
	n := uint(len(w.Segments))
	p, err := m3u8.NewMediaPlaylist(n, n)
	if err != nil {
		return nil, fmt.Errorf("hls: %v playlist: %w", k, err)
	}
	p.SetVersion(version)
	p.SetWritePrecision(6)
	p.SetIndependentSegments(k == media.Audio || independent(w))
	p.SetTargetDuration(uint(w.TargetDuration / time.Second))
	p.SeqNo = w.Segments[0].Sequence
	p.DiscontinuitySeq = w.Discontinuities
	for _, s := range w.Segments {
		e := entry(s, k)
		if e.Gap {
			p.SetVersion(versionGaps)
		}
		if err := p.AppendSegment(e); err != nil {
			return nil, fmt.Errorf("hls: %v playlist: segment %d: %w", k, s.Sequence, err)
		}
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
	return dateTimeTag + time.Time(t).Round(time.Millisecond).Format("2006-01-02T15:04:05.000Z07:00")
}

// Encode implements m3u8.CustomTag.
func (t dateTime) Encode() *bytes.Buffer { return bytes.NewBufferString(t.String()) }

// entry is a segment's place in the playlist of one kind of track. A segment
// of a programme without this kind keeps its place as a gap.
func entry(s *segment.Segment, k media.Kind) *m3u8.MediaSegment {
	m := s.Media(k)
	if m == nil {
		return &m3u8.MediaSegment{
			URI: fmt.Sprintf("%v_none_%d.m4s", k, s.Sequence), Duration: s.Duration.Seconds(),
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
