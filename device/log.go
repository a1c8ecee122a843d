package device

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"

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
