package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
)

// startPlayer fetches an HLS stream as one player does: the newest segments of
// the picture and of the sound, and the playlists once a second.
func startPlayer(tb peer.TB, address string) {
	ctx, cancel := context.WithCancel(context.Background())
	p := &player{client: &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}, seen: map[string]bool{}}
	var wg sync.WaitGroup
	var err error
	wg.Go(func() { err = p.play(ctx, address) })
	tb.Cleanup(func() {
		cancel()
		wg.Wait()
		p.client.CloseIdleConnections()
		if err != nil {
			tb.Fatalf("the HLS player: %v", err)
		}
		if len(p.seen) < 4 {
			tb.Fatalf("the HLS player fetched %d files only", len(p.seen))
		}
	})
}

type player struct {
	client *http.Client
	seen   map[string]bool // files that were fetched, or are older than the start
}

// play goes on until ctx ends, which is no error.
func (p *player) play(ctx context.Context, address string) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	master, err := p.get(ctx, address)
	for range 5 { // there is none before the first segment is complete
		if err == nil || ctx.Err() != nil {
			break
		}
		<-tick.C
		master, err = p.get(ctx, address)
	}
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		for _, playlist := range references(address, master) {
			if err := p.follow(ctx, playlist, first); err != nil && ctx.Err() == nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// follow fetches what is new in a media playlist; the first time, the newest
// three files.
func (p *player) follow(ctx context.Context, address string, first bool) error {
	text, err := p.get(ctx, address)
	if err != nil {
		return err
	}
	files := references(address, text)
	for i, file := range files {
		if p.seen[file] {
			continue
		}
		p.seen[file] = true
		if first && i < len(files)-3 {
			continue
		}
		if _, err := p.get(ctx, file); err != nil {
			return err
		}
	}
	return nil
}

func (p *player) get(ctx context.Context, address string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var text strings.Builder
	if _, err := io.Copy(&text, resp.Body); err != nil {
		return "", fmt.Errorf("GET %s: %w", address, err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("GET %s: %s", address, resp.Status)
	}
	return text.String(), nil
}

var uriAttribute = regexp.MustCompile(`^#EXT-X-(?:MEDIA|MAP):.*URI="([^"]+)"`)

// references are the addresses that a playlist names, of playlists, of init
// segments and of segments, each once, in order.
func references(base, playlist string) []string {
	from, err := url.Parse(base)
	if err != nil {
		return nil
	}
	var all []string
	known := map[string]bool{}
	for line := range strings.Lines(playlist) {
		line = strings.TrimSpace(line)
		if m := uriAttribute.FindStringSubmatch(line); m != nil {
			line = m[1]
		} else if line == "" || line[0] == '#' {
			continue
		}
		ref, err := from.Parse(line)
		if err != nil || known[ref.String()] {
			continue
		}
		known[ref.String()] = true
		all = append(all, ref.String())
	}
	return all
}
