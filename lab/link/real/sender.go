package real

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/encode/rate"
	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/link/score"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
	"github.com/encoderbox/encoderbox/media/h264"
	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/hub"
)

// Sound is AAC at 128 kb/s.
const (
	sampleRate = 48_000
	samples    = 1024 // of an access unit
	soundRate  = 128_000
	soundSize  = soundRate / 8 * samples / sampleRate
)

// tsOverhead and others are what a transport adds, of what it carries, at usual bit
// rates: the encoder is told so much less.
func overhead(transport string) float64 {
	if transport == law.SRT {
		return 1.04
	}
	return 1.01
}

// SenderArgument as a program's first has it be a sender: [Sender].
const SenderArgument = "-real-sender"

// Sender is the process that sends: it reads its job and the start signal as lines from
// in, and writes "ready" and its account as lines to out.
func Sender(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	text, err := lines.ReadString('\n')
	if err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	s, err := newSender(j)
	if err != nil {
		return err
	}
	defer s.ladder.Close()
	begin := make(chan time.Duration, 1)
	go func() { // ends with the process
		if _, err := fmt.Fprintln(out, <-s.connected); err != nil {
			return
		}
		text, err := lines.ReadString('\n')
		ns, err2 := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err == nil && err2 == nil {
			begin <- time.Duration(ns)
		}
	}()
	if err := s.run(ctx, begin); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(s.account)
}

// monotonic is the clock that all processes share.
func monotonic() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err) // every Linux has it
	}
	return time.Duration(t.Nano())
}

// target is a destination with its way in.
type target interface {
	output.Output
	Path() (p output.Path, connection uint64, ok bool)
	Advise(output.PathAdvice)
}

type sender struct {
	job       job
	ladder    *Ladder
	video     *media.Track
	sound     *media.Track
	hub       *hub.Hub
	to        target
	queue     func() (packets int) // of to's own
	most      int                  // that it holds; 0: any number
	spec      law.Spec
	law       rate.Law
	pacer     bool
	connected chan string
	account   account

	mu     sync.Mutex // guards the two below
	closed []closedSegment
	errs   []string

	zero       time.Duration // on the monotonic clock
	running    bool          // the start signal has come
	number     int           // of the next picture
	position   int           // of it in the footage
	credit     float64       // bits that were not used
	advice     rate.Advice
	connection uint64
	sounds     int      // access units written
	written    []packet // given to the hub, oldest first
	coded      []int    // bytes of each picture so far
}

type packet struct {
	at   time.Duration
	size int
}

func newSender(j job) (*sender, error) {
	l, err := OpenLadder(j.Ladder)
	if err != nil {
		return nil, err
	}
	s := &sender{job: j, ladder: l, connected: make(chan string, 1), position: j.Start, sound: aac.Track(sampleRate, 2)}
	if s.video, err = l.Track(); err != nil {
		return nil, err
	}
	s.video.Video.FrameRate = media.Rational{Num: perSecond, Den: 1}
	var ok bool
	if s.spec, ok = law.ByName(j.Law); !ok {
		return nil, fmt.Errorf("law %q: there is none", j.Law)
	}
	s.law, s.pacer = s.spec.New(j.Limits), s.spec.Name == law.Ours
	s.advice.Target = j.Limits.Start
	s.hub = hub.New(media.NewClock())
	s.hub.Announce(media.Video, media.Audio)
	if s.to, err = s.connect(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *sender) target() (output.Target, error) {
	u, err := url.Parse(s.job.URL)
	return output.Target{
		Name: "bench", URL: u, Agent: "bench", Clock: s.hub.Clock(), RequestKey: func() {},
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}, err
}

// failed notes an error of the destination.
func (s *sender) failed(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.errs) < 20 {
		s.errs = append(s.errs, text)
	}
}

// run sends until the end of the scenario.
func (s *sender) run(ctx context.Context, begin <-chan time.Duration) error {
	ctx, end := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer end()
	all.Go(func() {
		if err := s.to.Run(ctx, func() {}); err != nil && ctx.Err() == nil {
			s.failed(err.Error())
		}
	})
	start := monotonic()
	var pictures, sounds, steps int
	wake := time.NewTimer(0)
	defer wake.Stop()
	for {
		// What is due next, since start.
		picture := time.Duration(pictures) * Picture
		sound := time.Duration(sounds) * samples * time.Second / sampleRate
		step := time.Duration(steps) * rate.Interval
		due := min(picture, sound, step)
		wake.Reset(start + due - monotonic())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case s.zero = <-begin:
			s.begin()
			continue
		case <-wake.C:
		}
		now := monotonic()
		if s.running && now >= s.zero+s.job.Length+after {
			break
		}
		if !s.running && now-start > patience {
			return errors.New("no connection, or no start signal: " + strings.Join(s.errs, "; "))
		}
		switch due {
		case picture:
			if s.running {
				s.account.Late = append(s.account.Late, now-start-due)
			}
			s.picture(due)
			pictures++
		case sound:
			s.write(media.Packet{Track: s.sound, PTS: due, DTS: due, Key: true, Data: quiet()})
			sounds++
		default:
			s.step()
			steps++
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.account.Errors = s.errs
	for _, c := range s.closed {
		c.At -= s.zero
		s.account.Closed = append(s.account.Closed, c)
	}
	return nil
}

const patience = 20 * time.Second

func (s *sender) begin() {
	s.running = true
	s.account.First = s.number
}

// quiet is an access unit of sound: what is in it is of no interest.
func quiet() []byte {
	b := make([]byte, soundSize)
	copy(b, aac.SilentFrame(2))
	return b
}

// picture gives the destination the next picture, or leaves it out.
func (s *sender) picture(at time.Duration) {
	f := score.Frame{At: monotonic() - s.zero, Arrived: score.Never}
	number := s.number
	s.number++
	if s.advice.Skip {
		f.Skipped = true
		s.coded = append(s.coded, 0)
	} else {
		p := s.next()
		f.Key, f.Bytes = p.Key, p.Size
		data := s.ladder.Data(p)
		unit := make([]byte, 0, len(data)+markerSize+8)
		unit = h264.AppendUnit(unit, marker(number, len(data)))
		unit = append(unit, data...)
		s.coded = append(s.coded, len(unit))
		s.write(media.Packet{Track: s.video, PTS: at, DTS: at, Key: p.Key, Data: unit})
	}
	f.Bytes = s.coded[number] + soundRate/8/perSecond
	if s.running {
		s.account.Frames = append(s.account.Frames, f)
	}
}

// next is the picture to code. Of the two rungs about what is told, the lower one is
// taken while more has been coded than was told.
func (s *sender) next() Stored {
	bitrate := max(float64(s.advice.Target-soundRate)/overhead(s.job.Transport), float64(s.ladder.Rungs[0].Bitrate))
	i := 0
	for i+1 < len(s.ladder.Rungs) && float64(s.ladder.Rungs[i+1].Bitrate) <= bitrate {
		i++
	}
	// A GOP of a rung, not a picture, has the rung's bit rate: what counts is which
	// rungs were taken.
	if i+1 < len(s.ladder.Rungs) {
		low, high := float64(s.ladder.Rungs[i].Bitrate), float64(s.ladder.Rungs[i+1].Bitrate)
		if s.credit+bitrate >= high {
			i++
			s.credit += bitrate - high
		} else {
			s.credit += bitrate - low
		}
		s.credit = min(max(s.credit, low-high), high-low)
	}
	p := s.ladder.Rungs[i].Pictures[s.position]
	s.position = (s.position + 1) % len(s.ladder.Rungs[i].Pictures)
	return p
}

// key has the next picture be a key picture.
func (s *sender) key() {
	n := len(s.ladder.Rungs[0].Pictures)
	s.position = (s.position + gop - 1) / gop * gop % n
}

func (s *sender) write(p media.Packet) {
	s.written = append(s.written, packet{monotonic(), len(p.Data)})
	s.account.Payload += uint64(len(p.Data))
	s.hub.Write(p)
}

// step has the law decide.
func (s *sender) step() {
	path, connection, ok := s.to.Path()
	if ok && s.connection == 0 {
		s.connected <- ready // buffered, and once
	}
	if !ok {
		s.point()
		return
	}
	if s.connection != connection {
		if l, ok := s.law.(interface{ Reconnected() }); ok && s.connection != 0 {
			l.Reconnected()
		}
		s.connection, s.account.Numbers = connection, s.account.Numbers+1
	}
	if w, ok := s.law.(law.QueueWatcher); ok {
		w.Watch(s.ownQueue(path))
	}
	before := s.advice
	s.advice = s.law.Step(rate.Sample(path))
	if s.advice.Key > before.Key || s.advice.Flush > before.Flush {
		s.key()
	}
	if s.pacer {
		s.to.Advise(output.PathAdvice{Pace: s.advice.Pace, Flush: s.advice.Flush})
	}
	s.account.Written = max(s.account.Written, path.Written)
	s.point()
}

func (s *sender) point() {
	if !s.running {
		return
	}
	const pictures = perSecond / 2
	sum := 0
	for _, n := range s.coded[max(0, len(s.coded)-pictures):] {
		sum += n
	}
	a := s.advice
	s.account.Points = append(s.account.Points, score.Point{
		At: monotonic() - s.zero, Target: a.Target, Acked: a.Acked, Estimate: a.Estimate,
		Encoded: sum*8*2 + soundRate, Queue: a.Queue, Reason: string(a.Reason),
	})
}

// ownQueue is the queue before the socket, for laws that look at it.
func (s *sender) ownQueue(p output.Path) law.OwnQueue {
	n := min(s.queue(), len(s.written))
	waiting := s.written[len(s.written)-n:]
	q := law.OwnQueue{Packets: n, Sent: p.Written - p.Dropped}
	bytes := 0
	for _, w := range waiting {
		bytes += w.size
	}
	q.Sent -= min(q.Sent, uint64(bytes))
	if n > 0 {
		q.Span = waiting[n-1].at - waiting[0].at
	}
	if s.most > 0 {
		q.Fill = float64(n) / float64(s.most)
	}
	return q
}

// window notes when segments are closed.
func (s *sender) closing(names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := monotonic()
	for _, name := range names {
		if !slices.ContainsFunc(s.closed, func(c closedSegment) bool { return c.Name == name }) {
			s.closed = append(s.closed, closedSegment{name, now})
		}
	}
}
