package programme

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/encode/m2m"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/hub"
)

// dies is a programme whose encoder dies after what it writes.
type dies []*media.Track

func (d dies) Run(_ context.Context, w media.Writer) error {
	for _, t := range d {
		w.Write(media.Packet{Track: t, Key: true})
	}
	return m2m.ErrDead
}

// A board must not be reset because another program has its encoder.
func TestAnEncoderInUseIsNotDead(t *testing.T) {
	h := hub.New(media.NewClock())
	defer h.Close()
	p := newProgramme(h, status.NewStore("").Stream("main"))
	p.health = func(good bool) { t.Errorf("health %v", good) }
	in := &capture.Input{Packets: inUse{}, Kinds: []media.Kind{media.Video}}
	if err := p.run(t.Context(), Spec{}, in, plan{passthrough: true, kinds: in.Kinds}, func() {}); !errors.Is(err, m2m.ErrDead) {
		t.Errorf("ended with %v", err)
	}
}

// inUse is a programme whose encoder another program took away.
type inUse struct{}

func (inUse) Run(context.Context, media.Writer) error {
	return fmt.Errorf("%w: %w", m2m.ErrDead, syscall.EBUSY)
}

// With a dead encoder the sound goes on at each new try. Were that a sign of
// health, the watchdog would be fed again each time and never bite.
func TestSoundAloneIsNoSignOfHealth(t *testing.T) {
	sound := &media.Track{Codec: media.AAC, Audio: &media.AudioParams{}}
	picture := &media.Track{Codec: media.H264, Video: &media.VideoParams{}}
	for name, c := range map[string]struct {
		writes dies
		kinds  []media.Kind
		ready  int
		want   []bool
	}{
		"sound without its picture": {dies{sound, sound}, []media.Kind{media.Video, media.Audio}, 0, []bool{false}},
		"a picture":                 {dies{sound, picture, picture}, []media.Kind{media.Video, media.Audio}, 1, []bool{true, false}},
		"sound only":                {dies{sound}, []media.Kind{media.Audio}, 1, []bool{true, false}},
	} {
		t.Run(name, func(t *testing.T) {
			h := hub.New(media.NewClock())
			defer h.Close()
			store := status.NewStore("")
			p := newProgramme(h, store.Stream("main"))
			p.report.Raise(status.Condition{Code: ConditionSoftware})
			var told []bool
			p.health = func(good bool) { told = append(told, good) }
			ready := 0
			in := &capture.Input{Packets: c.writes, Kinds: c.kinds}
			_ = p.run(t.Context(), Spec{}, in, plan{passthrough: true, kinds: c.kinds}, func() { ready++ })
			if !slices.Equal(told, c.want) || ready != c.ready {
				t.Errorf("health %v, want %v; ready %d times, want %d", told, c.want, ready, c.ready)
			}
			// That the CPU encodes is not said of a programme that encodes no pictures.
			if got := store.Load().Streams[0].Conditions; len(got) != 1 || got[0].Code != ConditionDead {
				t.Errorf("conditions %+v", got)
			}
		})
	}
}

// The encoder's Run cannot say that a call to the driver does not return.
func TestStuckDriverIsNoGoodHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(media.NewClock())
		defer h.Close()
		store := status.NewStore("")
		p := newProgramme(h, store.Stream("main"))
		var told []bool
		p.health = func(good bool) { told = append(told, good) }
		began := time.Now()
		stuck := func() bool { s := time.Since(began); return s > 10*time.Second && s < 20*time.Second }
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		time.AfterFunc(15*time.Second, func() {
			if got := store.Load().Streams[0].Conditions; len(got) != 1 || got[0].Code != ConditionDead {
				t.Errorf("conditions %+v", got)
			}
		})
		_ = p.watch(ctx, &watched{in: &capture.Input{}, meter: &meter{next: h}, encoder: &chosen{stuck: stuck}})
		if want := []bool{false, true}; !slices.Equal(told, want) {
			t.Errorf("health %v, want %v", told, want)
		}
		if got := store.Load().Streams[0].Conditions; len(got) != 0 {
			t.Errorf("conditions %+v", got)
		}
	})
}
