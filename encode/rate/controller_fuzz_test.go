package rate

import (
	"encoding/binary"
	"math"
	"testing"
	"time"
)

// FuzzController has samples of any kind, in any order, between changes of the limits,
// and looks at every advice.
func FuzzController(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"))
	plain := make([]byte, 0, 200*9)
	for i := range 200 {
		plain = append(plain, 0, 20, 40, 30, byte(i), 0, 1, 2, 3)
	}
	f.Add(plain)
	f.Fuzz(func(t *testing.T, data []byte) {
		limits := testLimits
		c := New(limits)
		var s Sample
		for len(data) >= 9 {
			limits = act(c, limits, &s, data[0], data[1:9])
			data = data[9:]
			a := c.Step(s)
			l := limits.valid()
			if a.Target < l.Min || a.Target > l.Max || a.Pace < 0 || a.Estimate < 0 || a.Acked < 0 || a.Queue < 0 {
				t.Fatalf("%+v of %+v within %+v", a, s, l)
			}
			for _, x := range []float64{c.want, c.gain, c.link.rate, c.link.spread, c.stall.flow, c.stall.frozen, c.meter.largest, c.meter.segments.rate, c.meter.segments.use} {
				if math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
					t.Fatalf("not finite: %+v", c.link)
				}
			}
		}
	})
}

// act changes the sample, mostly as a path does, or sets something.
func act(c *Controller, l Limits, s *Sample, what byte, b []byte) Limits {
	wild := binary.LittleEndian.Uint64(b)
	switch what % 16 {
	case 0:
		s.At = time.Duration(wild)
	case 1:
		s.Written = wild
	case 2:
		s.Outstanding = wild
	case 3:
		s.Dropped = wild
	case 4:
		s.Retransmitted = wild
	case 5:
		s.RTT, s.MinRTT = time.Duration(wild), time.Duration(wild>>7)
	case 6:
		s.Budget = time.Duration(wild)
		s.Segment = time.Duration(wild) * time.Duration(what>>4&1)
	case 7:
		l = Limits{Min: int(int32(wild)), Start: int(int16(wild >> 32)), Max: int(int32(wild >> 24))}
		c.SetLimits(l)
	case 8:
		c.MayProbe(b[0]&1 == 0)
	case 9:
		c.Reconnected()
	default:
		s.At += time.Duration(b[0]) * time.Millisecond
		s.Written += uint64(b[1]) * 100
		s.Outstanding += uint64(b[1]) * 100
		s.Outstanding -= min(s.Outstanding, uint64(b[2])*100)
		lost := min(s.Outstanding, uint64(b[3]>>6)*1000)
		s.Outstanding -= lost
		s.Dropped += lost
		s.Retransmitted += uint64(b[4] & 3)
		s.AppLimited = b[5]&1 == 0
	}
	return l
}
