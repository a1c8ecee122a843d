package segment

import (
	"bytes"
	"fmt"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/mux/fmp4"
)

// cutter puts every packet into its segment. The lead track (video, or the
// sound of a programme without) decides where segments end; the other one, the
// follower, is cut at the same time. Two segments can be open at once: the lead
// may be in the next while the follower's last packets of one are on their way.
type cutter struct {
	keysOnRequest func() bool // of the stream now
	picturesHeld  func() bool // likewise, see still
	requestKey    func()      // of the encoder, where it makes them
	cfg           Config
	limits        limits // of the run, from its first segment on
	run           string
	naming        string          // in file names: run, or what stands for the grid
	offset        time.Duration   // of media times
	done          func(*building) // takes a closed segment
	changed       func()          // an open segment has more chunks
	missed        func(n uint64)  // n numbers before the next have no segment; none is open
	report        func(code, message string)
	clear         func(code string)

	lanes    [media.Audio + 1]*lane // by kind; nil for what the programme does not have
	leadKind media.Kind
	queue    []media.Packet // follower's, not placed yet
	queued   time.Duration  // DTS of the follower's newest packet
	open     []*building    // oldest first, at most two
	sequence uint64         // of the next segment
	grid     time.Duration  // where the segment at hand is to end; not for sources that make keys when they like
	astray   bool           // the segment before began without a key picture
	breakAt  bool           // the next segment does not continue the one before
	needKey  bool           // a packet of the lead was refused: what follows cannot be decoded
	inits    uint64
	refused  *media.Track // has no header
	phase    phase        // of a source that is epoch-locked
	key      media.Packet // the last key picture, while there are pictures
	stills   uint64       // times it was shown again since the last real picture
	begged   bool         // a key picture is asked for, for what comes after them
	// heldUntil is up to when pictures were held back.
	heldUntil time.Duration

	unplaced, forcedCuts uint64
}

// building is a segment that is not closed.
type building struct {
	seg          *Segment
	end          time.Duration // where the next begins, once leadDone
	forced       bool          // ended without a key picture
	leadDone     bool
	followerDone bool
	errs         []error                 // why parts of it are Gaps
	parts        [media.Audio + 1]*Media // by kind, as far as they are written
	firstChunk   uint32                  // mfhd sequence number of its first chunks; 0: they count on
	late         bool                    // reported
}

// maxOpen bounds how far a follower may lag: when the lead begins one segment
// more, the oldest is closed without the rest of the follower.
const maxOpen = 2

// programme begins with new kinds of track.
func (c *cutter) programme(kinds []media.Kind, newLane func(media.Kind) *lane) {
	c.finish()
	c.lanes = [media.Audio + 1]*lane{}
	c.leadKind = media.Audio
	for _, k := range kinds {
		c.lanes[k] = newLane(k)
		if k == media.Video {
			c.leadKind = k
		}
	}
}

// has says whether the programme has exactly these kinds of track.
func (c *cutter) has(tracks []*media.Track) bool {
	n := 0
	for _, l := range c.lanes {
		if l != nil {
			n++
		}
	}
	for _, t := range tracks {
		if c.lanes[t.Kind()] == nil {
			return false
		}
	}
	return n == len(tracks)
}

func (c *cutter) lead() *lane { return c.lanes[c.leadKind] }

// follower is nil when there is none.
func (c *cutter) follower() *lane {
	if c.leadKind == media.Audio {
		return nil
	}
	return c.lanes[media.Audio]
}

// add takes the next packet of the stream.
func (c *cutter) add(p media.Packet) {
	l := c.lanes[p.Track.Kind()]
	switch {
	case l == nil || p.PTS < p.DTS || p.DTS < -c.offset || p.Track == c.refused:
		c.unplaced++
		c.needKey = c.needKey || l == c.lead()
	case l == c.lead() && !c.real(p):
		c.unplaced++
	case l == c.lead():
		c.addLead(p)
	default:
		c.enqueue(p)
	}
	c.drain()
	c.still()
}

func (c *cutter) addLead(p media.Packet) {
	switch c.decide(p) {
	case refuse:
		c.unplaced++
		c.needKey = true
		return
	case breakOff:
		c.needKey = false
		c.finish()
		if !c.mayBegin(p) {
			c.unplaced++
			c.needKey = true
			return
		}
		if !c.start(p) {
			return
		}
	case cutKey:
		c.end(p, false)
		c.start(p)
	case cutForced:
		c.end(p, true)
		c.start(p)
	}
	c.lead().add(p, c.cfg.Chunk)
}

// decision is what a packet of the lead does to the segment at hand.
type decision uint8

const (
	stay      decision = iota
	refuse             // it fits nowhere
	cutKey             // it begins the next segment
	cutForced          // so it does, though it is no key picture
	breakOff           // it begins a segment that does not continue this one
)

func (c *cutter) decide(p media.Packet) decision {
	l := c.lead()
	if len(c.open) == 0 || c.needKey {
		if !p.Key {
			return refuse
		}
		return breakOff
	}
	elapsed := p.DTS - l.first
	changed := p.Track != l.init.Track
	switch {
	case p.Key && (changed || p.Gap):
		return breakOff
	case p.DTS <= l.last, changed:
		return refuse
	case c.cfg.EpochLocked && c.cell(p.PTS) > c.sequence:
		return breakOff
	case elapsed >= c.limits.longest():
		return breakOff
	case c.leadKind == media.Audio:
		if p.PTS+l.nominal()/2 >= c.grid {
			return cutKey
		}
	case p.Key && p.PTS-c.newest().seg.Start >= c.shortest():
		return cutKey
	}
	if elapsed >= c.limits.forced || elapsed+l.nominal() >= c.limits.longest() || c.lastChance(p.PTS) {
		return cutForced
	}
	return stay
}

// shortest is the duration from which on a key picture ends the segment. One
// that began without a key picture ends early, for players to have a place to
// start at; one that began late, since pictures were left out where it should
// have, ends where the grid of our encoder's key pictures has it.
func (c *cutter) shortest() time.Duration {
	seg := c.newest().seg
	switch {
	case c.cfg.EpochLocked:
		return c.grid - c.cellSlack() - seg.Start
	case !seg.Independent:
		return c.cfg.Duration / 4
	case c.keysOnRequest():
		return c.grid - c.cfg.slack() - seg.Start
	}
	return c.cfg.earliest()
}

func (c *cutter) newest() *building { return c.open[len(c.open)-1] }

// start opens the segment that begins with p.
func (c *cutter) start(p media.Packet) bool {
	old := c.lead().init
	if !c.header(c.lead(), p.Track) {
		return false
	}
	if len(c.open) == maxOpen {
		c.closeFollower(c.open[0], 0)
	}
	if c.limits == (limits{}) {
		c.limits = c.cfg.limits(c.leadKind == media.Audio || c.keysOnRequest())
	}
	b := &building{followerDone: c.follower() == nil}
	if c.cfg.EpochLocked {
		if missed := c.lockGrid(p); missed > 0 {
			c.missed(missed)
		}
	} else {
		c.grid = c.boundary(p, old != nil && old.Track == p.Track && !p.Gap) + c.cfg.Duration
	}
	b.seg = &Segment{
		Sequence: c.sequence, Run: c.run, TimeOffset: c.offset,
		Start: p.PTS, Independent: p.Key, Discontinuity: c.breakAt,
	}
	if c.cfg.EpochLocked {
		b.firstChunk = uint32(c.sequence<<chunkBits) | 1
	}
	c.sequence++
	c.breakAt = false
	c.open = append(c.open, b)
	c.lead().begin(b, fileName(c.leadKind, c.naming, b.seg.Sequence), p)
	return true
}

// boundary is where the grid of key pictures has the cut that p makes; same says
// that p comes from the encoder run that made the grid. That run's grid goes on
// through a time without pictures, after which its first key picture comes late.
// A cut without a key picture shows that the grid is elsewhere.
func (c *cutter) boundary(p media.Packet, same bool) time.Duration {
	late := p.PTS - c.grid
	switch {
	case c.grid == 0, c.astray && p.Key, c.breakAt && !same:
		return p.PTS
	case late.Abs() < c.cfg.Duration/2 && !c.breakAt:
		return c.grid
	case late >= 0: // of the next boundary at a fifth or less, the one after it
		return c.grid + (late+c.cfg.Duration/5)/c.cfg.Duration*c.cfg.Duration
	}
	return p.PTS
}

// end closes the lead's part of the newest segment before p.
func (c *cutter) end(p media.Packet, forced bool) {
	b := c.newest()
	b.end, b.forced = p.PTS, forced
	c.astray = !b.seg.Independent
	if forced {
		c.forcedCuts++
	}
	c.closeLead(b, p.DTS)
}

// finish closes everything that is open; what comes next does not continue it.
func (c *cutter) finish() {
	if len(c.open) == 0 {
		return
	}
	if b := c.newest(); !b.leadDone {
		l := c.lead()
		end := min(l.last+l.nominal(), l.first+c.limits.longest())
		b.end = end + l.media.Start - l.first
		c.closeLead(b, end)
	}
	c.drain()
	for len(c.open) > 0 {
		c.closeFollower(c.open[0], 0)
	}
	c.unplaced += uint64(len(c.queue))
	clear(c.queue)
	c.queue = c.queue[:0]
	c.breakAt = true
}

func (c *cutter) closeLead(b *building, end time.Duration) {
	m, err := c.lead().close(end)
	b.leadDone = true
	b.add(c.leadKind, m, err)
	b.seg.Duration = m.Duration
	c.retire(b)
}

// header makes sure that the lane's Init is the track's. A restarted source
// often has a new Track that looks like the old one: players then need no new
// header (and FFmpeg takes none).
func (c *cutter) header(l *lane, t *media.Track) bool {
	if l.init != nil && l.init.Track == t {
		return true
	}
	data, err := fmp4.Init(t)
	if err != nil {
		c.refused = t
		c.unplaced++
		c.report(ConditionTrack, fmt.Sprintf("%v cannot be segmented: %v; use another source or encoder", t, err))
		return false
	}
	init := &Init{Track: t, Data: data}
	if l.init != nil && bytes.Equal(l.init.Data, data) {
		init.ID, init.Name = l.init.ID, l.init.Name
	} else {
		c.inits++
		init.ID, init.Name = c.inits, c.initName(l.kind, data)
	}
	l.init = init
	return true
}

func (b *building) add(k media.Kind, m *Media, err error) {
	if k == media.Audio {
		b.seg.Audio = m
	} else {
		b.seg.Video = m
	}
	if err != nil {
		b.errs = append(b.errs, err)
	}
}

// snapshot is the segment with its complete chunks so far, nil if there is none.
func (b *building) snapshot() *Segment {
	s := *b.seg
	s.Video, s.Audio = nil, nil
	for _, k := range []media.Kind{media.Audio, media.Video} {
		m := b.parts[k]
		if m == nil || len(m.Chunks) == 0 {
			continue
		}
		seen := *m
		seen.Chunks = m.Chunks[:len(m.Chunks):len(m.Chunks)]
		s.Duration = m.Duration
		if k == media.Audio {
			s.Audio = &seen
		} else {
			s.Video = &seen
		}
	}
	if s.Video == nil && s.Audio == nil {
		return nil
	}
	return &s
}

// retire hands b on when it is complete. The oldest always is so first.
func (c *cutter) retire(b *building) {
	if !b.leadDone || !b.followerDone {
		c.changed()
		return
	}
	c.open = c.open[1:]
	c.done(b)
}
