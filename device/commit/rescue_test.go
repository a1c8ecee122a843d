package commit

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/config/configtest"
	"github.com/encoderbox/encoderbox/device/status"
)

const (
	goodPath   = "/state/" + goodFile
	factoryDoc = "[streams.factory]\n"
	brokenDoc  = "[streams.main\nkey = geheim"
)

var errBroken = errors.New("encoderd.toml:1: expected ]\nencoderd.toml:2: what is this")

func TestAFileThatIsNoConfigurationIsReplaced(t *testing.T) {
	for name, c := range map[string]struct {
		files     map[string]string
		want, say string
	}{
		"by the last that ran":   {map[string]string{startupFile: brokenDoc, goodPath: startupDoc}, startupDoc, "the box went back to an earlier configuration"},
		"by the one before":      {map[string]string{startupFile: brokenDoc, startupFile + config.PreviousSuffix: startupDoc}, startupDoc, "the box went back to an earlier configuration"},
		"by the factory's":       {map[string]string{startupFile: brokenDoc, goodPath: brokenDoc}, factoryDoc, "the box went back to the factory's configuration"},
		"where it is gone":       {map[string]string{goodPath: startupDoc}, startupDoc, "the box went back to an earlier configuration"},
		"where there was none":   {nil, factoryDoc, ""},
		"where there is nothing": {map[string]string{startupFile: ""}, factoryDoc, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := configtest.NewDisk(c.files)
				r, err := Rescue(d, startupFile, "/state", []byte(factoryDoc), config.Rules{}, errBroken)
				require.NoError(t, err)
				k, store := stand(t, d, nil), status.NewStore("test")
				k.o.Report, k.o.Recovered = store, r
				defer runs(t, k)()
				doc, err := d.ReadFile(startupFile)
				require.NoError(t, err)
				require.Equal(t, c.want, string(doc))
				if c.say == "" {
					require.Empty(t, store.Load().Conditions)
					return
				}
				require.Len(t, store.Load().Conditions, 1)
				said := store.Load().Conditions[0]
				require.Equal(t, ConditionRolledBack, said.Code)
				require.Contains(t, said.Message, c.say+": the file was no valid one: encoderd.toml:1: expected ] (and 1 more)")
				if c.files[startupFile] != "" {
					require.Contains(t, said.Message, "that is version 1 now")
					entries, _, err := k.versions.list()
					require.NoError(t, err)
					require.Equal(t, brokenDoc, string(entries[1].doc), "nothing is lost")
				}
			})
		})
	}
}

func TestWhatCannotBeReplacedIsToldWithItsCause(t *testing.T) {
	d := configtest.NewDisk(map[string]string{startupFile: brokenDoc})
	_, err := Rescue(d, startupFile, "/state", []byte(brokenDoc), config.Rules{}, errBroken)
	require.ErrorIs(t, err, errBroken)
	require.ErrorContains(t, err, "the factory's configuration")
	d.Left = 0
	_, err = Rescue(d, startupFile, "/state", []byte(factoryDoc), config.Rules{}, errBroken)
	require.ErrorIs(t, err, errBroken)
	require.ErrorContains(t, err, "the power is off")
}

// Whenever the power is cut, the next start has the broken file or the whole of the good one.
func TestAPowerCutInARescue(t *testing.T) {
	reached := map[string]bool{}
	for steps := 0; ; steps++ {
		require.Less(t, steps, 50, "the rescue never ends")
		d := configtest.NewDisk(map[string]string{startupFile: brokenDoc, goodPath: startupDoc})
		d.Left = steps
		_, err := Rescue(d, startupFile, "/state", []byte(factoryDoc), config.Rules{}, errBroken)
		for _, lucky := range []bool{false, true} {
			back := d.After(lucky)
			doc, readErr := back.ReadFile(startupFile)
			require.NoError(t, readErr)
			require.Contains(t, []string{brokenDoc, startupDoc}, string(doc))
			reached[string(doc)] = true
			if string(doc) == startupDoc {
				continue // the next start needs no rescue
			}
			_, again := Rescue(back, startupFile, "/state", []byte(factoryDoc), config.Rules{}, errBroken)
			require.NoError(t, again)
			doc, readErr = back.ReadFile(startupFile)
			require.NoError(t, readErr)
			require.Equal(t, startupDoc, string(doc))
		}
		if err == nil {
			break
		}
	}
	require.Len(t, reached, 2)
}
