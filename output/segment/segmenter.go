package segment

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/hub"
)

var _ output.Output = (*Segmenter)(nil)

// Segmenter is an output.Output: it reads one stream and keeps the window of
// its segments. It is made once and run once.
type Segmenter struct {
	cfg       Config                 // what cannot change
	tunable   atomic.Pointer[Config] // what Update may change: the window and the grace time
	hub       *hub.Hub
	reporter  Reporter
	incidents output.Incidents
	store     storage
	live      *Live
	run       string

	// The fields below belong to the goroutine of Run.
	cut       *cutter
	index     index
	ready     func()
	stats     Stats
	good      int // segments in a row that began and ended with a key picture
	keep      int // at most so many expired segments; storage that was full once holds no more
	peakTrack [media.Audio + 1]*media.Track
	last      uint64                // highest number given to a closed segment
	resumed   bool                  // players may know segments of an earlier run
	locked    bool                  // the offset is known
	offGrid   int                   // segments in a row that begin elsewhere
	packet    media.Packet          // being added
	missing   [media.Audio + 1]bool // tracks that had nothing, as told
	began     time.Duration         // on the stream's clock: what was written before is late by joining
}

// New returns a segmenter of the hub's stream that reports to r.
func New(cfg Config, h *hub.Hub, r Reporter) (*Segmenter, error) {
	return newSegmenter(cfg, h, r, folder(cfg.Dir))
}

func newSegmenter(cfg Config, h *hub.Hub, r Reporter, store storage) (*Segmenter, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	var run [4]byte
	_, _ = rand.Read(run[:]) // never fails
	s := &Segmenter{
		cfg: cfg, hub: h, reporter: r, store: store, live: cfg.Live, run: hex.EncodeToString(run[:]),
		index: index{store: store, known: map[string]bool{}, growth: indexGrowth}, keep: math.MaxInt,
	}
	if s.live == nil {
		s.live = NewLive()
	}
	s.incidents, _ = r.(output.Incidents)
	s.tunable.Store(&cfg)
	return s, nil
}

// Window is the newest state of the segments. It never blocks and is never nil.
// Before Run it lists none, or what Config.Live has; after Run it stays as it
// was, as the files do.
func (s *Segmenter) Window() *Window { return s.live.Window() }

// Update changes the length of the window and the grace time, from the next
// segment on. Any other change returns ErrRestart and changes nothing.
func (s *Segmenter) Update(cfg Config) error {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return err
	}
	same := s.cfg
	same.Segments, same.Window, same.Grace = cfg.Segments, cfg.Window, cfg.Grace
	same.After, same.Live = cfg.After, cfg.Live // hold for the beginning
	if same != cfg {
		return ErrRestart
	}
	s.tunable.Store(&cfg)
	return nil
}

// Run segments the stream until ctx ends or the hub is closed, and calls ready
// when the first segment is there. It goes on behind what an earlier run left in
// the folder, and leaves its own there. Storage that fails does not end it:
// segments are lost, and the loss is reported, until it works again.
func (s *Segmenter) Run(ctx context.Context, ready func()) error {
	s.ready = ready
	s.begin()
	r := s.hub.Subscribe(hub.Options{Join: hub.JoinStill})
	defer r.Close()
	err := s.read(ctx, r)
	s.cut.finish()
	for _, code := range []string{ConditionForcedCut, ConditionStorage, ConditionTrack, ConditionClock, ConditionGrid, ConditionStill} {
		s.reporter.Clear(code)
	}
	return err
}

// begin takes up what is in the folder.
func (s *Segmenter) begin() {
	s.began = s.hub.Clock().Now()
	s.restore()
	s.cut = &cutter{
		keysOnRequest: s.hub.KeysOnRequest, clear: s.reporter.Clear,
		picturesHeld: func() bool { return s.hub.PicturesHeld() || s.hub.PicturesSkipped() }, requestKey: s.hub.RequestKey,
		cfg: s.cfg, run: s.run, naming: s.naming(), offset: TimeOffset,
		breakAt: s.resumed,
		done:    s.closed, changed: s.publishOpen, missed: s.missed, report: s.reporter.Raise,
	}
	if !s.cfg.EpochLocked {
		s.locked, s.cut.sequence = true, s.firstSequence()
	}
}

func (s *Segmenter) read(ctx context.Context, r *hub.Reader) error {
	tracks, err := r.Tracks(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	s.programme(tracks)
	var last [media.Audio + 1]*media.Track
	for {
		p, err := r.Read(ctx)
		if err != nil {
			return ended(ctx, err)
		}
		kind := p.Track.Kind()
		if p.Gap || last[kind] != nil && last[kind] != p.Track {
			// Perhaps another programme, with other kinds of track.
			if tracks, err = r.Tracks(ctx); err != nil {
				return ended(ctx, err)
			}
			s.programme(tracks)
		}
		last[kind] = p.Track
		s.dropped(r.Stats().Dropped)
		s.add(p)
	}
}

func (s *Segmenter) add(p media.Packet) {
	if !s.lock(p) {
		s.cut.unplaced++
		return
	}
	s.packet = p
	s.cut.add(p)
}

// ended makes nothing of the errors that end a run as planned.
func ended(ctx context.Context, err error) error {
	if !errors.Is(err, io.EOF) && ctx.Err() == nil {
		return fmt.Errorf("segment: read the stream: %w", err)
	}
	return nil
}

// programme takes up the kinds of track if they are not those at hand.
func (s *Segmenter) programme(tracks []*media.Track) {
	if s.cut.has(tracks) {
		return
	}
	kinds := make([]media.Kind, len(tracks))
	for i, t := range tracks {
		kinds[i] = t.Kind()
	}
	s.cut.programme(kinds, func(k media.Kind) *lane {
		l := &lane{kind: k, store: s.store, chunk: 1, wrote: s.wrote}
		if s.cfg.ProducerTime {
			l.wall = s.wall
		}
		return l
	})
}

// sequencesPerSecond bounds how many segments can come a second on average.
const sequencesPerSecond = 4

// sequenceEpoch is older than every box.
var sequenceEpoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// firstSequence goes on where the window ends. Without one it rises from run to
// run, as far as the time is known, so that players that were there before go on
// (RFC 8216bis §6.2.2: the media sequence number never falls).
func (s *Segmenter) firstSequence() uint64 {
	if len(s.Window().Segments) > 0 {
		return s.last + 1
	}
	first := uint64(0)
	if s.resumed || s.last > 0 {
		first = s.last + 1
	}
	clock := s.hub.Clock()
	if wall, ok := clock.Wall(clock.Now()); ok {
		first = max(first, uint64(wall.Sub(sequenceEpoch)/(time.Second/sequencesPerSecond)))
	}
	return first
}

// wall is t as wall-clock time, zero while that is not known.
func (s *Segmenter) wall(t time.Duration) time.Time {
	wall, ok := s.hub.Clock().Wall(t)
	if !ok {
		return time.Time{}
	}
	return wall
}

// wrote takes a chunk that is complete: it is recorded, then seen.
func (s *Segmenter) wrote(l *lane) {
	m := l.media
	if m.Wall.IsZero() {
		m.Wall = s.wall(m.Start)
	}
	seg := *l.part.seg
	seg.Duration = 0
	s.index.chunk(&seg, l.kind, m)
	s.reportLate(l)
	if !l.closing {
		s.publishOpen()
	}
}

// closed takes a segment from the cutter, publishes and reports it.
func (s *Segmenter) closed(b *building) {
	seg := b.seg
	for _, k := range []media.Kind{media.Video, media.Audio} {
		if m := seg.Media(k); m != nil && m.Wall.IsZero() {
			m.Wall = s.wall(m.Start)
		}
	}
	s.reportCut(b)
	s.reportErrors(seg, b.errs)
	w := s.publish(seg)
	s.reportGrid(seg)
	s.reportLoss(b)
	if seg.Discontinuity {
		s.stats.Discontinuities++
	}
	s.stats.Segments, s.stats.WindowBytes, s.stats.WindowDuration = len(w.Segments), w.Bytes(), w.Duration()
	s.stats.FirstSequence, s.stats.LastSequence = w.Segments[0].Sequence, seg.Sequence
	s.stats.LastDuration, s.stats.TargetDuration = seg.Duration, s.cfg.Duration
	s.stats.Unplaced, s.stats.ForcedCuts = s.cut.unplaced, s.cut.forcedCuts
	s.reporter.Stats(s.stats)
	if s.ready != nil && len(b.errs) == 0 {
		s.ready()
		s.ready = nil
	}
}
