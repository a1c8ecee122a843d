package realtime

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

// overhead is what a transport makes of what it carries, at usual bit rates: the
// encoder is told so much less.
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

	camera camera

	zero       time.Duration // on the monotonic clock
	running    bool          // the start signal has come
	advice     rate.Advice
	connection uint64

	mu      sync.Mutex // guards the fields below, and account.Payload
	closed  []closedSegment
	errs    []string
	frames  []score.Frame // of all pictures so far, At on the monotonic clock
	footage []int
	written []packet // given to the hub, oldest first
}

// camera gives pictures and has them coded.
type camera interface {
	// sees is the picture of the footage that comes next.
	sees() int
	// picture takes the next picture, and has it coded as advised, or leaves it out.
	picture(number int, at time.Duration, a rate.Advice)
	// key asks for a key picture.
	key()
	close() error
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
	s := &sender{job: j, ladder: l, connected: make(chan string, 1), sound: aac.Track(sampleRate, 2)}
	var ok bool
	if s.spec, ok = law.ByName(j.Law); !ok {
		return nil, fmt.Errorf("law %q: there is none", j.Law)
	}
	s.law, s.pacer = s.spec.New(j.Limits), s.spec.Name == law.Ours
	s.advice.Target = j.Limits.Start
	s.hub = hub.New(media.NewClock())
	s.hub.Announce(media.Video, media.Audio)
	if s.camera, err = s.newCamera(); err != nil {
		return nil, err
	}
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

func (s *sender) reasons() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.errs, "; ")
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
			return errors.New("no connection, or no start signal: " + s.reasons())
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
	if err := s.camera.close(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.frames[s.account.First:] {
		f.At -= s.zero
		s.account.Frames = append(s.account.Frames, f)
		s.account.Footage = append(s.account.Footage, s.footage[s.account.First+i])
	}
	s.account.Errors = s.errs
	for _, c := range s.closed {
		c.At -= s.zero
		s.account.Closed = append(s.account.Closed, c)
	}
	return nil
}

const patience = 20 * time.Second

func (s *sender) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = true
	s.account.First = len(s.frames)
}

// quiet is an access unit of sound: what is in it is of no interest.
func quiet() []byte {
	b := make([]byte, soundSize)
	copy(b, aac.SilentFrame(2))
	return b
}

// picture is the camera's next.
func (s *sender) picture(at time.Duration) {
	s.mu.Lock()
	number := len(s.frames)
	s.frames = append(s.frames, score.Frame{At: monotonic(), Skipped: true, Bytes: soundRate / 8 / perSecond, Arrived: score.Never})
	s.footage = append(s.footage, s.camera.sees())
	s.mu.Unlock()
	s.camera.picture(number, at, s.advice)
}

// coded gives the destination a picture, from any goroutine. data are its NAL units.
func (s *sender) coded(number int, noise float64, p media.Packet) {
	unit := make([]byte, 0, len(p.Data)+markerSize+8)
	unit = h264.AppendUnit(unit, marker(number, len(p.Data)))
	p.Data = append(unit, p.Data...)
	s.mu.Lock()
	f := &s.frames[number]
	f.At, f.Skipped, f.Key, f.Noise = monotonic(), false, p.Key, noise
	f.Bytes += len(p.Data)
	s.mu.Unlock()
	s.write(p)
}

func (s *sender) write(p media.Packet) {
	s.mu.Lock()
	s.written = append(s.written, packet{monotonic(), len(p.Data)})
	s.account.Payload += uint64(len(p.Data))
	s.mu.Unlock()
	s.hub.Write(p)
}

// closing notes when segments are closed.
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
