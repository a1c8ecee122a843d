package programme

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/encode/audio"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/hub"
)

// Sound says in which codecs, beside AAC, destinations want the programme's sound:
// the bit rate of each, 0 for one that nobody wants.
type Sound struct{ Opus, MP3 int }

func (s Sound) bitrate(c media.Codec) int {
	switch c {
	case media.Opus:
		return s.Opus
	case media.MP3:
		return s.MP3
	}
	return 0
}

// furtherCodecs are those that Sound has.
var furtherCodecs = [...]media.Codec{media.Opus, media.MP3}

// renditions code a programme's sound in further codecs, beside the main encoder
// and from the same samples, for as long as somebody wants them. They come and go
// without it.
type renditions struct {
	hub    *hub.Hub
	format media.AudioFormat
	log    *slog.Logger

	mu      sync.Mutex // guards the fields below
	running map[media.Codec]*rendition
	lost    time.Duration // left out by those that ended
	ended   bool
}

type rendition struct {
	encoder *audio.Encoder
	bitrate int
	cancel  context.CancelFunc
	done    chan struct{} // closed when its goroutine has ended
}

func newRenditions(h *hub.Hub, format media.AudioFormat, log *slog.Logger) *renditions {
	return &renditions{hub: h, format: format, log: log, running: map[media.Codec]*rendition{}}
}

// Put hands a run of sound to all encoders. It never blocks for one.
func (r *renditions) Put(s media.Samples) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.running {
		one.encoder.Put(s)
	}
}

// leftOut is the sound that all encoders so far had no processor time for, together.
func (r *renditions) leftOut() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.lost
	for _, one := range r.running {
		n += one.encoder.Stats().LeftOut
	}
	return n
}

// set has exactly the wanted codecs made and offered. What stays goes on as it is,
// with another bit rate where that has changed.
func (r *renditions) set(want Sound) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	r.retire(func(c media.Codec) bool { return want.bitrate(c) == 0 })
	for _, c := range furtherCodecs {
		if bits := want.bitrate(c); bits != 0 {
			if err := r.want(c, bits); err != nil {
				r.log.Error("no sound in a further codec", "codec", c.String(), "err", err)
			}
		}
	}
	r.offer()
}

// want starts an encoder, or changes that which runs.
func (r *renditions) want(c media.Codec, bits int) error {
	one := r.running[c]
	if one != nil && one.bitrate == bits {
		return nil
	}
	if one != nil {
		if err := one.encoder.SetBitrate(bits); err != nil {
			return err
		}
		one.bitrate = bits
		r.log.Info("bit rate changed", "codec", c.String(), "bitrate", bits)
		return nil
	}
	e, err := audio.New(audio.Settings{Codec: c, Format: r.format, Bitrate: bits})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background()) // the life of the codec's wish, not of a call
	one = &rendition{encoder: e, bitrate: bits, cancel: cancel, done: make(chan struct{})}
	r.running[c] = one
	go r.run(ctx, c, one)
	r.log.Info("sound in a further codec", "codec", c.String(), "bitrate", bits)
	return nil
}

// run codes until ctx ends. An encoder that fails takes its offer with it, and
// nothing else.
func (r *renditions) run(ctx context.Context, c media.Codec, one *rendition) {
	defer close(one.done)
	group, ctx := newTasks(ctx, r.log)
	group.Go(func() error { return one.encoder.Run(ctx, media.WriterFunc(r.hub.WriteOffered)) })
	err := group.Wait()
	if errors.Is(err, context.Canceled) {
		return
	}
	r.log.Error("sound in a further codec has ended", "codec", c.String(), "err", err)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running[c] == one {
		r.remove(c)
		r.offer()
	}
}

func (r *renditions) remove(c media.Codec) {
	r.lost += r.running[c].encoder.Stats().LeftOut
	delete(r.running, c)
}

// retire withdraws and ends what which names. The lock is given up while their
// encoders end, which may need it.
func (r *renditions) retire(which func(media.Codec) bool) {
	var gone []*rendition
	for c, one := range r.running {
		if which(c) {
			gone = append(gone, one)
			r.remove(c)
			one.cancel()
		}
	}
	r.offer()
	r.mu.Unlock()
	for _, one := range gone {
		<-one.done
	}
	r.mu.Lock()
}

func (r *renditions) offer() {
	var codecs []media.Codec
	for c := range r.running {
		codecs = append(codecs, c)
	}
	slices.Sort(codecs)
	r.hub.Offer(codecs...)
}

// end withdraws everything and waits for all encoders. Safe for nil.
func (r *renditions) end() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	r.retire(func(media.Codec) bool { return true })
}
