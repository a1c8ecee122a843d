package commit

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/control"
)

func TestCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, _ := newStand(t)
		k.o.Root = t.TempDir()
		runs(t, k)
		const invalid = "the configuration is not valid; nothing was changed: streams.main.video.gop: got 3s, expected a whole fraction of segment.duration, which is 2s, such as 2s"
		table := control.New(nil, nil, Commands(k)...)
		anna := control.Caller{Name: "anna", Surface: control.Console, Role: control.Admin}
		bert := control.Caller{Name: "bert", Surface: control.API, Role: control.Admin}
		do := func(by control.Caller, line string, confirmed int) (string, control.Code) {
			words, _ := control.Words(line)
			r, err := table.Read(words)
			require.NoError(t, err, line)
			r.Confirmed = confirmed
			result, err := table.Do(t.Context(), by, r)
			var e *control.Error
			if err != nil {
				require.ErrorAs(t, err, &e)
				return e.Message, e.Code
			}
			return result.Text, ""
		}
		for _, c := range []struct {
			by        control.Caller
			line      string
			confirmed int
			want      string
			code      control.Code
		}{
			{anna, "config diff", 0, "nothing is changed", ""},
			{anna, "config set streams.main.video.gop 1s", 0, `+ streams.main.video.gop = "1s"`, ""},
			{anna, "config set streams.main.video.gop 3s", 0, `+ streams.main.video.gop = "3s"`, ""},
			{bert, "config diff", 0, "nothing is changed", ""},
			{anna, "config validate", 0, invalid, control.Usage},
			{anna, "config commit", 0, invalid, control.Usage},
			{anna, "config set streams.main.video.gop 9h", 0, `streams.main.video.gop: got "9h", expected a duration from 100ms to 10s, such as "2s" or "500ms"`, control.Usage},
			{anna, "config set streams.main.video.gop 1s", 0, `+ streams.main.video.gop = "1s"`, ""},
			{anna, "config validate", 0, "valid", ""},
			{anna, "config commit within=30s", 0, "within is for a commit that is confirmed: it would be saved for good", control.Usage},
			{anna, "config commit confirmed 30s", 0, "running: streams.main.video.gop\nundone in 30s unless confirmed: config confirm; your candidate has it again then", ""},
			{anna, "config pending", 0, "30 s left to confirm the change by anna (console): streams.main.video.gop", ""},
			{bert, "config set log.level debug", 0, `+ log.level = "debug"`, ""},
			{bert, "config commit", 0, "config: a change waits for its confirmation: anna (console) changed streams.main.video.gop, undone in 30 s; confirm or revert that first", control.Conflict},
			{anna, "config confirm", 0, "saved: streams.main.video.gop", ""},
			{anna, "config confirm", 0, "config: confirm: no change waits for confirmation: there was none, it was undone already, or it is saved", control.Conflict},
			{bert, "config commit", 0, "saved: log.level", ""},
			{anna, "config delete streams.main.video.gop", 0, `- streams.main.video.gop = "1s"`, ""},
			{anna, "show config streams.main.video.bitrate", 0, "[streams.main.video.bitrate]\nmax = \"3M\"", ""},
			{anna, "config discard", 0, "", ""},
			{anna, "config rollback 2", 0, "- log.level = \"debug\"\n- streams.main.video.gop = \"1s\"", ""},
			{anna, "config commit confirmed", 0, "running: log.level, streams.main.video.gop\nundone in 1m unless confirmed: config confirm; your candidate has it again then", ""},
			{anna, "config revert", 0, "the configuration before runs again", ""},
			{anna, "config rollback 7", 0, `config: version "7": there is no such version: expected 1 to 2 or factory`, control.NotFound},
			{anna, "config load /none", 0, "config: load: there is no file /none: config usb tells of those on sticks", control.NotFound},
			{anna, "config load none.toml", 0, `config: load: "none.toml": give the whole path, such as /media/usb/encoderbox.toml`, control.Usage},
			{anna, "config load", 0, "say what to load: a file, or a document", control.Usage},
			{anna, "config discard", 0, "", ""},
		} {
			got, code := do(c.by, c.line, c.confirmed)
			require.Equal(t, c.want, got, c.line)
			require.Equal(t, c.code, code, c.line)
		}
		_, code := do(anna, "config usb", 0)
		require.Equal(t, control.Failed, code, "no /proc")
		for line, want := range map[string]int{"config set lo": 2, "config set log.level ": 4, "config rollback ": 3, "config commit ": 1} {
			words, _ := control.Words(line)
			if line[len(line)-1] == ' ' {
				words = append(words, "")
			}
			require.Len(t, table.Complete(anna, words), want, line)
		}
	})
}
