package alsa

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gen2brain/alsa"
)

// span is what a card can do of one parameter.
type span struct{ min, max int }

func (s span) has(v int) bool   { return s.min <= v && v <= s.max }
func (s span) near(v int) int   { return max(s.min, min(v, s.max)) }
func (s span) String() string   { return fmt.Sprintf("%d to %d", s.min, s.max) }
func spanOf(lo, hi uint32) span { return span{int(min(lo, 1<<30)), int(min(hi, 1<<30))} }

// abilities of a card, each parameter for itself: not every combination goes.
type abilities struct {
	formats                        []alsa.PcmFormat
	rate, channels, period, counts span
	buffer                         span
}

var errFormat = errors.New("it has none of the sample formats S16_LE, S24_3LE, S24_LE, S32_LE")

// attempts lists the configurations to try on a card, best first.
func attempts(can *alsa.PcmParams, rate int) ([]alsa.Config, error) {
	var a abilities
	for _, k := range formats {
		if can.FormatIsSupported(k.alsa) {
			a.formats = append(a.formats, k.alsa)
		}
	}
	for param, to := range map[alsa.PcmParam]*span{
		alsa.SNDRV_PCM_HW_PARAM_RATE: &a.rate, alsa.SNDRV_PCM_HW_PARAM_CHANNELS: &a.channels,
		alsa.SNDRV_PCM_HW_PARAM_PERIOD_SIZE: &a.period, alsa.SNDRV_PCM_HW_PARAM_PERIODS: &a.counts,
		alsa.SNDRV_PCM_HW_PARAM_BUFFER_SIZE: &a.buffer,
	} {
		lo, err := can.Min(param)
		if err != nil {
			return nil, err
		}
		hi, err := can.Max(param)
		if err != nil {
			return nil, err
		}
		*to = spanOf(lo, hi)
	}
	return a.attempts(rate)
}

func (a abilities) attempts(rate int) ([]alsa.Config, error) {
	if len(a.formats) == 0 {
		return nil, errFormat
	}
	var rates []int
	for _, r := range append([]int{rate}, preferred...) {
		if a.rate.has(r) && !slices.Contains(rates, r) {
			rates = append(rates, r)
		}
	}
	if rates == nil {
		rates = []int{a.rate.min}
	}
	var list []alsa.Config
	for _, r := range rates {
		// A longer period where the first is refused: hardware that counts in
		// powers of two, or in its own blocks.
		for _, period := range []int{inFrames(periodTime, r), 512, 1024, 2048} {
			period = a.period.near(period)
			for _, count := range a.countsFor(period, r) {
				list = append(list, alsa.Config{
					Channels: uint32(a.channels.near(2)), Rate: uint32(r), Format: a.formats[0],
					PeriodSize: uint32(period), PeriodCount: uint32(count),
					// Gone by default: an overrun would overwrite sound unnoticed.
					StopThreshold: uint32(period * count), StartThreshold: 1,
				})
			}
		}
	}
	return list, nil
}

// countsFor is how many periods to ask for: those of bufferTime, else what can be.
func (a abilities) countsFor(period, rate int) []int {
	want := (inFrames(bufferTime, rate) + period - 1) / period
	var list []int
	for _, n := range []int{want, a.buffer.max / period, 32, 20, 16, 8, 4, 3, 2} {
		n = a.counts.near(max(2, min(n, 2*want)))
		if !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}

func inFrames(d time.Duration, rate int) int { return int(d * time.Duration(rate) / time.Second) }
