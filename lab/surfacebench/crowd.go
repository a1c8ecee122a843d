package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/lab/measure"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// surface is one that commands come from, each answered before the next.
type surface struct {
	name string
	// do does a command; show is what the surface says of the destinations.
	do   func(command, destination string) error
	show func() (string, error)
}

// crowd has a quarter of the commands come from each of four surfaces at once: a
// destination of each one's own is resumed and paused. In the end all four must show all
// four paused.
func (b *bench) crowd(ctx context.Context, r *report) error {
	return b.within(func(tb peer.TB) error {
		var toml strings.Builder
		toml.WriteString(idle)
		nobody := peer.Refused(tb)
		for n := range crowdSize {
			fmt.Fprintf(&toml, "[streams.main.destinations.%s]\nurl = \"rtmp://%s/live/key\"\n", destination(n), nobody)
		}
		x := b.start(tb, toml.String())
		all, err := x.crowd(ctx)
		if err != nil {
			return err
		}
		for n, s := range all {
			if err := s.do("pause", destination(n)); err != nil {
				return err
			}
		}
		each := b.o.commands / len(all)
		fmt.Fprintf(b.log, "%d commands from each of %d surfaces at once\n", each, len(all))
		took, failed := make([][]float64, len(all)), make([]error, len(all))
		var clients sync.WaitGroup
		begun := time.Now()
		for n, s := range all {
			clients.Go(func() { took[n], failed[n] = s.alternate(ctx, destination(n), each) })
		}
		clients.Wait()
		seconds := time.Since(begun).Seconds()
		if err := errors.Join(failed...); err != nil {
			return err
		}
		r.Commands, r.Throughput = each*len(all), float64(each*len(all))/seconds
		for n, s := range all {
			r.Crowd = append(r.Crowd, crowdRow{Surface: s.name, Spread: measure.SpreadOf(took[n]), P99: percentile(took[n], 99), Rate: float64(each) / (sum(took[n]) / 1e3)})
		}
		return sameState(all)
	})
}

// crowdSize is how many surfaces there are.
const crowdSize = 4

func destination(n int) string { return fmt.Sprint("d", n+1) }

// alternate resumes and pauses a paused destination in turns, and ends with it paused.
func (s surface) alternate(ctx context.Context, dest string, n int) (took []float64, err error) {
	for i := range n {
		command := "resume"
		if i%2 == 1 || i == n-1 {
			command = "pause"
		}
		begun := time.Now()
		if err := s.do(command, dest); err != nil {
			return nil, fmt.Errorf("%s: command %d: %w", s.name, i+1, err)
		}
		took = append(took, ms(time.Since(begun)))
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	return took, nil
}

// sameState waits until every surface shows every destination paused.
func sameState(all []surface) error {
	for _, s := range all {
		var text string
		var err error
		for deadline := time.Now().Add(patience); strings.Count(text, "paused by") != len(all); {
			if text, err = s.show(); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%s does not show all destinations paused: %s", s.name, text)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return nil
}

func (x *box) crowd(ctx context.Context) ([]surface, error) {
	who, err := x.login(ctx)
	if err != nil {
		return nil, err
	}
	p, err := x.program(ctx)
	if err != nil {
		return nil, err
	}
	x.tb.Cleanup(func() { _ = p.Close() })
	n := 0
	return []surface{
		{
			name: "serial console",
			do: func(command, dest string) error {
				text, err := who.ask(fmt.Sprintf("destination %s %s\r", command, dest), "\n"+prompt, patience)
				if err == nil && !strings.Contains(text, "Done.") {
					err = errors.New(text)
				}
				return err
			},
			show: func() (string, error) { return who.ask("show destinations\r", "\n"+prompt, patience) },
		},
		{
			name: "line protocol, Unix socket",
			do: func(command, dest string) error {
				n++
				if _, err := fmt.Fprintf(p, "DO %d destination %s %s\n", n, command, dest); err != nil {
					return err
				}
				_, err := p.until(fmt.Sprintf("ACK %d ", n))
				return err
			},
			show: p.state,
		},
		web{x.local(), "http://encoderd"}.surface(ctx, "control socket (encoderctl)"),
		web{&http.Client{Timeout: patience}, x.URL}.surface(ctx, "HTTP API"),
	}, nil
}

// state is the whole state, in as many lines as it takes.
func (p *program) state() (text string, err error) {
	if _, err := io.WriteString(p, "STATE\n"); err != nil {
		return "", err
	}
	for part, parts := 0, 1; part < parts; {
		line, err := p.until("STATE ")
		if err != nil {
			return "", err
		}
		if _, err := fmt.Sscanf(line, "STATE %d %d ", &part, &parts); err != nil {
			return "", fmt.Errorf("line protocol: %q: %w", line, err)
		}
		text += line
	}
	return text, nil
}

// web is a client of the API, by TCP or the control socket.
type web struct {
	client *http.Client
	base   string
}

func (w web) surface(ctx context.Context, name string) surface {
	return surface{
		name: name,
		do: func(command, dest string) error {
			doc, err := json.Marshal(map[string]any{"args": map[string]string{"name": dest}})
			if err == nil {
				_, err = w.call(ctx, http.MethodPost, "/api/v1/commands/destination-"+command, doc)
			}
			return err
		},
		show: func() (string, error) { return w.call(ctx, http.MethodGet, "/api/v1/status", nil) },
	}
}

func (w web) call(ctx context.Context, method, path string, doc []byte) (string, error) {
	q, err := http.NewRequestWithContext(ctx, method, w.base+path, bytes.NewReader(doc))
	if err != nil {
		return "", err
	}
	if doc != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	resp, err := w.client.Do(q)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	return string(text), err
}
