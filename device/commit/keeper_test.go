package commit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/config/configtest"
)

func options(d Disk, apply func(*config.Config) error) Options {
	o := Options{File: startupFile, Disk: d, Folder: func() (string, error) { return "/state", nil }}
	if apply != nil {
		o.Apply = func(_ context.Context, _, next *config.Config) error { return apply(next) }
	}
	return o
}

func bitrate(c *config.Config) string { return c.Streams["main"].Video.Bitrate.Max.String() }

// commitBitrate commits one change.
func commitBitrate(t *testing.T, k *Keeper, value string) {
	t.Helper()
	s := k.NewSession()
	require.NoError(t, s.Set("streams.main.video.bitrate", value))
	_, err := s.Commit(t.Context(), "anna")
	require.NoError(t, err)
}

func TestACommitSavesAndRunsAndKeepsTheFilesComments(t *testing.T) {
	d := configtest.NewDisk(map[string]string{startupFile: startupDoc})
	var applied []string
	k := stand(t, d, func(c *config.Config) error { applied = append(applied, bitrate(c)); return nil })
	s := k.NewSession()
	require.NoError(t, s.Set("streams.main.video.bitrate.max", "4M"))
	require.NoError(t, s.Set("log.level", "debug"))
	require.Equal(t, "3M", bitrate(k.Running()), "a candidate runs only once it is committed")
	require.Equal(t, []string{
		`+ log.level = "debug"`,
		`- streams.main.video.bitrate.max = "3M"`, `+ streams.main.video.bitrate.max = "4M"`,
	}, s.Diff())
	done, err := s.Commit(t.Context(), "anna")
	require.NoError(t, err)
	require.Equal(t, Done{Paths: []string{"log.level", "streams.main.video.bitrate.max"}}, done)
	require.Equal(t, []string{"4M"}, applied)
	require.Empty(t, s.Diff())
	doc, err := d.ReadFile(startupFile)
	require.NoError(t, err)
	require.Equal(t, strings.Replace(startupDoc, `"3M"`, `"4M"`, 1)+"\n[log]\nlevel = \"debug\"\n", string(doc))

	done, err = s.Commit(t.Context(), "anna")
	require.NoError(t, err)
	require.Empty(t, done.Paths, "the same again is no change")
}

func TestWhatCannotBeAppliedIsUndone(t *testing.T) {
	d := configtest.NewDisk(map[string]string{startupFile: startupDoc})
	k := stand(t, d, func(c *config.Config) error {
		if bitrate(c) == "4M" {
			return errors.New("the encoder refuses")
		}
		return nil
	})
	s := k.NewSession()
	require.NoError(t, s.Set("streams.main.video.bitrate", "4M"))
	_, err := s.Commit(t.Context(), "anna")
	require.ErrorContains(t, err, "the encoder refuses; the configuration before runs again")
	require.Equal(t, "3M", bitrate(k.Running()))
	doc, _ := d.ReadFile(startupFile)
	require.Equal(t, startupDoc, string(doc))
	require.NotEmpty(t, s.Diff(), "the candidate is still there to be mended")
}

// Where the file cannot be put back, what runs is what Running says all the same.
func TestWhatCannotBeAppliedIsUndoneOnAWornDiskToo(t *testing.T) {
	d := configtest.NewDisk(map[string]string{startupFile: startupDoc})
	var applied []string
	k := stand(t, d, func(c *config.Config) error {
		if applied = append(applied, bitrate(c)); bitrate(c) == "4M" {
			d.Fail = errors.New("worn out")
			return errors.New("the encoder refuses")
		}
		return nil
	})
	_, err := k.Patch(t.Context(), "anna", "", []byte(`{"streams":{"main":{"video":{"bitrate":"4M"}}}}`))
	require.ErrorContains(t, err, "the encoder refuses; going back failed too: config: save "+startupFile)
	require.Equal(t, "3M", bitrate(k.Running()))
	require.Equal(t, []string{"4M", "3M"}, applied)
	d.Fail = nil
	_, err = k.Patch(t.Context(), "anna", "", []byte(`{"streams":{"main":{"video":{"bitrate":"5M"}}}}`))
	require.NoError(t, err)
	require.Equal(t, "5M", bitrate(k.Startup()))
}

func TestAChangeWhoseCallerHasGoneStands(t *testing.T) {
	k, _ := newStand(t)
	k.o.Apply = func(ctx context.Context, _, _ *config.Config) error { return ctx.Err() }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := k.Patch(ctx, "the API", "", []byte(`{"log":{"level":"debug"}}`))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, "debug", k.Startup().Log.Level)
	require.Equal(t, "debug", k.Running().Log.Level)
}

func TestAFileThatWasEditedIsNotOverwritten(t *testing.T) {
	k, d := newStand(t)
	d.Files[startupFile].Data = []byte(strings.Replace(startupDoc, "3M", "5M", 1))
	s := k.NewSession()
	require.NoError(t, s.Set("log.level", "debug"))
	_, err := s.Commit(t.Context(), "anna")
	require.ErrorIs(t, err, config.ErrChanged)
	require.Equal(t, "info", k.Running().Log.Level)
	require.NoError(t, k.Reload())
	require.Equal(t, "5M", bitrate(k.Running()))
	_, err = s.Commit(t.Context(), "anna")
	require.NoError(t, err)
	require.Equal(t, "5M", bitrate(k.Running()))
	require.Equal(t, "debug", k.Running().Log.Level)
}

func TestADiskThatCannotSyncChangesNothing(t *testing.T) {
	k, d := newStand(t)
	d.Fail = errors.New("worn out")
	_, err := k.Patch(t.Context(), "the API", "", []byte(`{"log":{"level":"debug"}}`))
	require.ErrorContains(t, err, "worn out")
	doc, _ := d.ReadFile(startupFile)
	require.Equal(t, startupDoc, string(doc))
	d.Fail = nil
	_, err = k.Patch(t.Context(), "the API", "", []byte(`{"log":{"level":"debug"}}`))
	require.NoError(t, err)
}

// A power cut at each step of a commit and of a confirmation, with what the disk does by
// itself and without, leaves a box that comes up with the old or with the new, and can
// go on from there.
func TestAPowerCutLeavesTheOldOrTheNewWhole(t *testing.T) {
	for what, commit := range map[string]func(context.Context, *Keeper, *Session, *configtest.Disk, int) (Done, error){
		"commit": func(ctx context.Context, _ *Keeper, s *Session, d *configtest.Disk, step int) (Done, error) {
			d.Left = step
			return s.Commit(ctx, "anna")
		},
		"confirm": func(ctx context.Context, k *Keeper, s *Session, d *configtest.Disk, step int) (Done, error) {
			k.watch(true) // the window does not end here
			if _, err := s.CommitConfirmed(ctx, "anna", 0); err != nil {
				return Done{}, err
			}
			d.Left = step
			return k.Confirm("anna")
		},
	} {
		t.Run(what, func(t *testing.T) {
			seen := map[string]bool{}
			for step := 0; cutAt(t, step, commit, seen); step++ {
				require.Less(t, step, 1000)
			}
			require.Len(t, seen, 2, "the cut comes before and after the change")
		})
	}
}

// cutAt has the power cut at a step; false where a commit has fewer.
func cutAt(t *testing.T, step int, commit func(context.Context, *Keeper, *Session, *configtest.Disk, int) (Done, error), seen map[string]bool) bool {
	t.Helper()
	d := configtest.NewDisk(map[string]string{startupFile: startupDoc})
	k := stand(t, d, nil)
	commitBitrate(t, k, "2M")
	s := k.NewSession()
	require.NoError(t, s.Set("streams.main.video.bitrate", "4M"))
	done, err := commit(t.Context(), k, s, d, step)
	if !d.Off {
		require.NoError(t, err)
		require.Greater(t, step, 10, "the disk was not used")
		return false
	}
	for _, lucky := range []bool{false, true} {
		again := stand(t, d.After(lucky), nil)
		now := bitrate(again.Running())
		require.Contains(t, []string{"2M", "4M"}, now, "step %d", step)
		seen[now] = true
		if err == nil {
			require.Equal(t, "4M", now, "step %d: who was told that it is saved relies on it", step)
			require.NotEmpty(t, done.Notes, "step %d: a version was not kept", step)
		}
		commitBitrate(t, again, "6M")
		_, damaged, err := again.Versions()
		require.NoError(t, err)
		require.Empty(t, damaged, "step %d", step)
		before, err := again.version("1")
		require.NoError(t, err)
		require.Equal(t, now, bitrate(before), "step %d", step)
	}
	return true
}

func TestVersionsAreBoundedAndCanBeGoneBackTo(t *testing.T) {
	k, d := newStand(t)
	for _, v := range strings.Fields("1M 2M 3M 4M 5M 6M 7M 8M 9M 10M 11M 12M") {
		commitBitrate(t, k, v)
	}
	all, damaged, err := k.Versions()
	require.NoError(t, err)
	require.Empty(t, damaged)
	require.Len(t, all, KeptVersions+1)
	require.Equal(t, "anna", all[0].By)
	require.Equal(t, "streams.main.video.bitrate.max", all[0].Comment)
	names, _ := d.List("/state/versions")
	require.Len(t, names, KeptVersions+1)

	s := k.NewSession()
	require.NoError(t, s.Load("10"))
	require.Equal(t, []string{`- streams.main.video.bitrate.max = "12M"`, `+ streams.main.video.bitrate.max = "2M"`}, s.Diff())
	_, err = s.Commit(t.Context(), "anna")
	require.NoError(t, err)
	all, _, err = k.Versions()
	require.NoError(t, err)
	require.Equal(t, "rollback 10: streams.main.video.bitrate.max", all[0].Comment)
	for _, which := range []string{"11", "-1", "x", "", "99999999999999999999"} {
		err := s.Load(which)
		require.ErrorIs(t, err, ErrNoVersion)
		require.ErrorContains(t, err, "expected 1 to 10 or factory")
	}
	require.NoError(t, s.Load(FactoryVersion))
	_, err = s.Commit(t.Context(), "anna")
	require.NoError(t, err)
	require.Equal(t, "2.5M", bitrate(k.Running()))
	require.Empty(t, k.Running().Streams["main"].Destinations)
}

func TestDamagedVersionsAreLeftOutWithAWord(t *testing.T) {
	k, d := newStand(t)
	commitBitrate(t, k, "1M")
	commitBitrate(t, k, "2M")
	names, _ := d.List("/state/versions")
	slices.Sort(names)
	require.Equal(t, []string{"000001.toml", "000002.toml", "000003.toml"}, names)
	for what, spoil := range map[string]func([]byte) []byte{
		"cut off":      func(b []byte) []byte { return b[:len(b)-9] },
		"empty":        func([]byte) []byte { return nil },
		"a bit fell":   func(b []byte) []byte { b = slices.Clone(b); b[len(b)/2] ^= 4; return b },
		"another date": func(b []byte) []byte { return []byte(strings.Replace(string(b), "# time: 2", "# time: 1", 1)) },
	} {
		f := d.Files["/state/versions/000002.toml"]
		whole := f.Data
		f.Data = spoil(slices.Clone(whole))
		all, damaged, err := k.Versions()
		require.NoError(t, err)
		require.Len(t, all, 2, what)
		require.Equal(t, []string{"/state/versions/000002.toml is damaged and left out"}, damaged, what)
		c, err := k.version("1")
		require.NoError(t, err)
		require.Equal(t, "3M", bitrate(c))
		f.Data = whole
	}
}

func TestFilesWithSecretsAreForTheirOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "encoderd.toml")
	require.NoError(t, os.WriteFile(file, []byte(startupDoc), 0o600))
	cfg, err := config.Load(file, config.Rules{})
	require.NoError(t, err)
	k := New(cfg, Options{File: file, Folder: func() (string, error) { return filepath.Join(dir, "state"), nil }})
	commitBitrate(t, k, "1M")
	for name, mode := range map[string]os.FileMode{
		"encoderd.toml": 0o600, "encoderd.toml.previous": 0o600, "state/versions": 0o700,
		"state/versions/000001.toml": 0o600, "state/versions/000002.toml": 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), name)
	}
	_, err = config.Load(filepath.Join(dir, "state/versions/000001.toml"), config.Rules{})
	require.NoError(t, err, "a version is a configuration")
	require.Contains(t, text(t, file), "# the line has 5")
}

func TestAStaleChangeIsRefused(t *testing.T) {
	k, _ := newStand(t)
	_, version := k.Now()
	_, err := k.Patch(t.Context(), "anna", version, []byte(`{"log":{"level":"debug"}}`))
	require.NoError(t, err)
	_, err = k.Patch(t.Context(), "bert", version, []byte(`{"log":{"level":"warn"}}`))
	require.ErrorIs(t, err, ErrStale)
	require.ErrorContains(t, err, "read it again")
	require.Equal(t, "debug", k.Running().Log.Level)
	after, _ := newStand(t)
	_, again := after.Now()
	require.NotEqual(t, version, again, "another run of the daemon has other versions")
}

func TestADocumentReplacesTheFileWhateverItHolds(t *testing.T) {
	k, d := newStand(t)
	commitBitrate(t, k, "4M")
	d.Files[startupFile].Data = []byte("edited and broken = ")
	const doc = "# from the factory\n[streams.main]\n"
	factory := Change{By: "anna", Doc: []byte(doc), Next: func(*config.Config) (*config.Config, error) {
		return config.Parse(startupFile, []byte(doc), config.Rules{})
	}}
	_, err := k.Change(t.Context(), factory)
	require.NoError(t, err)
	now, _ := d.ReadFile(startupFile)
	require.Equal(t, doc, string(now))
	require.True(t, k.Running().Equal(stand(t, d, nil).Running()))

	require.NoError(t, k.Forget())
	all, _, err := k.Versions()
	require.NoError(t, err)
	require.Len(t, all, 1)
	for name, f := range d.Files {
		require.NotContains(t, string(f.Data), "geheim", name)
	}
}
