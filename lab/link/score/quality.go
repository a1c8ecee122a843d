package score

import "math"

// leastNoise is what rounding to whole values makes of a picture that is right.
const leastNoise = 1.0 / 12

// psnr is the mean PSNR of what is shown. In place of a picture that is not there or
// cannot be decoded, the last good one stays; what came before the first is not
// judged. That pictures predict from ones of another bit rate is left out.
func (r *Record) psnr(bad []bool) float64 {
	if r.Moved == nil {
		return 0
	}
	sum, n, shown := 0.0, 0, -1
	for i, f := range r.Frames {
		if !bad[i] {
			shown = i
		}
		if shown < 0 || f.At < r.From || f.At >= r.To {
			continue
		}
		noise := r.Frames[shown].Noise
		if shown != i {
			noise += r.Moved(shown, i)
		}
		sum += 10 * math.Log10(255*255/max(noise, leastNoise))
		n++
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}
