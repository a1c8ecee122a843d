package hub

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/media"
)

var (
	video = &media.Track{Codec: media.H264, Video: &media.VideoParams{Width: 16, Height: 16}}
	audio = &media.Track{Codec: media.AAC, Audio: &media.AudioParams{SampleRate: 48000, Channels: 2}}
)

func vkey(ms int) media.Packet {
	return media.Packet{Track: video, PTS: time.Duration(ms) * time.Millisecond, Key: true, Data: make([]byte, 10)}
}

func vdelta(ms int) media.Packet {
	p := vkey(ms)
	p.Key = false
	return p
}

func sound(ms int) media.Packet {
	return media.Packet{Track: audio, PTS: time.Duration(ms) * time.Millisecond, Key: true, Data: make([]byte, 2)}
}

// queued takes all that is queued, as "kind time" with "!" behind a Gap.
func queued(r *Reader) (out []string) {
	for {
		p, ok := r.TryRead()
		if !ok {
			return out
		}
		s := p.Track.Kind().String()[:1] + p.PTS.String()
		if p.Gap {
			s += "!"
		}
		out = append(out, s)
	}
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func newHub(kinds ...media.Kind) *Hub {
	h := New(media.NewClock())
	h.Announce(kinds...)
	return h
}

func write(h *Hub, ps ...media.Packet) {
	for _, p := range ps {
		h.Write(p)
	}
}

func TestJoinCachedStartsAtTheLastKeyPicture(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	write(h, sound(0), vkey(1), vdelta(2), vkey(3), sound(4), vdelta(5))
	r := h.Subscribe(Options{})
	write(h, vdelta(6))
	expect(t, "packets", queued(r), "v3ms", "a4ms", "v5ms", "v6ms")
	if d := r.Stats().Dropped; d != 0 {
		t.Errorf("dropped %d before anything was lost", d)
	}
}

func TestJoinNextKeyAsksForOneAndStartsThere(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	asked := 0
	h.OnKeyRequest(func() { asked++ })
	write(h, vkey(1), vdelta(2))
	r := h.Subscribe(Options{Join: JoinNextKey})
	write(h, vdelta(3), sound(3), vkey(4), sound(5))
	expect(t, "packets", queued(r), "v4ms", "a5ms")
	if asked != 1 {
		t.Errorf("asked the encoder %d times, want once", asked)
	}
}

func TestCachedGOPOverTheReadersBoundsIsLeftOut(t *testing.T) {
	h := newHub(media.Video)
	write(h, vkey(1), vdelta(2), vdelta(3))
	r := h.Subscribe(Options{MaxPackets: 2})
	write(h, vdelta(4), vkey(5))
	expect(t, "packets", queued(r), "v5ms")
}

func TestAudioOnlyProgrammeSyncsAtEveryPacket(t *testing.T) {
	h := newHub(media.Audio)
	write(h, sound(1), sound(2))
	r := h.Subscribe(Options{MaxPackets: 2})
	write(h, sound(3))
	expect(t, "joined", queued(r), "a2ms", "a3ms")
	write(h, sound(4), sound(5), sound(6))
	expect(t, "after overflow", queued(r), "a6ms!")
}

func TestFullReaderSkipsToTheNewestSyncPointQueued(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	r := h.Subscribe(Options{MaxPackets: 5})
	other := h.Subscribe(Options{})
	write(h, vkey(1), vdelta(2), vkey(3), sound(4), vdelta(5), vdelta(6), sound(7))
	expect(t, "full", queued(r), "v3ms!", "a4ms!", "v5ms", "v6ms", "a7ms")
	if d := r.Stats().Dropped; d != 2 {
		t.Errorf("dropped %d, want 2", d)
	}
	expect(t, "other", queued(other), "v1ms", "v2ms", "v3ms", "a4ms", "v5ms", "v6ms", "a7ms")
}

func TestFullReaderWithoutSyncPointWaitsForTheNext(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	r := h.Subscribe(Options{MaxPackets: 3})
	write(h, vkey(1), vdelta(2), vdelta(3), vdelta(4), sound(5), vkey(6), sound(7))
	expect(t, "packets", queued(r), "v6ms!", "a7ms!")
	if d := r.Stats().Dropped; d != 5 {
		t.Errorf("dropped %d, want 5", d)
	}
}

func TestFullReaderTakesAnIncomingSyncPoint(t *testing.T) {
	h := newHub(media.Video)
	r := h.Subscribe(Options{MaxPackets: 2})
	write(h, vkey(1), vdelta(2), vkey(3), vdelta(4))
	expect(t, "packets", queued(r), "v3ms!", "v4ms")
}

func TestByteBoundHoldsAndOneBigPacketPasses(t *testing.T) {
	h := newHub(media.Video)
	r := h.Subscribe(Options{MaxBytes: 25})
	big := vkey(1)
	big.Data = make([]byte, 100)
	write(h, big)
	expect(t, "big", queued(r), "v1ms")
	write(h, vkey(2), vdelta(3), vdelta(4))
	if s := r.Stats(); s.Bytes > 25 || s.Dropped != 3 {
		t.Errorf("stats %+v, want at most 25 bytes and 3 dropped", s)
	}
}

func TestGapSurvivesSeveralOverflows(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	r := h.Subscribe(Options{MaxPackets: 2})
	write(h, vkey(1), sound(1), vkey(2), vdelta(3), vkey(4), sound(5))
	expect(t, "packets", queued(r), "v4ms!", "a5ms!")
	write(h, vkey(6), sound(7))
	expect(t, "later", queued(r), "v6ms", "a7ms")
}

func TestNewProgrammeIsAnnouncedToStayingReaders(t *testing.T) {
	h := newHub(media.Video)
	r := h.Subscribe(Options{})
	write(h, vkey(1), vdelta(2))
	h.Announce(media.Video, media.Audio)
	fresh := h.Subscribe(Options{})
	write(h, sound(3), vdelta(4), vkey(5), sound(6))
	expect(t, "staying", queued(r), "v1ms", "v2ms", "v5ms!", "a6ms!")
	expect(t, "fresh", queued(fresh), "v5ms", "a6ms")
}

func TestARestartedProgrammeWithAnEqualTrackKeepsIt(t *testing.T) {
	h := newHub(media.Video)
	r := h.Subscribe(Options{})
	write(h, vkey(1))
	h.Announce()
	h.Announce(media.Video)
	equal, other := *video, *video
	other.Video = &media.VideoParams{Width: 16, Height: 16, SPS: []byte{0x67}}
	for _, track := range []*media.Track{&equal, &equal, &other} {
		p := vkey(2)
		p.Track = track
		h.Write(p)
	}
	for i, want := range []struct {
		track *media.Track
		gap   bool
	}{{video, false}, {video, true}, {video, false}, {&other, false}} {
		if p, ok := r.TryRead(); !ok || p.Track != want.track || p.Gap != want.gap {
			t.Errorf("packet %d: track %p gap %v, want %p %v", i, p.Track, p.Gap, want.track, want.gap)
		}
	}
	if tracks, err := r.Tracks(t.Context()); err != nil || tracks[0] != &other {
		t.Errorf("tracks %v, %v", tracks, err)
	}
}

func TestTracksWaitsForEveryAnnouncedKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(media.Audio, media.Video)
		r := h.Subscribe(Options{})
		var got []*media.Track
		go func() { got, _ = r.Tracks(t.Context()) }()
		write(h, vkey(1))
		synctest.Wait()
		if got != nil {
			t.Fatalf("tracks %v before the sound was there", got)
		}
		write(h, sound(1))
		synctest.Wait()
		if !slices.Equal(got, []*media.Track{video, audio}) {
			t.Fatalf("tracks %v, want video, audio", got)
		}
	})
}

func TestReadEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(media.Video)
		r := h.Subscribe(Options{})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := r.Read(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Read with an ended context: %v", err)
		}
		write(h, vkey(1))
		h.Close()
		if _, err := r.Read(t.Context()); err != nil {
			t.Errorf("Read of what was queued before Close: %v", err)
		}
		if _, err := r.Read(t.Context()); err != io.EOF {
			t.Errorf("Read after the end: %v", err)
		}
		if _, err := h.Subscribe(Options{}).Tracks(t.Context()); err != io.EOF {
			t.Errorf("Tracks of a closed hub: %v", err)
		}
		closed := New(media.NewClock()).Subscribe(Options{})
		time.AfterFunc(time.Second, closed.Close)
		if _, err := closed.Read(t.Context()); err != io.EOF {
			t.Errorf("Read of a reader closed meanwhile: %v", err)
		}
		closed.Close()
	})
}

// One writer a track, readers of every speed coming and going: each sees a
// stream that begins at a key picture, in order, with every hole marked.
func TestReadersUnderLoad(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	const packets = 20000
	var readers sync.WaitGroup
	for i := range 8 {
		readers.Go(func() {
			r := h.Subscribe(Options{Join: Join(i % 2), MaxPackets: 4 << i})
			defer r.Close()
			checkStream(t, r, i)
		})
	}
	var writers sync.WaitGroup
	writers.Go(func() {
		for n := range packets {
			p := vdelta(n)
			p.Key = n%50 == 0
			h.Write(p)
		}
	})
	writers.Go(func() {
		for n := range packets {
			h.Write(sound(n))
		}
	})
	writers.Wait()
	h.Close()
	readers.Wait()
}

func checkStream(t *testing.T, r *Reader, slowness int) {
	last := [media.Audio + 1]time.Duration{-1, -1, -1}
	for n := 0; ; n++ {
		p, err := r.Read(context.Background())
		if err != nil {
			return
		}
		kind := p.Track.Kind()
		step := p.PTS - last[kind]
		switch {
		case n == 0 && (kind != media.Video || !p.Key):
			t.Errorf("reader %d began with %v key=%v", slowness, kind, p.Key)
		case step <= 0:
			t.Errorf("reader %d: %v went back by %v", slowness, kind, -step)
		case last[kind] >= 0 && step > time.Millisecond && !p.Gap:
			t.Errorf("reader %d: %v hole of %v without Gap", slowness, kind, step)
		case last[kind] >= 0 && kind == media.Video && p.Gap && !p.Key:
			t.Errorf("reader %d: a gap ends at a picture that is no key", slowness)
		}
		last[kind] = p.PTS
		if slowness > 4 && n%64 == 0 {
			time.Sleep(time.Microsecond)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	h := newHub(media.Video)
	var wg sync.WaitGroup
	for range 4 {
		r := h.Subscribe(Options{})
		wg.Go(func() {
			for {
				if _, err := r.Read(context.Background()); err != nil {
					return
				}
			}
		})
	}
	b.ReportAllocs()
	for n := range b.N {
		p := vdelta(n)
		p.Key = n%60 == 0
		h.Write(p)
	}
	h.Close()
	wg.Wait()
}
