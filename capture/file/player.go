package file

import (
	"context"
	"errors"
	"io"
	"math"
	"time"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
)

// player delivers a file's packets when they are due.
//
// # Loops
//
// The video leads: loop k begins k video durations after the start, reckoned
// in the video's own ticks and never added up in rounded steps, so the first
// picture of a loop follows the last of the one before by exactly that one's
// duration, and sound and picture restart together in every loop.
//
// AAC frames last 1024 samples and do not divide that duration. So the sound
// runs on a grid of its own: every frame follows the one before by exactly
// 1024 samples, through all loops. A frame of the file takes the slot nearest
// to its own time, at most half a frame (11 ms) away; where two would share a
// slot the later is left out, where a slot stays empty it is filled with a
// frame of silence. The grid is anchored once, the file's times anew in every
// loop, hence nothing adds up over a thousand loops, no packets overlap, and a
// sound track that is shorter than the video, or has holes, is as unbroken as
// any other. Sound that outlasts the video is played to its end once and cut
// off at the seam where the file loops.
type player struct {
	r     reader
	clock *media.Clock
	loop  bool
}

var _ capture.PacketSource = (*player)(nil)

// slack is how early a packet may be written when another is due. A wake-up
// costs more than the packet it is for; with this the sound goes along with the
// picture, and there is about one wake-up a frame.
const slack = 25 * time.Millisecond

// Run implements capture.PacketSource. It plays from the file's start.
func (p *player) Run(ctx context.Context, w media.Writer) error {
	if err := p.r.rewind(); err != nil {
		return err
	}
	t := newTimeline(p.r.programme(), p.clock.Now(), p.loop)
	pace := capture.NewPacer(p.clock)
	var due []media.Packet
	for {
		u, err := p.r.next()
		if errors.Is(err, io.EOF) {
			if !p.loop {
				if err := pace.Wait(ctx, t.end()); err != nil {
					return err
				}
				return ErrEnd
			}
			if err := t.turn(); err != nil {
				return err
			}
			if err := p.r.rewind(); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		due = t.place(due[:0], u, p.r.videoDone())
		for _, pkt := range due {
			if err := p.write(ctx, w, pace, t, pkt); err != nil {
				return err
			}
		}
	}
}

// write delivers one packet when it is due.
func (p *player) write(ctx context.Context, w media.Writer, pace *capture.Pacer, t *timeline, pkt media.Packet) error {
	pkt.PTS += t.shift
	pkt.DTS += t.shift
	late := pace.Late(pkt.DTS)
	switch {
	case late > capture.MaxLate:
		t.shift += late
		pkt.PTS += late
		pkt.DTS += late
	case late < -slack:
		if err := pace.Wait(ctx, pkt.DTS); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w.Write(pkt)
	return nil
}

// timeline maps a file's times to the clock, loop by loop.
type timeline struct {
	prog  *programme
	loop  bool
	start time.Duration // of loop 0, on the clock
	shift time.Duration // added after the machine slept; see player.write

	base    time.Duration // of this loop
	loops   int64
	period  int64 // of a loop, in ticks of the leading track; 0 while not known
	video   span
	audio   span
	lastDTS time.Duration // of video

	grid time.Duration // of slot 0 of the sound
	slot int64         // the next that is free

	fresh []media.Packet // scratch
	held  []media.Packet // sound of this loop that is due after the next has begun
}

// span measures one track in one loop, in its ticks.
type span struct {
	any               bool
	first, last, step int64
}

func (s *span) add(u unit) {
	if !s.any {
		s.first, s.any = u.dts, true
	} else if u.dts > s.last {
		s.step = u.dts - s.last
	}
	s.last = max(s.last, u.dts)
	if u.dur > 0 {
		s.step = u.dur
	}
}

func (s *span) length() int64 { return s.last + s.step - s.first }

func newTimeline(prog *programme, now time.Duration, loop bool) *timeline {
	return &timeline{prog: prog, loop: loop, start: now, base: now, grid: now + prog.lead, lastDTS: -time.Second}
}

// scale is the ticks a second of the track that leads.
func (t *timeline) scale() int {
	if t.prog.video != nil {
		return t.prog.videoScale
	}
	return t.prog.audioScale
}

// turn begins the next loop.
func (t *timeline) turn() error {
	lead := &t.video
	if t.prog.video == nil {
		lead = &t.audio
	}
	if t.period == 0 {
		t.period = lead.length()
	}
	if !lead.any || media.FromTimescale(t.period, t.scale()) < time.Millisecond {
		return errors.New("nothing to play in a loop: the file holds no time")
	}
	t.loops++
	t.base = t.start + media.FromTimescale(t.loops*t.period, t.scale())
	t.video, t.audio = span{}, span{}
	return nil
}

// end is when what was played so far has been shown.
func (t *timeline) end() time.Duration {
	v, a := t.base, t.base
	if t.video.any {
		v += media.FromTimescale(t.video.length(), t.prog.videoScale)
	}
	if t.audio.any {
		a = t.slotTime(t.slot)
	}
	return max(v, a) + t.shift
}

// place appends the packet of u to due, behind the silence that is due before
// it, or nothing where it has no place. What is due after the next loop's
// first picture is held back until that one has come.
func (t *timeline) place(due []media.Packet, u unit, videoDone bool) []media.Packet {
	if u.track.Kind() == media.Video {
		t.fresh = t.placeVideo(t.fresh[:0], u)
	} else {
		t.fresh = t.placeAudio(t.fresh[:0], u, videoDone)
	}
	seam := time.Duration(math.MaxInt64)
	if t.loop && videoDone {
		seam = t.base + media.FromTimescale(t.period, t.prog.videoScale)
	}
	for _, p := range t.fresh {
		if p.DTS >= seam {
			t.held = append(t.held, p)
			continue
		}
		for len(t.held) > 0 && t.held[0].DTS <= p.DTS {
			due = append(due, t.held[0])
			t.held = t.held[1:]
		}
		due = append(due, p)
	}
	return due
}

func (t *timeline) placeVideo(due []media.Packet, u unit) []media.Packet {
	t.video.add(u)
	at := func(ticks int64) time.Duration {
		return t.base + t.prog.lead + media.FromTimescale(ticks, t.prog.videoScale)
	}
	pkt := media.Packet{Track: u.track, PTS: at(u.pts), DTS: at(u.dts), Key: u.key, Gap: u.gap, Data: u.data}
	// A damaged table may give two pictures one time.
	pkt.DTS = max(pkt.DTS, t.lastDTS+time.Millisecond/2)
	pkt.PTS = max(pkt.PTS, pkt.DTS)
	t.lastDTS = pkt.DTS
	return append(t.silence(due, pkt.DTS), pkt)
}

func (t *timeline) placeAudio(due []media.Packet, u unit, videoDone bool) []media.Packet {
	at := t.base + t.prog.lead + media.FromTimescale(u.pts, t.prog.audioScale)
	half := t.prog.audio.FrameDuration() / 2
	if t.loop && videoDone && t.period == 0 {
		t.period = t.video.length()
	}
	if t.loop && t.prog.video != nil && t.period > 0 &&
		at+half >= t.base+t.prog.lead+media.FromTimescale(t.period, t.prog.videoScale) {
		return due // sound that outlasts the video
	}
	due = t.silence(due, at)
	if at < t.slotTime(t.slot)-half {
		return due // its slot is taken
	}
	t.audio.add(u)
	if at > t.slotTime(t.slot)+half { // no silence for this channel layout, or too long a hole
		t.grid, t.slot = at, 0
	}
	pts := t.slotTime(t.slot)
	t.slot++
	return append(due, media.Packet{Track: u.track, PTS: pts, DTS: pts, Key: true, Gap: u.gap, Data: u.data})
}

// slotTime is the time of a slot of the sound grid.
func (t *timeline) slotTime(slot int64) time.Duration {
	return t.grid + media.SamplesToDuration(slot*media.AACFrameSamples, t.prog.audio.Audio.SampleRate)
}

// maxSilence bounds the frames filled in at once: half a minute and more.
const maxSilence = 4096

// silence fills the slots whose time has passed before until, when the next
// thing in the file comes, be it sound or picture.
func (t *timeline) silence(due []media.Packet, until time.Duration) []media.Packet {
	if t.prog.audio == nil {
		return due
	}
	half := t.prog.audio.FrameDuration() / 2
	for len(due) < maxSilence && t.slotTime(t.slot)+half < until {
		data := aac.SilentFrame(t.prog.audio.Audio.Channels)
		if data == nil {
			break
		}
		pts := t.slotTime(t.slot)
		t.slot++
		due = append(due, media.Packet{Track: t.prog.audio, PTS: pts, DTS: pts, Key: true, Data: data})
	}
	return due
}
