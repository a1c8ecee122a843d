package localsocket

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Whatever the umask: nobody else is let in between the making and the mode.
func TestASocketIsMadeWithItsMode(t *testing.T) {
	for _, umask := range []int{0, 0o077} {
		before := syscall.Umask(umask)
		path := filepath.Join(t.TempDir(), "s")
		l, err := bind(t.Context(), path, 0o640)
		syscall.Umask(before)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := mode(t, path), fs.FileMode(0o640&^umask); got != want {
			t.Errorf("umask %03o: made with mode %03o, want %03o", umask, got, want)
		}
		l.Close()
	}
}

func TestWhoIsLetInByTheModeIsLetIn(t *testing.T) {
	before := syscall.Umask(0o077)
	defer syscall.Umask(before)
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(t.Context(), path, 0o660)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := mode(t, path); got != 0o660 {
		t.Errorf("mode %03o", got)
	}
	if _, err := Listen(t.Context(), path, 0o660); err == nil {
		t.Error("two listen on one socket")
	}
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}
