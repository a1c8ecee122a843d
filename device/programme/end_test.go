package programme

import (
	"context"
	"errors"
	"testing"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/hub"
)

// onePicture delivers a key picture and fails.
type onePicture struct{ err error }

func (o onePicture) Run(_ context.Context, w media.Writer) error {
	w.Write(media.Packet{Track: &media.Track{Codec: media.H264, Video: &media.VideoParams{}}, Key: true})
	return o.err
}

// A destination that reconnects while the input is away must wait for it, and
// not publish the last pictures from before once more, each time it is thrown out.
func TestNothingOfAnEndedProgrammeIsOfferedToNewReaders(t *testing.T) {
	h := hub.New(media.NewClock())
	defer h.Close()
	before := h.Subscribe(hub.Options{})
	defer before.Close()
	p := newProgramme(h, status.NewStore("").Stream("main"))
	unplugged := errors.New("unplugged")
	in := &capture.Input{Packets: onePicture{unplugged}, Kinds: []media.Kind{media.Video}}
	if err := p.run(t.Context(), Spec{}, in, plan{passthrough: true, kinds: in.Kinds}, func() {}); !errors.Is(err, unplugged) {
		t.Fatalf("ended with %v", err)
	}
	after := h.Subscribe(hub.Options{Join: hub.JoinCached})
	defer after.Close()
	if p, ok := after.TryRead(); ok {
		t.Errorf("a new reader gets %+v", p)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if tracks, err := after.Tracks(over); err == nil {
		t.Errorf("a new reader is told of %d tracks", len(tracks))
	}
	if _, ok := before.TryRead(); !ok {
		t.Error("a reader from before has lost what it had queued")
	}
}
