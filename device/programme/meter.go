package programme

import (
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
	"github.com/encoderbox/encoderbox/media/h264"
)

// rateSamples is over how many seconds frame and bit rates are measured: long
// enough to hold a whole GOP of usual length.
const rateSamples = 4

// meter counts what passes to the hub.
type meter struct {
	next    media.Writer
	counted *counted   // over all runs
	proof   media.Kind // whose packets show that the programme works
	first   func()     // called once, with the first packet of that kind

	mu     sync.Mutex // guards the fields below
	begun  bool
	tracks [media.Audio + 1]trackMeter
}

type trackMeter struct {
	track         *media.Track
	packets, keys uint64
	bytes         uint64
	// samples are the totals at the last ticks, oldest first.
	samples []rateSample
}

type rateSample struct {
	at             time.Duration
	packets, bytes uint64
}

// Write implements media.Writer.
func (m *meter) Write(p media.Packet) {
	m.next.Write(p)
	m.counted.add(p)
	m.mu.Lock()
	t := &m.tracks[p.Track.Kind()]
	t.track = p.Track
	t.packets++
	t.bytes += uint64(len(p.Data))
	if p.Key {
		t.keys++
	}
	first := !m.begun && p.Track.Kind() == m.proof
	m.begun = m.begun || first
	m.mu.Unlock()
	if first {
		m.first()
	}
}

// state is that of the input, by what has passed.
func (m *meter) state() status.InputState {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.begun {
		return status.InputRunning
	}
	return status.InputStarting
}

// tick takes a sample of the totals at a time.
func (m *meter) tick(now time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.tracks {
		t := &m.tracks[i]
		if len(t.samples) > rateSamples {
			t.samples = append(t.samples[:0], t.samples[1:]...)
		}
		t.samples = append(t.samples, rateSample{now, t.packets, t.bytes})
	}
}

// rates are packets and bits per second over the kept samples.
func (t *trackMeter) rates() (packets float64, bits int) {
	if len(t.samples) < 2 {
		return 0, 0
	}
	first, last := t.samples[0], t.samples[len(t.samples)-1]
	d := (last.at - first.at).Seconds()
	if d <= 0 {
		return 0, 0
	}
	return float64(last.packets-first.packets) / d, int(float64(last.bytes-first.bytes) * 8 / d)
}

// video is what status shows of the video track; nil when there is none yet.
func (m *meter) video(encoder string, target int) *status.Video {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := &m.tracks[media.Video]
	if t.track == nil {
		return nil
	}
	fps, bits := t.rates()
	return &status.Video{
		Codec: h264.CodecString(t.track.Video.SPS), Encoder: encoder,
		Width: t.track.Video.Width, Height: t.track.Video.Height,
		FrameRate: fps, Bitrate: bits, Target: target,
		Frames: t.packets, KeyFrames: t.keys,
	}
}

// audio is what status shows of the audio track; nil when there is none yet.
func (m *meter) audio(encoder string) *status.Audio {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := &m.tracks[media.Audio]
	if t.track == nil {
		return nil
	}
	_, bits := t.rates()
	a := t.track.Audio
	return &status.Audio{
		Codec: aac.CodecString(a.Config), Encoder: encoder,
		SampleRate: a.SampleRate, Channels: a.Channels, Bitrate: bits,
	}
}
