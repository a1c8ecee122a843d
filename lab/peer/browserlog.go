package peer

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const maxProblems = 100 // kept of one page; more are counted

// problems collects what goes wrong on a page.
type problems struct {
	mu    sync.Mutex // guards the fields below
	hosts map[string]bool
	urls  map[network.RequestID]string
	found []string
	more  int
}

func newProblems() *problems {
	return &problems{hosts: map[string]bool{}, urls: map[network.RequestID]string{}}
}

// enable turns on the events that note understands; those of the console and of
// exceptions are on in every tab.
func (p *problems) enable() chromedp.Action {
	return chromedp.Tasks{network.Enable(), log.Enable()}
}

func (p *problems) note(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := ev.(type) {
	case *network.EventRequestWillBeSent:
		p.urls[e.RequestID] = e.Request.Method + " " + e.Request.URL
		if u, err := url.Parse(e.Request.URL); err == nil && u.Host != "" { // data: and blob: have none
			p.hosts[u.Host] = true
		}
	case *network.EventWebSocketCreated:
		if u, err := url.Parse(e.URL); err == nil {
			p.hosts[u.Host] = true
		}
	case *network.EventLoadingFinished:
		delete(p.urls, e.RequestID)
	case *network.EventLoadingFailed:
		if !e.Canceled {
			p.add("request failed: %s: %s", p.urls[e.RequestID], e.ErrorText)
		}
		delete(p.urls, e.RequestID)
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			p.add("request failed: %s: status %d", p.urls[e.RequestID], e.Response.Status)
		}
	case *runtime.EventExceptionThrown:
		p.add("exception: %s", e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeAssert {
			p.add("console: %s", consoleText(e.Args))
		}
	case *log.EventEntryAdded:
		// Failed requests come with their address above.
		if e.Entry.Level == log.LevelError && e.Entry.Source != log.SourceNetwork {
			p.add("%s: %s", e.Entry.Source, e.Entry.Text)
		}
	}
}

func (p *problems) add(format string, args ...any) {
	if len(p.found) >= maxProblems {
		p.more++
		return
	}
	p.found = append(p.found, fmt.Sprintf(format, args...))
}

func (p *problems) list() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := slices.Clone(p.found)
	if p.more > 0 {
		all = append(all, fmt.Sprintf("and %d more", p.more))
	}
	return all
}

func (p *problems) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.hosts))
}

func consoleText(args []*runtime.RemoteObject) string {
	var parts []string
	for _, a := range args {
		if text := a.Description; text != "" {
			parts = append(parts, text)
		} else {
			parts = append(parts, strings.Trim(string(a.Value), `"`))
		}
	}
	return strings.Join(parts, " ")
}
