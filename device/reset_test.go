package device

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A power cut in the middle of a factory reset: the next start ends it, wherever it was.
func TestAFactoryResetIsEndedAfterAPowerCut(t *testing.T) {
	cuts := map[string]func(t *testing.T, b *bench){
		"before the settings are replaced": func(*testing.T, *bench) {},
		"before the old ones are removed": func(t *testing.T, b *bench) {
			require.NoError(t, os.WriteFile(b.opts.ConfigFile, []byte(factoryDefault), 0o600))
		},
	}
	for name, cut := range cuts {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			for _, line := range []string{"stream stop main", "config export on", "bitrate main 1M"} {
				_, err := b.do(t.Context(), root, line)
				require.NoError(t, err, line)
			}
			require.NoError(t, b.resetOf().intend(b.opts.ConfigFile))
			cut(t, b)
			o := Options{ConfigFile: b.opts.ConfigFile, Stderr: io.Discard}
			cfg, err := o.load()
			require.NoError(t, err)
			require.Empty(t, cfg.Streams["main"].Destinations)
			require.NotNil(t, o.resetting)
			newBox(o, cfg).endInterruptedReset()
			b.noSecretLeft(t, filepath.Dir(b.opts.ConfigFile))
			again := Options{ConfigFile: b.opts.ConfigFile}
			_, err = again.load()
			require.NoError(t, err)
			require.Nil(t, again.resetting, "it is over")
		})
	}
}

func TestAFactoryResetThatCannotBeResumedIsTold(t *testing.T) {
	b := newBench(t)
	require.NoError(t, os.WriteFile(b.opts.ConfigFile+resetSuffix, []byte("{"), 0o600))
	o := Options{ConfigFile: b.opts.ConfigFile, Stderr: io.Discard}
	cfg, err := o.load()
	require.NoError(t, err, "the box comes up")
	d := newBox(o, cfg)
	d.endInterruptedReset()
	require.Equal(t, conditionReset, d.store.Load().Conditions[0].Code)
}

// A factory's configuration that this firmware does not take must not become the box's:
// it would not come up again.
func TestAFactoryResetIsNotResumedWithWhatIsNoConfiguration(t *testing.T) {
	b := newBench(t)
	factory := filepath.Join(t.TempDir(), "factory.toml")
	require.NoError(t, os.WriteFile(factory, []byte("[streams.main.of_tomorrow]\n"), 0o600))
	require.NoError(t, b.resetOf().intend(b.opts.ConfigFile))
	before, err := os.ReadFile(b.opts.ConfigFile)
	require.NoError(t, err)
	_, err = resumeReset(b.opts.ConfigFile, factory)
	require.ErrorContains(t, err, factory)
	after, err := os.ReadFile(b.opts.ConfigFile)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
}
