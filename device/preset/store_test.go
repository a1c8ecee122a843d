package preset

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config/configtest"
)

var _ Disk = (*configtest.Disk)(nil)

const (
	church = "# Sunday service\n[streams.main]\n"
	fair   = "[streams.fair]\n"
)

func at(dir string) func() (string, error) { return func() (string, error) { return dir, nil } }

// box is a store on the machine's disk with a maker's folder.
func box(t *testing.T) (s *Store, own, makers string) {
	t.Helper()
	state := t.TempDir()
	own, makers = filepath.Join(state, "presets"), filepath.Join(t.TempDir(), "makers")
	require.NoError(t, os.Mkdir(makers, 0o755))
	return NewStore(nil, at(state), makers), own, makers
}

func write(t *testing.T, dir, name, doc string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(doc), 0o600))
}

func TestOwnPresetsHideTheMakers(t *testing.T) {
	s, own, makers := box(t)
	all, err := s.List()
	require.NoError(t, err)
	require.Empty(t, all)
	write(t, makers, "church.toml", "# The maker's\n[streams.x]\n")
	write(t, makers, "fair.toml", fair)
	require.NoError(t, s.Save("church", []byte(church)))
	all, err = s.List()
	require.NoError(t, err)
	require.Equal(t, []Preset{
		{Name: "church", Note: "Sunday service", File: filepath.Join(own, "church.toml"), Doc: []byte(church)},
		{Name: "fair", Makers: true, File: filepath.Join(makers, "fair.toml"), Doc: []byte(fair)},
	}, all)
	for path, mode := range map[string]os.FileMode{own: 0o700, filepath.Join(own, "church.toml"): 0o600} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), path)
	}
	require.ErrorIs(t, s.Remove("fair"), ErrMakers)
	require.NoError(t, s.Remove("church"))
	p, err := s.Read("church")
	require.NoError(t, err)
	require.Equal(t, "The maker's", p.Note, "it is to be seen again")
	require.ErrorIs(t, s.Remove("nobody"), ErrNotFound)
	_, err = s.Read("nobody")
	require.ErrorIs(t, err, ErrNotFound)
}

func TestWhatIsNoPresetIsListedWithWhy(t *testing.T) {
	s, own, _ := box(t)
	write(t, own, "good.toml", church)
	write(t, own, "huge.toml", strings.Repeat("#", MaxSize+1))
	write(t, own, "empty.toml", " \n")
	write(t, own, "binary.toml", "\xff\x00")
	write(t, own, "Bad Name.toml", church)
	write(t, own, ".hidden.toml", church)
	write(t, own, "notes.txt", "x")
	require.NoError(t, os.Mkdir(filepath.Join(own, "folder.toml"), 0o700))
	require.NoError(t, syscall.Mkfifo(filepath.Join(own, "pipe.toml"), 0o600))
	require.NoError(t, os.Symlink("/dev/zero", filepath.Join(own, "zero.toml")))
	all, err := s.List()
	require.NoError(t, err)
	got := map[string]string{}
	for _, p := range all {
		got[p.Name] = ""
		if p.Err != nil {
			got[p.Name] = p.Err.Error()
			require.Empty(t, p.Doc)
		}
	}
	for name, want := range map[string]string{
		"good": "", "huge": "more than 65536 bytes", "empty": "it is empty", "binary": "no text", "Bad Name": "no name of a preset",
		"folder": "plain file", "pipe": "plain file", "zero": "plain file",
	} {
		require.Contains(t, got, name)
		require.Contains(t, got[name], want)
		require.Equal(t, want == "", got[name] == "", name)
	}
	require.Len(t, got, 8)
	_, err = s.Read("huge")
	require.ErrorContains(t, err, "huge.toml: more than 65536 bytes")
	require.NoError(t, s.Remove("huge"), "it can be got rid of")
}

func TestWhatIsRefused(t *testing.T) {
	s, own, _ := box(t)
	for _, name := range []string{"", "-a", "A", "a b", "../a", "a/b", ".", "ö", strings.Repeat("a", 33)} {
		require.Error(t, s.Save(name, []byte(church)), name)
		_, err := s.Read(name)
		require.ErrorContains(t, err, "no name of a preset", name)
	}
	require.ErrorContains(t, s.Save("a", []byte(strings.Repeat("#", MaxSize+1))), "65536")
	require.ErrorContains(t, s.Save("a", nil), "empty")
	for i := range MaxKept {
		require.NoError(t, s.Save(fmt.Sprintf("p-%d", i), []byte(church)))
	}
	require.ErrorIs(t, s.Save("one-more", []byte(church)), ErrFull)
	require.NoError(t, s.Save("p-7", []byte(fair)), "one that is there is replaced")
	require.NoError(t, s.SetApplied("p-7"))
	require.Equal(t, "p-7", s.Applied())
	require.NoError(t, s.Forget())
	require.Empty(t, s.Applied())
	left, err := os.ReadDir(own)
	require.NoError(t, err)
	require.Empty(t, left)
	nowhere := NewStore(nil, func() (string, error) { return "", errors.New("no folder") }, "")
	require.ErrorContains(t, nowhere.Save("a", []byte(church)), "no folder")
	require.ErrorContains(t, nowhere.Forget(), "no folder")
}

func TestNotes(t *testing.T) {
	for doc, want := range map[string]string{
		church: "Sunday service", fair: "", "#\n[a]": "", "## a\tb \n": "a b", "# " + strings.Repeat("x", 200): strings.Repeat("x", MaxNote-1) + "…",
	} {
		require.Equal(t, want, noteOf([]byte(doc)), doc)
	}
	require.Equal(t, "# New\n[streams.main]\n", string(Noted("New\n", []byte(church))))
	require.Equal(t, "# New\n"+fair, string(Noted("New", []byte(fair))))
	require.Equal(t, "[streams.main]\n", string(Noted("", []byte(church))))
}

// Whenever the power is cut, the whole old or the whole new preset is there, and other
// presets are as they were; and what was left half written goes with the next save.
func TestAPowerCutLeavesAWholePreset(t *testing.T) {
	const file, other, next = "/state/presets/church.toml", "/state/presets/fair.toml", "# New\n[streams.next]\n"
	reached := map[string]bool{}
	for steps := 0; ; steps++ {
		require.Less(t, steps, 50, "the save never ends")
		d := configtest.NewDisk(map[string]string{file: church, other: fair})
		d.Left = steps
		saved := NewStore(d, at("/state"), "").Save("church", []byte(next))
		for _, lucky := range []bool{false, true} {
			back := NewStore(d.After(lucky), at("/state"), "")
			p, err := back.Read("church")
			require.NoError(t, err)
			require.Contains(t, []string{church, next}, string(p.Doc))
			reached[string(p.Doc)] = true
			if saved == nil {
				require.Equal(t, next, string(p.Doc), "it was said to be kept")
			}
			all, err := back.List()
			require.NoError(t, err)
			require.Len(t, all, 2)
			require.Equal(t, fair, string(all[1].Doc))
			require.NoError(t, back.Save("third", []byte(fair)))
			names, err := back.disk.List("/state/presets")
			require.NoError(t, err)
			require.Len(t, names, 3, "nothing half written stays")
		}
		if saved == nil {
			break
		}
	}
	require.Len(t, reached, 2)
}
