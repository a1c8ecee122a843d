package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
)

const (
	// statusEvery spaces the snapshots of one event stream, which coalesce.
	statusEvery = 250 * time.Millisecond
	// heartbeat keeps proxies from closing a quiet event stream.
	heartbeat = 15 * time.Second
	// eventWrite bounds how long a client may take to accept one message.
	eventWrite = 10 * time.Second
	// maxStreams bounds the event streams: each takes of the encoder's time.
	maxStreams = 64
)

// events is a stream of server-sent events (HTML Standard §9.2): "status" with
// a whole snapshot whenever it changed, and "log" with each event, whose id lets
// a client that comes back (Last-Event-ID) go on where it was.
func (a *api) events(w http.ResponseWriter, r *http.Request) {
	if a.streams.Add(1) > maxStreams {
		a.streams.Add(-1)
		w.Header().Set("Retry-After", "10")
		fail(w, http.StatusServiceUnavailable, fmt.Sprintf("%d event streams are open, and there can be no more: close a page, or read /api/v1/status instead", maxStreams))
		return
	}
	defer a.streams.Add(-1)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	s := &eventStream{w: w, rc: http.NewResponseController(w)}
	s.since, _ = strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64)
	_ = a.stream(r.Context(), s) // ends with the client or the server: nobody is left to tell
}

func (a *api) stream(ctx context.Context, s *eventStream) error {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	var shown uint64
	for {
		snapshot, changed := a.store.Watch()
		log, more := a.store.Events(s.since)
		for _, e := range log {
			doc, err := json.Marshal(e)
			if err != nil {
				return fmt.Errorf("api: encode log event: %w", err)
			}
			if err := s.send("log", e.Sequence, doc); err != nil {
				return err
			}
			s.since = e.Sequence
		}
		if snapshot.Sequence != shown {
			doc, err := a.shared.document(snapshot)
			if err != nil {
				return err
			}
			if err := s.send("status", 0, doc); err != nil {
				return err
			}
			shown = snapshot.Sequence
		}
		if err := s.flush(); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-more:
		case <-beat.C:
			if err := s.comment("still here"); err != nil {
				return err
			}
			continue
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-time.After(statusEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sharedDocument is the JSON of the newest snapshot, made once for all streams.
type sharedDocument struct {
	mu  sync.Mutex // guards the fields below
	of  *status.Snapshot
	doc []byte
}

func (d *sharedDocument) document(s *status.Snapshot) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of != s {
		doc, err := json.Marshal(s)
		if err != nil {
			return nil, fmt.Errorf("api: encode status event: %w", err)
		}
		d.of, d.doc = s, doc
	}
	return d.doc, nil
}

// eventStream writes one client's messages.
type eventStream struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	since uint64 // the last log event sent
}

func (s *eventStream) send(event string, id uint64, doc []byte) error {
	if err := s.deadline(); err != nil {
		return err
	}
	head := "event: " + event + "\ndata: "
	if id != 0 {
		head = fmt.Sprintf("id: %d\n", id) + head
	}
	for _, part := range [][]byte{[]byte(head), doc, []byte("\n\n")} {
		if _, err := s.w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func (s *eventStream) comment(text string) error {
	if err := s.deadline(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.w, ": %s\n\n", text)
	return err
}

func (s *eventStream) deadline() error { return s.rc.SetWriteDeadline(time.Now().Add(eventWrite)) }

func (s *eventStream) flush() error { return s.rc.Flush() }
