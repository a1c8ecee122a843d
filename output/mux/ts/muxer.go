// Package ts writes MPEG transport streams (ISO/IEC 13818-1) of one programme:
// H.264 and AAC, the latter as ADTS; either may be missing. A Muxer writes one
// without an end, a Constant does so at a constant bit rate, AppendSegment
// writes them in pieces, each by itself. It is
// pure: packets in, transport stream packets out, no clock and no I/O.
package ts

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
	"github.com/encoderbox/encoderbox/media/h264"
)

// PacketSize is the size of a transport stream packet. Seven of them, 1316
// bytes, are what one datagram of UDP, RTP or SRT carries.
const PacketSize = 188

// DefaultDelay is Config.Delay where it is not given. It covers sound and
// pictures that reach the muxer up to so far out of step, and is what a
// receiver that follows the clock adds to the latency.
const DefaultDelay = 200 * time.Millisecond

// Intervals that ISO/IEC 13818-1 and ETSI TR 101 290 ask for, and the step of
// time that counts as a break of the clock and is not bridged.
const (
	maxPCRInterval   = 40 * time.Millisecond
	maxTableInterval = 100 * time.Millisecond
	maxStep          = time.Second
	// startAt is the PCR at time zero of the stream's clock, so that times
	// shortly before it do not wrap.
	startAt = time.Second
)

// Config says what a Muxer carries.
type Config struct {
	// Tracks are those known at the start, at most one of a kind. A track of the
	// other kind that appears later is added with a new version of the PMT.
	Tracks []*media.Track
	// Delay is how long before its decoding time an access unit is sent, by the
	// programme clock: DTS less PCR. Zero means DefaultDelay, and
	// DefaultConstantDelay for a Constant.
	Delay time.Duration
	// MuxRate is the bit rate of a Constant, null packets included. A Muxer has
	// none: its stream is as large as what is in it.
	MuxRate int
}

// Muxer writes one transport stream. It is not safe for concurrent use.
//
// A time t of the stream's clock becomes the time stamp t + 1 s + Delay, modulo
// 2³³ ticks; the clock reference follows the highest DTS seen. So the mapping
// is the same for every Muxer of a stream with the same Delay.
type Muxer struct {
	delay        time.Duration
	video, audio *stream
	tables       tables

	started   bool
	head      time.Duration // highest DTS since the last break
	pcr       time.Duration // stream time of the last PCR
	tablesAt  time.Duration // stream time of the last tables
	broken    bool          // the clock broke: the next PCR says so
	needTable bool          // tables go out next, due or not
	until     time.Duration // of a segment: the clock does not go beyond; else 0
	late      uint64
	pes       []byte // scratch: the PES packet being written
}

// stream is one elementary stream.
type stream struct {
	pid   uint16
	id    byte // stream_id
	cc    byte // continuity_counter of the next payload
	track *media.Track
	audio aac.Config // of an audio track
	sent  bool
	dts   time.Duration // last one, when sent
}

// The PIDs, which are also those ffmpeg and most hardware use.
const (
	pmtPID   = 0x1000
	videoPID = 0x100
	audioPID = 0x101
)

// New makes a Muxer. It fails for tracks that MPEG-TS cannot carry.
func New(cfg Config) (*Muxer, error) {
	m := &Muxer{delay: cfg.Delay, tables: newTables()}
	if m.delay == 0 {
		m.delay = DefaultDelay
	}
	if m.delay < 0 {
		return nil, fmt.Errorf("ts: delay %v is negative", m.delay)
	}
	if cfg.MuxRate != 0 {
		return nil, errors.New("ts: only a Constant has a bit rate")
	}
	if len(cfg.Tracks) == 0 {
		return nil, errors.New("ts: no tracks")
	}
	for _, t := range cfg.Tracks {
		if t == nil {
			return nil, errors.New("ts: a track is nil")
		}
		if *m.slot(t.Kind()) != nil {
			return nil, fmt.Errorf("ts: two %v tracks; one programme carries one of each kind", t.Kind())
		}
		if _, err := m.use(t); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Late is how many access units came with a DTS that the programme clock had
// passed: tracks further out of step than Config.Delay. They are sent, and a
// strict receiver drops them.
func (m *Muxer) Late() uint64 { return m.late }

// Append appends the transport stream packets of one access unit, always whole
// ones. On an error nothing is appended and the next access unit may follow.
func (m *Muxer) Append(dst []byte, p media.Packet) ([]byte, error) {
	s, err := m.take(p)
	if err != nil {
		return dst, err
	}
	dst = slices.Grow(dst, (len(m.pes)/(PacketSize-4)+8)*PacketSize)
	dst, af := m.lead(dst, s, p)
	return s.appendPES(dst, m.pes, af), nil
}

// Send hands what Append would append to send instead, as much at a time as buf
// has room for, so that no one needs memory for a whole picture. buf has room for
// a packet at least, and holds them only until send returns. On an error of send
// the access unit is lost, and with it what a receiver makes of the stream.
func (m *Muxer) Send(p media.Packet, buf []byte, send func([]byte) error) error {
	s, err := m.take(p)
	if err != nil {
		return err
	}
	defer m.shrink()
	out, af := m.lead(buf[:0], s, p)
	pes := m.pes
	for start := true; len(pes) > 0; start, af = false, (adaptation{}) {
		if len(out)+PacketSize > cap(buf) {
			if err := send(out); err != nil {
				return err
			}
			out = buf[:0]
		}
		var n int
		out, n = s.appendPacket(out, pes, start, af)
		pes = pes[n:]
	}
	return send(out)
}

// take makes the PES packet of an access unit, in m.pes.
func (m *Muxer) take(p media.Packet) (*stream, error) {
	if p.Track == nil {
		return nil, errors.New("ts: packet without track")
	}
	s, err := m.use(p.Track)
	if err != nil {
		return nil, err
	}
	return s, m.writePES(s, p)
}

// keptScratch is the memory that a Muxer keeps between access units for Send. What
// key pictures take beyond it is theirs only: every destination has a Muxer.
const keptScratch = 64 << 10

func (m *Muxer) shrink() {
	if cap(m.pes) > keptScratch {
		m.pes = nil
	}
}

// lead appends what goes before the PES packet of an access unit: clock
// references and tables, as they are due. af is for its first packet.
func (m *Muxer) lead(dst []byte, s *stream, p media.Packet) (out []byte, af adaptation) {
	video := s == m.video
	key := video && p.Key
	m.needTable = m.needTable || key

	dst = m.advance(dst, s, p.DTS)
	if p.DTS < m.pcr-m.delay {
		m.late++
	}
	af = adaptation{discontinuity: p.Gap, randomAccess: key || m.video == nil}
	if s == m.clock() {
		if m.head <= m.pcr && key { // the standard wants a PCR beside the random access indicator
			m.head = m.pcr + time.Millisecond
		}
		if m.head > m.pcr || m.broken {
			dst = m.appendTables(dst, m.head)
			af.setPCR(m.takePCR(m.head))
			af.discontinuity = af.discontinuity || m.broken
			m.broken = false
		}
	}
	if m.needTable {
		dst = m.appendTables(dst, m.head)
	}
	return dst, af
}

// slot is where the stream of a kind stands.
func (m *Muxer) slot(k media.Kind) **stream {
	if k == media.Video {
		return &m.video
	}
	return &m.audio
}

// clock is the stream whose PID carries the PCR.
func (m *Muxer) clock() *stream {
	if m.video != nil {
		return m.video
	}
	return m.audio
}

// use is the stream that carries a track. It takes a new track over, and
// makes the stream when there is none of the kind yet.
func (m *Muxer) use(t *media.Track) (*stream, error) {
	s := m.slot(t.Kind())
	if *s != nil && (*s).track == t {
		return *s, nil
	}
	next := stream{track: t}
	switch t.Codec {
	case media.H264:
		if t.Video == nil {
			return nil, errors.New("ts: video track without parameters")
		}
		next.pid, next.id = videoPID, 0xe0
	case media.AAC:
		if t.Audio == nil {
			return nil, errors.New("ts: audio track without parameters")
		}
		c, err := aac.ParseConfig(t.Audio.Config)
		if err != nil {
			return nil, fmt.Errorf("ts: audio track: %w", err)
		}
		if _, err := aac.AppendADTS(nil, c, nil); err != nil {
			return nil, fmt.Errorf("ts: audio track: %w", err)
		}
		next.pid, next.id, next.audio = audioPID, 0xc0, c
	default:
		return nil, fmt.Errorf("ts: codec %v is not supported; use h264 and aac", t.Codec)
	}
	if *s != nil {
		(*s).track, (*s).audio = t, next.audio
		return *s, nil
	}
	if err := m.tables.add(next.pid, t.Codec); err != nil {
		return nil, err
	}
	*s = &next
	m.needTable = true
	return *s, nil
}

// pesExtra is more than what a PES packet usually has beside the access unit as it
// came: its header, a delimiter, parameter sets.
const pesExtra = 256

// writePES makes the PES packet of an access unit in m.pes.
func (m *Muxer) writePES(s *stream, p media.Packet) error {
	b := slices.Grow(m.pes[:0], len(p.Data)+pesExtra)
	b = appendPESHeader(b, s.id, m.ticks(p.PTS), m.ticks(p.DTS))
	start := len(b)
	if s == m.audio {
		var err error
		if b, err = aac.AppendADTS(b, s.audio, p.Data); err != nil {
			return fmt.Errorf("ts: %w", err)
		}
	} else {
		if err := h264.Valid(p.Data); err != nil {
			return fmt.Errorf("ts: access unit at %v: %w", p.DTS, err)
		}
		b = append(b, accessUnitDelimiter[:]...)
		if p.Key {
			for nal := range h264.InBand(s.track.Video, p.Data) {
				b = append(b, 0, 0, 0, 1)
				b = append(b, nal...)
			}
		} else {
			b = h264.AppendAnnexB(b, p.Data)
		}
		start += len(accessUnitDelimiter)
	}
	m.pes = b
	if len(b) == start || len(p.Data) == 0 {
		return fmt.Errorf("ts: empty access unit at %v", p.DTS)
	}
	setPESLength(b)
	return nil
}

// accessUnitDelimiter says nothing of the slice types to come. §2.14.1 of the
// standard asks for a delimiter in every access unit.
var accessUnitDelimiter = [...]byte{0, 0, 0, 1, h264.TypeAUD, 0xf0}
