package drift

import "github.com/encoderbox/encoderbox/media"

// Fixed converts sound from one nominal rate to another by the filter of the
// Converter, at a ratio that never changes: both are on one clock already. Its
// first sample is what sounded at the first that went in. It belongs to one
// goroutine.
type Fixed struct {
	in, out, chans int
	filter         filter
	past           [2][]float32 // one a channel, from frame first on
	whole, part    int          // the next sample is at whole+part/out in past
}

// NewFixed returns a Fixed for sound of one or two channels.
func NewFixed(in media.AudioFormat, out int) (*Fixed, error) {
	c := Config{Rate: in.SampleRate, Channels: in.Channels, Out: media.AudioFormat{SampleRate: out, Channels: in.Channels}}
	if err := c.check(); err != nil {
		return nil, err
	}
	f := &Fixed{in: in.SampleRate, out: out, chans: in.Channels, filter: newFilter(in.SampleRate, out)}
	f.Reset()
	return f, nil
}

// Reset begins anew: half a filter of silence is before the first sample.
func (f *Fixed) Reset() {
	half := f.filter.taps/2 - 1
	for i := range f.chans {
		f.past[i] = append(f.past[i][:0], make([]float32, half)...)
	}
	f.whole, f.part = 0, 0
}

// Tail is how many more samples have to go in until all that went in before has
// come out.
func (f *Fixed) Tail() int { return f.filter.taps / 2 }

// Append takes interleaved samples and appends what they make to dst.
func (f *Fixed) Append(dst, src []int16) []int16 {
	for i, v := range src {
		c := i % f.chans
		f.past[c] = append(f.past[c], float32(v))
	}
	n := f.filter.taps
	for ; f.whole+n <= len(f.past[0]); f.advance() {
		lo, hi, between := f.filter.at(float64(f.part) / float64(f.out))
		x := f.past[0][f.whole : f.whole+n]
		if f.chans == 1 {
			dst = append(dst, round(one(lo, hi, x, between)))
			continue
		}
		a, b := two(lo, hi, x, f.past[1][f.whole:f.whole+n], between)
		dst = append(dst, round(a), round(b))
	}
	for i := range f.chans { // what no further sample needs
		f.past[i] = f.past[i][:copy(f.past[i], f.past[i][f.whole:])]
	}
	f.whole = 0
	return dst
}

func (f *Fixed) advance() {
	f.part += f.in
	f.whole += f.part / f.out
	f.part %= f.out
}
