package config

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func content(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(b)
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestSaveKeepsThePreviousVersion(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "box.toml")
	for _, doc := range []string{"one", "two", "three"} {
		require.NoError(t, Save(file, []byte(doc)))
	}
	require.Equal(t, "three", content(t, file))
	require.Equal(t, "two", content(t, file+PreviousSuffix))
	require.Equal(t, []string{"box.toml", "box.toml.previous"}, names(t, dir), "no temporary file stays")
	for _, f := range []string{file, file + PreviousSuffix} {
		info, err := os.Stat(f)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "secrets are for the owner alone")
	}
	require.NoError(t, Save(file, []byte("three")))
	require.Equal(t, "two", content(t, file+PreviousSuffix), "the same content again is no new version")
}

func TestSaveFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "real"), 0o700))
	link := filepath.Join(dir, "box.toml")
	require.NoError(t, os.Symlink("real/box.toml", link))
	for _, doc := range []string{"one", "two"} { // a link to nothing, then to a file
		require.NoError(t, Save(link, []byte(doc)))
	}
	require.Equal(t, "two", content(t, filepath.Join(dir, "real", "box.toml")))
	require.Equal(t, "one", content(t, filepath.Join(dir, "real", "box.toml.previous")))
	target, err := os.Readlink(link)
	require.NoError(t, err)
	require.Equal(t, "real/box.toml", target)
}

// fullDisk writes some bytes and then has no space left, on the n-th file.
type fullDisk struct {
	OS
	made, failing int
}

func (d *fullDisk) CreateTemp(dir, pattern string) (File, error) {
	f, err := d.OS.CreateTemp(dir, pattern)
	d.made++
	return &fullFile{f, d.made == d.failing}, err
}

type fullFile struct {
	File
	full bool
}

func (f *fullFile) Write(b []byte) (int, error) {
	if !f.full {
		return f.File.Write(b)
	}
	n, _ := f.File.Write(b[:len(b)/2])
	return n, &os.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
}

func TestSaveOnAFullDiskLeavesTheOldFileWhole(t *testing.T) {
	for name, failing := range map[string]int{"while writing the new version": 1, "while keeping the previous one": 2} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "box.toml")
			require.NoError(t, Save(file, []byte("zero")))
			require.NoError(t, Save(file, []byte("one")))
			err := SaveOn(&fullDisk{failing: failing}, file, []byte("two"))
			require.ErrorIs(t, err, syscall.ENOSPC)
			require.ErrorContains(t, err, file)
			require.ErrorContains(t, err, "the file is unchanged; free some space")
			require.NotContains(t, err.Error(), "\n")
			require.Equal(t, "one", content(t, file))
			require.Equal(t, "zero", content(t, file+PreviousSuffix))
			require.Equal(t, []string{"box.toml", "box.toml.previous"}, names(t, dir))
		})
	}
}

func TestSaveNamesWhatStandsInTheWay(t *testing.T) {
	dir := t.TempDir()
	err := Save(filepath.Join(dir, "none", "box.toml"), []byte("x"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "the file is unchanged")
	require.Error(t, Save(dir, []byte("x")), "a folder is no file")
	require.Empty(t, names(t, dir))
}
