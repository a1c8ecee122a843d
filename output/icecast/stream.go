package icecast

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
	"github.com/encoderbox/encoderbox/media/ogg"
	"github.com/encoderbox/encoderbox/output"
)

// framer makes the stream's bytes of packets.
type framer interface {
	// contentType is what the server is told.
	contentType() string
	// head is what goes before the first packet.
	head() ([]byte, error)
	// add is what a packet makes ready to send; nothing while it is gathered.
	add(media.Packet) ([]byte, error)
	// end is what goes behind the last.
	end() []byte
}

func newFramer(t output.Target, track *media.Track) (framer, error) {
	switch track.Codec {
	case media.AAC:
		config, err := aac.ParseConfig(track.Audio.Config)
		if err != nil {
			return nil, fmt.Errorf("audio track: %w", err)
		}
		f := &adts{config: config}
		if isShoutcast(t) {
			f.typ = "audio/aacp" // what it and its players know AAC by
		}
		return f, nil
	case media.MP3:
		return mpeg{}, nil
	case media.Opus:
		o := &opus{track: track}
		o.ogg = ogg.Opus{
			Serial: rand.Uint32(), Channels: track.Audio.Channels, SampleRate: track.Audio.SampleRate,
			PreSkip: ogg.PreSkip, Vendor: t.Agent,
		}
		if title := t.Options["title"]; title != "" {
			o.ogg.Comments = append(o.ogg.Comments, "TITLE="+title)
		}
		return o, nil
	}
	return nil, fmt.Errorf("radio servers do not take %v", track.Codec)
}

// adts is AAC.
type adts struct {
	config aac.Config
	typ    string
	buf    []byte
}

func (a *adts) contentType() string {
	if a.typ != "" {
		return a.typ
	}
	return "audio/aac"
}

func (*adts) head() ([]byte, error) { return nil, nil }

func (a *adts) add(p media.Packet) (b []byte, err error) {
	a.buf, err = aac.AppendADTS(a.buf[:0], a.config, p.Data)
	return a.buf, err
}

func (*adts) end() []byte { return nil }

// mpeg is MP3.
type mpeg struct{}

func (mpeg) contentType() string                { return "audio/mpeg" }
func (mpeg) head() ([]byte, error)              { return nil, nil }
func (mpeg) add(p media.Packet) ([]byte, error) { return p.Data, nil }
func (mpeg) end() []byte                        { return nil }

// pagePackets are gathered for a page of Ogg: 100 ms.
const pagePackets = 5

// opus is Opus in Ogg. A page says when it ends, counted from the first packet.
type opus struct {
	ogg     ogg.Opus
	track   *media.Track
	begun   bool
	base    time.Duration
	last    int64 // granule position of the last packet's end
	waiting [][]byte
	buf     []byte
}

func (*opus) contentType() string { return "audio/ogg" }

func (o *opus) head() ([]byte, error) { return o.ogg.AppendHeaders(nil) }

func (o *opus) add(p media.Packet) ([]byte, error) {
	if !o.begun {
		o.begun, o.base = true, p.PTS
	}
	const frame = 960 // of 20 ms
	start := media.ToTimescale(p.PTS-o.base, 48000)
	o.buf = o.buf[:0]
	if p.Gap && len(o.waiting) > 0 { // a page has one time: what was lost lies between two
		if err := o.page(); err != nil {
			return nil, err
		}
	}
	o.last = max(start, o.last) + frame
	o.waiting = append(o.waiting, p.Data)
	if len(o.waiting) < pagePackets {
		return o.buf, nil
	}
	err := o.page()
	return o.buf, err
}

func (o *opus) page() (err error) {
	o.buf, err = o.ogg.Append(o.buf, o.last, o.waiting...)
	clear(o.waiting)
	o.waiting = o.waiting[:0]
	return err
}

func (o *opus) end() []byte {
	o.buf = o.buf[:0]
	if len(o.waiting) > 0 && o.page() != nil {
		return nil
	}
	return o.ogg.AppendEnd(o.buf, o.last)
}
