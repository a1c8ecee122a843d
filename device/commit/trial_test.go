package commit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/config/configtest"
	"github.com/encoderbox/encoderbox/device/status"
)

// boot is a start of the daemon on a disk; its Keeper's Run does not run yet.
func boot(t *testing.T, d *configtest.Disk) (*Keeper, *Recovery, *status.Store) {
	t.Helper()
	r, err := Recover(d, startupFile, "/state", config.Rules{})
	require.NoError(t, err)
	k, store := stand(t, d, nil), status.NewStore("test")
	k.o.Report, k.o.Recovered = store, r
	return k, r, store
}

// lives has a start live long enough to pass the trial, and end as it is told to.
func lives(t *testing.T, k *Keeper) {
	t.Helper()
	stop := runs(t, k)
	time.Sleep(TrialTime + time.Second)
	synctest.Wait()
	stop()
}

func TestACommitThatTheBoxDiesOfIsGoneBackFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := configtest.NewDisk(map[string]string{startupFile: startupDoc})
		k, _, _ := boot(t, d)
		lives(t, k)
		k, r, _ := boot(t, d)
		require.Nil(t, r)
		commitBitrate(t, k, "4M") // and the daemon dies
		for range TrialStarts - 1 {
			k, r, _ = boot(t, d.After(false))
			require.Nil(t, r, "one death may be a power cut")
			require.Equal(t, "4M", bitrate(k.Running()))
			d = k.o.Disk.(*configtest.Disk)
		}
		k, r, store := boot(t, d.After(false))
		require.NotNil(t, r)
		require.Equal(t, "3M", bitrate(k.Running()))
		doc, err := k.o.Disk.ReadFile(startupFile)
		require.NoError(t, err)
		require.Equal(t, startupDoc, string(doc), "with its comments")
		stop := runs(t, k)
		require.Equal(t, ConditionRolledBack, store.Load().Conditions[0].Code)
		require.Contains(t, store.Load().Conditions[0].Message, "the box went back to the last configuration that ran: with the newer one the box ended 3 times in a row within 1m0s of its start; that is version 1 now")
		s := k.NewSession()
		require.NoError(t, s.Load("1"))
		require.Equal(t, []string{`- streams.main.video.bitrate.max = "3M"`, `+ streams.main.video.bitrate.max = "4M"`}, s.Diff(), "what was undone can be looked at")
		commitBitrate(t, k, "5M")
		require.Empty(t, store.Load().Conditions, "somebody has seen to it")
		stop()
	})
}

// Who sets a box up pulls the plug again and again: what he has set stays. A driver that
// takes the kernel down each time is told from him by how often.
func TestThePlugIsPulledMoreOftenThanADaemonDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := configtest.NewDisk(map[string]string{startupFile: startupDoc})
		runOfTheBox := 0
		powerCut := func() {
			d = d.After(false)
			runOfTheBox++
			d.Put(bootFile, fmt.Sprintln(runOfTheBox))
		}
		powerCut()
		k, _, _ := boot(t, d)
		lives(t, k)
		k, _, _ = boot(t, d)
		commitBitrate(t, k, "4M")
		for range TrialBoots - 1 {
			powerCut()
			k, r, _ := boot(t, d)
			require.Nil(t, r)
			require.Equal(t, "4M", bitrate(k.Running()))
		}
		powerCut()
		k, r, store := boot(t, d)
		require.NotNil(t, r)
		require.Equal(t, "3M", bitrate(k.Running()))
		stop := runs(t, k)
		require.Contains(t, store.Load().Conditions[0].Message, "the box ended 6 times in a row")

		commitBitrate(t, k, "5M")
		stop()
		for range TrialBoots {
			powerCut()
			for range TrialStarts - 1 {
				_, r, _ = boot(t, d)
				require.Nil(t, r, "neither often enough in one run of the box nor in all")
			}
		}
		for range TrialStarts - 2 {
			_, r, _ = boot(t, d)
			require.Nil(t, r)
		}
		k, r, _ = boot(t, d)
		require.NotNil(t, r, "the daemon dies of it")
		require.Equal(t, "3M", bitrate(k.Running()))
	})
}

// A file that somebody edits while another is on trial has not run for a moment.
func TestOnlyWhatRanPassesATrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := configtest.NewDisk(map[string]string{startupFile: startupDoc})
		k, _, _ := boot(t, d)
		stop := runs(t, k)
		require.NoError(t, config.WriteFile(d, startupFile, []byte("[streams.edited]\n")))
		time.Sleep(TrialTime + time.Second)
		synctest.Wait()
		_, err := d.ReadFile("/state/" + goodFile)
		require.Error(t, err)
		stop()
	})
}

func TestACommitAtTheLastMomentHasAMinuteOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := configtest.NewDisk(map[string]string{startupFile: startupDoc})
		k, _, _ := boot(t, d)
		require.NoError(t, k.trial.begin([]byte(startupDoc), note{}))
		time.Sleep(TrialTime)
		left, on := k.trial.left()
		require.True(t, on)
		require.Zero(t, left)
		commitBitrate(t, k, "4M") // before Run, which has seen that the time is over, comes to it
		k.passed()
		_, err := d.ReadFile("/state/" + goodFile)
		require.Error(t, err, "it ran for no second")
	})
}

// Power cuts while files are written leave parts of them, with stream keys.
func TestWhatPowerCutsLeftIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := []string{"/box/.encoderd.toml.12345", "/state/.good.toml.9", "/state/.trial.json.7"}
		others := []string{"/box/.encoderd.toml.swp", "/box/.encoderd.toml.", "/state/air.json", "/state/.good.tomlx.1"}
		files := map[string]string{startupFile: startupDoc}
		for _, name := range append(slices.Clone(left), others...) {
			files[name] = "geheim"
		}
		d := configtest.NewDisk(files)
		k, _, _ := boot(t, d)
		stop := runs(t, k)
		for _, name := range left {
			require.NotContains(t, d.Files, name)
			d.Put(name, "geheim")
		}
		stop()
		require.NoError(t, k.Forget())
		for _, name := range left {
			require.NotContains(t, d.Files, name)
		}
		for _, name := range others {
			require.Contains(t, d.Files, name, "it is not ours")
		}
	})
}

func TestAnEndThatIsAskedForIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := configtest.NewDisk(map[string]string{startupFile: startupDoc})
		k, _, _ := boot(t, d)
		lives(t, k)
		k, _, _ = boot(t, d)
		commitBitrate(t, k, "4M")
		for range 3 * TrialStarts {
			k, r, _ := boot(t, d)
			require.Nil(t, r)
			stop := runs(t, k)
			time.Sleep(time.Second)
			stop()
		}
		require.Equal(t, "4M", bitrate(k.Running()))
	})
}

func TestWhatHasPassedIsNotGoneBackFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := configtest.NewDisk(map[string]string{startupFile: startupDoc})
		k, _, _ := boot(t, d)
		lives(t, k)
		k, _, _ = boot(t, d)
		stop := runs(t, k)
		commitBitrate(t, k, "4M")
		time.Sleep(TrialTime - time.Second)
		commitBitrate(t, k, "5M")
		time.Sleep(TrialTime - time.Second)
		synctest.Wait()
		good, _ := d.ReadFile("/state/" + goodFile)
		require.Equal(t, startupDoc, string(good), "each commit has its own minute")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		good, _ = d.ReadFile("/state/" + goodFile)
		require.Equal(t, strings.Replace(startupDoc, "3M", "5M", 1), string(good))
		stop()
		before := d.Made
		for range 3 * TrialStarts {
			k, r, _ := boot(t, d)
			require.Nil(t, r)
			require.Equal(t, "5M", bitrate(k.Running()))
		}
		require.Equal(t, before, d.Made, "starts from it write nothing")
	})
}

// A box that never ran for a minute has nothing to go back to but the version before.
func TestTheVersionBeforeIsGoneBackToWhereNothingElseIsKnown(t *testing.T) {
	d := configtest.NewDisk(map[string]string{startupFile: startupDoc})
	for range 2 * TrialStarts {
		_, r, _ := boot(t, d)
		require.Nil(t, r)
	}
	k, _, _ := boot(t, d)
	commitBitrate(t, k, "4M")
	for range TrialStarts - 1 {
		_, r, _ := boot(t, d)
		require.Nil(t, r)
	}
	k, r, _ := boot(t, d)
	require.NotNil(t, r)
	require.Equal(t, "3M", bitrate(k.Running()))
}

func TestForgettingLeavesNothingToGoBackTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := configtest.NewDisk(map[string]string{startupFile: startupDoc})
		k, _, _ := boot(t, d)
		lives(t, k)
		require.NoError(t, k.Forget())
		_, err := d.ReadFile("/state/" + goodFile)
		require.Error(t, err)
	})
}
