// Package fmp4 writes CMAF (ISO/IEC 23000-19), the header of a track and the
// chunks of its segments, and reads what it wrote. It is pure: it keeps no
// state and does no I/O.
//
// Choices within the standard, which every reader of ours relies on:
//   - One track a file, sample entries avc1 and mp4a. Video is track 1 and
//     sound track 2, so that the chunks of both also fit one file (InitOf).
//     Parameter sets that change within a Track ride in band; every player takes
//     them in avc1 too.
//   - Time scales are 90 kHz for video, the sample rate for audio. Sample
//     durations are differences of rounded decode times, so that nothing adds
//     up and chunks abut exactly.
//   - No edit list, but for InitFrom. tfdt is the decode time, composition offsets are trun
//     version 1 and never negative, so that PTS read from a file are the
//     stream's own and sound stays with picture. Negative offsets would make
//     tfdt the presentation time, but FFmpeg then shows every picture late by
//     the reordering delay.
package fmp4

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/Eyevinn/mp4ff/avc"
	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/encoderbox/encoderbox/media"
)

// VideoTimescale is the number of ticks a second of video tracks.
const VideoTimescale = 90000

// Timescale is the number of ticks a second of the track's times.
func Timescale(t *media.Track) int {
	if t.Audio != nil {
		return t.Audio.SampleRate
	}
	return VideoTimescale
}

// trackID is the number of a kind of track, in headers and in chunks: the
// chunks of both fit one file.
func trackID(k media.Kind) uint32 {
	if k == media.Audio {
		return 2
	}
	return 1
}

// Init returns the CMAF header of a track (ftyp and moov).
func Init(t *media.Track) ([]byte, error) { return InitOf(t) }

// InitOf returns one header for several tracks, at most one of a kind: what
// makes a file of their chunks. A header of one track is its CMAF header.
func InitOf(tracks ...*media.Track) ([]byte, error) { return header(0, tracks) }

// InitFrom is InitOf with an edit list (ISO/IEC 14496-12 §8.6.6): what has the media
// time start is shown at zero. A file cut out of a stream that has run for a day
// begins at zero in a player, not a day in. Its chunks stay as they are.
func InitFrom(start time.Duration, tracks ...*media.Track) ([]byte, error) {
	return header(start, tracks)
}

func header(start time.Duration, tracks []*media.Track) ([]byte, error) {
	init := mp4.NewMP4Init()
	mvhd := mp4.CreateMvhd()
	switch len(tracks) {
	case 0:
		return nil, errors.New("fmp4: header without tracks")
	case 1:
		init.AddChild(mp4.NewFtyp("cmfc", 0, []string{"iso6", "cmfc", "dash"}))
		mvhd.Timescale = uint32(Timescale(tracks[0]))
	default:
		init.AddChild(mp4.NewFtyp("iso6", 0, []string{"iso6", "mp41"})) // a CMAF header has one track
		mvhd.Timescale = VideoTimescale
	}
	moov := mp4.NewMoovBox()
	init.AddChild(moov)
	moov.AddChild(mvhd)
	moov.AddChild(mp4.NewMvexBox())
	seen := map[media.Kind]bool{}
	for _, t := range tracks {
		if seen[t.Kind()] {
			return nil, fmt.Errorf("fmp4: header of two %v tracks; a file has one of each kind", t.Kind())
		}
		seen[t.Kind()] = true
		if err := addTrack(init, t, start); err != nil {
			return nil, fmt.Errorf("fmp4: header of %v: %w", t, err)
		}
	}
	var b bytes.Buffer
	if err := init.Encode(&b); err != nil {
		return nil, fmt.Errorf("fmp4: header: %w", err)
	}
	return b.Bytes(), nil
}

// addEdit has a track be shown from a media time on. Its duration of zero stands for
// all fragments.
func addEdit(trak *mp4.TrakBox, from int64) {
	elst := &mp4.ElstBox{Version: 1, Entries: []mp4.ElstEntry{{MediaTime: from, MediaRateInteger: 1}}}
	edts := &mp4.EdtsBox{}
	edts.AddChild(elst)
	mdia := trak.Mdia
	trak.Children = slices.DeleteFunc(trak.Children, func(b mp4.Box) bool { return b == mp4.Box(mdia) })
	trak.AddChild(edts) // before mdia, where it is recommended
	trak.AddChild(mdia)
}

func addTrack(init *mp4.InitSegment, t *media.Track, start time.Duration) error {
	trak := init.AddEmptyTrack(uint32(Timescale(t)), t.Kind().String(), "und")
	if start > 0 {
		addEdit(trak, media.ToTimescale(start, Timescale(t)))
	}
	id := trackID(t.Kind())
	trak.Tkhd.TrackID = id
	trexs := init.Moov.Mvex.Trexs
	trexs[len(trexs)-1].TrackID = id
	init.Moov.Mvhd.NextTrackID = max(init.Moov.Mvhd.NextTrackID, id+1)
	trak.Mdia.Hdlr.Name = map[media.Kind]string{media.Video: "VideoHandler", media.Audio: "SoundHandler"}[t.Kind()]
	return describe(trak, t)
}

func describe(trak *mp4.TrakBox, t *media.Track) error {
	switch {
	case t.Codec == media.H264 && t.Video != nil:
		return describeH264(trak, t.Video)
	case t.Codec == media.AAC && t.Audio != nil:
		return describeAAC(trak, t.Audio)
	}
	return fmt.Errorf("codec %v has no sample entry", t.Codec)
}

func describeH264(trak *mp4.TrakBox, v *media.VideoParams) error {
	if len(v.SPS) == 0 || len(v.PPS) == 0 {
		return errors.New("no parameter sets")
	}
	if v.Width <= 0 || v.Height <= 0 || v.Width > math.MaxUint16 || v.Height > math.MaxUint16 {
		return fmt.Errorf("picture size %dx%d", v.Width, v.Height)
	}
	sps, err := avc.ParseSPSNALUnit(v.SPS, false) // false: up to the aspect ratio
	if err != nil {
		return fmt.Errorf("sequence parameter set: %w", err)
	}
	avcC, err := mp4.CreateAvcC([][]byte{v.SPS}, [][]byte{v.PPS}, true)
	if err != nil {
		return err
	}
	avcC.ChromaFormat = sps.ChromaFormatIDC
	avcC.BitDepthLumaMinus1 = byte(sps.BitDepthLumaMinus8)
	avcC.BitDepthChromaMinus1 = byte(sps.BitDepthChromaMinus8)
	entry := mp4.CreateVisualSampleEntryBox("avc1", uint16(v.Width), uint16(v.Height), avcC)
	entry.CompressorName = ""
	if c := v.Color; c != (media.Color{}) {
		entry.AddChild(&mp4.ColrBox{
			ColorType:               mp4.ColorTypeOnScreenColors,
			ColorPrimaries:          codePoint(c.Primaries),
			TransferCharacteristics: codePoint(c.Transfer),
			MatrixCoefficients:      codePoint(c.Matrix),
			FullRangeFlag:           c.FullRange,
		})
	}
	width := uint64(v.Width) << 16
	if vui := sps.VUI; vui != nil && vui.SampleAspectRatioWidth > 0 && vui.SampleAspectRatioHeight > 0 {
		w, h := uint64(vui.SampleAspectRatioWidth), uint64(vui.SampleAspectRatioHeight)
		entry.AddChild(&mp4.PaspBox{HSpacing: uint32(w), VSpacing: uint32(h)})
		width = min(width*w/h, math.MaxUint32)
	}
	trak.Tkhd.Width = mp4.Fixed32(width)
	trak.Tkhd.Height = mp4.Fixed32(v.Height << 16)
	trak.Mdia.Minf.Stbl.Stsd.AddChild(entry)
	return nil
}

// codePoint maps "not known" to H.273's value for it.
func codePoint(v uint8) uint16 {
	if v == 0 {
		return 2
	}
	return uint16(v)
}

func describeAAC(trak *mp4.TrakBox, a *media.AudioParams) error {
	if len(a.Config) == 0 {
		return errors.New("no AudioSpecificConfig")
	}
	if a.SampleRate <= 0 || a.Channels <= 0 {
		return fmt.Errorf("%d Hz, %d channels", a.SampleRate, a.Channels)
	}
	rate := uint16(0) // ISO/IEC 14496-12 §12.2.3: what does not fit is told by the codec's own data
	if a.SampleRate <= math.MaxUint16 {
		rate = uint16(a.SampleRate)
	}
	trak.Mdia.Minf.Stbl.Stsd.AddChild(mp4.CreateAudioSampleEntryBox(
		"mp4a", uint16(a.Channels), 16, rate, mp4.CreateEsdsBox(a.Config)))
	return nil
}
