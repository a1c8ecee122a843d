package file

import (
	"bytes"
	"errors"

	"github.com/asticode/go-astits"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
	"github.com/encoderbox/encoderbox/media/h264"
)

// tsTrack is one elementary stream.
type tsTrack struct {
	kind   media.Kind
	pid    uint16
	params *media.Track // once it is known
	reason error        // why it is not

	queue  []unit
	bytes  int
	last   int64 // DTS of the newest unit, unwrapped and joined up
	step   int64 // ticks from the one before to it
	any    bool  // last is set
	joined int64 // added to raw times, to close jumps
	gap    bool

	rest    []byte // sound: the start of a frame that goes on in the next PES
	anchor  int64  // time of the last PES packet's first frame
	sinceAn int64  // frames since
	config  aac.Config
}

func newTSTrack(kind media.Kind, pid uint16) *tsTrack {
	return &tsTrack{kind: kind, pid: pid}
}

func (t *tsTrack) trouble() error {
	if t.reason != nil {
		return t.reason
	}
	if t.kind == media.Video {
		return errNoKey
	}
	return errors.New("no sound comes in the file's first part")
}

func (t *tsTrack) reset() {
	*t = tsTrack{kind: t.kind, pid: t.pid, params: t.params, reason: t.reason, config: t.config}
}

func (t *tsTrack) push(u unit) {
	t.queue = append(t.queue, u)
	t.bytes += len(u.data)
}

func (t *tsTrack) take() unit {
	u := t.queue[0]
	t.queue[0] = unit{}
	t.queue = t.queue[1:]
	t.bytes -= len(u.data)
	return u
}

func (t *tsTrack) full() bool {
	n := len(t.queue)
	return n >= maxAheadUnits || t.bytes >= maxAheadBytes ||
		n > 1 && media.FromTimescale(t.queue[n-1].dts-t.queue[0].dts, tsScale) > maxAhead
}

// times reads the timestamps of a PES packet.
func times(p *astits.PESData) (pts, dts int64, ok bool) {
	if p.Header == nil || p.Header.OptionalHeader == nil || p.Header.OptionalHeader.PTS == nil {
		return 0, 0, false
	}
	h := p.Header.OptionalHeader
	pts, dts = h.PTS.Base, h.PTS.Base
	if h.DTS != nil {
		dts = h.DTS.Base
	}
	return pts, dts, true
}

// unwrap extends a time of 33 bits to the one nearest to the stream's present.
func (r *tsReader) unwrap(v int64) int64 {
	const wrap = 1 << 33
	if !r.haveRef {
		r.ref, r.haveRef = v, true
	}
	d := (v - r.ref) & (wrap - 1)
	if d >= wrap/2 {
		d -= wrap
	}
	r.ref += d
	return r.ref
}

// maxJump is the largest step between two units of a track that is taken for
// one. Beyond it, or backwards, the stream was cut and joined: its times are
// closed up, and the other track follows by the same amount.
const maxJump = 1 * tsScale

// join places a raw time on the track's continuous time line.
func (r *tsReader) join(t *tsTrack, raw int64) int64 {
	at := raw + t.joined
	if t.any && (at-t.last > maxJump+t.step || at < t.last-t.step) {
		want := t.last + t.step - raw
		t.joined = want
		for _, other := range r.tracks {
			if d := other.joined - want; other != t && d > -maxJump && d < maxJump {
				t.joined = other.joined
			}
		}
		at = max(raw+t.joined, t.last+1)
		t.gap = true
	}
	if t.any && at > t.last {
		t.step = at - t.last
	}
	t.last, t.any = max(at, t.last), true
	return at
}

// addPicture queues the access unit of a video PES packet.
func (r *tsReader) addPicture(t *tsTrack, p *astits.PESData) {
	pts, dts, ok := times(p)
	if !ok {
		t.gap = true
		return
	}
	if t.params == nil {
		t.identify(p.Data)
		if t.params == nil {
			return
		}
	}
	data, key := h264.AccessUnit(t.params.Video, h264.SplitAnnexB(p.Data))
	if len(data) == 0 {
		return
	}
	delay := (pts - dts) & (1<<33 - 1)
	if delay > maxJump*5 {
		delay = 0 // a DTS after its PTS
	}
	dts = r.join(t, r.unwrap(dts))
	pts = dts + delay
	if !r.started {
		if !key {
			return
		}
		r.started, r.zero, t.gap = true, pts, false
		if r.audio != nil {
			r.audio.rebase(r.zero)
		}
	}
	u := unit{pts: pts - r.zero, dts: dts - r.zero, key: key, gap: t.gap, data: data}
	assignTrack(r.changed, t.params, &u)
	t.gap = false
	t.push(u)
}

// rebase moves units that were queued before the first picture was known.
func (t *tsTrack) rebase(zero int64) {
	for i := range t.queue {
		t.queue[i].pts -= zero
		t.queue[i].dts -= zero
	}
}

// identify makes the track of the first parameter sets.
func (t *tsTrack) identify(annexB []byte) {
	var sps, pps []byte
	for nal := range h264.SplitAnnexB(annexB) {
		switch h264.Type(nal) {
		case h264.TypeSPS:
			sps = nal
		case h264.TypePPS:
			if pps == nil {
				pps = nal
			}
		}
	}
	if sps != nil && pps != nil {
		t.params, t.reason = h264.TrackFrom(sps, pps)
	}
}

// addSound queues the access units of an audio PES packet. A frame may go over
// from one packet into the next; the time of a packet is that of the first
// frame that begins in it.
func (r *tsReader) addSound(t *tsTrack, p *astits.PESData) {
	pts, _, timed := times(p)
	data := p.Data
	carried := len(t.rest) > 0
	if carried {
		data = append(t.rest, p.Data...)
	}
	begin := len(t.rest) // where this packet's own bytes begin
	all := len(data)
	t.rest = nil
	for len(data) > 0 {
		if at := all - len(data); timed && at >= begin {
			t.anchor, t.sinceAn, timed = r.join(t, r.unwrap(pts)), 0, false
		}
		config, au, rest, err := aac.ParseADTS(data)
		if err != nil {
			if len(data) < maxADTSFrame && bytes.HasPrefix(data, []byte{0xff}) && whole(data) {
				t.rest = bytes.Clone(data)
				return
			}
			t.reason, t.gap = err, t.params != nil
			if i := bytes.IndexByte(data[1:], 0xff); i >= 0 {
				data = data[1+i:]
				continue
			}
			return
		}
		data = rest
		r.addFrame(t, config, au)
	}
}

// maxADTSFrame is more than any ADTS frame has.
const maxADTSFrame = 1 << 13

// whole says that data may be the start of an ADTS frame that is longer.
func whole(data []byte) bool {
	if len(data) < aac.ADTSHeaderSize {
		return true
	}
	return data[1]&0xf6 == 0xf0 && int(data[3]&3)<<11|int(data[4])<<3|int(data[5]>>5) > len(data)
}

func (r *tsReader) addFrame(t *tsTrack, config aac.Config, au []byte) {
	if t.params == nil {
		t.params, t.config = aac.TrackOf(config), config
	}
	if config != t.config || !t.any { // a format that changes half-way is left out
		return
	}
	rate := int64(config.SampleRate)
	at := t.anchor + t.sinceAn*media.AACFrameSamples*tsScale/rate
	t.sinceAn++
	t.step = media.AACFrameSamples * tsScale / rate
	t.last = max(t.last, at)
	if r.video != nil && r.started {
		at -= r.zero
	}
	if r.video == nil {
		if !r.started {
			r.started, r.zero = true, at
		}
		at -= r.zero
	}
	if r.video != nil && !r.started && t.full() {
		t.take() // sound before the first picture
	}
	t.push(unit{track: t.params, pts: at, dts: at, dur: t.step, key: true, gap: t.gap, data: bytes.Clone(au)})
	t.gap = false
}
