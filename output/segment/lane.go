package segment

import (
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/fmp4"
)

// TimeOffset is added to all media times of segments that are not epoch-locked, so that decode times before the zero
// of the stream's clock (reordered pictures, the encoder's priming at the very
// start) can be written.
const TimeOffset = 10 * time.Second

// lane writes the samples of one kind of track, chunk by chunk, into the file
// of the segment it is at. Samples are referenced, not copied, until their
// chunk is written.
type lane struct {
	kind  media.Kind
	store storage
	wall  func(time.Duration) time.Time // nil: no prft
	wrote func(*lane)                   // the newest chunk of media is complete
	shift time.Duration                 // added to all media times

	init  *Init
	chunk uint32 // mfhd sequence number of the next chunk

	media   *Media // being written; nil between segments
	first   time.Duration
	last    time.Duration // DTS of the newest sample
	step    time.Duration // to it from the sample before
	samples []media.Packet
	file    file
	failed  error // why the segment at hand cannot be written
	part    *building
	closing bool // the segment's last chunk is being written

	header []byte   // reused
	bufs   [][]byte // reused
}

// begin opens the lane's part of a segment at its first sample, p.
func (l *lane) begin(b *building, name string, p media.Packet) {
	l.media = &Media{Name: name, Init: l.init, Start: p.PTS}
	l.first, l.failed, l.part, l.shift = p.DTS, nil, b, b.seg.TimeOffset
	b.parts[l.kind] = l.media
	if b.firstChunk > 0 {
		l.chunk = b.firstChunk
	}
}

// add takes the next sample. limit is the duration of a chunk.
func (l *lane) add(p media.Packet, limit time.Duration) {
	if len(l.samples) > 0 && p.DTS-l.samples[0].DTS >= limit {
		l.flush(p.DTS)
	}
	if len(l.media.Chunks) > 0 || len(l.samples) > 0 {
		l.step = p.DTS - l.last
	}
	l.samples = append(l.samples, p)
	l.last = p.DTS
}

// close ends the lane's part of the segment: end is the decode time at which
// the next sample begins, or zero when it does not continue this one. The file
// is complete afterwards, or Media.Gap is set and the error says why.
func (l *lane) close(end time.Duration) (*Media, error) {
	m := l.media
	if end == 0 {
		end = l.last + l.nominal()
	}
	l.closing = true
	l.flush(end)
	l.closing = false
	m.Duration = end - l.first
	err := l.failed
	if err == nil {
		m.Content, err = l.file.commit()
	}
	if err != nil {
		m.Gap, m.Chunks, m.Bytes, m.Content = true, nil, 0, nil
	}
	l.media, l.file, l.failed, l.part = nil, nil, nil, nil
	return m, err
}

// nominal is the duration of a sample whose successor is not known.
func (l *lane) nominal() time.Duration {
	t := l.init.Track
	switch {
	case t.Audio != nil:
		return t.FrameDuration()
	case !t.Video.FrameRate.IsZero():
		return t.Video.FrameRate.FrameTime(1)
	case l.step > 0:
		return l.step
	}
	return 40 * time.Millisecond
}

// flush writes the gathered samples as one chunk that lasts until end.
func (l *lane) flush(end time.Duration) {
	defer l.dropSamples()
	l.media.Samples += len(l.samples)
	if l.failed != nil {
		return
	}
	if err := l.write(end); err != nil {
		l.failed = err
		if l.file != nil {
			l.file.abort()
			l.file = nil
		}
		return
	}
	l.wrote(l)
}

func (l *lane) write(end time.Duration) error {
	first := l.samples[0]
	c := fmp4.Chunk{
		Sequence: l.chunk, Samples: l.samples, End: end, Offset: l.shift,
		SegmentStart: len(l.media.Chunks) == 0,
	}
	if l.wall != nil {
		c.Wall = l.wall(first.PTS)
	}
	var err error
	if l.header, err = fmp4.AppendHeader(l.header[:0], c); err != nil {
		return trackError{err}
	}
	if l.file == nil {
		if l.file, err = l.store.create(l.media.Name); err != nil {
			l.file = nil
			return err
		}
	}
	l.bufs = append(l.bufs[:0], l.header)
	n := int64(len(l.header))
	for _, p := range l.samples {
		l.bufs = append(l.bufs, p.Data)
		n += int64(len(p.Data))
	}
	err = l.file.write(l.bufs)
	clear(l.bufs)
	if err != nil {
		return err
	}
	l.media.Chunks = append(l.media.Chunks, Chunk{
		Offset: l.media.Bytes, Bytes: n,
		Start: first.DTS, Duration: end - first.DTS, Independent: first.Key,
	})
	l.media.Bytes += n
	l.media.Duration += end - first.DTS
	l.media.Content = l.file.content(l.media.Bytes)
	l.chunk++
	return nil
}

// dropSamples lets go of the samples' memory.
func (l *lane) dropSamples() {
	clear(l.samples)
	l.samples = l.samples[:0]
}

// trackError is a failure of the media, not of the storage.
type trackError struct{ error }

func (e trackError) Unwrap() error { return e.error }

// fileName is the name of a segment's file of one kind of track.
func fileName(k media.Kind, naming string, sequence uint64) string {
	return fmt.Sprintf("%v_%s_%d.m4s", k, naming, sequence)
}
