package dash

import (
	"bytes"
	"fmt"
	"math"
	"time"

	"github.com/Eyevinn/dash-mpd/mpd"
	"github.com/Eyevinn/mp4ff/avc"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
	"github.com/encoderbox/encoderbox/media/h264"
	"github.com/encoderbox/encoderbox/output/segment"
)

// Names within a stream, and the schemes that say what answers there.
const (
	manifestName = "manifest.mpd"
	timeName     = "time"

	schemeTimeISO      = "urn:mpeg:dash:utc:http-iso:2014"
	schemeTimeHead     = "urn:mpeg:dash:utc:http-head:2014"
	schemeConnectivity = "urn:mpeg:dash:period-connectivity:2015"
)

const timeFormat = "2006-01-02T15:04:05.000Z"

// liveMPD is the manifest of a stream that goes on. All of it becomes available
// so much later than it was made: thereby players are that late.
func liveMPD(w *segment.Window, ps []period, late time.Duration) ([]byte, error) {
	return write(dynamicMPD(w, ps, late, []*mpd.DescriptorType{
		mpd.NewDescriptor(schemeTimeISO, timeName, ""), mpd.NewDescriptor(schemeTimeHead, timeName, ""),
	}), w, ps)
}

func dynamicMPD(w *segment.Window, ps []period, late time.Duration, clocks []*mpd.DescriptorType) *mpd.MPD {
	m := mpd.NewMPD(mpd.DYNAMIC_TYPE)
	m.AvailabilityStartTime = mpd.DateTime(time.Unix(0, int64(late)).UTC().Format(time.RFC3339Nano)) // see live
	first, last := ps[0], ps[len(ps)-1]
	end := last.ends()
	m.PublishTime = mpd.DateTime(time.Unix(0, int64(end+late)).UTC().Format(timeFormat))
	// Asking costs little, since the answer mostly is that nothing has changed.
	m.MinimumUpdatePeriod = duration(w.TargetDuration / 2)
	m.TimeShiftBufferDepth = duration(end - first.start - first.begin() + first.at)
	// Less leaves players nothing in hand: dash.js stalls at one segment.
	m.SuggestedPresentationDelay = duration(3 * w.TargetDuration)
	m.UTCTimings = clocks
	return m
}

// finishedMPD is the manifest of what is over.
func finishedMPD(w *segment.Window, ps []period) ([]byte, error) {
	m := mpd.NewMPD(mpd.STATIC_TYPE)
	var total time.Duration
	for _, p := range ps {
		total += p.length
	}
	m.MediaPresentationDuration = duration(total)
	return write(m, w, ps)
}

// write completes a manifest by what both kinds have, and prints it.
func write(m *mpd.MPD, w *segment.Window, ps []period) ([]byte, error) {
	m.Profiles = mpd.PROFILE_LIVE
	longest, broken := w.TargetDuration, false
	for _, p := range ps {
		broken = broken || p.broken
		for _, part := range p.parts {
			longest = max(longest, part.longest())
		}
	}
	if !broken { // CMAF fragments begin with sync samples
		m.Profiles = m.Profiles.AddProfile(mpd.PROFILE_CMAF)
	}
	m.MinBufferTime = duration(w.TargetDuration)
	m.MaxSegmentDuration = duration(longest)
	for i, p := range ps {
		before := ""
		if p.connected {
			before = ps[i-1].origin.id
		}
		out, err := p.period(before, w.Ended)
		if err != nil {
			return nil, err
		}
		m.Periods = append(m.Periods, out)
	}
	var b bytes.Buffer
	if _, err := m.Write(&b, " ", true); err != nil {
		return nil, fmt.Errorf("dash: write the manifest: %w", err)
	}
	return append(b.Bytes(), '\n'), nil
}

// period is a Period. before is the one that the same headers decode, if any.
func (p *period) period(before string, ended bool) (*mpd.Period, error) {
	out := &mpd.Period{Id: p.origin.id, Start: duration(p.start)}
	if p.length > 0 {
		out.Duration = duration(p.length)
	}
	query := ""
	if ended { // to find the header where all of a run are kept
		query = fmt.Sprintf("?%s=%d", ofName, p.section.first)
	}
	for _, k := range kinds {
		part := p.parts[k]
		if part == nil {
			continue
		}
		set, err := p.set(k, part, query)
		if err != nil {
			return nil, err
		}
		if before != "" {
			set.SupplementalProperties = []*mpd.DescriptorType{mpd.NewDescriptor(schemeConnectivity, before, "")}
		}
		out.AdaptationSets = append(out.AdaptationSets, set)
	}
	return out, nil
}

// set is the AdaptationSet of a part, with its one Representation.
func (p *period) set(k media.Kind, part *part, query string) (*mpd.AdaptationSetType, error) {
	template, err := part.template(p.origin, query)
	if err != nil {
		return nil, err
	}
	set := &mpd.AdaptationSetType{
		Id: mpd.Ptr(uint32(k)), ContentType: mpd.RFC6838ContentTypeType(k.String()), SegmentAlignment: true,
		Roles: []*mpd.DescriptorType{mpd.NewRole("main")}, SegmentTemplate: template,
	}
	set.MimeType = k.String() + "/mp4"
	set.ContainerProfiles = mpd.Ptr(mpd.ListOf4CCType("cmfc"))
	if k == media.Audio || !p.broken {
		set.StartWithSAP = 1
	}
	r := &mpd.RepresentationType{Id: k.String(), Bandwidth: part.bandwidth()}
	if k == media.Video {
		part.picture(r)
	} else {
		part.sound(r)
	}
	set.Representations = []*mpd.RepresentationType{r}
	return set, nil
}

func (p *part) picture(r *mpd.RepresentationType) {
	v := p.init.Track.Video
	r.Codecs = h264.CodecString(v.SPS)
	r.Width, r.Height = uint32(v.Width), uint32(v.Height)
	if !v.FrameRate.IsZero() {
		r.FrameRate = mpd.FrameRateType(v.FrameRate.String())
	}
	if sps, err := avc.ParseSPSNALUnit(v.SPS, true); err == nil && sps.VUI != nil && sps.VUI.SampleAspectRatioHeight > 0 {
		r.Sar = mpd.RatioType(fmt.Sprintf("%d:%d", sps.VUI.SampleAspectRatioWidth, sps.VUI.SampleAspectRatioHeight))
	}
	r.ScanType = "progressive"
}

func (p *part) sound(r *mpd.RepresentationType) {
	a := p.init.Track.Audio
	r.Codecs = aac.CodecString(a.Config)
	r.AudioSamplingRate = mpd.Ptr(mpd.UIntVectorType(fmt.Sprint(a.SampleRate)))
	channels := a.Channels
	if channels == 8 { // seven and one more for low frequencies
		channels = 7
	}
	r.AudioChannelConfigurations = []*mpd.DescriptorType{
		mpd.NewDescriptor(mpd.AUDIO_CHANNEL_CONFIGURATION_CICP, fmt.Sprint(channels), ""),
	}
}

// bandwidth is that of the segment with the most, rounded up to two digits so
// that it stays the same from manifest to manifest. Very short segments, after
// forced cuts, say nothing.
func (p *part) bandwidth() uint32 {
	longest := p.longest()
	peak := 1.0
	for _, m := range p.list {
		if m.Duration > 0 && 2*m.Duration >= longest {
			peak = max(peak, float64(8*m.Bytes)/m.Duration.Seconds())
		}
	}
	step := math.Pow(10, max(math.Floor(math.Log10(peak))-1, 0))
	return uint32(min(math.Ceil(peak/step)*step, math.MaxUint32))
}

func (p *part) longest() (d time.Duration) {
	if p == nil {
		return 0
	}
	for _, m := range p.list {
		d = max(d, m.Duration)
	}
	return d
}

func duration(d time.Duration) *mpd.Duration {
	return mpd.Ptr(mpd.Duration(d.Round(time.Millisecond)))
}
