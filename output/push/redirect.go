package push

import (
	"fmt"
	"net/url"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// Bounds of what a receiver may ask for by output.ReconnectError: a server that
// sends everybody on and on is a failure.
const (
	maxRedirects   = 5
	redirectWindow = 10 * time.Second
)

// redirects notes the receiver's wishes for another connection.
type redirects struct {
	times []time.Time // of the last, oldest first; at most maxRedirects
}

// follow says whether the wish is followed: the URL to go to, nil for the
// target's own, or what is wrong with it.
func (r *redirects) follow(spec Spec, wish *output.ReconnectError) (*url.URL, error) {
	now := time.Now()
	if len(r.times) == maxRedirects {
		if now.Sub(r.times[0]) < redirectWindow {
			return nil, refusedWish("%d times within %v: %w", maxRedirects+1, redirectWindow, wish)
		}
		r.times = r.times[1:]
	}
	r.times = append(r.times, now)
	if wish.URL == nil {
		return nil, nil
	}
	if spec.Target.URL.Scheme == wish.URL.Scheme+"s" {
		return nil, refusedWish("without encryption, which %s:// asks for: %w", spec.Target.URL.Scheme, wish)
	}
	if spec.Kind.Check != nil {
		there := spec.Target
		there.URL = wish.URL
		if err := spec.Kind.Check(there); err != nil {
			return nil, refusedWish("where %s cannot go: %w: %w", spec.Kind.Name, wish, err)
		}
	}
	return wish.URL, nil
}

// reset is called after anything but a wish: those after it are not in a row.
func (r *redirects) reset() { r.times = nil }

func refusedWish(format string, args ...any) error {
	return output.WithCause(output.CauseRejected, fmt.Errorf("%w: it sends us on "+format, append([]any{output.ErrRejected}, args...)...))
}
