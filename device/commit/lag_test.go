package commit

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/config/configtest"
	"github.com/encoderbox/encoderbox/device/status"
)

// stubborn is a Keeper whose box goes back to 3M only when it is let.
func stubborn(t *testing.T) (k *Keeper, store *status.Store, let func()) {
	var mended atomic.Bool
	k = stand(t, configtest.NewDisk(map[string]string{startupFile: startupDoc}), func(c *config.Config) error {
		if !mended.Load() && bitrate(c) == "3M" {
			return errors.New("the device is busy")
		}
		return nil
	})
	store = status.NewStore("test")
	k.o.Report = store
	return k, store, func() { mended.Store(true) }
}

func TestAnUndoThatFailsIsTriedAgainAndTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, store, let := stubborn(t)
		runs(t, k)
		tryBitrate(t, k, "4M", MinWindow)
		time.Sleep(MinWindow)
		synctest.Wait()
		require.Equal(t, "3M", bitrate(k.Running()))
		require.Len(t, store.Load().Conditions, 1)
		require.Equal(t, ConditionNotApplied, store.Load().Conditions[0].Code)
		require.Contains(t, store.Load().Conditions[0].Message, "the device is busy; it is tried again")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.Len(t, store.Load().Conditions, 1, "for as long as it takes")
		let()
		time.Sleep(longestRetry)
		synctest.Wait()
		require.Empty(t, store.Load().Conditions)
	})
}

func TestAnotherConfigurationEndsALag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, store, _ := stubborn(t)
		runs(t, k)
		tryBitrate(t, k, "4M", 0)
		require.ErrorContains(t, k.Revert(t.Context(), "anna"), "the device is busy")
		synctest.Wait()
		require.Len(t, store.Load().Conditions, 1)
		commitBitrate(t, k, "5M")
		synctest.Wait()
		require.Empty(t, store.Load().Conditions)
	})
}

// What could not be applied at the start does not pass as one that runs.
func TestAStartThatFailsIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, store, let := stubborn(t)
		require.NoError(t, k.trial.begin([]byte(startupDoc), note{}))
		k.Behind(errors.New("no such board"))
		runs(t, k)
		require.Contains(t, store.Load().Conditions[0].Message, "no such board")
		time.Sleep(2 * TrialTime)
		synctest.Wait()
		_, err := k.o.Disk.ReadFile("/state/" + goodFile)
		require.Error(t, err)
		let()
		time.Sleep(longestRetry + TrialTime)
		synctest.Wait()
		require.Empty(t, store.Load().Conditions)
		_, err = k.o.Disk.ReadFile("/state/" + goodFile)
		require.NoError(t, err)
	})
}
