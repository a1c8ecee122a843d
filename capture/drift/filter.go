package drift

import "math"

const (
	// phases of the filter between two frames. Linear interpolation between
	// them leaves an error of (2πf/phases)²/8: -98 dB at 20 of 48 kHz.
	phases = 256
	// taps of the filter where the rate is not lowered.
	taps = 48
	beta = 9.0 // of the Kaiser window: the stop band is at -90 dB
	// cutoff of the filter, of the lower of the two rates: 21.6 of 48 kHz. The
	// pass band ends at 18.4, the stop band begins at 24.8 kHz.
	cutoff = 0.45
)

// filter is a windowed sinc in phases: row p holds the coefficients for a
// place p/phases between two frames. Each row sums up to one.
type filter struct {
	taps int
	rows []float32 // phases+1 rows, so that each has one behind it
}

// newFilter returns the filter for a change of the rate.
func newFilter(in, out int) filter {
	scale := min(1, float64(out)/float64(in))
	n := (int(math.Ceil(taps/scale)) + 3) &^ 3
	f := filter{taps: n, rows: make([]float32, (phases+1)*n)}
	row := make([]float64, n)
	for p := range phases + 1 {
		var sum float64
		for k := range row {
			x := float64(k-(n/2-1)) - float64(p)/phases
			row[k] = sinc(2*cutoff*scale*x) * kaiser(x/float64(n/2))
			sum += row[k]
		}
		for k, v := range row {
			f.rows[p*n+k] = float32(v / sum)
		}
	}
	return f
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the window at x from -1 to 1.
func kaiser(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return bessel(beta*math.Sqrt(1-x*x)) / bessel(beta)
}

// bessel is the modified Bessel function of the first kind, order zero.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-17; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}

// at returns the two rows around a fraction of a frame, and where between them.
func (f *filter) at(frac float64) (lo, hi []float32, between float32) {
	p := frac * phases
	i := min(int(p), phases-1)
	n := f.taps
	return f.rows[i*n : i*n+n : i*n+n], f.rows[i*n+n : i*n+2*n : i*n+2*n], float32(p - float64(i))
}

// one is the sample of one channel; the slices have the same length, a
// multiple of four.
func one(lo, hi, x []float32, between float32) float32 {
	var s0, s1 float32
	hi, x = hi[:len(lo)], x[:len(lo)]
	for k := 0; k+1 < len(lo); k += 2 {
		s0 += (lo[k] + between*(hi[k]-lo[k])) * x[k]
		s1 += (lo[k+1] + between*(hi[k+1]-lo[k+1])) * x[k+1]
	}
	return s0 + s1
}

// two is the sample of two channels.
func two(lo, hi, x, y []float32, between float32) (float32, float32) {
	var s0, s1, t0, t1 float32
	hi, x, y = hi[:len(lo)], x[:len(lo)], y[:len(lo)]
	for k := 0; k+1 < len(lo); k += 2 {
		c := lo[k] + between*(hi[k]-lo[k])
		d := lo[k+1] + between*(hi[k+1]-lo[k+1])
		s0 += c * x[k]
		s1 += d * x[k+1]
		t0 += c * y[k]
		t1 += d * y[k+1]
	}
	return s0 + s1, t0 + t1
}
