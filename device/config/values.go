package config

import (
	"errors"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// errNotation says that a text is no notation of the type; whoever reports it
// says what was expected.
var errNotation = errors.New("wrong notation")

// Duration is a length of time, written "2s", "500ms" or "1m30s".
type Duration time.Duration

// Std is the duration as the standard library's.
func (d Duration) Std() time.Duration { return time.Duration(d) }

func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText writes the notation.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the notation. Negative durations are refused.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(strings.ReplaceAll(string(b), " ", ""))
	if err != nil || v < 0 {
		return errNotation
	}
	*d = Duration(v)
	return nil
}

// Bitrate is bits per second, written "2.5M", "2500k" or "2500000"; "b/s" or
// "bps" may follow.
type Bitrate int

func (b Bitrate) String() string {
	switch {
	case b >= 1_000_000 && b%10_000 == 0:
		return strconv.FormatFloat(float64(b)/1e6, 'f', -1, 64) + "M"
	case b >= 1000 && b%1000 == 0:
		return strconv.Itoa(int(b/1000)) + "k"
	}
	return strconv.Itoa(int(b))
}

// MarshalText writes the notation.
func (b Bitrate) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads the notation.
func (b *Bitrate) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	for _, unit := range []string{"bit/s", "b/s", "bps"} {
		if n := len(s) - len(unit); n > 0 && strings.EqualFold(s[n:], unit) {
			s = s[:n]
			break
		}
	}
	n, err := scaled(strings.TrimSpace(s), []unit{{"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}}, 31)
	if err != nil {
		return err
	}
	*b = Bitrate(n)
	return nil
}

// Size is a number of bytes, written "8MiB", "512KiB", "64GB" or "8388608".
type Size int64

func (s Size) String() string {
	for _, u := range sizeUnits {
		if f := Size(u.factor); len(u.suffix) > 1 && s >= f && s%f == 0 {
			return strconv.FormatInt(int64(s/f), 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// sizeUnits are those of a Size; String takes the first that makes a whole number.
var sizeUnits = []unit{
	{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9},
	{"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3}, {"KB", 1e3},
	{"T", 1e12}, {"G", 1e9}, {"M", 1e6}, {"k", 1e3}, {"K", 1e3}, {"B", 1},
}

// MarshalText writes the notation.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the notation.
func (s *Size) UnmarshalText(text []byte) error {
	n, err := scaled(strings.TrimSpace(string(text)), sizeUnits, 63)
	if err != nil {
		return err
	}
	*s = Size(n)
	return nil
}

type unit struct {
	suffix string
	factor int64
}

// scaled reads a decimal number with one of the units, or with none. The
// result is a whole number of at most so many bits: int has 31 on some boxes.
func scaled(s string, units []unit, bits int) (int64, error) {
	factor := int64(1)
	for _, u := range units {
		if strings.HasSuffix(s, u.suffix) {
			s, factor = strings.TrimSpace(strings.TrimSuffix(s, u.suffix)), u.factor
			break
		}
	}
	r, err := decimal(s)
	if err != nil {
		return 0, err
	}
	r.Mul(r, new(big.Rat).SetInt64(factor))
	if !r.IsInt() || r.Num().BitLen() > bits {
		return 0, errNotation
	}
	return r.Num().Int64(), nil
}

// decimal reads digits with at most one point, exactly.
func decimal(s string) (*big.Rat, error) {
	if s == "" || len(s) > 20 || strings.Trim(s, "0123456789.") != "" || s[0] == '.' || s[len(s)-1] == '.' {
		return nil, errNotation
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil, errNotation
	}
	return r, nil
}

// FrameRate is pictures per second, in lowest terms, written "30",
// "30000/1001" or "29.97". The zero value is written "0".
type FrameRate media.Rational

// Rational is the rate as the media package has it.
func (f FrameRate) Rational() media.Rational { return media.Rational(f) }

func (f FrameRate) String() string {
	if f == (FrameRate{}) {
		return "0"
	}
	return media.Rational(f).String()
}

// MarshalText writes the notation.
func (f FrameRate) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads the notation. The usual short forms of the NTSC rates
// (23.976, 23.98, 29.97, 59.94, 119.88) are those rates, not their decimals.
func (f *FrameRate) UnmarshalText(b []byte) error {
	num, den, fraction := strings.Cut(strings.ReplaceAll(string(b), " ", ""), "/")
	r, err := decimal(num)
	if err != nil {
		return err
	}
	if fraction {
		d, err := decimal(den)
		if err != nil || d.Sign() == 0 || !d.IsInt() || !r.IsInt() {
			return errNotation
		}
		r.Quo(r, d)
	} else if n := ntsc(r); n != 0 {
		r.SetFrac64(n*1000, 1001)
	}
	if r.Sign() == 0 {
		*f = FrameRate{}
		return nil
	}
	if r.Num().BitLen() > 31 || r.Denom().BitLen() > 31 {
		return errNotation
	}
	*f = FrameRate{Num: int(r.Num().Int64()), Den: int(r.Denom().Int64())}
	return nil
}

// ntsc is the nominal rate whose 1000/1001 r is a short form of, else 0.
func ntsc(r *big.Rat) int64 {
	v, _ := r.Float64()
	for _, n := range []int64{24, 30, 48, 60, 120} {
		exact := float64(n) * 1000 / 1001
		if v > exact-0.0051 && v < exact+0.0051 {
			return n
		}
	}
	return 0
}

// Window is how much a live playlist offers: a number of segments, written
// "6", or a time, written "30s". One of the two is set.
type Window struct {
	Segments int
	Duration Duration
}

// Count is the window in segments of the given duration, rounded up.
func (w Window) Count(segment Duration) int {
	if w.Segments > 0 || segment <= 0 {
		return w.Segments
	}
	return int((w.Duration + segment - 1) / segment)
}

func (w Window) String() string {
	if w.Segments > 0 {
		return strconv.Itoa(w.Segments)
	}
	return w.Duration.String()
}

// MarshalText writes the notation.
func (w Window) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText reads the notation.
func (w *Window) UnmarshalText(b []byte) error {
	if n, err := strconv.ParseInt(string(b), 10, 32); err == nil && n > 0 {
		*w = Window{Segments: int(n)}
		return nil
	}
	var d Duration
	if err := d.UnmarshalText(b); err != nil || d == 0 {
		return errNotation
	}
	*w = Window{Duration: d}
	return nil
}
