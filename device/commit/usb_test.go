package commit

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAStickIsOfferedAndNotTaken(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		file := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	write("proc/mounts", strings.ReplaceAll(`/dev/root / ext4 rw 0 0
/dev/sda1 /media/good vfat rw 0 0
/dev/sda1 /media/good vfat rw 0 0
/dev/sdb1 /run/media/root/MY\040STICK vfat rw 0 0
/dev/sdc1 /mnt vfat rw 0 0
/dev/sdd1 /media/same vfat rw 0 0
/dev/sde1 /media/empty vfat rw 0 0
/dev/sdf1 /media/link ext4 rw 0 0
/dev/sdg1 /media/pipe ext4 rw 0 0
/dev/sdh1 /media/huge ext4 rw 0 0
/dev/sdi1 /mediation vfat rw 0 0
broken
`, "\r", ""))
	write("encoderbox.toml", "[streams.of-the-box-itself]\n")
	write("mediation/encoderbox.toml", "[streams.main]\n")
	write("media/good/encoderbox.toml", "[streams.main]\nvideo.bitrate = \"4M\"\n[streams.main.destinations.youtube]\nurl = \"rtmp://a.example/live2/geheim-geheim\"\n")
	write("run/media/root/MY STICK/encoderbox.toml", "[streams.main]\nvideo.gpo = \"4M\"\n")
	write("mnt/encoderbox.toml", "\x00\x01binary = geheim")
	write("media/same/encoderbox.toml", startupDoc)
	write("media/empty/other.toml", "")
	write("media/huge/encoderbox.toml", strings.Repeat("#", maxFile+1))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "media/link"), 0o700))
	require.NoError(t, os.Symlink("../../encoderbox.toml", filepath.Join(root, "media/link/encoderbox.toml")))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "media/pipe"), 0o700))
	require.NoError(t, syscall.Mkfifo(filepath.Join(root, "media/pipe/encoderbox.toml"), 0o600))

	k, d := newStand(t)
	k.o.Root = root
	offers, err := k.Offers()
	require.NoError(t, err)
	found := map[string]Offer{}
	for _, o := range offers {
		rel, _ := filepath.Rel(root, filepath.Dir(o.Path))
		found[rel] = o
		require.Equal(t, o.Valid, len(o.Problems) == 0, o.Path)
		require.NotContains(t, strings.Join(append(o.Problems, o.Diff...), "\n"), "geheim")
	}
	require.Len(t, offers, 7)
	require.Len(t, found, 7)
	good := found["media/good"]
	require.True(t, good.Valid)
	require.Equal(t, []string{`- streams.main.video.bitrate.max = "3M"`, `+ streams.main.video.bitrate.max = "4M"`}, good.Diff)
	require.True(t, found["media/same"].Valid)
	require.Empty(t, found["media/same"].Diff)
	require.Contains(t, found["run/media/root/MY STICK"].Problems[0], `encoderbox.toml:2:1: streams.main.video.gpo: unknown key; did you mean "gop"?`)
	require.Contains(t, found["media/link"].Problems[0], "it is a link")
	require.Contains(t, found["media/pipe"].Problems[0], "expected a plain file")
	require.Contains(t, found["media/huge"].Problems[0], "more than 1048576 bytes")
	require.Equal(t, "3M", bitrate(k.Running()))
	require.False(t, k.Session("panel").Changed(), "it is told of, not taken")

	s := k.NewSession()
	require.Error(t, s.LoadFile(found["mnt"].Path, ""))
	require.Empty(t, s.Diff())
	require.NoError(t, s.LoadFile(good.Path, ""))
	_, err = s.Commit(t.Context(), "anna")
	require.NoError(t, err)
	require.Equal(t, "4M", bitrate(k.Running()))
	require.Equal(t, startupFile, k.Running().File(), "paths are relative to the box's own file")
	doc, _ := d.ReadFile(startupFile)
	require.Equal(t, strings.Replace(startupDoc, "3M", "4M", 1), string(doc), "the comments stay")
}
