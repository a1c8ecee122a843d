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
	opus = &media.Track{Codec: media.Opus, Audio: &media.AudioParams{SampleRate: 48000, Channels: 2}}
	mp3  = &media.Track{Codec: media.MP3, Audio: &media.AudioParams{SampleRate: 48000, Channels: 2}}
)

func of(track *media.Track, ms int) media.Packet {
	p := sound(ms)
	p.Track = track
	return p
}

// writeAll writes to the main tracks what is H.264 or AAC, and offers the rest.
func writeAll(h *Hub, ps ...media.Packet) {
	for _, p := range ps {
		if p.Track == video || p.Track == audio {
			h.Write(p)
		} else {
			h.WriteOffered(p)
		}
	}
}

// heard is queued with the codec in front.
func heard(r *Reader) (out []string) {
	for {
		p, ok := r.TryRead()
		if !ok {
			return out
		}
		s := p.Track.Codec.String() + " " + p.PTS.String()
		if p.Gap {
			s += "!"
		}
		out = append(out, s)
	}
}

func TestReadersGetTheCodecTheyName(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	h.Offer(media.Opus, media.MP3)
	all := []media.Packet{vkey(1), sound(1), of(opus, 2), of(mp3, 3), vdelta(4), sound(5), of(opus, 6)}
	subscribe := func() map[string]*Reader {
		return map[string]*Reader{
			"default":  h.Subscribe(Options{}),
			"whip":     h.Subscribe(Options{Codecs: []media.Codec{media.H264, media.Opus}}),
			"mp3":      h.Subscribe(Options{Codecs: []media.Codec{media.MP3}}),
			"aac":      h.Subscribe(Options{Codecs: []media.Codec{media.AAC}}),
			"opus,aac": h.Subscribe(Options{Codecs: []media.Codec{media.Opus, media.AAC}}),
			"aac,opus": h.Subscribe(Options{Codecs: []media.Codec{media.AAC, media.Opus}}),
			"video":    h.Subscribe(Options{Codecs: []media.Codec{media.H264}}),
		}
	}
	want := map[string][]string{
		"default":  {"h264 1ms", "aac 1ms", "h264 4ms", "aac 5ms"},
		"whip":     {"h264 1ms", "opus 2ms", "h264 4ms", "opus 6ms"},
		"mp3":      {"mp3 3ms"},
		"aac":      {"aac 1ms", "aac 5ms"},
		"opus,aac": {"opus 2ms", "opus 6ms"},
		"aac,opus": {"aac 1ms", "aac 5ms"},
		"video":    {"h264 1ms", "h264 4ms"},
	}
	early := subscribe()
	writeAll(h, all...)
	cached := subscribe() // the cached GOP serves all of them
	for name := range want {
		expect(t, name, heard(early[name]), want[name]...)
		expect(t, name+" from the cache", heard(cached[name]), want[name]...)
	}
}

func TestSoundAloneBeginsWithAnyPacket(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	h.Offer(media.MP3)
	aac := h.Subscribe(Options{Codecs: []media.Codec{media.AAC}, MaxPackets: 2})
	further := h.Subscribe(Options{Codecs: []media.Codec{media.MP3}})
	writeAll(h, sound(1), of(mp3, 1), vdelta(1), sound(2), of(mp3, 2))
	expect(t, "aac", heard(aac), "aac 1ms", "aac 2ms")
	expect(t, "mp3", heard(further), "mp3 1ms", "mp3 2ms")
	writeAll(h, sound(3), sound(4), sound(5))
	expect(t, "after overflow", heard(aac), "aac 5ms!")
}

func TestSoundAloneAsksForNoKeyPicture(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	h.OnKeyRequest(func() { t.Error("asked") })
	writeAll(h, vkey(1), sound(1))
	h.Subscribe(Options{Join: JoinNextKey, Codecs: []media.Codec{media.AAC}})
}

func TestProgrammeOfSoundAloneWithFurtherCodecs(t *testing.T) {
	h := newHub(media.Audio)
	h.Offer(media.Opus)
	writeAll(h, sound(1), of(opus, 1), sound(2), of(opus, 2))
	main, further := h.Subscribe(Options{}), h.Subscribe(Options{Codecs: []media.Codec{media.Opus}})
	writeAll(h, sound(3), of(opus, 3))
	expect(t, "main", heard(main), "aac 2ms", "aac 3ms")
	expect(t, "opus", heard(further), "opus 2ms", "opus 3ms")
}

func TestOffersComeAndGoWithoutTouchingOthers(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	main := h.Subscribe(Options{})
	aac := h.Subscribe(Options{Codecs: []media.Codec{media.H264, media.AAC}})
	fallback := h.Subscribe(Options{Codecs: []media.Codec{media.Opus, media.AAC}})
	whip := h.Subscribe(Options{Codecs: []media.Codec{media.H264, media.Opus}})
	writeAll(h, vkey(1), sound(1))
	h.Offer(media.Opus)
	writeAll(h, sound(2), of(opus, 2), vdelta(2))
	h.Offer(media.Opus, media.MP3)
	writeAll(h, of(opus, 3), of(mp3, 3))
	h.Offer(media.MP3)
	writeAll(h, sound(4), of(opus, 4))
	expect(t, "fallback", heard(fallback), "aac 1ms", "opus 2ms!", "opus 3ms", "aac 4ms!")
	for name, r := range map[string]*Reader{"main": main, "aac": aac} {
		got := heard(r)
		expect(t, name, got[:4], "h264 1ms", "aac 1ms", "aac 2ms", "h264 2ms")
		expect(t, name, got[4:5], "aac 4ms")
	}
	expect(t, "whip", heard(whip)[:4], "h264 1ms", "opus 2ms", "h264 2ms", "opus 3ms")
	cached := h.Subscribe(Options{Codecs: []media.Codec{media.Opus}})
	expect(t, "what is withdrawn has left the cache", heard(cached))
}

func TestTracksWaitsForWhatTheReaderGets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(media.NewClock())
		tracks := func(codecs ...media.Codec) func() []*media.Track {
			var got []*media.Track
			r := h.Subscribe(Options{Codecs: codecs})
			go func() { got, _ = r.Tracks(t.Context()) }()
			return func() []*media.Track { synctest.Wait(); return got }
		}
		main, whip, radio := tracks(), tracks(media.H264, media.Opus), tracks(media.MP3, media.AAC)
		missing := tracks(media.Opus)
		h.Offer(media.MP3)
		if missing() != nil {
			t.Error("tracks before there is a programme")
		}
		h.Announce(media.Video, media.Audio)
		writeAll(h, vkey(1))
		if main() != nil || whip() != nil || radio() != nil || missing() != nil {
			t.Error("tracks before what they hang on is known")
		}
		writeAll(h, of(mp3, 1))
		if got := radio(); !slices.Equal(got, []*media.Track{mp3}) || main() != nil {
			t.Errorf("radio %v, main %v", got, main())
		}
		writeAll(h, sound(1))
		if got := main(); !slices.Equal(got, []*media.Track{video, audio}) {
			t.Errorf("main %v", got)
		}
		if got := whip(); !slices.Equal(got, []*media.Track{video}) {
			t.Errorf("whip without Opus: %v", got)
		}
		if got := missing(); got == nil || len(got) != 0 {
			t.Errorf("nothing there to get: %v", got)
		}
		h.Offer(media.Opus)
		later := tracks(media.H264, media.Opus)
		if later() != nil {
			t.Error("did not wait for what is offered")
		}
		writeAll(h, of(opus, 2))
		if got := later(); !slices.Equal(got, []*media.Track{video, opus}) {
			t.Errorf("whip %v", got)
		}
	})
}

func TestReadTellsWhenThereIsNothingLeft(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	h.Offer(media.MP3)
	r := h.Subscribe(Options{Codecs: []media.Codec{media.MP3}})
	writeAll(h, vkey(1), sound(1), of(mp3, 1))
	h.Offer()
	if _, err := r.Read(t.Context()); err != nil {
		t.Errorf("what was queued before: %v", err)
	}
	if _, err := r.Read(t.Context()); !errors.Is(err, ErrNothing) {
		t.Errorf("Read: %v", err)
	}
	h.Announce() // between two programmes one waits
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Read between programmes: %v", err)
	}
}

func TestARestartedProgrammeKeepsEqualFurtherTracks(t *testing.T) {
	h := newHub(media.Audio)
	h.Offer(media.Opus)
	r := h.Subscribe(Options{Codecs: []media.Codec{media.Opus}})
	again := *opus
	writeAll(h, of(opus, 1))
	h.Announce()
	h.Offer()
	h.Offer(media.Opus)
	h.Announce(media.Audio)
	writeAll(h, of(&again, 2))
	for _, gap := range []bool{false, true} {
		if p, ok := r.TryRead(); !ok || p.Track != opus || p.Gap != gap {
			t.Errorf("track %p, gap %v", p.Track, p.Gap)
		}
	}
}

// Writers of every track, offers that come and go, and readers of each codec:
// none sees another codec than those it named, nor goes back within one.
func TestOffersUnderLoad(t *testing.T) {
	h := newHub(media.Video, media.Audio)
	const packets = 10000
	var readers, writers sync.WaitGroup
	for i, codecs := range [][]media.Codec{nil, {media.Opus, media.AAC}, {media.H264, media.Opus}, {media.MP3}, {media.AAC}} {
		readers.Go(func() {
			r := h.Subscribe(Options{Codecs: codecs, MaxPackets: 64})
			defer r.Close()
			last := map[media.Codec]time.Duration{}
			for {
				p, err := r.Read(context.Background())
				switch {
				case errors.Is(err, ErrNothing):
					time.Sleep(time.Microsecond)
					continue
				case errors.Is(err, io.EOF):
					return
				default:
					c := p.Track.Codec
					if p.PTS < last[c] || codecs != nil && !slices.Contains(codecs, c) || codecs == nil && c == media.MP3 {
						t.Errorf("reader %d got %v at %v", i, c, p.PTS)
						return
					}
					last[c] = p.PTS
				}
			}
		})
	}
	h.Offer(media.MP3, media.Opus)
	for _, track := range []*media.Track{video, audio, opus, mp3} {
		writers.Go(func() {
			for n := range packets {
				p := of(track, n+1)
				p.Key = track != video || n%50 == 0
				writeAll(h, p)
			}
		})
	}
	writers.Go(func() {
		const other = media.Codec(99)
		for n := range 500 {
			if n%2 == 0 {
				h.Offer(media.MP3, media.Opus)
			} else {
				h.Offer(media.MP3, media.Opus, other)
			}
		}
	})
	writers.Wait()
	h.Close()
	readers.Wait()
}
