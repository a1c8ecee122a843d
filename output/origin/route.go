package origin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/output"
	"github.com/encoderbox/encoderbox/output/request"
)

const (
	maxHops       = 5 // redirects in a row
	maxChallenges = 2 // a password asked for, and a nonce that went stale meanwhile
	// rememberFor is how long files go straight to where one was redirected.
	rememberFor = time.Minute
)

// route is the folder that files were redirected to.
type route struct {
	base  *url.URL // nil: none
	until time.Time
}

// home is a file's address at the configured server, whose query, which may
// hold a token, goes with every request.
func (o *origin) home(name string) *url.URL {
	u := o.client.Base()
	u.Path += name
	return u
}

// shortcut is a file's address where others were redirected lately, nil for none.
func (o *origin) shortcut(name string) *url.URL {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.route.base == nil {
		return nil
	}
	if time.Now().After(o.route.until) {
		o.route = route{}
		o.ask.Store(true) // it will redirect again
		return nil
	}
	u := *o.route.base
	u.Path += name
	return &u
}

// learn remembers where a file was taken in the end, if others can be expected
// to be taken beside it.
func (o *origin) learn(name string, to *url.URL) {
	base := *to
	folder, ok := strings.CutSuffix(to.Path, "/"+name)
	base.Path, base.RawPath = folder+"/", ""
	if !ok {
		return // an address for this file alone
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.route = route{&base, time.Now().Add(rememberFor)}
}

func (o *origin) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.route = route{}
	o.ask.Store(true)
}

// do makes one request, wherever redirects lead.
func (o *origin) do(ctx context.Context, method, name string, f *output.File) (*request.Answer, error) {
	if to := o.shortcut(name); to != nil {
		a, err := o.follow(ctx, method, name, to, f)
		switch {
		case err != nil || a.Code/100 == 5:
			o.forget() // the next attempt begins where it was configured
			return a, err
		case a.Code/100 == 2 || method == http.MethodHead:
			return a, nil
		}
		o.forget() // no longer taken there
	}
	return o.follow(ctx, method, name, o.home(name), f)
}

// follow makes a request, and again where it is sent.
func (o *origin) follow(ctx context.Context, method, name string, to *url.URL, f *output.File) (*request.Answer, error) {
	what := method + " " + name
	visited := []string{to.String()}
	asked := 0
	for {
		a, again, err := o.once(ctx, method, to, f)
		if err != nil {
			return nil, err
		}
		if again && asked < maxChallenges {
			asked++
			continue
		}
		if !a.Redirects() {
			if a.Code/100 == 2 && f != nil {
				o.ask.Store(false)
				if len(visited) > 1 {
					o.learn(name, to)
				}
			}
			return a, nil
		}
		next, err := a.Next(what, to)
		switch {
		case err != nil:
			return nil, err
		case slices.Contains(visited, next.String()):
			return nil, request.Rejected(a.Code, fmt.Sprintf("%s: the server at %s redirects in a circle: its configuration is wrong, or the URL's path", what, next.Host))
		case len(visited) > maxHops:
			return nil, request.Rejected(a.Code, fmt.Sprintf("%s: redirected more than %d times: use the address it leads to", what, maxHops))
		}
		visited = append(visited, next.String())
		to = next
	}
}
