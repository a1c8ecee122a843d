// Package segmenttest has packets for the tests of what muxes and segments:
// those of an MP4 file, and synthetic ones.
package segmenttest

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
	"github.com/encoderbox/encoderbox/media/h264"
)

// Clip is a file's programme, its presentation starting at zero.
type Clip struct {
	Tracks   []*media.Track
	Packets  []media.Packet // of all tracks, by decode time
	Duration time.Duration
}

// ReadMP4 reads a progressive MP4 file with H.264 and AAC.
func ReadMP4(path string) (*Clip, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	file, err := mp4.DecodeFile(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	clip := &Clip{}
	for _, trak := range file.Moov.Traks {
		if err := clip.add(trak, raw); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
	}
	slices.SortStableFunc(clip.Packets, func(a, b media.Packet) int { return int(a.DTS - b.DTS) })
	return clip, nil
}

func (c *Clip) add(trak *mp4.TrakBox, raw []byte) error {
	track, err := trackOf(trak.Mdia.Minf.Stbl.Stsd)
	if err != nil {
		return err
	}
	scale := int(trak.Mdia.Mdhd.Timescale)
	shift := int64(0)
	if trak.Edts != nil {
		for _, e := range trak.Edts.Elst[0].Entries {
			shift = max(shift, e.MediaTime)
		}
	}
	samples, err := trak.GetSampleData(1, trak.GetNrSamples())
	if err != nil {
		return err
	}
	dts := -shift
	for i, s := range samples {
		at, err := trak.GetRangesForSampleInterval(uint32(i+1), uint32(i+1))
		if err != nil {
			return err
		}
		pts := media.FromTimescale(dts+int64(s.CompositionTimeOffset), scale)
		c.Packets = append(c.Packets, media.Packet{
			Track: track,
			PTS:   pts, DTS: media.FromTimescale(dts, scale),
			Key:  !mp4.DecodeSampleFlags(s.Flags).SampleIsNonSync,
			Data: raw[at[0].Offset:][:at[0].Size:at[0].Size],
		})
		dts += int64(s.Dur)
		c.Duration = max(c.Duration, pts+media.FromTimescale(int64(s.Dur), scale))
	}
	c.Tracks = append(c.Tracks, track)
	return nil
}

func trackOf(stsd *mp4.StsdBox) (*media.Track, error) {
	switch {
	case stsd.AvcX != nil:
		return h264.TrackFrom(stsd.AvcX.AvcC.SPSnalus[0], stsd.AvcX.AvcC.PPSnalus[0])
	case stsd.Mp4a != nil:
		c, err := aac.ParseConfig(stsd.Mp4a.Esds.DecConfigDescriptor.DecSpecificInfo.DecConfig)
		if err != nil {
			return nil, err
		}
		return aac.TrackOf(c), nil
	}
	return nil, fmt.Errorf("neither H.264 nor AAC")
}

// Repeat is the clip n times over, one after the other.
func (c *Clip) Repeat(n int) []media.Packet {
	out := make([]media.Packet, 0, n*len(c.Packets))
	for i := range n {
		for _, p := range c.Packets {
			p.PTS += time.Duration(i) * c.Duration
			p.DTS += time.Duration(i) * c.Duration
			out = append(out, p)
		}
	}
	return out
}
