package audio

import (
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
)

const frame = media.AACFrameSamples

// tolerance is how far a run's PTS may be from where the sound before it ends
// without a correction: half an access unit of AAC, whatever the codec, so that all
// encoders of a programme correct alike. Capture times jitter.
const tolerance = frame / 2

// maxFill is the longest hole filled with silence; behind a longer one the sound
// begins anew.
const maxFill = 10 * time.Second

// timeline puts runs of sound onto the grid of samples and access units. It
// counts in samples since time zero, so that nothing is rounded twice: the grid
// is exact however long the stream runs.
//
// A decoder gives per samples for each access unit (1024 of AAC), and the sound of
// sample n of the input comes delay samples later in its output. So the access unit
// that comes k-th since the sound began at sample a has the PTS of sample
// a + per*k - delay, and what is heard at a time is what sounded at that time.
// The first access unit is the encoder's priming. It is written too, delay
// before the sound, because a decoder needs it to give the next one whole; only
// where that is before time zero is it left out.
type timeline struct {
	stats *Encoder
	codec coder
	w     media.Writer
	track *media.Track
	rate  int   // of the input
	per   int64 // samples in an access unit
	chans int

	running bool
	next    int64 // sample where the sound coded so far ends
	unit    int64 // sample where the next access unit starts
	gap     bool  // of the next packet
	silence []int16
}

func newTimeline(e *Encoder, codec coder, w media.Writer) *timeline {
	f := e.settings.Format
	return &timeline{
		stats: e, codec: codec, w: w, track: e.track,
		rate: f.SampleRate, per: int64(unitOf(e.settings)), chans: f.Channels, silence: make([]int16, frame*f.Channels),
	}
}

// skipTo goes on at a run, where sound was left out to catch up: to code silence would
// take as long. AAC's is known without coding it, so that nothing is missing in the row
// of packets; of other codecs the hole stays. Add the run then.
func (l *timeline) skipTo(run media.Samples) error {
	at, delay := media.ToTimescale(run.PTS, l.rate), int64(l.codec.Delay())
	switch {
	case !l.running || at-l.next <= 2*(delay+l.per): // what is flushed would overlap what comes
		return nil
	case l.track.Codec != media.AAC:
		return l.jump(at)
	}
	if err := l.end(); err != nil {
		return err
	}
	if err := l.codec.Reset(); err != nil {
		return err
	}
	for silent := aac.SilentFrame(l.chans); l.unit+l.per+delay <= at; {
		l.stats.filled.Add(uint64(l.per))
		l.write(silent)
	}
	l.running, l.next = true, l.unit+delay
	return l.fill(at - l.next)
}

// add codes a run where its PTS says.
func (l *timeline) add(run media.Samples) error {
	at := media.ToTimescale(run.PTS, l.rate)
	if !l.running {
		l.begin(at)
	}
	switch off := at - l.next; {
	case off > media.ToTimescale(maxFill, l.rate):
		if err := l.jump(at); err != nil {
			return err
		}
	case off > tolerance:
		if err := l.fill(off); err != nil {
			return err
		}
	case off < -tolerance:
		cut := min(-off, int64(len(run.Data)/l.chans))
		l.stats.trimmed.Add(uint64(cut))
		run.Data = run.Data[cut*int64(l.chans):]
	}
	if len(run.Data) == 0 {
		return nil
	}
	return l.code(run.Data)
}

func (l *timeline) begin(at int64) {
	l.running = true
	l.next = at
	l.unit = at - int64(l.codec.Delay())
}

// jump ends the sound and begins anew at a later sample.
func (l *timeline) jump(at int64) error {
	if err := l.end(); err != nil {
		return err
	}
	if err := l.codec.Reset(); err != nil {
		return err
	}
	l.stats.jumps.Add(1)
	l.gap = true
	l.begin(at)
	return nil
}

// fill codes n samples of silence.
func (l *timeline) fill(n int64) error {
	l.stats.filled.Add(uint64(n))
	for n > 0 {
		part := min(n, frame)
		if err := l.code(l.silence[:part*int64(l.chans)]); err != nil {
			return err
		}
		n -= part
	}
	return nil
}

func (l *timeline) code(pcm []int16) error {
	l.next += int64(len(pcm) / l.chans)
	return l.codec.Encode(pcm, l.write)
}

// end codes what the encoder still holds.
func (l *timeline) end() error {
	if !l.running {
		return nil
	}
	l.running = false
	return l.codec.Flush(l.write)
}

// write sends one access unit, whose memory is the codec's.
func (l *timeline) write(au []byte) {
	at := l.unit
	l.unit += l.per
	if at < 0 {
		return
	}
	pts := media.FromTimescale(at, l.rate)
	l.stats.packets.Add(1)
	l.w.Write(media.Packet{Track: l.track, PTS: pts, DTS: pts, Key: true, Gap: l.gap, Data: append([]byte(nil), au...)})
	l.gap = false
}
