package pace

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/encoderbox/encoderbox/output/mux/ts"
)

// maxRate is the highest mux_rate that is taken.
const maxRate = 200_000_000

// Rate reads the option mux_rate, bits per second with an optional k or M; 0
// where it is not set.
func Rate(options map[string]string) (int, error) {
	text := options["mux_rate"]
	if text == "" || text == "auto" {
		return 0, nil
	}
	number, unit := text, 1.0
	switch {
	case strings.HasSuffix(text, "k"):
		number, unit = text[:len(text)-1], 1e3
	case strings.HasSuffix(text, "M"):
		number, unit = text[:len(text)-1], 1e6
	}
	f, err := strconv.ParseFloat(number, 64)
	rate := f * unit
	switch {
	case err != nil || math.IsNaN(rate):
		return 0, fmt.Errorf("mux_rate %q is no bit rate: write 6M, 6000k or 6000000", text)
	case rate == 0:
		return 0, nil
	case rate < ts.MinMuxRate || rate > maxRate:
		return 0, fmt.Errorf("mux_rate %s is not between %dk and %dM", text, ts.MinMuxRate/1000, maxRate/1_000_000)
	}
	return int(math.Round(rate)), nil
}
