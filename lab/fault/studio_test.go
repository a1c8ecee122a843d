package fault_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/testcard"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/hub"
	"github.com/encoderbox/encoderbox/output/push"
	"github.com/encoderbox/encoderbox/output/segment"
)

// programmeRate is in bits per second.
const programmeRate = 2_000_000

// studio is the programme that all destinations of the table have in common, and a
// destination without a fault.
type studio struct {
	hub       *hub.Hub
	segmenter *segment.Segmenter
	healthy   *push.Destination
	witness   *witness

	mu      sync.Mutex // guards the fields below
	fed     []packet   // of the main tracks
	longest time.Duration
}

// packet is what is noted of one.
type packet struct {
	codec media.Codec
	dts   time.Duration
	gap   bool
}

// startStudio feeds a hub with the test card in real time, until the end of the test.
func startStudio(t *testing.T) *studio {
	t.Helper()
	card, err := testcard.Make(t.Context(), []media.Codec{media.H264, media.AAC}, programmeRate)
	require.NoError(t, err)
	opus, err := testcard.Make(t.Context(), []media.Codec{media.Opus}, 0)
	require.NoError(t, err)
	s := &studio{hub: hub.New(media.NewClock()), witness: &witness{}}
	s.hub.Offer(media.Opus)
	s.hub.Announce(media.Video, media.Audio)
	s.segmenter, err = segment.New(segment.Config{Dir: t.TempDir(), Segments: 4, Chunk: time.Second}, s.hub, quiet{})
	require.NoError(t, err)
	s.healthy = push.New(s.hub, push.Spec{Enabled: true, Kind: s.witness.kind(), Target: output.Target{
		Name: "healthy", URL: &url.URL{Scheme: "witness", Host: "here"},
	}}, nil)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.segmenter.Run(ctx, func() {}) }) // it ends with ctx
	wg.Go(func() { _ = s.healthy.Run(ctx, func() {}) })
	wg.Go(func() { s.feed(ctx, card, opus) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	for s.segmenter.Window() == nil || len(s.segmenter.Window().Segments) < 2 {
		time.Sleep(50 * time.Millisecond)
	}
	return s
}

// feed writes each packet when it is due.
func (s *studio) feed(ctx context.Context, card, opus *testcard.Card) {
	base := s.hub.Clock().Now()
	sound := opus.Next()
	for ctx.Err() == nil {
		p := card.Next()
		if wait := s.hub.Clock().Until(base + p.DTS); wait > 0 {
			time.Sleep(wait)
		}
		for ; sound.DTS <= p.DTS; sound = opus.Next() {
			at := sound
			at.DTS, at.PTS = at.DTS+base, at.PTS+base
			s.hub.WriteOffered(at)
		}
		p.DTS, p.PTS = p.DTS+base, p.PTS+base
		begin := time.Now()
		s.hub.Write(p)
		took := time.Since(begin)
		s.mu.Lock()
		s.fed = append(s.fed, packet{p.Track.Codec, p.DTS, false})
		s.longest = max(s.longest, took)
		s.mu.Unlock()
	}
}

// verdict says what the healthy destination has missed so far; "" is nothing.
func (s *studio) verdict() string {
	got := s.witness.packets()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(got) == 0 {
		return "it was given nothing"
	}
	i := slices.Index(s.fed, got[0])
	for j, p := range got {
		switch {
		case i < 0, p.gap:
			return fmt.Sprintf("after %d packets: a gap", j)
		case i+j >= len(s.fed): // written, and not noted yet
			return ""
		case s.fed[i+j] != p:
			return fmt.Sprintf("after %d packets: %v instead of %v", j, p, s.fed[i+j])
		}
	}
	if d := s.healthy.Status().Dropped; d != 0 {
		return fmt.Sprintf("%d packets dropped", d)
	}
	return ""
}

func (s *studio) written() (packets int, longest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.fed), s.longest
}

// quiet is a segment.Reporter.
type quiet struct{}

func (quiet) Raise(string, string) {}
func (quiet) Clear(string)         {}
func (quiet) Stats(segment.Stats)  {}

// witness is a receiver that notes every packet.
type witness struct {
	mu  sync.Mutex // guards the fields below
	all []packet
	n   int // connections
}

func (w *witness) kind() output.Kind {
	return output.Kind{Name: "witness", Direction: output.Push, Dial: func(context.Context, output.Target, []*media.Track) (output.Conn, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.n++
		return &statement{witness: w, closed: make(chan struct{})}, nil
	}}
}

func (w *witness) packets() []packet {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.all)
}

// statement is one connection of a witness.
type statement struct {
	*witness
	once   sync.Once
	closed chan struct{}
}

// Write implements output.Conn.
func (s *statement) Write(p media.Packet) error {
	select {
	case <-s.closed:
		return net.ErrClosed
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, packet{p.Track.Codec, p.DTS, p.Gap})
	return nil
}

// Stats implements output.Conn.
func (s *statement) Stats() output.ConnStats { return output.ConnStats{} }

// Close implements output.Conn.
func (s *statement) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}
