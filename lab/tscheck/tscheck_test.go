package tscheck

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
)

const muxRate = 2_000_000

// made is a stream by ffmpeg, of 4 s with a key picture each second.
func made(t testing.TB, args ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "made.ts")
	all := []string{"ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=25", "-f", "lavfi", "-i", "sine=r=48000", "-t", "4",
		"-c:v", "libx264", "-g", "25", "-bf", "2", "-preset", "veryfast", "-b:v", "700k", "-maxrate", "700k", "-bufsize", "350k", "-pix_fmt", "yuv420p",
		"-c:a", "aac", "-b:a", "96k", "-f", "mpegts", "-pat_period", "0.08", "-pcr_period", "20"}
	if log, err := peer.Run(context.Background(), peer.Command{Args: append(append(all, args...), file)}); err != nil || log != "" {
		t.Fatalf("ffmpeg: %v: %s", err, log)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func checked(t testing.TB, stream []byte, o Options) *Report {
	t.Helper()
	r, err := Check(bytes.NewReader(stream), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatFFmpegMakesPasses(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
		o    Options
	}{
		{"variable rate", nil, Options{Data: true}},
		{"constant rate", []string{"-muxrate", "2000000"}, Options{Rate: muxRate}},
		{"constant rate, measured", []string{"-muxrate", "2000000"}, Options{Constant: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := checked(t, made(t, tc.args...), tc.o)
			for _, f := range r.Findings {
				t.Error(f)
			}
			if v, a := len(r.Of(0x100)), len(r.Of(0x101)); v != 100 || a < 15 {
				t.Errorf("%d pictures, %d packets of sound", v, a)
			}
			idr := 0
			for _, u := range r.Of(0x100) {
				if u.IDR {
					idr++
				}
			}
			if idr != 4 {
				t.Errorf("%d IDR pictures, want 4", idr)
			}
			if tc.o.Rate > 0 && (r.Rate < 0.999*muxRate || r.Rate > 1.001*muxRate || r.NullShare() < 0.2) {
				t.Errorf("rate %.0f, %.2f null", r.Rate, r.NullShare())
			}
			t.Logf("PCR %v, error %v, PAT %v, PMT %v, delay %v to %v", r.MaxPCR, r.PCRError, r.MaxPAT, r.MaxPMT, r.MinDelay, r.MaxDelay)
		})
	}
}

// damage is a stream's packets, to be changed.
type damage struct{ b []byte }

func (d *damage) at(i int) []byte { return d.b[i*PacketSize:][:PacketSize] }

// find is the n-th packet from 0 that fits.
func (d *damage) find(n int, fits func(p []byte) bool) int {
	for i := range len(d.b) / PacketSize {
		if fits(d.at(i)) {
			if n--; n < 0 {
				return i
			}
		}
	}
	panic("no such packet")
}

func (d *damage) drop(i int)   { d.b = slices.Delete(d.b, i*PacketSize, (i+1)*PacketSize) }
func (d *damage) repeat(i int) { d.b = slices.Insert(d.b, i*PacketSize, bytes.Clone(d.at(i))...) }

// silence turns packets into null ones, so that nothing moves.
func (d *damage) silence(fits func(p []byte) bool) {
	for i := range len(d.b) / PacketSize {
		if p := d.at(i); fits(p) {
			p[1], p[2], p[3] = 0x1f, 0xff, 0x10
		}
	}
}

func on(pid int) func([]byte) bool {
	return func(p []byte) bool { return int(p[1]&0x1f)<<8|int(p[2]) == pid }
}

func hasPCR(p []byte) bool { return p[3]&0x20 != 0 && p[4] > 0 && p[5]&0x10 != 0 }

func begins(pid int) func([]byte) bool {
	return func(p []byte) bool { return on(pid)(p) && p[1]&0x40 != 0 }
}

func plain(pid int) func([]byte) bool {
	return func(p []byte) bool { return on(pid)(p) && p[1]&0x40 == 0 && p[3]&0x30 == 0x10 }
}

// pesOf is the PES packet that begins in p.
func pesOf(p []byte) []byte {
	if p[3]&0x20 != 0 {
		return p[5+int(p[4]):]
	}
	return p[4:]
}

func addPCR(p []byte, ticks int64) {
	base := int64(binary.BigEndian.Uint32(p[6:]))<<1 | int64(p[10]>>7)
	t := base*300 + int64(p[10]&1)<<8 + int64(p[11]) + ticks
	base, ext := t/300, t%300
	binary.BigEndian.PutUint32(p[6:], uint32(base>>1))
	p[10], p[11] = byte(base<<7)|0x7e|byte(ext>>8), byte(ext)
}

func setDTS(pes []byte, f func(int64) int64) {
	b := pes[9:]
	if pes[7]>>6 == 3 {
		b = pes[14:]
	}
	t := f(int64(b[0]>>1&7)<<30 | int64(b[1])<<22 | int64(b[2]>>1)<<15 | int64(b[3])<<7 | int64(b[4]>>1))
	b[0], b[1], b[2], b[3], b[4] = b[0]&0xf1|byte(t>>29)&0x0e, byte(t>>22), byte(t>>14)|1, byte(t>>7), byte(t<<1)|1
}

func TestEveryDefectIsFound(t *testing.T) {
	good := made(t, "-muxrate", "2000000")
	const pat, pmt, video, audio = 0, 0x1000, 0x100, 0x101
	for _, tc := range []struct {
		name string
		want Rule
		do   func(d *damage)
	}{
		{"half a packet at the end", Length, func(d *damage) { d.b = d.b[:len(d.b)-100] }},
		{"sync byte damaged", Sync, func(d *damage) { d.at(50)[0] = 0x48 }},
		{"bytes lost inside", Sync, func(d *damage) { d.b = slices.Delete(d.b, 5000, 5050) }},
		{"packet dropped", Continuity, func(d *damage) { d.drop(d.find(40, plain(video))) }},
		{"packet twice", Duplicate, func(d *damage) { d.repeat(d.find(40, plain(video))) }},
		{"counter wrong", Continuity, func(d *damage) { d.at(d.find(40, plain(audio)))[3] ^= 5 }},
		{"two packets swapped", Continuity, func(d *damage) {
			i, j := d.find(40, plain(video)), d.find(41, plain(video))
			p := bytes.Clone(d.at(i))
			copy(d.at(i), d.at(j))
			copy(d.at(j), p)
		}},
		{"transport error", TransportError, func(d *damage) { d.at(70)[1] |= 0x80 }},
		{"scrambled", Scrambled, func(d *damage) { d.at(d.find(9, plain(video)))[3] |= 0x80 }},
		{"adaptation field too long", Adaptation, func(d *damage) {
			p := d.at(d.find(5, func(p []byte) bool { return on(video)(p) && p[3]&0x30 == 0x30 }))
			p[4] = 200
		}},
		{"CRC of the PAT", CRC, func(d *damage) { d.at(d.find(5, on(pat)))[5+9] ^= 1 }},
		{"CRC of the PMT", CRC, func(d *damage) { d.at(d.find(5, on(pmt)))[5+13] ^= 1 }},
		{"no PAT", NoPAT, func(d *damage) { d.silence(on(pat)) }},
		{"no PMT", NoPMT, func(d *damage) { d.silence(on(pmt)) }},
		{"one PAT missing", PATInterval, func(d *damage) { i := d.find(8, on(pat)); d.silencePAT(i) }},
		{"PMT rare", PMTInterval, func(d *damage) {
			n := 0
			d.silence(func(p []byte) bool {
				if on(pmt)(p) {
					n++
				}
				return on(pmt)(p) && n > 4 && n < 12
			})
		}},
		{"no PCR", NoPCR, func(d *damage) {
			for i := range len(d.b) / PacketSize {
				if p := d.at(i); hasPCR(p) {
					p[5] &^= 0x10
				}
			}
		}},
		{"PCRs too far apart", PCRInterval, func(d *damage) {
			for range 5 {
				d.at(d.find(20, hasPCR))[5] &^= 0x10
			}
		}},
		{"PCR back by a second", PCRJump, func(d *damage) { addPCR(d.at(d.find(20, hasPCR)), -27_000_000) }},
		{"PCR ahead by an hour", PCRJump, func(d *damage) { addPCR(d.at(d.find(20, hasPCR)), 3600*27_000_000) }},
		{"PCR off by a microsecond", PCRAccuracy, func(d *damage) { addPCR(d.at(d.find(20, hasPCR)), 27) }},
		{"null packets left out", PCRAccuracy, func(d *damage) { d.drop(d.find(20, on(0x1fff))) }},
		{"DTS before the PCR", DecodeLate, func(d *damage) {
			for i := range len(d.b) / PacketSize {
				if p := d.at(i); hasPCR(p) {
					addPCR(p, 2*27_000_000)
				}
			}
		}},
		{"DTS far behind the PCR", DecodeEarly, func(d *damage) {
			for i := range len(d.b) / PacketSize {
				if p := d.at(i); hasPCR(p) {
					addPCR(p, -27_000_000)
				}
			}
		}},
		{"DTS goes back", Timestamps, func(d *damage) {
			setDTS(pesOf(d.at(d.find(9, begins(audio)))), func(t int64) int64 { return t - 30000 })
		}},
		{"DTS after PTS", Timestamps, func(d *damage) {
			setDTS(pesOf(d.at(d.find(20, func(p []byte) bool { return begins(video)(p) && pesOf(p)[7]>>6 == 3 }))), func(t int64) int64 { return t + 90000 })
		}},
		{"no marker in the PTS", PES, func(d *damage) { pesOf(d.at(d.find(9, begins(audio))))[9] &^= 1 }},
		{"no PES start code", PES, func(d *damage) { pesOf(d.at(d.find(9, begins(audio))))[2] = 9 }},
		{"PES_packet_length wrong", PESLength, func(d *damage) { pesOf(d.at(d.find(9, begins(audio))))[5] ^= 3 }},
		{"no random access indicator", RandomAccess, func(d *damage) {
			d.at(d.find(1, func(p []byte) bool { return begins(video)(p) && p[3]&0x20 != 0 && p[5]&0x40 != 0 }))[5] &^= 0x40
		}},
		{"random access without PCR", RandomAccess, func(d *damage) {
			d.at(d.find(1, func(p []byte) bool { return begins(video)(p) && p[3]&0x20 != 0 && p[5]&0x40 != 0 }))[5] &^= 0x10
		}},
		{"PID that the PMT does not name", PID, func(d *damage) {
			for i := range len(d.b) / PacketSize {
				if p := d.at(i); on(audio)(p) {
					p[2]++
				}
			}
		}},
		{"table changed without version", Version, func(d *damage) {
			p := d.at(d.find(9, on(pmt)))
			s := p[5 : 5+3+int(p[6]&15)<<8+int(p[7])]
			s[len(s)-9+0] ^= 1
			binary.BigEndian.PutUint32(s[len(s)-4:], crc(s[:len(s)-4]))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := &damage{bytes.Clone(good)}
			tc.do(d)
			r := checked(t, d.b, Options{Rate: muxRate})
			if !r.Has(tc.want) || r.Err() == nil {
				t.Errorf("%s not found; found %v", tc.want, r.Findings)
			}
		})
	}
}

// silencePAT turns three PATs in a row into null packets.
func (d *damage) silencePAT(i int) {
	n := 0
	for ; n < 3; i++ {
		if p := d.at(i); on(0)(p) {
			p[1], p[2], p[3] = 0x1f, 0xff, 0x10
			n++
		}
	}
}

func TestAnAnnouncedBreakIsNone(t *testing.T) {
	d := &damage{made(t)}
	from := d.find(30, hasPCR)
	for i := from; i < len(d.b)/PacketSize; i++ {
		p := d.at(i)
		if hasPCR(p) {
			addPCR(p, 3600*27_000_000)
			if i == from {
				p[5] |= 0x80
			}
		}
	}
	r := checked(t, d.b, Options{})
	if r.Has(PCRJump) || r.Breaks != 1 {
		t.Errorf("%d breaks, %v", r.Breaks, r.Findings)
	}
}

func FuzzCheck(f *testing.F) {
	good := made(f, "-muxrate", "2000000")
	f.Add(good[:40*PacketSize], false)
	f.Add(good[1000:20*PacketSize], true)
	f.Add([]byte{0x47}, true)
	f.Fuzz(func(t *testing.T, b []byte, constant bool) {
		r, err := Check(bytes.NewReader(b), Options{Constant: constant, Data: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Findings) > r.Total || r.Packets > int64(len(b)/PacketSize) {
			t.Errorf("%d findings of %d, %d packets of %d bytes", len(r.Findings), r.Total, r.Packets, len(b))
		}
		if len(b) > 0 && r.Err() == nil && r.Packets > 0 && r.Duration > time.Hour*1000 {
			t.Error("nonsense passes")
		}
	})
}
