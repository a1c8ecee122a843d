package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const (
	// statusEvery spaces the snapshots of one event stream, which coalesce.
	statusEvery = 250 * time.Millisecond
	// heartbeat keeps proxies from closing a quiet event stream.
	heartbeat = 15 * time.Second
	// eventWrite bounds how long a client may take to accept one message.
	eventWrite = 10 * time.Second
)

// events is a stream of server-sent events (HTML Standard §9.2): "status" with
// a whole snapshot whenever it changed, and "log" with each event, whose id lets
// a client that comes back (Last-Event-ID) go on where it was.
func (a *api) events(w http.ResponseWriter, r *http.Request) {
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
			if err := s.send("log", e.Sequence, e); err != nil {
				return err
			}
			s.since = e.Sequence
		}
		if snapshot.Sequence != shown {
			if err := s.send("status", 0, snapshot); err != nil {
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

// eventStream writes one client's messages.
type eventStream struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	since uint64 // the last log event sent
}

func (s *eventStream) send(event string, id uint64, data any) error {
	doc, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("api: encode %s event: %w", event, err)
	}
	if err := s.deadline(); err != nil {
		return err
	}
	if id != 0 {
		if _, err := fmt.Fprintf(s.w, "id: %d\n", id); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(s.w, "event: %s\ndata: %s\n\n", event, doc)
	return err
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
