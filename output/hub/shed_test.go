package hub

import (
	"context"
	"sync"
	"testing"

	"github.com/encoderbox/encoderbox/media"
)

func TestShedVideoFromTheNextBorderToAKeyPicture(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	asked := 0
	h.OnKeyRequest(func() { asked++ })
	r, other := h.Subscribe(Options{}), h.Subscribe(Options{})
	write(h, vkey(1), sound(1))
	r.Shed(ShedVideo)
	r.Shed(ShedVideo)
	write(h, vdelta(2), sound(2), vkey(3), sound(3), vdelta(4), vkey(5), sound(5))
	r.Shed(ShedNothing)
	write(h, vdelta(6), sound(6), vkey(7), vdelta(8), sound(8))
	expect(t, "packets", queued(r), "v1ms", "a1ms", "v2ms", "a2ms", "a3ms", "a5ms", "a6ms", "v7ms!", "v8ms", "a8ms")
	if st := r.Stats(); st.Shed != 4 || st.Dropped != 0 || st.DroppedBytes != 0 {
		t.Errorf("stats %+v, want 4 shed and none dropped", st)
	}
	if n := len(queued(other)); n != 14 {
		t.Errorf("another reader got %d packets", n)
	}
	if asked != 0 {
		t.Errorf("asked for %d key pictures", asked)
	}
}

func TestShedVideoTakenBackBeforeTheBorder(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	r := h.Subscribe(Options{})
	write(h, vkey(1))
	r.Shed(ShedVideo)
	write(h, vdelta(2))
	r.Shed(ShedNothing)
	write(h, vdelta(3), vkey(4))
	expect(t, "packets", queued(r), "v1ms", "v2ms", "v3ms", "v4ms")
}

func TestAReaderThatJoinsWhileVideoIsShedBeginsWithSound(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	r := h.Subscribe(Options{Join: JoinNextKey})
	r.Shed(ShedVideo)
	write(h, vdelta(1), sound(1), vkey(2), sound(2), vdelta(3))
	r.Shed(ShedNothing)
	write(h, sound(3), vdelta(4), vkey(5))
	expect(t, "packets", queued(r), "a2ms", "a3ms", "v5ms!")
}

func TestShedVideoOverflowsAtAnySound(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	r := h.Subscribe(Options{MaxPackets: 3})
	r.Shed(ShedVideo)
	write(h, vkey(1), sound(1), sound(2), sound(3), sound(4), sound(5))
	expect(t, "packets", queued(r), "a4ms!", "a5ms")
}

func TestShedAllLeavesOutTheQueueToo(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	r := h.Subscribe(Options{})
	write(h, vkey(1), sound(1), vdelta(2))
	r.Shed(ShedAll)
	write(h, vdelta(3), sound(3), vkey(4), sound(4))
	expect(t, "packets meanwhile", queued(r))
	r.Shed(ShedVideo)
	write(h, vdelta(5), sound(5), vkey(6))
	r.Shed(ShedNothing)
	write(h, vdelta(7), sound(7), vkey(8))
	expect(t, "packets after it", queued(r), "a5ms!", "a7ms", "v8ms!")
	if st := r.Stats(); st.Shed != 10 || st.Dropped != 0 || st.DroppedBytes != 22 {
		t.Errorf("stats %+v, want 10 shed, none dropped, and the 22 bytes of the queue gone", st)
	}
}

func TestShedAllWithoutVideo(t *testing.T) {
	h := newHub(media.Audio)
	r := h.Subscribe(Options{})
	r.Shed(ShedVideo) // there is none
	write(h, sound(1))
	r.Shed(ShedAll)
	write(h, sound(2))
	r.Shed(ShedNothing)
	write(h, sound(3))
	expect(t, "packets", queued(r), "a3ms!")
}

func TestFlushGoesOnWithTheNextKeyPicture(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	r := h.Subscribe(Options{})
	r.Flush() // nothing there: nothing is lost
	write(h, vkey(1), sound(1), vdelta(2))
	r.Flush()
	write(h, vdelta(3), sound(3), vkey(4), sound(4))
	expect(t, "packets", queued(r), "v4ms!", "a4ms!")
	st := r.Stats()
	if st.Dropped != 5 || st.DroppedBytes != 34 || st.Taken != 12 || st.Bytes != 0 {
		t.Errorf("stats %+v", st)
	}
	r.Close()
	r.Flush()
	r.Shed(ShedAll)
}

func TestShedAcrossProgrammes(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	r := h.Subscribe(Options{})
	write(h, vkey(1), sound(1))
	r.Shed(ShedVideo)
	write(h, vkey(2), sound(2))
	h.Announce(media.Audio)
	write(h, sound(3))
	h.Announce(media.Video, media.Audio)
	write(h, sound(4), vkey(5), sound(5))
	r.Shed(ShedNothing)
	write(h, vkey(6), sound(6))
	expect(t, "packets", queued(r), "v1ms", "a1ms", "a2ms", "a3ms!", "a4ms!", "a5ms", "v6ms!", "a6ms")
}

// Shed and Flush come at any time, from anywhere: the stream stays one that begins
// at key pictures and has every hole marked, and every byte is accounted for.
func TestShedUnderLoad(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	r := h.Subscribe(Options{MaxPackets: 64})
	var wg, reading sync.WaitGroup
	reading.Go(func() { checkStream(t, r, 0) })
	wg.Go(func() {
		for n := range 5000 {
			p := vdelta(n)
			p.Key = n%50 == 0
			h.Write(p)
		}
	})
	wg.Go(func() {
		for n := range 5000 {
			r.Shed(Shed(n % 3))
			if n%7 == 0 {
				r.Flush()
			}
			if st := r.Stats(); st.Bytes < 0 {
				t.Errorf("stats %+v", st)
			}
		}
		r.Shed(ShedNothing)
	})
	wg.Wait()
	h.Close()
	reading.Wait()
	if _, err := r.Read(context.Background()); err == nil {
		t.Error("read after the end")
	}
	if st := r.Stats(); st.Taken+st.DroppedBytes > 5000*10 {
		t.Errorf("more bytes than there were: %+v", st)
	}
}
