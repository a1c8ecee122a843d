package device

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
)

// logging is the daemon's log, whose level and notation change while it runs.
type logging struct {
	level slog.LevelVar
	json  atomic.Bool
}

// handler writes lines to w as logging now says.
func (l *logging) handler(w io.Writer) slog.Handler {
	opts := &slog.HandlerOptions{Level: &l.level}
	return &logHandler{asJSON: &l.json, text: slog.NewTextHandler(w, opts), json: slog.NewJSONHandler(w, opts)}
}

// apply takes the configuration's word. The level has been validated.
func (l *logging) apply(c config.Log) {
	_ = l.level.UnmarshalText([]byte(c.Level))
	l.json.Store(c.Format == "json")
}

// logHandler keeps both notations of a logger, so that the choice between them
// is made line by line.
type logHandler struct {
	asJSON     *atomic.Bool
	text, json slog.Handler
}

func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.text.Enabled(ctx, level)
}

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	if h.asJSON.Load() {
		return h.json.Handle(ctx, r)
	}
	return h.text.Handle(ctx, r)
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{h.asJSON, h.text.WithAttrs(attrs), h.json.WithAttrs(attrs)}
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{h.asJSON, h.text.WithGroup(name), h.json.WithGroup(name)}
}

// failureLog logs the failures of one component. A retry that fails as the try
// before it changes nothing, and is logged for debugging only.
type failureLog struct {
	log     *slog.Logger
	message string

	mu   sync.Mutex // guards last
	last string
}

// add logs a failure and tells whether it is the last one again.
func (f *failureLog) add(err error, retry time.Time) (again bool) {
	f.mu.Lock()
	again, f.last = err.Error() == f.last, err.Error()
	f.mu.Unlock()
	level := slog.LevelError
	if again {
		level = slog.LevelDebug
	}
	//nolint:sloglint // each log of failures has one constant message
	f.log.Log(context.Background(), level, f.message, "err", err, "retry", retry)
	return again
}

// over is called when the component works.
func (f *failureLog) over() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = ""
}
