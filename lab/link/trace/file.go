package trace

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// Open reads a trace from a file, compressed by gzip or not.
func Open(file string) (*Trace, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Read(f, file)
}

// longest is how much time a trace may cover, in milliseconds: errors that have made a
// time stamp of something else are to be told, not waited out.
const longest = 7 * 24 * 3600 * 1000

// Read reads a trace, compressed by gzip or not. Its period is its last moment. Empty
// lines, and those that begin with #, count for nothing. Errors name the line.
func Read(r io.Reader, name string) (*Trace, error) {
	b := bufio.NewReader(r)
	if magic, _ := b.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf("read trace %s: %w", name, err)
		}
		b = bufio.NewReader(z)
	}
	var ms []uint32
	last, s := uint32(0), bufio.NewScanner(b)
	line := 0
	for s.Scan() {
		line++
		text := strings.TrimSpace(s.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		m, err := moment(text)
		switch {
		case err != nil:
			return nil, fmt.Errorf("read trace %s: line %d: %w", name, line, err)
		case m < last:
			return nil, fmt.Errorf("read trace %s: line %d: %d ms is before the %d ms of the line above", name, line, m, last)
		}
		ms, last = append(ms, m), m
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("read trace %s: after line %d: %w", name, line, err)
	}
	t, err := build(ms, last)
	if err != nil {
		return nil, fmt.Errorf("read trace %s: %w", name, err)
	}
	return t, nil
}

// moment is a line's time in milliseconds. Fractions, which some recorders write, are
// cut off.
func moment(text string) (uint32, error) {
	n, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || math.IsNaN(n):
		if len(text) > 40 {
			text = text[:40] + "…"
		}
		return 0, fmt.Errorf("%q is no time in milliseconds", text)
	case n < 0 || n > longest:
		return 0, fmt.Errorf("%s ms is not between 0 and a week", text)
	}
	return uint32(n), nil
}

// WriteTo writes the trace as a file, which needs a line at its last moment: one is
// added where the link carries nothing then.
func (t *Trace) WriteTo(w io.Writer) (int64, error) {
	b := bufio.NewWriter(w)
	n := int64(0)
	put := func(ms uint32) error {
		k, err := fmt.Fprintln(b, ms)
		n += int64(k)
		return err
	}
	for _, ms := range t.ms {
		if err := put(ms); err != nil {
			return n, err
		}
	}
	if t.ms[len(t.ms)-1] != t.period {
		if err := put(t.period); err != nil {
			return n, err
		}
	}
	return n, b.Flush()
}

// Rates is the capacity in steps of a length, bits per second, from the begin to a
// moment: for plots.
func (t *Trace) Rates(step, until time.Duration) []float64 {
	var rates []float64
	for at := time.Duration(0); at < until; at += step {
		rates = append(rates, t.Bits(at, at+step)/step.Seconds())
	}
	return rates
}
