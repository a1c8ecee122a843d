// Package reeltest makes the fragmented MP4 files that recordings are, for
// tests of what reads them.
package reeltest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/fmp4"
	"github.com/encoderbox/encoderbox/output/segment"
)

// Bytes makes a reel of packets that are ordered by decode time: segments from
// key picture to key picture, chunks of the duration given, every one behind a
// uuid box. Times get segment.TimeOffset.
func Bytes(tracks []*media.Track, packets []media.Packet, chunk time.Duration) ([]byte, error) {
	b, err := fmp4.InitOf(tracks...)
	if err != nil {
		return nil, err
	}
	w := writer{b: b, chunk: chunk}
	var segments [][]media.Packet
	lead := tracks[0].Kind()
	for _, p := range packets {
		if len(segments) == 0 || p.Key && lead == media.Video && p.Track.Kind() == lead {
			segments = append(segments, nil)
		}
		segments[len(segments)-1] = append(segments[len(segments)-1], p)
	}
	for i, s := range segments {
		for _, t := range tracks {
			end := time.Duration(0)
			if i+1 < len(segments) {
				end = next(segments[i+1:], t)
			}
			if err := w.lane(s, t, end); err != nil {
				return nil, err
			}
		}
	}
	return w.b, nil
}

// next is the decode time of a track's first packet.
func next(segments [][]media.Packet, t *media.Track) time.Duration {
	for _, s := range segments {
		for _, p := range s {
			if p.Track == t {
				return p.DTS
			}
		}
	}
	return 0
}

type writer struct {
	b     []byte
	chunk time.Duration
	n     uint32
}

func (w *writer) lane(segment []media.Packet, t *media.Track, end time.Duration) error {
	var run []media.Packet
	first := true
	for _, p := range segment {
		if p.Track != t {
			continue
		}
		if len(run) > 0 && p.DTS-run[0].DTS >= w.chunk {
			if err := w.add(run, p.DTS, first); err != nil {
				return err
			}
			run, first = nil, false
		}
		run = append(run, p)
	}
	if len(run) == 0 {
		return nil
	}
	if last := run[len(run)-1]; end <= last.DTS {
		end = last.DTS + Frame(t)
	}
	return w.add(run, end, first)
}

// Frame is how long a picture or a sound frame of a track lasts.
func Frame(t *media.Track) time.Duration {
	return t.FrameDuration()
}

func (w *writer) add(run []media.Packet, end time.Duration, first bool) error {
	w.n++
	c, err := fmp4.AppendHeader(nil, fmp4.Chunk{Sequence: w.n, Samples: run, End: end, Offset: segment.TimeOffset, SegmentStart: first})
	if err != nil {
		return err
	}
	for _, p := range run {
		c = append(c, p.Data...)
	}
	record := binary.BigEndian.AppendUint32(nil, 44)
	record = append(append(record, "uuid"...), bytes.Repeat([]byte{0xEB}, 16)...)
	record = fmt.Appendf(record, "%016d", w.n)
	record = binary.BigEndian.AppendUint32(record, crc32.Checksum(c, crc32.MakeTable(crc32.Castagnoli)))
	w.b = append(append(w.b, record...), c...)
	return nil
}

// Open is a Part's or a reel's content of the bytes.
func Open(b []byte) func() (io.ReadSeekCloser, error) {
	return func() (io.ReadSeekCloser, error) { return nopCloser{bytes.NewReader(b)}, nil }
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }
