package realtime

import (
	"bytes"
	"fmt"
	"strconv"
)

// Each picture carries its number and its size in an SEI message of user data (ISO/IEC
// 14496-10, D.1.7) before its slices, in decimal so that no byte needs escaping. So it
// is known again whatever a transport and a server make of its times, and whether all
// of it is there.
const (
	markerID     = "encoderbox-bench" // in place of a UUID, 16 bytes
	markerDigits = 8                  // of each number
	markerSize   = len(markerID) + 2*markerDigits
	slack        = 16 // bytes that start codes may be shorter than lengths
)

// marker is the NAL unit of a picture.
func marker(number, size int) []byte {
	const seiType, userData, stop = 6, 5, 0x80
	b := []byte{seiType, userData, byte(markerSize)}
	b = append(b, markerID...)
	b = fmt.Appendf(b, "%0*d%0*d", markerDigits, number, markerDigits, size)
	return append(b, stop)
}

// seen is a picture found in a stream.
type seen struct {
	number int
	whole  bool
}

// find finds the first picture of an access unit. rest is what follows its marker.
func find(b []byte) (s seen, rest []byte, ok bool) {
	i := bytes.Index(b, []byte(markerID))
	if i < 0 || len(b) < i+markerSize+1 {
		return seen{}, nil, false
	}
	digits := b[i+len(markerID):]
	number, err := strconv.Atoi(string(digits[:markerDigits]))
	size, err2 := strconv.Atoi(string(digits[markerDigits : 2*markerDigits]))
	if err != nil || err2 != nil {
		return seen{}, nil, false
	}
	rest = b[i+markerSize+1:]
	return seen{number: number, whole: len(rest)+slack >= size}, rest, true
}

// numbers are those of all pictures in a file.
func numbers(b []byte) (all []int) {
	for {
		s, rest, ok := find(b)
		if !ok {
			return all
		}
		all = append(all, s.number)
		b = rest
	}
}
