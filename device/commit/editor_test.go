package commit

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/console"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/network"
)

// What the surfaces want of a configuration.
var (
	_ console.Candidate = (*Editor)(nil)
	_ network.Changer   = (*Keeper)(nil)
)

func TestEditor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, _ := newStand(t)
		runs(t, k)
		anna := control.Caller{Name: "anna", Surface: control.Console, Role: control.Admin}
		e := k.Edit(anna)
		refused := func(err error) control.Code {
			t.Helper()
			var c *control.Error
			require.ErrorAs(t, err, &c)
			return c.Code
		}
		require.Equal(t, control.Usage, refused(e.Set("nonsense", "")))
		require.Equal(t, control.Usage, refused(e.Delete("log.level")))
		require.Equal(t, control.NotFound, refused(e.Load("5")))
		require.NoError(t, e.Set("log.level", "debug"))
		require.NoError(t, e.Validate())
		text, err := e.Show("log")
		require.NoError(t, err)
		require.Equal(t, "[log]\nlevel = \"debug\"\n", text)
		require.Len(t, e.Complete("log.level w"), 1)
		text, err = e.CommitConfirmed(t.Context(), time.Minute)
		require.NoError(t, err)
		require.Equal(t, "running: log.level", text)
		_, err = k.Edit(anna).Commit(t.Context())
		require.Equal(t, control.Conflict, refused(err))
		text, err = e.Confirm(t.Context())
		require.NoError(t, err)
		require.Equal(t, "saved: log.level", text)
		require.NoError(t, e.Load("1"))
		require.NotEmpty(t, e.Diff())
		e.Discard()
		require.Empty(t, e.Diff())
		require.NoError(t, e.Delete("log.level"))
		text, err = e.Commit(t.Context())
		require.NoError(t, err)
		require.Equal(t, "saved: log.level", text)

		require.NoError(t, k.ChangeConfirmed(t.Context(), anna, map[string]string{"log.level": "warn", "log.format": ""}, time.Minute))
		require.Equal(t, "anna (console)", k.Status().Pending.By)
		require.Equal(t, control.Conflict, refused(k.ChangeConfirmed(t.Context(), anna, map[string]string{"log.level": "warn"}, time.Minute)))
	})
}
