package panel

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

// fakeKeys deliver what comes in by a channel; nil breaks them.
type fakeKeys struct{ in chan *panel.Event }

func (k *fakeKeys) Run(ctx context.Context, deliver func(panel.Event)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-k.in:
			if e == nil {
				return errors.New("unplugged")
			}
			deliver(*e)
		}
	}
}

func (k *fakeKeys) Close() error { return nil }

// press presses a key for so long, and lets it go.
func (k *fakeKeys) press(key panel.Key, during time.Duration) {
	k.in <- &panel.Event{Key: key, Down: true, At: time.Now()}
	time.Sleep(during)
	k.in <- &panel.Event{Key: key, At: time.Now()}
	synctest.Wait()
}

// fakeScreen keeps what it shows.
type fakeScreen struct {
	size  panel.Size
	takes time.Duration // for a picture
	mu    sync.Mutex    // guards the fields below
	shown panel.Picture
	at    time.Time
	count int
	dim   float64
	fail  error
	done  bool
}

func (s *fakeScreen) Size() panel.Size { return s.size }

func (s *fakeScreen) Show(p panel.Picture) error {
	time.Sleep(s.takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	if fmt.Sprint(p) != fmt.Sprint(s.shown) {
		s.at = time.Now()
	}
	s.shown = p
	s.count++
	return s.fail
}

func (s *fakeScreen) Dim(b float64) error { s.mu.Lock(); defer s.mu.Unlock(); s.dim = b; return nil }
func (s *fakeScreen) Close() error        { s.mu.Lock(); defer s.mu.Unlock(); s.done = true; return nil }

func (s *fakeScreen) line(i int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i >= len(s.shown.Lines) {
		return ""
	}
	return s.shown.Lines[i]
}

// seen is what it shows, since when, and how bright.
func (s *fakeScreen) seen() (panel.Picture, time.Time, float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown, s.at, s.dim
}

func (s *fakeScreen) breaks(err error) { s.mu.Lock(); defer s.mu.Unlock(); s.fail = err }

// running is a panel that runs in a synctest bubble.
type running struct {
	store  *status.Store
	box    *box
	signs  *Signs
	keys   *fakeKeys
	screen *fakeScreen
	lamp   *lamp
	opened map[string]int
	mu     sync.Mutex // guards opened and refuse
	refuse error
	end    func()
}

func start(t *testing.T, size panel.Size, more ...control.Command) *running {
	r := &running{
		store: status.NewStore("1.4.0"), box: newBox(offAir(), more...), signs: NewSigns(), opened: map[string]int{},
		keys: &fakeKeys{make(chan *panel.Event)}, screen: &fakeScreen{size: size, takes: 20 * time.Millisecond, dim: 1}, lamp: &lamp{},
	}
	open := func(what string) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.opened[what]++
		return r.refuse
	}
	p := New(Config{
		Hardware: Hardware{
			Keys:   func(context.Context) (panel.Keys, error) { return r.keys, open("keys") },
			Screen: func(context.Context) (panel.Screen, error) { return r.screen, open("screen") },
			Lights: func(context.Context) (map[string]panel.Light, error) {
				return map[string]panel.Light{StatusLamp: r.lamp}, open("lights")
			},
		},
		Table: r.box.table, Status: r.store, Signs: r.signs,
		Page: pageOf,
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { p.Run(ctx); close(ended) }()
	r.end = func() { cancel(); <-ended }
	return r
}

// onTheAir reports a stream.
func (r *running) onTheAir() {
	st := r.store.Stream("main")
	st.SetInput(status.Input{Kind: "pattern", State: status.InputRunning})
	now := time.Now()
	st.SetDestination(status.Destination{Name: "youtube", State: status.Active, ConnectedAt: &now})
}

// rest has time pass, and all that comes of it happen.
func rest(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// choose goes down to lines of menus, and presses OK.
func (r *running) choose(t *testing.T, labels ...string) {
	for _, label := range labels {
		chosen := func() bool {
			return strings.Contains(r.screen.line(1)+r.screen.line(2)+r.screen.line(3), ">"+label)
		}
		for range 30 {
			if chosen() {
				break
			}
			r.keys.press(panel.Down, 20*time.Millisecond)
			rest(100 * time.Millisecond)
		}
		require.True(t, chosen(), "%s is not in the menu %s", label, r.screen.line(0))
		r.keys.press(panel.OK, 20*time.Millisecond)
		rest(400 * time.Millisecond)
	}
}

func TestTheFirstPictureAndALife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, panel.Size{Columns: 20, Rows: 4})
		defer r.end()
		rest(100 * time.Millisecond)
		require.Contains(t, r.screen.line(0), "STARTING")
		r.onTheAir()
		rest(time.Second)
		require.Contains(t, r.screen.line(0), "ON AIR")
		r.keys.press(panel.OK, time.Second)
		rest(50 * time.Millisecond)
		require.Contains(t, r.screen.line(0), "Menu")
		require.Equal(t, ">Go off air", r.screen.line(1)[:11])
	})
}

func TestAPressIsAnsweredAtOnceWhateverHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, panel.Size{Columns: 20, Rows: 4})
		defer r.end()
		r.box.block = make(chan struct{})
		r.onTheAir()
		rest(2*time.Second + 3*time.Millisecond)
		for range 6 {
			before := time.Now()
			r.keys.press(panel.Down, 30*time.Millisecond)
			rest(300 * time.Millisecond)
			_, at, _ := r.screen.seen()
			require.LessOrEqual(t, at.Sub(before), 50*time.Millisecond)
		}
		r.keys.press(panel.Stream, 2*time.Second) // the command hangs
		rest(100 * time.Millisecond)
		require.Equal(t, []string{"stream stop stream=main"}, r.box.calls)
		require.Contains(t, r.screen.line(1), "Working")
		close(r.box.block)
		rest(100 * time.Millisecond)
		require.Contains(t, r.screen.line(1), "Done")
	})
}

func TestACommandThatHangsIsGivenUpAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, oled)
		r.box.block = make(chan struct{})
		r.onTheAir()
		rest(time.Second)
		r.keys.press(panel.Stream, 2*time.Second)
		require.Len(t, r.box.calls, 1)
		r.end() // returns
		require.True(t, r.screen.done && r.lamp.off)
	})
}

func TestALongCommandCanBeGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, panel.Size{Columns: 20, Rows: 4}, control.Command{
			Name: "destination preflight", Help: "Go the way", Long: true,
			Args: []control.Arg{{Name: "name", Kind: control.Word, Help: "which", Values: func(*status.Snapshot, control.Args) []string { return []string{"youtube"} }}},
			Run: func(ctx context.Context, c control.Call) (control.Result, error) {
				c.Progress(control.Progress{Done: -1, Text: "TLS"})
				<-ctx.Done()
				return control.Result{}, ctx.Err()
			},
		})
		defer r.end()
		r.onTheAir()
		rest(time.Second)
		r.keys.press(panel.OK, time.Second)
		r.choose(t, "Destinations", "Preflight")
		require.Contains(t, r.screen.line(1), "TLS")
		r.keys.press(panel.Back, 20*time.Millisecond)
		rest(200 * time.Millisecond)
		require.Contains(t, r.screen.line(0), "Not done")
		require.Contains(t, r.screen.line(2)+r.screen.line(3), "given up")
	})
}

func TestHardwareThatGoesAwayComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, panel.Size{Columns: 16, Rows: 2})
		defer r.end()
		rest(time.Second)
		r.keys.in <- &panel.Event{Key: panel.OK, Down: true, At: time.Now()}
		r.mu.Lock()
		r.refuse = errors.New("no such device")
		r.mu.Unlock()
		r.keys.in <- nil
		r.screen.breaks(errors.New("nack"))
		rest(time.Minute)
		r.mu.Lock()
		require.InDelta(t, 11, r.opened["keys"], 2, "tries get rarer")
		require.Equal(t, 1, r.opened["lights"], "what works is left alone")
		r.refuse = nil
		r.mu.Unlock()
		r.screen.breaks(nil)
		r.onTheAir()
		rest(11 * time.Second)
		require.Contains(t, r.screen.line(0), "ON AIR")
		r.keys.press(panel.OK, 20*time.Millisecond)
		rest(50 * time.Millisecond)
		require.Contains(t, r.screen.line(0), "Input", "the key that was down when it went is up")
	})
}

func TestTheScreenRestsAndWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, oled)
		defer r.end()
		r.onTheAir()
		picture := func() []byte { p, _, _ := r.screen.seen(); return p.Pixels.Pix }
		bright := func() float64 { _, _, dim := r.screen.seen(); return dim }
		lit := func() (n int) {
			for _, p := range picture() {
				if p > 0 {
					n++
				}
			}
			return n
		}
		rest(time.Second)
		full := lit()
		rest(3 * time.Minute)
		require.InDelta(t, 0.2, bright(), 0)
		rest(8 * time.Minute)
		require.Less(t, lit(), full/4)
		first := picture()
		rest(10 * time.Second)
		require.NotEqual(t, first, picture(), "it moves")
		r.keys.press(panel.OK, 20*time.Millisecond)
		rest(time.Second)
		require.InDelta(t, 1, bright(), 0)
		require.Greater(t, lit(), full/2)
		before := lit()
		r.keys.press(panel.OK, 20*time.Millisecond)
		rest(100 * time.Millisecond)
		require.NotEqual(t, before, lit(), "the first press only woke it, the second one does something")
		rest(11 * time.Minute)
		r.store.Stream("main").SetDestination(status.Destination{Name: "youtube", State: status.Failed})
		rest(time.Second)
		require.Greater(t, lit(), full/2, "trouble wakes it")
	})
}

// Nobody starts what a dark screen does not show.
func TestADarkCharacterScreenIsWokenFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, panel.Size{Columns: 20, Rows: 4})
		defer r.end()
		r.onTheAir()
		rest(3 * time.Minute)
		require.Contains(t, r.screen.line(0), "ON AIR")
		r.keys.press(panel.Down, 20*time.Millisecond)
		rest(time.Second)
		require.Contains(t, r.screen.line(0), "ON AIR")
		r.keys.press(panel.Down, 20*time.Millisecond)
		rest(100 * time.Millisecond)
		require.NotContains(t, r.screen.line(0), "ON AIR", "the first press only woke it, the second one does something")
	})
}

func TestLightsFollowTheStatusAndSigns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, oled)
		r.onTheAir()
		rest(time.Second)
		r.lamp.taken()
		rest(time.Hour)
		require.Empty(t, r.lamp.taken(), "steady: nothing is set")
		r.signs.Identify(time.Minute)
		rest(time.Minute + time.Second)
		require.InDelta(t, 61*6, len(r.lamp.taken()), 12)
		rest(time.Minute)
		require.Empty(t, r.lamp.taken(), "identify is over")
		r.end()
	})
}

func TestAPanelWithoutAnything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		New(Config{Status: status.NewStore("1")}).Run(ctx)
	})
}

// BenchmarkPress is from a key to its picture, in real time, with the status changing as
// fast as it can.
func BenchmarkPress(b *testing.B) {
	store := status.NewStore("1")
	ctx, cancel := context.WithCancel(b.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	keys, screen := &fakeKeys{make(chan *panel.Event)}, &fakeScreen{size: oled}
	st := store.Stream("main")
	st.SetInput(status.Input{State: status.InputRunning})
	all.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			st.SetDestination(status.Destination{Name: "a", State: status.Active, Bitrate: i})
		}
	})
	p := New(Config{Status: store, Hardware: Hardware{
		Keys:   func(context.Context) (panel.Keys, error) { return keys, nil },
		Screen: func(context.Context) (panel.Screen, error) { return screen, nil },
	}})
	all.Go(func() { p.Run(ctx) })
	time.Sleep(200 * time.Millisecond)
	var slowest time.Duration
	for b.Loop() {
		before := time.Now()
		screen.mu.Lock()
		count := screen.count
		screen.mu.Unlock()
		keys.in <- &panel.Event{Key: panel.Down, Down: true, At: before}
		for shown := count; shown == count; {
			time.Sleep(100 * time.Microsecond)
			screen.mu.Lock()
			shown = screen.count
			screen.mu.Unlock()
		}
		slowest = max(slowest, time.Since(before))
		keys.in <- &panel.Event{Key: panel.Down, At: time.Now()}
	}
	b.ReportMetric(float64(slowest.Microseconds())/1000, "slowest-ms")
}
