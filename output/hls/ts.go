package hls

import (
	"container/list"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/fmp4"
	"github.com/encoderbox/encoderbox/output/mux/ts"
	"github.com/encoderbox/encoderbox/output/segment"
)

// TSName is the file name of a segment as MPEG-TS: its run and number. Those of
// lost segments name nothing.
func TSName(s *segment.Segment) string {
	for _, k := range []media.Kind{media.Video, media.Audio} {
		if m := s.Media(k); m != nil {
			name := strings.TrimPrefix(m.Name, k.String()+"_")
			return strings.TrimSuffix(name, ".m4s") + ".ts"
		}
	}
	return fmt.Sprintf("none_%d.ts", s.Sequence)
}

// TSSegment is a segment as MPEG-TS, picture and sound in one, made of its
// files. What is lost of one of the two is left out. The times are the files'
// own, and segments one after the other are one transport stream.
func TSSegment(s *segment.Segment) ([]byte, error) {
	out := ts.Segment{Discontinuity: s.Discontinuity}
	size := int64(0)
	for _, k := range []media.Kind{media.Video, media.Audio} {
		m := s.Media(k)
		if m == nil || m.Init == nil {
			continue
		}
		out.Tracks = append(out.Tracks, m.Init.Track)
		if m.Gap {
			continue
		}
		packets, err := readMedia(m)
		if err != nil {
			return nil, fmt.Errorf("hls: segment %s: %w", m.Name, err)
		}
		if k == media.Video {
			out.Video = packets
		} else {
			out.Audio = packets
		}
		size += tsSize(m)
	}
	switch {
	case len(out.Video) > 0:
		out.End = endOf(s.Video, out.Video)
	case len(out.Audio) > 0 && s.Video != nil:
		// Pictures are decoded before they are shown: the next segment's first one
		// takes the clock up before the end of this sound.
		out.End = max(endOf(s.Audio, out.Audio)-ts.DefaultDelay, out.Audio[0].DTS)
	case len(out.Audio) > 0:
		out.End = endOf(s.Audio, out.Audio)
	}
	data, err := ts.AppendSegment(make([]byte, 0, size), out)
	if err != nil {
		return nil, fmt.Errorf("hls: segment %s: %w", TSName(s), err)
	}
	return data, nil
}

// endOf is when the segment after m begins, on the files' time line.
func endOf(m *segment.Media, packets []media.Packet) time.Duration {
	last := packets[len(packets)-1].DTS
	if n := len(m.Chunks); n > 0 {
		c := m.Chunks[n-1]
		return max(last, packets[0].DTS+c.Start+c.Duration-m.Chunks[0].Start)
	}
	return last
}

// maxMedia bounds what is read of a segment's file.
const maxMedia = 256 << 20

func readMedia(m *segment.Media) ([]media.Packet, error) {
	if m.Bytes <= 0 || m.Bytes > maxMedia {
		return nil, fmt.Errorf("a file of %d bytes", m.Bytes)
	}
	f, err := m.Content.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, m.Bytes)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, err
	}
	return fmp4.ReadChunk(make([]media.Packet, 0, m.Samples), m.Init.Track, data, 0)
}

// tsSize is the most a file takes as MPEG-TS, near enough to make room for it
// and to tell its bit rate: a header every 184 bytes, a PES header and half a
// packet of stuffing an access unit, clock references and tables.
func tsSize(m *segment.Media) int64 {
	n := m.Bytes*ts.PacketSize/(ts.PacketSize-4) + int64(m.Samples)*(20+ts.PacketSize/2)
	return n + (int64(m.Duration.Seconds()*45)+48)*ts.PacketSize
}

// tsCache has the newest segments made, so that many players cost one.
type tsCache struct {
	group singleflight.Group
	turn  chan struct{} // bounds how many are made at once

	mu    sync.Mutex // guards the fields below
	bytes int
	items map[string]*list.Element
	order *list.List // of tsItem, newest use first
}

// Bounds of the cache, and of what is made at a time.
const (
	tsCacheBytes = 16 << 20
	tsAtOnce     = 2
)

type tsItem struct {
	name string
	data []byte
}

func newTSCache() *tsCache {
	return &tsCache{turn: make(chan struct{}, tsAtOnce), items: map[string]*list.Element{}, order: list.New()}
}

// get is the segment's transport stream, made once for all who ask at a time.
func (c *tsCache) get(key string, s *segment.Segment) ([]byte, error) {
	if data, ok := c.look(key); ok {
		return data, nil
	}
	v, err, _ := c.group.Do(key, func() (any, error) {
		if data, ok := c.look(key); ok {
			return data, nil
		}
		c.turn <- struct{}{}
		defer func() { <-c.turn }()
		data, err := TSSegment(s)
		if err == nil {
			c.keep(key, data)
		}
		return data, err
	})
	if err != nil {
		return nil, err
	}
	return v.([]byte), nil
}

func (c *tsCache) look(key string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.items[key]
	if e == nil {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(tsItem).data, true
}

// keep takes a segment up; one larger than the cache is not kept.
func (c *tsCache) keep(key string, data []byte) {
	if cap(data) > tsCacheBytes {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items[key] = c.order.PushFront(tsItem{key, data})
	for c.bytes += cap(data); c.bytes > tsCacheBytes; {
		old := c.order.Remove(c.order.Back()).(tsItem)
		c.bytes -= cap(old.data)
		delete(c.items, old.name)
	}
}
