// Package tscheck says which rules of MPEG transport streams (ISO/IEC 13818-1,
// ETSI TR 101 290) a stream breaks. It takes the 188 bytes of each packet apart
// by itself, so that it shares nothing with what writes our streams.
package tscheck

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// PacketSize is the size of a transport stream packet.
const PacketSize = 188

// The limits, those of TR 101 290 where the standard has others.
const (
	MaxPCRInterval   = 40 * time.Millisecond
	MaxTableInterval = 100 * time.Millisecond
	// MaxPCRError is how far a PCR may be from its place at a constant rate.
	MaxPCRError = 500 * time.Nanosecond
	// MaxDelay is the longest between arrival and decoding, §2.4.2.3.
	MaxDelay = time.Second
	// maxJump is the step of a PCR that is a jump and not a long interval.
	maxJump = time.Second
)

// Rule names what is checked.
type Rule string

// The rules.
const (
	Length         Rule = "length"          // whole packets
	Sync           Rule = "sync"            // 0x47 begins every packet
	TransportError Rule = "transport_error" // transport_error_indicator
	Scrambled      Rule = "scrambled"       // transport_scrambling_control
	Adaptation     Rule = "adaptation"      // adaptation fields fit
	Continuity     Rule = "continuity"      // continuity_counter
	Duplicate      Rule = "duplicate"       // the same packet twice
	CRC            Rule = "crc"             // of PAT, PMT and SDT
	Section        Rule = "section"         // tables are well formed
	Version        Rule = "version"         // a table that changes has a new version
	NoPAT          Rule = "no_pat"
	NoPMT          Rule = "no_pmt"
	NoPCR          Rule = "no_pcr"
	PATInterval    Rule = "pat_interval"
	PMTInterval    Rule = "pmt_interval"
	PCRInterval    Rule = "pcr_interval"
	PCRJump        Rule = "pcr_jump"     // back, or ahead by a second, without a word
	PCRAccuracy    Rule = "pcr_accuracy" // at a constant rate
	PID            Rule = "pid"          // what the PMT does not name, or names and is not there
	PES            Rule = "pes"          // PES headers are well formed
	PESLength      Rule = "pes_length"
	Timestamps     Rule = "timestamps" // DTS rises, PTS is not before DTS
	DecodeLate     Rule = "decode_late"
	DecodeEarly    Rule = "decode_early"
	RandomAccess   Rule = "random_access" // the indicator at IDR pictures, and a PCR beside it
)

// Options say what is checked beyond what holds for every stream.
type Options struct {
	// Constant asks for a constant rate.
	Constant bool
	// Rate is that rate in bits per second; 0 measures it.
	Rate int
	// Data keeps the payload of the access units.
	Data bool
}

// Finding is one rule broken.
type Finding struct {
	Rule   Rule
	Packet int64 // number in the stream, from 0
	Text   string
}

func (f Finding) String() string { return fmt.Sprintf("packet %d: %s: %s", f.Packet, f.Rule, f.Text) }

// Unit is one PES packet.
type Unit struct {
	PID          uint16
	First, Last  int64         // packets
	PTS, DTS     time.Duration // without wraps since the first clock reference
	RawPTS       int64         // 33 bits
	RawDTS       int64
	PCR          time.Duration // in the first packet, when HasPCR
	HasPCR       bool
	RandomAccess bool
	IDR          bool // H.264
	Size         int  // of the payload
	Data         []byte
	Arrived      time.Duration // the clock when the last byte was there, Known
	Begun        time.Duration // the same of its first packet
	Known        bool

	segment int
}

// Report is what was found.
type Report struct {
	Packets, Nulls int64
	PCROnly        int64            // packets with a PCR and no payload
	Breaks         int64            // discontinuity indicators
	Rate           float64          // bits per second, as the clock has it; of the longest piece
	Duration       time.Duration    // by the clock
	PCRError       time.Duration    // the largest, where Options.Constant
	MaxPCR         time.Duration    // longest interval
	MaxPAT, MaxPMT time.Duration    // the same
	MinDelay       time.Duration    // from the last byte's arrival to the decoding time
	MaxDelay       time.Duration    // from the first byte's
	Streams        map[uint16]uint8 // stream_type by PID, as in the last PMT
	PMTs           map[int]int      // how many, by number of streams
	PCRPID         uint16
	Units          []Unit
	Findings       []Finding
	Total          int // findings, those not kept included
}

// maxFindings bounds what is kept of each rule.
const maxFindings = 20

// NullShare is the part of the packets that carry nothing.
func (r *Report) NullShare() float64 {
	if r.Packets == 0 {
		return 0
	}
	return float64(r.Nulls) / float64(r.Packets)
}

// Err is nil for a stream that obeys the rules; its text has the first findings.
func (r *Report) Err() error {
	if r.Total == 0 {
		return nil
	}
	var lines []string
	for _, f := range r.Findings[:min(len(r.Findings), 10)] {
		lines = append(lines, f.String())
	}
	return fmt.Errorf("transport stream: %d findings: %s", r.Total, strings.Join(lines, "; "))
}

// Has says that a rule was broken.
func (r *Report) Has(rule Rule) bool {
	for _, f := range r.Findings {
		if f.Rule == rule {
			return true
		}
	}
	return false
}

// Of are the access units of a PID.
func (r *Report) Of(pid uint16) (units []Unit) {
	for _, u := range r.Units {
		if u.PID == pid {
			units = append(units, u)
		}
	}
	return units
}

// Check reads a stream to its end. The error is that of reading it.
func Check(r io.Reader, o Options) (*Report, error) {
	c := newChecker(o)
	in := bufio.NewReaderSize(r, 1<<16)
	var p [PacketSize]byte
	for {
		n, err := io.ReadFull(in, p[:])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			if n > 0 {
				c.fail(Length, "%d bytes are left behind the last whole packet", n)
			}
			break
		}
		if err != nil {
			return nil, fmt.Errorf("tscheck: read: %w", err)
		}
		if p[0] != syncByte {
			if err := c.resync(in, &p); err != nil {
				return nil, err
			}
			if p[0] != syncByte {
				continue
			}
		}
		c.packet(&p)
		c.n++
	}
	c.finish()
	return c.report, nil
}

const syncByte = 0x47

// resync looks for the next packet: a sync byte that another one follows where
// the next packet is.
func (c *checker) resync(in *bufio.Reader, p *[PacketSize]byte) error {
	c.fail(Sync, "begins with %#02x", p[0])
	next, err := in.Peek(PacketSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("tscheck: read: %w", err)
	}
	if len(next) == 0 || next[0] == syncByte {
		c.n++
		return nil // this one is damaged, the next is where it should be
	}
	for at := 1; at < PacketSize; at++ {
		if p[at] != syncByte || at < len(next) && next[at] != syncByte {
			continue
		}
		copy(p[:], p[at:])
		if _, err := io.ReadFull(in, p[PacketSize-at:]); err != nil {
			p[0] = 0 // the end: nothing whole is left
		}
		return nil
	}
	c.n++
	return nil
}
