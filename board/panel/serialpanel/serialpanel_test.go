package serialpanel

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/board/panel/serialpanel/paneltest"
)

const sample = "name=Test text=16x2 keys=up,ok,back lights=live,error charset=utf8"

// noisy is a bad cable: of so many bytes one is wrong, lost, or comes twice.
type noisy struct {
	net.Conn
	mu   sync.Mutex
	rand *rand.Rand
	one  int // in so many; 0: a good cable
}

func (n *noisy) Write(b []byte) (int, error) {
	n.mu.Lock()
	var sent []byte
	for _, c := range b {
		what := 3
		if n.one > 0 && n.rand.IntN(n.one) == 0 {
			what = n.rand.IntN(3)
		}
		switch what {
		case 0: // lost
		case 1:
			sent = append(sent, c^1<<n.rand.IntN(8))
		case 2:
			sent = append(sent, c, byte(n.rand.IntN(256)))
		default:
			sent = append(sent, c)
		}
	}
	n.mu.Unlock()
	_, err := n.Conn.Write(sent)
	return len(b), err
}

// plug connects a panel of software; its end unplugs it.
func plug(t *testing.T, hello string, one int) (box net.Conn, fake *paneltest.Panel, unplug func()) {
	a, b := net.Pipe()
	box = &noisy{Conn: a, rand: rand.New(rand.NewPCG(1, 2)), one: one}
	fake = paneltest.New(&noisy{Conn: b, rand: rand.New(rand.NewPCG(3, 4)), one: one}, hello)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = fake.Run(t.Context())
	}()
	unplug = func() { b.Close(); <-done }
	return box, fake, unplug
}

func open(t *testing.T, port Port) *Panel {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	p, err := Open(ctx, port, "ttyUSB0")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// watch collects the events of keys until stop.
func watch(t *testing.T, p *Panel) (events func() string, stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var got []string
	done := make(chan error, 1)
	go func() {
		done <- p.Keys().Run(ctx, func(e panel.Event) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, map[bool]string{true: "+", false: "-"}[e.Down]+string(e.Key))
		})
	}()
	events = func() string { mu.Lock(); defer mu.Unlock(); return strings.Join(got, " ") }
	return events, func() error { cancel(); return <-done }
}

func show(t *testing.T, p *Panel, lines ...string) {
	t.Helper()
	if err := p.Screen().Show(panel.Picture{Lines: lines}); err != nil {
		t.Error(err)
	}
}

func TestAllOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port, fake, unplug := plug(t, sample, 0)
		defer unplug()
		p := open(t, port)
		if h := p.Hello(); h.Name != "Test" || p.Screen().Size() != (panel.Size{Columns: 16, Rows: 2}) {
			t.Errorf("%+v", h)
		}
		events, stop := watch(t, p)
		show(t, p, "→ 100% * ON AIR, and more", "  two")
		live, ok := p.Light("live")
		if _, other := p.Light("disco"); !ok || other {
			t.Error("lights")
		}
		if err := live.Set(0.5); err != nil {
			t.Error(err)
		}
		fake.Press("ok", true)
		time.Sleep(50 * time.Millisecond)
		fake.Press("ok", false)
		fake.Press("nothing", true)
		time.Sleep(50 * time.Millisecond)
		if got := fake.Text(); !slices.Equal(got, []string{"→ 100% * ON AIR,", "  two"}) {
			t.Errorf("%q", got)
		}
		if fake.Light("live") != 128 || events() != "+ok -ok" {
			t.Errorf("light %d, events %s", fake.Light("live"), events())
		}
		before := len(fake.Lines())
		show(t, p, "→ 100% * ON AIR, and more", "  two")
		time.Sleep(50 * time.Millisecond)
		if n := len(fake.Lines()); n != before {
			t.Errorf("the same again: %q", fake.Lines()[before:])
		}
		if err := p.Screen().(*screen).Dim(0.2); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if fake.Bright() != "51" {
			t.Error(fake.Bright())
		}
		if err := p.failed(); err != nil || fake.Bad() != 0 || p.Stats().Resent != 0 || p.Stats().Bad != 0 {
			t.Errorf("after an hour: %v, %+v", err, p.Stats())
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		err := p.Close()
		synctest.Wait()
		if err != nil || !fake.Off() {
			t.Errorf("after Close: %v, %v", err, fake.Off())
		}
		if err := live.Set(1); !errors.Is(err, errClosed) {
			t.Error(err)
		}
	})
}

// On a cable that spoils one byte in 150 every press arrives once, and what is shown in the end
// is what was wanted.
func TestNoise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port, fake, unplug := plug(t, sample, 150)
		defer unplug()
		p := open(t, port)
		events, stop := watch(t, p)
		var want []string
		for i := range 200 {
			show(t, p, fmt.Sprintf("press %d", i), "of 200")
			fake.Press("ok", i%2 == 0)
			want = append(want, []string{"+ok", "-ok"}[i%2])
			time.Sleep(700 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		if got := fake.Text(); !slices.Equal(got, []string{"press 199", "of 200"}) {
			t.Errorf("%q", got)
		}
		if got := events(); got != strings.Join(want, " ") {
			t.Errorf("%d events: %s", strings.Count(got, " ")+1, got)
		}
		if s := p.Stats(); s.Bad == 0 || s.Resent == 0 || fake.Bad() == 0 {
			t.Errorf("no noise: %+v", s)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		p.Close()
	})
}

func TestPixels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port, fake, unplug := plug(t, "name=P pixels=100x16", 0)
		defer unplug()
		p := open(t, port)
		defer p.Close()
		if p.Keys() != nil || p.Screen().Size() != (panel.Size{Width: 100, Height: 16}) {
			t.Errorf("%+v", p.Hello())
		}
		picture := image.NewGray(image.Rect(5, 5, 105, 21))
		for i := range 100 {
			picture.SetGray(5+i, 5+i%16, color.Gray{255})
		}
		if err := p.Screen().Show(panel.Picture{Pixels: picture}); err != nil {
			t.Error(err)
		}
		time.Sleep(100 * time.Millisecond)
		for y := range 16 {
			for x := range 100 {
				if fake.Pixels().GrayAt(x, y).Y>>7 != picture.GrayAt(5+x, 5+y).Y>>7 {
					t.Fatalf("pixel %d,%d", x, y)
				}
			}
		}
		before := len(fake.Lines())
		picture.SetGray(104, 20, color.Gray{255})
		_ = p.Screen().Show(panel.Picture{Pixels: picture})
		time.Sleep(100 * time.Millisecond)
		if n := len(fake.Lines()) - before; n != 1 {
			t.Errorf("%d lines for a pixel", n)
		}
		p.Screen().Close()
		time.Sleep(100 * time.Millisecond)
		if slices.Contains(fake.Pixels().Pix, 255) {
			t.Error("not dark")
		}
	})
}

// A panel that was without power shows all again; keys that were down are not any more.
func TestReboot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port, fake, unplug := plug(t, sample, 0)
		defer unplug()
		p := open(t, port)
		defer p.Close()
		events, stop := watch(t, p)
		show(t, p, "one", "two")
		fake.Press("back", true)
		time.Sleep(100 * time.Millisecond)
		fake.Reboot()
		time.Sleep(100 * time.Millisecond)
		if got := fake.Text(); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("%q", got)
		}
		if err := stop(); err != nil || events() != "+back -back" {
			t.Errorf("%s, %v", events(), err)
		}
	})
}

func TestGone(t *testing.T) {
	for name, c := range map[string]struct {
		how  func(fake *paneltest.Panel, unplug func())
		want string
	}{
		"unplugged": {func(_ *paneltest.Panel, unplug func()) { unplug() }, "ttyUSB0"},
		"silent":    {func(fake *paneltest.Panel, _ func()) { fake.Deaf(true) }, "nothing heard"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				port, fake, unplug := plug(t, sample, 0)
				defer unplug()
				p := open(t, port)
				keys := make(chan error, 1)
				go func() { keys <- p.Keys().Run(t.Context(), func(panel.Event) {}) }()
				time.Sleep(time.Second)
				c.how(fake, unplug)
				if err := <-keys; err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "ttyUSB0") {
					t.Errorf("keys: %v", err)
				}
				if err := p.Screen().Show(panel.Picture{}); err == nil {
					t.Error("a screen that is gone shows")
				}
				p.Close()
				unplug()
				port, fake, unplug = plug(t, sample, 0) // and back
				p = open(t, port)
				show(t, p, "back")
				time.Sleep(100 * time.Millisecond)
				if fake.Text()[0] != "back" {
					t.Errorf("%q", fake.Text())
				}
				p.Close()
				unplug()
			})
		})
	}
}

func TestNoPanel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, answer := range map[string]string{
			"silence": "", "another device": "login: \r\n\x00\xff\r\n", "echo": "echo",
			"newer": string(message{0, "hello", "2 name=x"}.append(nil)),
		} {
			a, b := net.Pipe()
			done := make(chan struct{})
			go func() {
				defer close(done)
				buffer := make([]byte, 512)
				for {
					n, err := b.Read(buffer)
					if err != nil {
						return
					}
					if answer == "echo" {
						_, _ = b.Write(buffer[:n])
					} else if answer != "" {
						_, _ = io.WriteString(b, answer)
					}
				}
			}()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			if p, err := Open(ctx, a, "ttyUSB0"); err == nil {
				t.Errorf("%s is %+v", name, p.Hello())
			}
			cancel()
			<-done // Open has closed the port
		}
	})
}

// A panel that takes lines and never acknowledges them is told to be broken.
func TestNoAcknowledgement(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := newLink()
	hello := message{0, "hello", "1 text=16x4 lights=a"}.append(nil)
	alive := message{1, "alive", "-"}.append(nil)
	if _, err := l.receive(hello[:len(hello)-1], now); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		l.set(fmt.Sprint("text ", i), "text", fmt.Sprint(i, " x"))
	}
	sent := 0
	for range 200 {
		_, _ = l.receive(alive[:len(alive)-1], now)
		lines, next, err := l.send(nil, now)
		if err != nil {
			if !strings.Contains(err.Error(), "10 tries") {
				t.Error(err)
			}
			if sent > 20 {
				t.Errorf("%d lines to a panel that answers none", sent)
			}
			return
		}
		sent += strings.Count(string(lines), " text ")
		if next.After(now) {
			now = next
		}
	}
	t.Error("never given up")
}

// Presses that nobody fetches are forgotten, what is down is not.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port, fake, unplug := plug(t, sample, 0)
		defer unplug()
		p := open(t, port)
		defer p.Close()
		for range 200 {
			fake.Press("up", true)
			fake.Press("up", false)
		}
		fake.Press("back", true)
		time.Sleep(time.Second)
		p.mu.Lock()
		if n := len(p.keys.queue); n > maxQueue {
			t.Errorf("%d in the queue", n)
		}
		p.mu.Unlock()
		events, stop := watch(t, p)
		synctest.Wait()
		if err := stop(); err != nil || events() != "+back" {
			t.Errorf("%s, %v", events(), err)
		}
	})
}
