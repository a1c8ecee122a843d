package commit

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/config/configtest"
	"github.com/encoderbox/encoderbox/device/status"
)

// runs has a Keeper's Run run until the test ends.
func runs(t *testing.T, k *Keeper) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() { k.Run(ctx) })
	synctest.Wait()
	stop = func() { cancel(); wait.Wait() }
	t.Cleanup(stop)
	return stop
}

// try runs a confirmed commit of one change.
func tryBitrate(t *testing.T, k *Keeper, value string, within time.Duration) {
	t.Helper()
	s := k.NewSession()
	require.NoError(t, s.Set("streams.main.video.bitrate", value))
	done, err := s.CommitConfirmed(t.Context(), "anna", within)
	require.NoError(t, err)
	require.NotEmpty(t, done.Paths)
	require.Equal(t, value, bitrate(k.Running()))
	require.Equal(t, "3M", bitrate(k.Startup()))
}

func TestAChangeIsUndoneUnlessConfirmed(t *testing.T) {
	for within, want := range map[time.Duration]time.Duration{0: DefaultWindow, MinWindow: MinWindow, MaxWindow: MaxWindow} {
		synctest.Test(t, func(t *testing.T) {
			d := configtest.NewDisk(map[string]string{startupFile: startupDoc})
			var applied []string
			k := stand(t, d, func(c *config.Config) error { applied = append(applied, bitrate(c)); return nil })
			store := status.NewStore("test")
			k.o.Report = store
			runs(t, k)
			tryBitrate(t, k, "4M", within)
			time.Sleep(want - 3500*time.Millisecond)
			synctest.Wait()
			require.Equal(t, 4, k.Status().Pending.Left)
			require.Equal(t, ConditionUnconfirmed, store.Load().Conditions[0].Code)
			require.Equal(t, "undone in 4 s unless confirmed: the change by anna of streams.main.video.bitrate.max", store.Load().Conditions[0].Message)
			time.Sleep(3499 * time.Millisecond)
			synctest.Wait()
			require.Equal(t, "4M", bitrate(k.Running()))
			time.Sleep(time.Millisecond)
			synctest.Wait()
			require.Equal(t, "3M", bitrate(k.Running()))
			require.Equal(t, []string{"4M", "3M"}, applied)
			require.Nil(t, k.Status().Pending)
			require.Empty(t, store.Load().Conditions)
			_, err := k.Confirm("anna")
			require.ErrorIs(t, err, ErrNotPending)
			doc, _ := d.ReadFile(startupFile)
			require.Equal(t, startupDoc, string(doc))
		})
	}
}

func TestAConfirmedChangeIsSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, d := newStand(t)
		runs(t, k)
		tryBitrate(t, k, "4M", 0)
		time.Sleep(59 * time.Second)
		_, err := k.Confirm("bert")
		require.NoError(t, err)
		time.Sleep(time.Hour)
		require.Equal(t, "4M", bitrate(k.Running()))
		require.Equal(t, "4M", bitrate(stand(t, d, nil).Running()))
		all, _, err := k.Versions()
		require.NoError(t, err)
		require.Equal(t, "anna, confirmed by bert", all[0].By)
		require.Len(t, all, 2)
	})
}

// What outlives a reboot follows what is saved, and nothing else.
func TestWhatIsSavedIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, _ := newStand(t)
		var saved []string
		k.o.Saved = func(c *config.Config) { saved = append(saved, bitrate(c)) }
		runs(t, k)
		tryBitrate(t, k, "4M", 0)
		require.NoError(t, k.Revert(t.Context(), "anna"))
		require.Empty(t, saved)
		tryBitrate(t, k, "5M", 0)
		_, err := k.Confirm("anna")
		require.NoError(t, err)
		commitBitrate(t, k, "6M")
		require.Equal(t, []string{"5M", "6M"}, saved)
	})
}

func TestARestartInTheWindowComesUpWithTheOldOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, d := newStand(t)
		stop := runs(t, k)
		tryBitrate(t, k, "4M", 0)
		time.Sleep(time.Second)
		for _, lucky := range []bool{false, true} {
			require.Equal(t, "3M", bitrate(stand(t, d.After(lucky), nil).Running()), "the power was cut")
		}
		stop()
		require.Equal(t, "3M", bitrate(stand(t, d, nil).Running()), "the daemon was restarted")
	})
}

func TestWhileAChangeWaitsThereIsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, _ := newStand(t)
		runs(t, k)
		tryBitrate(t, k, "4M", 0)
		s := k.NewSession()
		require.NoError(t, s.Set("log.level", "debug"))
		_, err := s.Commit(t.Context(), "bert")
		require.ErrorIs(t, err, ErrPending)
		require.ErrorContains(t, err, "anna changed streams.main.video.bitrate.max, undone in 60 s; confirm or revert that first")
		_, err = s.CommitConfirmed(t.Context(), "bert", 0)
		require.ErrorIs(t, err, ErrPending)
		_, err = k.Patch(t.Context(), "the API", "", []byte(`{"log":{"level":"debug"}}`))
		require.ErrorIs(t, err, ErrPending)
		require.ErrorIs(t, k.Reload(), ErrPending)

		require.NoError(t, k.Revert(t.Context(), "bert"))
		require.Equal(t, "3M", bitrate(k.Running()))
		require.ErrorIs(t, k.Revert(t.Context(), "bert"), ErrNotPending)
		_, err = s.Commit(t.Context(), "bert")
		require.NoError(t, err, "the candidate was kept")
	})
}

func TestWhatCannotBeSavedGoesOnWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, d := newStand(t)
		runs(t, k)
		tryBitrate(t, k, "4M", 0)
		d.Left = 0
		_, err := k.Confirm("anna")
		require.ErrorContains(t, err, "the power is off")
		require.ErrorContains(t, err, "undone in 60 s unless")
		require.NotNil(t, k.Status().Pending)
		d.Left, d.Off = -1, false
		_, err = k.Confirm("anna")
		require.NoError(t, err)
	})
}

func TestWindowsThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, _ := newStand(t)
		s := k.NewSession()
		require.NoError(t, s.Set("log.level", "debug"))
		_, err := s.CommitConfirmed(t.Context(), "anna", 0)
		require.ErrorContains(t, err, "nobody would undo")
		runs(t, k)
		for _, within := range []time.Duration{-1, 1, MinWindow - 1, MaxWindow + 1} {
			_, err := s.CommitConfirmed(t.Context(), "anna", within)
			require.ErrorContains(t, err, "expected 10s to 1h")
		}
		require.Nil(t, k.Status().Pending)
	})
}

func TestAConfirmedCommitThatCannotBeAppliedIsUndoneAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := configtest.NewDisk(map[string]string{startupFile: startupDoc})
		k := stand(t, d, func(c *config.Config) error {
			if bitrate(c) == "4M" {
				return context.DeadlineExceeded
			}
			return nil
		})
		runs(t, k)
		s := k.NewSession()
		require.NoError(t, s.Set("streams.main.video.bitrate", "4M"))
		_, err := s.CommitConfirmed(t.Context(), "anna", 0)
		require.ErrorContains(t, err, "the configuration before runs again")
		require.Nil(t, k.Status().Pending)
		require.Equal(t, "3M", bitrate(k.Running()))
	})
}

func TestAProgramsChangeIsConfirmedLikeAPersons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, _ := newStand(t)
		runs(t, k)
		_, version := k.Now()
		change := Change{By: "the panel", Version: version, Next: k.Assigned(map[string]string{"log.level": "debug"})}
		done, err := k.Try(t.Context(), change, 0)
		require.NoError(t, err)
		require.Equal(t, []string{"log.level"}, done.Paths)
		require.NoError(t, k.Revert(t.Context(), "the panel"))
		_, err = k.Try(t.Context(), change, 0)
		require.ErrorIs(t, err, ErrStale)
		change = Change{By: "the panel", Next: k.Assigned(map[string]string{"log.level": "loud"})}
		_, err = k.Try(t.Context(), change, 0)
		require.ErrorContains(t, err, "log.level: got \"loud\"")
	})
}

// A confirmation that came first wins: whoever saw the change wait before, its deadline
// or a person who wants it undone, is told so, and so are all others.
func TestWhatWasConfirmedIsNotToldToBeUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, _ := newStand(t)
		store := status.NewStore("test")
		k.o.Report = store
		runs(t, k)
		tryBitrate(t, k, "4M", 0)
		p := k.waiting()
		_, err := k.Confirm("anna")
		require.NoError(t, err)
		k.expire(t.Context(), p)
		require.ErrorIs(t, k.revert(t.Context(), "bert", p), ErrNotPending)
		require.Equal(t, "4M", bitrate(k.Running()))
		events, _ := store.Events(0)
		for _, e := range events {
			require.NotContains(t, e.Message, "undone")
		}
	})
}
