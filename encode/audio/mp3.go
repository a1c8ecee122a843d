package audio

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	shine "github.com/braheezy/shine-mp3/pkg/mp3"

	"github.com/encoderbox/encoderbox/media"
)

// mp3Delay is how many samples later sound comes out of a decoder: shine's 528, and
// the decoder's own 529. The tests hold it against ffmpeg's decoder.
const mp3Delay = 528 + 529

// mp3 is braheezy/shine-mp3, which keeps no bit reservoir: each frame stands for
// itself. Two of its faults are worked around. It makes everything 9/8 as loud; and
// its fixed-point arithmetic overflows from 0.6 of full scale on, where a square
// wave, or a low tone, comes out as noise. So it gets 4/9 of the sound, which it
// makes 1/2, and every frame says by its global gain that it is twice as loud.
type mp3 struct {
	settings Settings
	enc      *shine.Encoder
	frame    int // samples in all channels
	held     []int16
	out      bytes.Buffer // shine writes whole words: a frame's end comes with the next
	taken    int64
	made     int64
}

var _ bitrateSetter = (*mp3)(nil)

func newMP3(s Settings) (coder, error) {
	m := &mp3{settings: s, frame: unitOf(s) * s.Format.Channels}
	return m, m.Reset()
}

func (m *mp3) Encode(samples []int16, emit func([]byte)) error {
	m.taken += int64(len(samples) / m.settings.Format.Channels)
	for _, v := range samples {
		m.held = append(m.held, quieter(v))
	}
	done := 0
	for ; len(m.held)-done >= m.frame; done += m.frame {
		// One frame at a time: of more in one call, Write skips every other in mono.
		if err := m.enc.Write(&m.out, m.held[done:done+m.frame]); err != nil {
			return fmt.Errorf("shine: %w", err)
		}
		if err := m.cut(emit); err != nil {
			return err
		}
	}
	m.held = m.held[:copy(m.held, m.held[done:])]
	return nil
}

// cut emits the whole frames that have come out.
func (m *mp3) cut(emit func([]byte)) error {
	for m.out.Len() >= 4 {
		n := mp3FrameLength(m.out.Bytes())
		if n == 0 {
			return errors.New("shine has made what is no MPEG audio frame")
		}
		if m.out.Len() < n {
			return nil
		}
		m.made++
		frame := m.out.Next(n)
		louder(frame, m.settings.Format.Channels)
		emit(frame)
	}
	return nil
}

// quieter is 4/9 of a sample.
func quieter(v int16) int16 {
	n := int32(v) * 4
	if n < 0 {
		return int16((n - 4) / 9)
	}
	return int16((n + 4) / 9)
}

// louder raises the global gain of every granule by four, which doubles what is
// heard (ISO/IEC 11172-3 §2.4.1.7 and §2.4.3.4.7). The frame has no checksum.
func louder(frame []byte, channels int) {
	const head, mainDataBegin, gainAt, granule, double = 32, 9, 12 + 9, 59, 4
	at := head + mainDataBegin + 3 + 4*channels + gainAt
	if channels == 1 {
		at += 2 // private bits
	}
	for range 2 * channels {
		i, shift := at/8, 8-at%8 // eight bits, in two bytes
		pair := uint16(frame[i])<<8 | uint16(frame[i+1])
		gain := min(pair>>shift&0xff+double, 0xff)
		pair = pair&^(0xff<<shift) | gain<<shift
		frame[i], frame[i+1] = byte(pair>>8), byte(pair)
		at += granule
	}
}

func (m *mp3) Flush(emit func([]byte)) error {
	silence := make([]int16, m.frame)
	unit := int64(m.frame / m.settings.Format.Channels)
	for end := m.taken + mp3Delay; m.made*unit < end; {
		if err := m.Encode(silence, emit); err != nil {
			return err
		}
	}
	return nil
}

func (m *mp3) Reset() error {
	f := m.settings.Format
	m.enc = shine.NewEncoder(f.SampleRate, f.Channels)
	m.held, m.taken, m.made = m.held[:0], 0, 0
	m.out.Reset()
	return m.SetBitrate(m.settings.Bitrate)
}

func (m *mp3) Delay() int { return mp3Delay }

// SetBitrate takes the next bit rate that MP3 has. shine makes 128 kb/s unless its
// fields are set; what NewEncoder derives from the rate is derived anew here.
func (m *mp3) SetBitrate(bits int) error {
	i := slices.IndexFunc(mp3Rates[1:], func(kilobits int) bool { return kilobits*1000 >= bits }) + 1
	if i == 0 {
		return fmt.Errorf("mp3 encoder: no bit rate of %d bit/s", bits)
	}
	m.settings.Bitrate = bits
	p := &m.enc.Mpeg
	p.Bitrate, p.BitrateIndex = int64(mp3Rates[i]), int64(i)
	slots := float64(unitOf(m.settings)) / float64(m.settings.Format.SampleRate) * float64(p.Bitrate) * 1000 / 8
	p.WholeSlotsPerFrame = int64(slots)
	p.FracSlotsPerFrame = slots - float64(p.WholeSlotsPerFrame)
	p.Slot_lag, p.Padding = -p.FracSlotsPerFrame, 0
	return nil
}

func (m *mp3) Close() {}

// mp3Rates are layer III's bit rates of MPEG-1 in kb/s, by index (ISO/IEC 11172-3
// §2.4.2.3).
var mp3Rates = [...]int{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}

// mp3FrameLength is the length in bytes of the MPEG-1 layer III frame whose header
// is given, at 44.1 or 48 kHz; 0 for any other.
func mp3FrameLength(head []byte) int {
	if head[0] != 0xff || head[1]&0xfe != 0xfa {
		return 0
	}
	index, rate := int(head[2]>>4), 44100
	switch head[2] >> 2 & 3 {
	case 0:
	case 1:
		rate = 48000
	default:
		return 0
	}
	if index == 0 || index >= len(mp3Rates) {
		return 0
	}
	return media.FrameSamples(media.MP3, rate)/8*mp3Rates[index]*1000/rate + int(head[2]>>1&1)
}
