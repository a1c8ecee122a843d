package audio

import (
	"fmt"

	"github.com/encoderbox/encoderbox/capture/drift"
	"github.com/encoderbox/encoderbox/encode/audio/libopus"
)

const opusRate = libopus.Rate

// opus is libopus, behind a change of the rate where the sound has not its own.
type opus struct {
	enc    *libopus.Encoder
	fixed  *drift.Fixed // nil at 48 kHz
	rate   int          // of the input
	chans  int
	held   []int16 // at 48 kHz, less than a frame
	taken  int64   // samples of the input that went in
	made   int64   // packets that came out
	silent []int16 // 20 ms of the input
}

var _ bitrateSetter = (*opus)(nil)

func newOpus(s Settings) (coder, error) {
	o := &opus{rate: s.Format.SampleRate, chans: s.Format.Channels, silent: make([]int16, unitOf(s)*s.Format.Channels)}
	if o.rate != opusRate {
		fixed, err := drift.NewFixed(s.Format, opusRate)
		if err != nil {
			return nil, fmt.Errorf("opus encoder: %w", err)
		}
		o.fixed = fixed
	}
	enc, err := libopus.New(o.chans, s.Bitrate)
	if err != nil {
		return nil, err
	}
	o.enc = enc
	return o, nil
}

func (o *opus) Encode(samples []int16, emit func([]byte)) error {
	o.taken += int64(len(samples) / o.chans)
	if o.fixed != nil {
		o.held = o.fixed.Append(o.held, samples)
	} else {
		o.held = append(o.held, samples...)
	}
	done, n := 0, libopus.FrameSamples*o.chans
	for ; len(o.held)-done >= n; done += n {
		packet, err := o.enc.Encode(o.held[done : done+n])
		if err != nil {
			return err
		}
		o.made++
		emit(packet)
	}
	o.held = o.held[:copy(o.held, o.held[done:])]
	return nil
}

func (o *opus) Flush(emit func([]byte)) error {
	unit := int64(len(o.silent) / o.chans)
	for end := o.taken + int64(o.Delay()); o.made*unit < end; {
		if err := o.Encode(o.silent, emit); err != nil {
			return err
		}
	}
	return nil
}

func (o *opus) Reset() error {
	if o.fixed != nil {
		o.fixed.Reset()
	}
	o.held, o.taken, o.made = o.held[:0], 0, 0
	return o.enc.Reset()
}

func (o *opus) Delay() int { return (o.enc.Delay()*o.rate + opusRate/2) / opusRate }

func (o *opus) SetBitrate(bits int) error { return o.enc.SetBitrate(bits) }

func (o *opus) Close() { o.enc.Close() }
