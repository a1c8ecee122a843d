package rate

import "time"

// overhead learns how many bytes a path is given for each that is coded: containers,
// packets' headers, padding.
type overhead struct {
	ratio float64
	open  bool
	from  time.Duration // the window's begin; in the future while things settle
	seen  uint64        // written by the last sample; 0: there was none
	// at the window's begin
	written, dropped, video, audio uint64

	in, out float64 // coded and written bytes of the last seconds
	windows int
}

const (
	overheadUnknown             = 1.05
	leastOverhead, mostOverhead = 1.0, 1.6
	overheadWindow              = time.Second
	overheadKeep                = .88 // a second's weight one second later: about 8 s
	overheadWindows             = 3   // before the result is believed
	// A window outside of these is none: a path that began with pictures of before,
	// or one that something was not given to.
	leastBelieved, mostBelieved = .7, 2.2
	leastCoded                  = 4000 // bytes a window; under it headers are not typical
)

// pause ends the window: what follows does not belong to it.
func (o *overhead) pause() { o.open, o.seen = false, 0 }

// between: the path is given segments, and none just now. What is coded and what is
// written are of the same pictures only at the moment in which one is.
func (o *overhead) between(p Sample) bool {
	wrote := o.seen > 0 && p.Written > o.seen
	o.seen = p.Written
	return p.Segment > 0 && !wrote
}

// step takes the path's sample and the encoder's counters. full: the path is given
// all that is coded.
func (o *overhead) step(now time.Duration, p Sample, e EncoderState, full bool) {
	between := o.between(p)
	if !full {
		o.open = false
		return
	}
	if between {
		return
	}
	if !o.open { // for a window's length what comes is still what was queued before
		o.begin(now+overheadWindow, p, e)
		return
	}
	if now < o.from {
		o.begin(o.from, p, e)
		return
	}
	if p.Written < o.written || p.Dropped != o.dropped || e.Video < o.video || e.Audio < o.audio {
		o.open = false
		return
	}
	if now-o.from < overheadWindow {
		return
	}
	video, audio := float64(e.Video-o.video), float64(e.Audio-o.audio)
	in, out := video+audio, float64(p.Written-o.written)
	o.begin(now, p, e)
	if in < leastCoded || video < audio || out < in*leastBelieved || out > in*mostBelieved {
		return
	}
	o.in, o.out = o.in*overheadKeep+in, o.out*overheadKeep+out
	if o.windows++; o.windows >= overheadWindows {
		o.ratio = min(max(o.out/o.in, leastOverhead), mostOverhead)
	}
}

func (o *overhead) begin(now time.Duration, p Sample, e EncoderState) {
	o.open, o.from = true, now
	o.written, o.dropped, o.video, o.audio = p.Written, p.Dropped, e.Video, e.Audio
}
