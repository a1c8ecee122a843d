package finish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/ts"
)

// Size is what the file takes, rounded up: what room to make before.
func (plan *Plan) Size() int64 {
	if plan.format == TS {
		return plan.tsSize
	}
	return plan.mp4Size()
}

// Write writes the file, front to back, and calls progress with the bytes of
// the payload that are done.
func (plan *Plan) Write(ctx context.Context, w io.Writer, progress func(int64)) error {
	var err error
	if plan.format == TS {
		err = plan.writeTS(ctx, w, progress)
	} else {
		err = plan.writeMP4(ctx, w, progress)
	}
	if err != nil {
		return fmt.Errorf("finish: %w", err)
	}
	return nil
}

// chunks calls f with every chunk in order and its part's open file.
func (plan *Plan) each(ctx context.Context, f func(*part, *chunk, *file) error) error {
	for _, p := range plan.parts {
		in, err := p.open()
		if err != nil {
			return err
		}
		for i := range p.chunks {
			if err = ctx.Err(); err == nil {
				err = f(p, &p.chunks[i], in)
			}
			if err != nil {
				break
			}
		}
		if err := errors.Join(err, in.r.Close()); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	return nil
}

// copyBuffer is large enough for a card to read at full speed.
const copyBuffer = 256 << 10

// copy writes the samples' bytes, chunk after chunk.
func (plan *Plan) copy(ctx context.Context, w io.Writer, progress func(int64)) error {
	buf, done := make([]byte, copyBuffer), int64(0)
	return plan.each(ctx, func(_ *part, c *chunk, in *file) error {
		for at, end := c.data, c.data+c.bytes; at < end; {
			b := buf[:min(int64(len(buf)), end-at)]
			if err := in.read(b, at); err != nil {
				return err
			}
			if _, err := w.Write(b); err != nil {
				return err
			}
			at += int64(len(b))
		}
		done += c.bytes
		progress(done)
		return nil
	})
}

// Bounds of what waits for the other track of a transport stream, and of a chunk.
const (
	maxAhead = 5 * time.Second
	maxChunk = 64 << 20
)

// transport interleaves two tracks by decode time into a transport stream.
type transport struct {
	mux     *ts.Muxer
	w       io.Writer
	waiting [media.Audio + 1][]media.Packet
	both    bool
	buf     []byte
}

func (plan *Plan) writeTS(ctx context.Context, w io.Writer, progress func(int64)) error {
	tracks := make([]*media.Track, len(plan.tracks))
	for i, t := range plan.tracks {
		tracks[i] = t.media
	}
	mux, err := ts.New(ts.Config{Tracks: tracks})
	if err != nil {
		return err
	}
	out := &transport{mux: mux, w: w, both: len(tracks) > 1}
	done := int64(0)
	err = plan.each(ctx, func(p *part, c *chunk, in *file) error {
		packets, err := p.packets(in, c, p.shift-plan.zero)
		if err != nil {
			return err
		}
		out.waiting[c.kind] = append(out.waiting[c.kind], packets...)
		if err := out.flush(false); err != nil {
			return err
		}
		done += c.bytes
		progress(done)
		return nil
	})
	if err != nil {
		return err
	}
	return out.flush(true)
}

// packets reads a chunk's samples; shift is added to their times.
func (p *part) packets(in *file, c *chunk, shift time.Duration) ([]media.Packet, error) {
	frag, err := p.fragment(in, c.moof, c.moofSize)
	if err != nil {
		return nil, err
	}
	if c.bytes > maxChunk || c.skip+c.take > len(frag.samples) {
		return nil, fmt.Errorf("chunk at byte %d: %d bytes", c.moof, c.bytes)
	}
	data := make([]byte, c.bytes)
	if err := in.read(data, c.data); err != nil {
		return nil, err
	}
	packets := make([]media.Packet, 0, c.take)
	dts := c.dts
	for _, s := range frag.samples[c.skip:][:c.take] {
		if int(s.Size) > len(data) {
			return nil, fmt.Errorf("chunk at byte %d has changed since it was looked at", c.moof)
		}
		packets = append(packets, media.Packet{
			Track: p.tracks[c.kind].media,
			PTS:   p.time(c.kind, dts+int64(s.CompositionTimeOffset)) + shift,
			DTS:   p.time(c.kind, dts) + shift,
			Key:   sync(s),
			Data:  data[:s.Size:s.Size],
		})
		data = data[s.Size:]
		dts += int64(s.Dur)
	}
	return packets, nil
}

// flush writes what is known to be next, or all of it.
func (t *transport) flush(all bool) error {
	for {
		v, a := t.waiting[media.Video], t.waiting[media.Audio]
		var next *[]media.Packet
		switch {
		case len(v) > 0 && len(a) > 0:
			next = &t.waiting[media.Video]
			if a[0].DTS < v[0].DTS {
				next = &t.waiting[media.Audio]
			}
		case len(v) > 0 && (all || t.ahead(v)):
			next = &t.waiting[media.Video]
		case len(a) > 0 && (all || t.ahead(a)):
			next = &t.waiting[media.Audio]
		default:
			return nil
		}
		if err := t.write((*next)[0]); err != nil {
			return err
		}
		(*next)[0] = media.Packet{}
		*next = (*next)[1:]
	}
}

// ahead says that a track need not wait for the other one any longer.
func (t *transport) ahead(q []media.Packet) bool {
	return !t.both || q[len(q)-1].DTS-q[0].DTS > maxAhead
}

func (t *transport) write(p media.Packet) error {
	var err error
	if t.buf, err = t.mux.Append(t.buf[:0], p); err != nil {
		return err
	}
	_, err = t.w.Write(t.buf)
	return err
}
