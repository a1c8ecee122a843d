// Package viewer fetches a live stream as players do, for benchmarks: the
// playlists or the manifest once a second, and every new segment once, whole.
package viewer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
)

// Viewer is one that watches.
type Viewer struct {
	client  *http.Client
	address string
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	seen    map[string]bool // files that were fetched, or are older than the start
	bytes   atomic.Int64

	playlists []string // of HLS, once known
}

// HLS watches a stream by its multivariant playlist until the end of the test,
// which fails if something listed cannot be fetched.
func HLS(tb peer.TB, address string) *Viewer { return start(tb, "HLS", address, (*Viewer).hls) }

// DASH does so by the manifest.
func DASH(tb peer.TB, address string) *Viewer { return start(tb, "DASH", address, (*Viewer).dash) }

// Bytes of media so far, without playlists and manifests.
func (v *Viewer) Bytes() int64 { return v.bytes.Load() }

// Stop ends it; before the server is stopped, whose silence would be a failure.
func (v *Viewer) Stop() {
	v.cancel()
	v.wg.Wait()
}

// start lets a viewer look once a second.
func start(tb peer.TB, kind, address string, look func(*Viewer, context.Context) error) *Viewer {
	ctx, cancel := context.WithCancel(context.Background())
	v := &Viewer{client: &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}, address: address, seen: map[string]bool{}, cancel: cancel}
	var err error
	v.wg.Go(func() { err = v.watch(ctx, look) })
	tb.Cleanup(func() {
		v.Stop()
		v.client.CloseIdleConnections()
		if err != nil {
			tb.Fatalf("the %s viewer: %v", kind, err)
		}
		if len(v.seen) < 4 {
			tb.Fatalf("the %s viewer fetched %d files only", kind, len(v.seen))
		}
	})
	return v
}

// watch goes on until ctx ends, which is no error.
func (v *Viewer) watch(ctx context.Context, look func(*Viewer, context.Context) error) error {
	const patience = 5 // there is nothing before the first segment is complete
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for failures := 0; ; {
		err := look(v, ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && (len(v.seen) > 0 || failures == patience):
			return err
		case err != nil:
			failures++
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// take fetches what is new of a track's files; the first time, the newest three.
func (v *Viewer) take(ctx context.Context, files []string) error {
	first := true
	for _, file := range files {
		first = first && !v.seen[file]
	}
	for i, file := range files {
		if v.seen[file] {
			continue
		}
		v.seen[file] = true
		if first && i < len(files)-3 {
			continue
		}
		n, err := v.get(ctx, file, io.Discard)
		if err != nil {
			return err
		}
		v.bytes.Add(n)
	}
	return nil
}

func (v *Viewer) text(ctx context.Context, address string) (string, error) {
	var text strings.Builder
	_, err := v.get(ctx, address, &text)
	return text.String(), err
}

func (v *Viewer) get(ctx context.Context, address string, w io.Writer) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	resp, err := v.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	n, err := io.Copy(w, resp.Body)
	if err != nil {
		return n, fmt.Errorf("GET %s: %w", address, err)
	}
	if resp.StatusCode != http.StatusOK {
		return n, fmt.Errorf("GET %s: %s", address, resp.Status)
	}
	return n, nil
}
