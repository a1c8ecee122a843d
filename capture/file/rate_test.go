package file

import (
	"testing"

	"github.com/encoderbox/encoderbox/media"
)

// The rate of files whose SPS says none, as phones and screen recorders write
// them: it goes into playlists and to platforms.
func TestFrameRateByTheTimesOfTheFile(t *testing.T) {
	cases := map[string]struct {
		scale int
		steps []uint32
		want  media.Rational
	}{
		"constant":                           {30000, []uint32{1001, 1001, 1001, 1001}, media.Rational{Num: 30000, Den: 1001}},
		"the last one longer":                {25, []uint32{1, 1, 1, 7}, media.Rational{Num: 25, Den: 1}},
		"in milliseconds":                    {1000, []uint32{33, 33, 34, 33}, media.Rational{Num: 30, Den: 1}},
		"jitter of a phone":                  {90000, []uint32{2950, 3040, 3012, 3010, 3000}, media.Rational{Num: 2997, Den: 100}},
		"a recorder of screens, first short": {90000, []uint32{1, 1500, 90000, 1500}, media.Rational{}},
		"no times":                           {90000, []uint32{0, 0, 0, 0}, media.Rational{}},
		"one picture":                        {90000, []uint32{3000}, media.Rational{}},
		"ticks":                              {90000, []uint32{1, 1, 1}, media.Rational{}},
		"a long way":                         {1_000_000_000, []uint32{4_000_000_000, 4_000_000_000, 4_000_000_000}, media.Rational{Num: 1, Den: 4}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var samples []sample
			var dts int64
			for _, d := range c.steps {
				samples = append(samples, sample{size: 1, dts: dts, cts: dts, dur: d})
				dts += int64(d)
			}
			m, err := measure(&mp4Track{scale: c.scale, index: &fixed{all: samples}}, 1000)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.rate(c.scale); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// fixed is an index of given samples.
type fixed struct {
	all []sample
	at  int
}

func (f *fixed) rewind() { f.at = 0 }

func (f *fixed) next() (sample, bool) {
	if f.at == len(f.all) {
		return sample{}, false
	}
	f.at++
	return f.all[f.at-1], true
}
