package segment

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFileIsSeenWhenCompleteAndHoldsEveryBuffer(t *testing.T) {
	d := folder(t.TempDir())
	f, err := d.create("video_00_1.m4s")
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	for range 2 {
		var bufs [][]byte
		for i := range 2*maxBuffers + 10 { // more than one writev takes, some empty
			b := bytes.Repeat([]byte{byte(i)}, i%5)
			bufs = append(bufs, b)
			want = append(want, b...)
		}
		if err := f.write(bufs); err != nil {
			t.Fatal(err)
		}
	}
	at := filepath.Join(string(d), "video_00_1.m4s")
	if _, err := os.Stat(at); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("seen before it is complete: %v", err)
	}
	part := f.content(100)
	if got, err := readContent(part); err != nil || !bytes.Equal(got, want[:100]) {
		t.Errorf("the first 100 bytes, while it is written: %d bytes, %v", len(got), err)
	}
	if got, err := f.commit(); err != nil || got != path(at) {
		t.Fatalf("commit: %q, %v", got, err)
	}
	if got, err := readContent(part); err != nil || !bytes.Equal(got, want[:100]) {
		t.Errorf("the first 100 bytes, when it is complete: %d bytes, %v", len(got), err)
	}
	got, err := os.ReadFile(at)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes in the file, want %d (%v)", len(got), len(want), err)
	}
	if err := d.clear(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(string(d)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}

func TestPartialWritesGoOnWhereTheyStopped(t *testing.T) {
	whole := [][]byte{[]byte("ab"), {}, []byte("cde"), []byte("f")}
	for n := range 7 {
		bufs := [][]byte{whole[0], whole[1], whole[2], whole[3]}
		if got := string(bytes.Join(skip(bufs, n), nil)); got != "abcdef"[n:] {
			t.Errorf("after %d bytes: %q", n, got)
		}
	}
}

func TestFullDeviceIsNamed(t *testing.T) {
	d := folder(t.TempDir())
	path := filepath.Join(string(d), "video_00_1.m4s")
	if err := os.Symlink("/dev/full", path+temporary); err != nil {
		t.Fatal(err)
	}
	f, err := d.create("video_00_1.m4s")
	if err != nil {
		t.Fatal(err)
	}
	err = f.write([][]byte{[]byte("x")})
	if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	f.abort()
	if _, err := os.Lstat(path + temporary); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the unfinished file is still there: %v", err)
	}
}
