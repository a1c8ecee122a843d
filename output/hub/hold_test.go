package hub

import (
	"testing"

	"github.com/encoderbox/encoderbox/media"
)

func TestWhilePicturesAreHeldReadersBeginWithSound(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	write(h, vkey(1), sound(1), vdelta(2), sound(2))
	h.HoldPictures(true)
	write(h, sound(3))
	cached, next, still := h.Subscribe(Options{}), h.Subscribe(Options{Join: JoinNextKey}), h.Subscribe(Options{Join: JoinStill})
	named := h.Subscribe(Options{Codecs: []media.Codec{media.H264, media.AAC}})
	write(h, vdelta(4), sound(4), vdelta(5), sound(5)) // some were on their way
	h.HoldPictures(false)
	late := h.Subscribe(Options{Join: JoinNextKey})
	write(h, sound(6), vkey(7), sound(7), vdelta(8))
	want := []string{"a4ms", "a5ms", "a6ms", "v7ms!", "a7ms", "v8ms"}
	expect(t, "cached", queued(cached), want...)
	expect(t, "next key", queued(next), want...)
	expect(t, "named codecs", queued(named), want...)
	expect(t, "still", queued(still),
		"v1ms", "a1ms", "v2ms", "a2ms", "a3ms", "v4ms", "a4ms", "v5ms", "a5ms", "a6ms", "v7ms", "a7ms", "v8ms")
	expect(t, "pictures again", queued(late), "v7ms", "a7ms", "v8ms")
}

func TestWhilePicturesAreHeldReadersGoOnWithSound(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	flushed, full := h.Subscribe(Options{}), h.Subscribe(Options{MaxPackets: 4})
	write(h, vkey(1), sound(1))
	h.HoldPictures(true)
	flushed.Flush()
	write(h, vdelta(2), sound(2), sound(3), sound(4))
	h.HoldPictures(false)
	write(h, sound(5))
	expect(t, "flushed", queued(flushed), "a2ms!", "a3ms", "a4ms", "a5ms")
	expect(t, "full", queued(full), "a3ms!", "a4ms", "a5ms")
	write(h, vkey(6), sound(6))
	expect(t, "flushed, later", queued(flushed), "v6ms!", "a6ms")
	expect(t, "full, later", queued(full), "v6ms!", "a6ms")
}

func TestHoldWithoutPicturesChangesNothing(t *testing.T) {
	h := newHub(media.Audio)
	h.HoldPictures(true)
	r := h.Subscribe(Options{})
	write(h, sound(1), sound(2))
	expect(t, "packets", queued(r), "a1ms", "a2ms")
}
