// Package libopus is as much of libopus as coding a live programme takes: packets
// of 20 ms at 48 kHz, tuned for sound of any kind.
//
// The library itself is the one that pion/mediadevices brings, as static archives
// for amd64, arm64 and armv7; importing its package is what links them. Its own
// encoder is not used: it reads from a wave reader of its own types, codes for
// speech (OPUS_APPLICATION_VOIP, which cuts what is below 60 Hz), does not tell
// the delay, and panics where libopus refuses a frame. The calls below are
// libopus's stable interface, of which every release since 1.0 has all.
package libopus

/*
#include <stdint.h>

typedef struct OpusEncoder OpusEncoder;
OpusEncoder *opus_encoder_create(int32_t rate, int channels, int application, int *error);
int32_t opus_encode(OpusEncoder *e, const int16_t *pcm, int samples, unsigned char *data, int32_t max);
int opus_encoder_ctl(OpusEncoder *e, int request, ...);
void opus_encoder_destroy(OpusEncoder *e);
const char *opus_strerror(int error);

// The numbers of opus_defines.h.
static OpusEncoder *box_create(int channels, int *error) {
	return opus_encoder_create(48000, channels, 2049, error); // OPUS_APPLICATION_AUDIO
}
static int box_bitrate(OpusEncoder *e, int32_t bits) { return opus_encoder_ctl(e, 4002, bits); }
static int box_lookahead(OpusEncoder *e, int32_t *samples) { return opus_encoder_ctl(e, 4027, samples); }
static int box_reset(OpusEncoder *e) { return opus_encoder_ctl(e, 4028); }
*/
import "C"

import (
	"errors"
	"fmt"

	_ "github.com/pion/mediadevices/pkg/codec/opus" // links libopus
)

// Format of what Encode takes.
const (
	Rate         = 48000
	FrameSamples = 960 // of each channel, 20 ms
)

// maxPacket holds any packet of 20 ms: 1275 bytes are the most (RFC 6716 §3.2.1).
const maxPacket = 1275

// Encoder codes one stream of sound. It belongs to one goroutine; Close frees it.
type Encoder struct {
	e        *C.OpusEncoder
	channels int
	delay    int
	packet   [maxPacket]byte
}

// New makes an encoder for 1 or 2 channels.
func New(channels, bitrate int) (*Encoder, error) {
	var code C.int
	e := C.box_create(C.int(channels), &code)
	if e == nil {
		return nil, fmt.Errorf("libopus: make an encoder for %d channels: %w", channels, failure(code))
	}
	o := &Encoder{e: e, channels: channels}
	var samples C.int32_t
	if code := C.box_lookahead(e, &samples); code != 0 {
		o.Close()
		return nil, fmt.Errorf("libopus: ask for the delay: %w", failure(code))
	}
	o.delay = int(samples)
	if err := o.SetBitrate(bitrate); err != nil {
		o.Close()
		return nil, err
	}
	return o, nil
}

// SetBitrate sets the bit rate from the next packet on, in bits per second.
func (o *Encoder) SetBitrate(bits int) error {
	if code := C.box_bitrate(o.e, C.int32_t(bits)); code != 0 {
		return fmt.Errorf("libopus: set the bit rate to %d: %w", bits, failure(code))
	}
	return nil
}

// Delay is how many samples at 48 kHz later than it went in a sample comes out of
// a decoder.
func (o *Encoder) Delay() int { return o.delay }

// Encode codes FrameSamples interleaved samples of each channel. The packet is
// valid until the next call.
func (o *Encoder) Encode(pcm []int16) ([]byte, error) {
	if len(pcm) != FrameSamples*o.channels {
		return nil, fmt.Errorf("libopus: %d samples are not one frame", len(pcm))
	}
	n := C.opus_encode(o.e, (*C.int16_t)(&pcm[0]), FrameSamples, (*C.uchar)(&o.packet[0]), maxPacket)
	if n < 0 {
		return nil, fmt.Errorf("libopus: encode: %w", failure(n))
	}
	return o.packet[:n], nil
}

// Reset makes the encoder as new, with its bit rate.
func (o *Encoder) Reset() error {
	if code := C.box_reset(o.e); code != 0 {
		return fmt.Errorf("libopus: reset: %w", failure(code))
	}
	return nil
}

// Close frees the encoder. Safe to call twice.
func (o *Encoder) Close() {
	if o.e != nil {
		C.opus_encoder_destroy(o.e)
		o.e = nil
	}
}

func failure(code C.int) error { return errors.New(C.GoString(C.opus_strerror(code))) }
