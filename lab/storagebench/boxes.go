package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// streamBytes are those of the first size bytes of an MP4 file that are the
// stream's: its chunks (styp, prft, moof, mdat), without headers, tables and
// what a recorder adds.
func streamBytes(file string, size int64) (sum int64, err error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for at := int64(0); at < size; {
		var h [16]byte
		if _, err := f.ReadAt(h[:], at); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		n := int64(binary.BigEndian.Uint32(h[:]))
		if n == 1 {
			n = int64(binary.BigEndian.Uint64(h[8:]))
		}
		if n < 8 || n > size-at {
			return 0, fmt.Errorf("%s: a box of %d bytes at %d does not fit the %d that were written", file, n, at, size)
		}
		switch string(h[4:8]) {
		case "styp", "prft", "moof", "mdat":
			sum += n
		}
		at += n
	}
	return sum, nil
}
