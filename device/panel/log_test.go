package panel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/device/status"
)

// A panel that is made without keys is no fault; one whose keys are gone is.
func TestOnlyWhatFailsIsWarnedOf(t *testing.T) {
	for level, err := range map[string]error{
		"INFO": fmt.Errorf("open: %w", panel.ErrNone),
		"WARN": errors.New("unplugged"),
	} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			p := New(Config{
				Hardware: Hardware{Keys: func(context.Context) (panel.Keys, error) { return nil, err }},
				Status:   status.NewStore("1.4.0"), Log: slog.New(slog.NewTextHandler(&log, nil)),
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			p.Run(ctx)
			require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("level=")), "%s", &log)
			require.Contains(t, log.String(), "level="+level)
		})
	}
}
