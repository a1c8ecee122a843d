package device

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/output/forward"
	"github.com/encoderbox/encoderbox/output/push"
)

// Destinations that segments are uploaded to take the same commands as the others.
func TestUploadsArePausedAndHeldToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := &config.Config{Storage: config.Storage{State: t.TempDir()}}
		d := newBox(Options{Stderr: io.Discard}, cfg)
		dest := config.DefaultDestination()
		dest.URL = config.NewSecretURL("https://host.example/live/")
		c := d.forwardComponent(cfg, d.stream("main"), "cdn", dest)
		r, err := c.Make()
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx, func() {}) }()
		now := func() status.Destination {
			time.Sleep(time.Second)
			synctest.Wait()
			return d.store.Load().Streams[0].Destinations[0]
		}
		require.Equal(t, status.Starting, now().State)

		require.NoError(t, d.PauseDestination("main", "cdn", "a test"))
		st := now()
		require.Equal(t, status.Disabled, st.State)
		require.Equal(t, "paused by a test", st.Reason)
		require.True(t, st.Paused)
		require.ErrorIs(t, d.RetryDestination("main", "cdn"), push.ErrPaused)
		require.NoError(t, d.ResumeDestination("main", "cdn"))
		require.Equal(t, status.Starting, now().State)
		require.NoError(t, d.RetryDestination("main", "cdn"))

		d.destinations.hold("main", []string{"cdn"}, []string{"standby: other is active"})
		st = now()
		require.Equal(t, status.Disabled, st.State)
		require.Equal(t, "standby: other is active", st.Reason)
		require.True(t, st.Held)
		require.ErrorIs(t, d.RetryDestination("main", "cdn"), push.ErrHeld)
		d.destinations.hold("main", []string{"cdn"}, []string{""})
		require.Equal(t, status.Starting, now().State)

		require.NoError(t, d.PauseDestination("main", "cdn", "a test"))
		dest.Enabled = false
		spec := c.Spec.(forwardConfig)
		spec.Destination = dest
		require.NoError(t, r.(*forwarder).Update(spec))
		st = now()
		require.Equal(t, status.Disabled, st.State)
		require.False(t, st.Paused, "the configuration has the last word")
		require.ErrorIs(t, d.ResumeDestination("main", "cdn"), push.ErrNotEnabled)
		cancel()
		require.NoError(t, <-ended)
	})
}

func TestAnUploadThatIsTriedAgainHasNotFailed(t *testing.T) {
	next := time.Now()
	for _, c := range []struct {
		s    forward.Status
		want status.DestinationState
	}{
		{forward.Status{State: forward.Failed, NextAttempt: next}, status.Reconnecting},
		{forward.Status{State: forward.Failed}, status.Failed},
		{forward.Status{State: forward.Behind}, status.Active},
	} {
		require.Equal(t, c.want, forwardStatus(c.s).State, "%+v", c.s)
	}
}
