package hardware

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/lab/playlist"
)

// fault is something that goes wrong in the box while its stream is received.
type fault struct {
	name string // for people
	// begin and end are what makes it and heals it: commands for the box's shell.
	// Without an end it is over by itself.
	begin, end string
	// signal and condition are what the daemon must say meanwhile, with the slate
	// on the air. Empty: the fault is too short to be waited for.
	signal, condition string
	// while is done as long as the fault holds; may be nil.
	while func(r *faultRig)
	// shows says from the status before and after that it has happened. It may be
	// nil where there is a signal.
	shows func(before, after status.Stream) bool
	// hole is the longest time without a picture that is put up with. The box is
	// emulated, and the machine may be busy; zero: 8 s.
	hole time.Duration
}

// faultRig is a rig whose receivers see faults come and go.
type faultRig struct {
	*rig
	watch *watch
	init  string // of the HLS stream
	table *recoveries
}

// withoutSound spares the emulated processor AAC, which is floating-point work, the
// slowest of all in there. Sound has tests of its own.
const withoutSound = `
[streams.main.audio]
mode = "silence"
`

// startFaults starts a rig with the given tables of the stream.
func startFaults(t *testing.T, b *box.Box, table *recoveries, tables string) *faultRig {
	t.Helper()
	r := &faultRig{rig: startRig(t, b, tables+withoutSound), table: table}
	r.watch = startWatch(t, r.srt.File())
	r.await("the stream at the receiver", func() bool { return r.watch.mark() > 15 })
	r.init = r.inits()[0]
	table.on(strings.TrimSpace(b.Must("uname", "-r")))
	return r
}

// suffer has the stream go through faults, one after the other.
func (r *faultRig) suffer(t *testing.T, faults []fault) {
	t.Helper()
	r.settled()
	for _, f := range faults {
		if !t.Run(f.name, func(t *testing.T) {
			defer func(of *testing.T) { r.t = of }(r.t)
			r.t = t
			r.table.add(r.one(f))
		}) {
			t.Fatalf("%s: those after it would begin with what it left", f.name)
		}
	}
}

func (r *faultRig) one(f fault) recovery {
	r.t.Helper()
	before, mark := r.stream(), r.watch.mark()
	begun := r.shell(f.begin)
	if f.signal != "" {
		r.awaitSlate(f, before)
	}
	return r.heal(f, before, mark, begun)
}

// heal ends a fault and says what there was to see of it since the mark.
func (r *faultRig) heal(f fault, before status.Stream, mark int, begun time.Time) recovery {
	r.t.Helper()
	if f.while != nil {
		f.while(r)
	}
	healed := begun
	if f.end != "" {
		healed = r.shell(f.end)
	}
	var back time.Time // as soon as it is: a busy machine may have the slate on again
	if f.signal != "" {
		back = r.awaitSignal("ok").Since
	}
	if f.shows != nil {
		r.await("the fault shows", func() bool { return f.shows(before, r.stream()) })
	}
	r.settled()
	got, after := recovery{Fault: f.name}, r.stream()
	got.Hole = longest(r.t, r.watch.since(mark))
	if now := after.Input.Signal; now.SlateFrames > before.Input.Signal.SlateFrames {
		got.Slate, got.Reason = true, f.signal
		if back.IsZero() {
			back = now.Since
		}
		got.Back = max(0, back.Sub(healed))
	}
	if got.Hole > cmp.Or(f.hole, 8*time.Second) {
		r.t.Errorf("%v without a picture at the receiver", got.Hole)
	}
	r.connected()
	r.unbroken(before, got.Hole)
	r.t.Logf("%+v", got)
	return got
}

// shell runs commands in the box and says when, by the box's clock, they began.
func (r *faultRig) shell(script string) time.Time {
	r.t.Helper()
	done, err := r.box.Run(r.t.Context(), "sh", "-c", "touch /tmp/now; stat -c %y /tmp/now\n"+script)
	if err != nil {
		r.t.Fatal(err)
	}
	line, _, _ := strings.Cut(done.Stdout, "\n")
	now, err := time.Parse("2006-01-02 15:04:05.999999999 -0700", line)
	if err != nil {
		r.t.Fatalf("the box's clock: %v", err)
	}
	return now
}

// settled waits until the device's pictures have come through to the receiver
// for a while.
func (r *faultRig) settled() {
	r.t.Helper()
	var since time.Time
	var frames uint64
	r.await("the device's pictures, coded", func() bool {
		s := r.stream()
		good := s.Input.Signal != nil && s.Input.Signal.State == "ok" && !s.Input.Signal.Slate && s.Video != nil
		switch {
		case !good || since.IsZero() || s.Video.Frames < frames:
			since = time.Now()
			if s.Video != nil {
				frames = s.Video.Frames
			}
			return false
		}
		return s.Video.Frames >= frames+15 && time.Since(since) > 1500*time.Millisecond
	})
	r.arrives(time.Second)
}

// arrives waits until the receiver has what is sent now, and more for a while.
func (r *faultRig) arrives(more time.Duration) {
	r.t.Helper()
	mark, n := r.watch.mark(), int((srtLatency+more).Seconds()*15)
	r.await("pictures at the receiver", func() bool { return r.watch.mark() > mark+n })
}

// awaitSlate waits for the slate with the fault's reason, and for what is said.
func (r *faultRig) awaitSlate(f fault, before status.Stream) {
	r.t.Helper()
	r.await("the slate: "+f.signal, func() bool {
		s := r.stream()
		raised := slices.ContainsFunc(s.Conditions, func(c status.Condition) bool { return c.Code == f.condition })
		return s.Input.Signal.State == f.signal && s.Input.Signal.Slate && raised &&
			s.Input.Signal.SlateFrames > before.Input.Signal.SlateFrames+15
	})
}

// unbroken fails the test if HLS has not been one stream since the rig began:
// the same init segment, nothing lost before it, and no discontinuity but where
// the encoder lost pictures, or where so long a hole is at the end of a segment
// that it would be too long with it.
func (r *faultRig) unbroken(before status.Stream, hole time.Duration) {
	r.t.Helper()
	now := r.stream()
	switch {
	case now.HLS == nil || now.HLS.Dropped != 0:
		r.t.Errorf("HLS: %+v", now.HLS)
	case hole > 400*time.Millisecond:
	case lost(now) < lost(before): // the input was opened anew; it counts from there
	case now.HLS.Discontinuities-before.HLS.Discontinuities > lost(now)-lost(before):
		r.t.Errorf("HLS: %+v, before the fault %+v", now.HLS, before.HLS)
	}
	for _, init := range r.inits() {
		if init != r.init {
			r.t.Errorf("HLS has the init segment %s, and had %s", init, r.init)
		}
	}
}

// lost is how often the encoder has lost pictures that others refer to.
func lost(s status.Stream) uint64 {
	h := s.Video.Hardware
	return h.Recoveries + h.Restarts + h.ErrorBuffers
}

// inits are the init segments that the video's playlist names.
func (r *faultRig) inits() (list []string) {
	r.t.Helper()
	text, err := r.get("/hls/index.m3u8")
	if err != nil {
		r.t.Fatal(err)
	}
	all, err := playlist.ParseMultivariant(text)
	if err != nil {
		r.t.Fatal(err)
	}
	uri := path.Join("/hls", all.Variants[0].URI)
	if text, err = r.get(uri); err != nil {
		r.t.Fatal(err)
	}
	media, err := playlist.ParseMedia(text)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, s := range media.Segments {
		list = append(list, s.Map)
	}
	return slices.Compact(list)
}

// decodes ends the daemon and has all that was received decoded: HLS before,
// what the others wrote after.
func (r *faultRig) decodes() {
	r.t.Helper()
	r.decode("HLS", r.url+"/hls/index.m3u8", 5*time.Second)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.t.Context()), patience)
	defer cancel()
	sent := destinations(r.stream())["srt"]
	files := r.received()
	if stats, err := r.srt.Stats(); err != nil || len(stats) == 0 {
		r.t.Errorf("no word from srt-live-transmit: %v", err)
	} else {
		r.t.Logf("SRT: the sender gave up on %d packets, the receiver on %d", sent.Lost, stats[len(stats)-1].Recv.Dropped)
	}
	for name, file := range files {
		p, err := peer.Probe(ctx, file, peer.ProbeOptions{Packets: true})
		if err == nil {
			err = p.CheckTimestamps()
		}
		if err != nil {
			r.t.Errorf("%s: %v", name, err)
			continue
		}
		// The last picture may have been cut off with the connection.
		r.decode(name, file, p.Format.Duration.Duration-time.Second)
	}
}

func (r *faultRig) decode(name, input string, d time.Duration) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.t.Context()), 2*patience)
	defer cancel()
	log, err := peer.Run(ctx, peer.Command{Args: []string{
		"ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-xerror", "-i", input, "-map", "0:v:0", "-t", fmt.Sprint(d.Seconds()),
		"-fps_mode", "passthrough", "-enc_time_base", "1/90000", "-f", "null", "-",
	}})
	if err == nil && strings.TrimSpace(log) == "" {
		return
	}
	r.t.Errorf("decode %s: %v\n%s", name, err, log)
	if keep := os.Getenv("HARDWARE_KEEP"); keep != "" && path.IsAbs(input) {
		raw, err := os.ReadFile(input)
		if err == nil {
			err = os.WriteFile(path.Join(keep, path.Base(input)), raw, 0o644)
		}
		r.t.Logf("kept in %s: %v", keep, err)
	}
}
