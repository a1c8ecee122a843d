package ts

import (
	"time"

	"github.com/encoderbox/encoderbox/media"
)

// Rates of the system clock, ISO/IEC 13818-1 §2.4.2.1.
const (
	timestampRate = 90_000
	systemRate    = 27_000_000
	pcrModulus    = 300 << 33
)

// ticks is a time as a 33-bit time stamp.
func (m *Muxer) ticks(t time.Duration) uint64 {
	return uint64(media.ToTimescale(t+m.delay+startAt, timestampRate)) & (1<<33 - 1)
}

// advance moves the programme clock to dts of stream s and appends the
// clock references and tables that are due before it, so that neither interval
// is exceeded when pictures are late or few.
func (m *Muxer) advance(dst []byte, s *stream, dts time.Duration) []byte {
	step := dts > m.head+maxStep && m.until == 0
	broken := !m.started || step || s.sent && dts <= s.dts
	s.sent, s.dts = true, dts
	if broken {
		m.broken = m.started || m.broken
		m.started, m.needTable = true, true
		m.head, m.pcr = dts, dts-1 // a PCR is due
		if s != m.clock() {
			dst = m.appendPCR(dst, dts)
		}
		return dst
	}
	if m.until != 0 {
		dts = min(dts, m.until)
	}
	m.head = max(m.head, dts)
	return m.bridge(dst, m.head)
}

// bridge appends the clock references that are due before one at time t.
func (m *Muxer) bridge(dst []byte, t time.Duration) []byte {
	if gap := t - m.pcr; gap > maxPCRInterval {
		from, n := m.pcr, (gap+maxPCRInterval-1)/maxPCRInterval
		for i := time.Duration(1); i < n; i++ {
			dst = m.appendPCR(dst, from+gap*i/n)
		}
	}
	return dst
}

// appendPCR appends a packet that carries nothing but the PCR of time t.
func (m *Muxer) appendPCR(dst []byte, t time.Duration) []byte {
	dst = m.appendTables(dst, t)
	af := adaptation{discontinuity: m.broken}
	af.setPCR(m.takePCR(t))
	m.broken = false
	return m.clock().appendEmpty(dst, af)
}

// takePCR is the program clock reference of stream time t, which is then the
// last one sent.
func (m *Muxer) takePCR(t time.Duration) uint64 {
	m.pcr = t
	v := media.ToTimescale(t+startAt, systemRate) % pcrModulus
	if v < 0 {
		v += pcrModulus
	}
	return uint64(v)
}

// appendTables appends PAT and PMT when they are asked for, or would be overdue
// by the next PCR.
func (m *Muxer) appendTables(dst []byte, t time.Duration) []byte {
	if !m.needTable && t-m.tablesAt <= maxTableInterval-maxPCRInterval {
		return dst
	}
	m.needTable, m.tablesAt = false, t
	return m.tables.append(dst)
}

// Clock is the programme clock as of the last PCR, in 90 kHz, modulo 2³³.
func (m *Muxer) Clock() uint64 {
	return uint64(media.ToTimescale(m.pcr+startAt, timestampRate)) & (1<<33 - 1)
}
