package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

const pageTimeout = 20 * time.Second // for one action on a page

// Browser is a headless Chromium with a profile of its own.
type Browser struct {
	tb   TB
	proc *Process
	ctx  context.Context // chromedp keeps the connection in it
}

// StartBrowser starts a Chromium, ended at the end of the test. args are added
// to its command line.
func StartBrowser(tb TB, args ...string) *Browser {
	tb.Helper()
	dir := tb.TempDir()
	profile := filepath.Join(dir, "profile")
	argv := append([]string{"chromium",
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--no-default-browser-check", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--disable-default-apps", "--disable-extensions", "--disable-dev-shm-usage",
		"--disable-background-timer-throttling", "--disable-renderer-backgrounding",
		"--disable-backgrounding-occluded-windows", "--log-level=3",
		"--disable-breakpad", "--metrics-recording-only", "--hide-scrollbars", "--mute-audio",
		"--autoplay-policy=no-user-gesture-required",
		"--user-data-dir=" + profile, "--remote-debugging-port=0",
	}, args...)
	b := &Browser{tb: tb}
	b.proc = Start(tb, Command{Name: "chromium", Dir: dir, Args: append(argv, "about:blank"), Env: []string{
		"HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "XDG_CACHE_HOME=" + dir}})
	endpoint, err := b.awaitEndpoint(filepath.Join(profile, "DevToolsActivePort"))
	if err != nil {
		tb.Fatalf("%v", err)
	}
	b.connect(endpoint)
	return b
}

// awaitEndpoint waits for the file in which Chromium says where it listens.
func (b *Browser) awaitEndpoint(file string) (string, error) {
	deadline := time.Now().Add(startTimeout * 2)
	for {
		text, err := os.ReadFile(file)
		port, path, ok := strings.Cut(strings.TrimSpace(string(text)), "\n")
		if err == nil && ok {
			return "ws://127.0.0.1:" + port + path, nil
		}
		switch {
		case b.proc.ended():
			return "", fmt.Errorf("peer: start chromium: it ended at once: %s", lastLines(b.proc.Log(), 8))
		case time.Now().After(deadline):
			return "", fmt.Errorf("peer: start chromium: not ready: %s", lastLines(b.proc.Log(), 8))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (b *Browser) connect(endpoint string) {
	b.tb.Helper()
	alloc, cancelAlloc := chromedp.NewRemoteAllocator(context.Background(), endpoint, chromedp.NoModifyURL)
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithErrorf(ignoreUnknown(b.tb)))
	b.tb.Cleanup(func() {
		cancel()
		cancelAlloc()
		if a := chromedp.FromContext(ctx).Allocator; a != nil {
			a.Wait()
		}
	})
	b.ctx = ctx
	if err := chromedp.Run(ctx); err != nil {
		b.tb.Fatalf("peer: connect to chromium: %v", err)
	}
}

// ignoreUnknown keeps events newer than the protocol package out of the log:
// it cannot parse them, and nothing here listens for them.
func ignoreUnknown(tb TB) func(string, ...any) {
	return func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !strings.Contains(text, "could not unmarshal event") {
			tb.Logf("chromium: %s", text)
		}
	}
}

// Viewport is the size of the window a page believes in.
type Viewport struct {
	Width, Height int64
	Scale         float64
	Mobile        bool // touch screen, and the meta viewport counts
}

// The two sizes that the product's page is looked at in.
var (
	Desktop = Viewport{Width: 1280, Height: 800, Scale: 1}
	Phone   = Viewport{Width: 390, Height: 844, Scale: 2, Mobile: true}
)

// Page is one window with one page.
type Page struct {
	ctx      context.Context // chromedp keeps the window in it
	problems *problems
}

// Open opens an address in a new window and returns once it has loaded. The window
// is closed at the end of the test. It notes from the start what goes wrong on
// the page: see Problems.
func (b *Browser) Open(url string, v Viewport) *Page {
	b.tb.Helper()
	// A window of its own: a tab behind another counts as hidden and plays nothing.
	id, err := target.CreateTarget("about:blank").WithNewWindow(true).Do(cdp.WithExecutor(b.ctx, chromedp.FromContext(b.ctx).Browser))
	if err != nil {
		b.tb.Fatalf("peer: open a window: %v", err)
	}
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithTargetID(id))
	b.tb.Cleanup(cancel)
	p := &Page{ctx: ctx, problems: newProblems()}
	chromedp.ListenTarget(ctx, p.problems.note)
	// The first Run attaches to the window; its context must last as long: no time-out on it.
	if err := chromedp.Run(ctx, p.problems.enable()); err != nil {
		b.tb.Fatalf("peer: attach to a window: %v", err)
	}
	if err := p.SetViewport(v); err != nil {
		b.tb.Fatalf("%v", err)
	}
	if err := p.Go(url); err != nil {
		b.tb.Fatalf("%v", err)
	}
	return p
}

// Go leads the window to another address and returns once that has loaded.
func (p *Page) Go(url string) error { return p.do("open "+url, chromedp.Navigate(url)) }

// SetViewport changes the size of the window.
func (p *Page) SetViewport(v Viewport) error {
	opts := []chromedp.EmulateViewportOption{chromedp.EmulateScale(v.Scale)}
	if v.Mobile {
		opts = append(opts, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	return p.do("set the viewport", chromedp.EmulateViewport(v.Width, v.Height, opts...))
}

// Eval evaluates JavaScript, waits for it if it is a promise, and puts its
// value, by way of JSON, into out; nil drops it.
func (p *Page) Eval(js string, out any) error {
	return p.do("evaluate "+firstLines(js, 1), chromedp.Evaluate(js, out,
		func(e *runtime.EvaluateParams) *runtime.EvaluateParams { return e.WithAwaitPromise(true) }))
}

// Await evaluates JavaScript over and over until it gives true.
func (p *Page) Await(js string, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for {
		var ok bool
		err := p.Eval("!!("+js+")", &ok)
		if ok && err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("page: after %v still not: %s", limit, js), err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Click clicks the first element that a CSS selector finds, once it is visible.
func (p *Page) Click(selector string) error {
	return p.do("click "+selector, chromedp.Click(selector, chromedp.ByQuery, chromedp.NodeVisible))
}

// Screenshot writes what the window shows as a PNG.
func (p *Page) Screenshot(file string) error { return p.screenshot(file, false) }

// ScreenshotFull writes the whole page as a PNG, beyond the window.
func (p *Page) ScreenshotFull(file string) error { return p.screenshot(file, true) }

func (p *Page) screenshot(file string, full bool) error {
	var png []byte
	err := p.do("take a screenshot", chromedp.ActionFunc(func(ctx context.Context) (err error) {
		png, err = page.CaptureScreenshot().WithFormat(page.CaptureScreenshotFormatPng).
			WithCaptureBeyondViewport(full).Do(ctx)
		return err
	}))
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, png, 0o644); err != nil {
		return fmt.Errorf("page: write the screenshot: %w", err)
	}
	return nil
}

// Problems lists what has gone wrong on the page so far: console errors,
// exceptions nobody caught, requests that failed or were answered with an
// error. Requests that the page itself gave up do not count.
func (p *Page) Problems() []string { return p.problems.list() }

// Hosts lists every host and port that the page has asked for anything so far.
func (p *Page) Hosts() []string { return p.problems.asked() }

func (p *Page) do(what string, a chromedp.Action) error {
	ctx, cancel := context.WithTimeout(p.ctx, pageTimeout)
	defer cancel()
	if err := chromedp.Run(ctx, a); err != nil {
		return fmt.Errorf("page: %s: %w", what, err)
	}
	return nil
}
