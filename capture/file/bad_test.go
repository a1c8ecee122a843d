package file

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/encoderbox/encoderbox/media"
)

func TestBadFiles(t *testing.T) {
	mp4, err := os.ReadFile(clip(t, "x.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) int64 { return int64(bytes.Index(mp4, []byte(name))) - 4 }
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, path, want string }{
		{"text", write(t, "vtest.txt", []byte("no video at all")), "vtest.txt: not a media file; supported are MP4"},
		{"long text", write(t, "long.txt", bytes.Repeat([]byte("GGGGG is no sync\n"), 500)), "not a media file"},
		{"nothing there", filepath.Join(t.TempDir(), "none.mp4"), "none.mp4: no such file or directory"},
		{"directory", t.TempDir(), "is a directory"},
		{"empty", write(t, "empty.mp4", nil), "the file is empty"},
		{"pipe that nobody writes to", pipe, "is a device or pipe"},
		{"index missing", write(t, "cut.mp4", mp4[:at("moov")]), "the recording was cut off before its index (moov box) was written"},
		{"index cut", write(t, "cut2.mp4", mp4[:at("moov")+100]), "the recording was cut off before its index"},
		{"nothing but a type", write(t, "ftyp.mp4", mp4[:32]), "no index (moov box)"},
		{"AVI", ffmpeg(t, "x.avi", append(av[:4:4], "-c:v", "mpeg4")...), "AVI files are not supported; convert it: ffmpeg -i"},
		{"Matroska", clip(t, "x.mkv"), "Matroska and WebM files are not supported; convert it: ffmpeg -i"},
		{"other codecs in MP4", ffmpeg(t, "m4v.mp4", append(av[:4:4], "-c:v", "mpeg4")...), "nothing to play: it has mp4v: not supported; supported are H.264 and AAC-LC; convert it: ffmpeg -i"},
		{"other codecs in TS", ffmpeg(t, "m2v.ts", append(av[:4:4], "-c:v", "mpeg2video")...), "nothing to play: it has MPEG-1/2 video; supported are H.264 and AAC-LC; convert it"},
		{"Y4M 4:4:4", ffmpeg(t, "x444.y4m", append(av[:4:4], "-pix_fmt", "yuv444p")...), "only 8-bit 4:2:0 is supported: ffmpeg"},
		{"Y4M odd", ffmpeg(t, "odd.y4m", append(av[:4:4], "-pix_fmt", "yuv420p", "-vf", "scale=101:64")...), "size 101x64: width and height must be even"},
		{"Y4M without rate", write(t, "r.y4m", []byte("YUV4MPEG2 W64 H64\nFRAME\n")), "gives no frame rate"},
		{"Y4M without pictures", write(t, "n.y4m", []byte("YUV4MPEG2 W64 H64 F25:1\nFRAME\nxx")), "holds no whole picture"},
		{"Y4M half-way damaged", write(t, "d.y4m", append(append([]byte("YUV4MPEG2 W64 H64 F25:1\nFRAME\n"), make([]byte, 64*64*3/2)...), "FRUME\n"...)), "no frame begins at byte 6174, where frame 2 should"},
		{"WAV with floats", ffmpeg(t, "f.wav", append(av[4:8:8], "-c:a", "pcm_f32le")...), "WAV coding 3 with 32 bits is not supported; convert it: ffmpeg"},
		{"WAV of another rate", ffmpeg(t, "r.wav", append(av[4:8:8], "-ar", "22050")...), "22050 Hz is not supported"},
		{"WAV with many channels", ffmpeg(t, "c.wav", append(av[4:8:8], "-ac", "6")...), "6 WAV channels are not supported"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, err := Open(Config{Path: c.path}, media.NewClock())
			if err == nil {
				in.Close()
				t.Fatalf("opened as %q", in.Description)
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	_, err = Open(Config{Path: clip(t, "y.mp4"), AudioPath: "x.wav"}, media.NewClock())
	if err == nil || !strings.Contains(err.Error(), "goes with a Y4M file only") {
		t.Errorf("audio file beside an MP4: %v", err)
	}
	_, err = Open(Config{Path: filepath.Join(t.TempDir(), "none.mp4")}, media.NewClock())
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v is not os.ErrNotExist", err)
	}
}

func TestOtherUsersFile(t *testing.T) {
	if os.Geteuid() == 0 {
		// root may read everything: give the right to open away for this test
		path := write(t, "x.mp4", []byte("x"))
		err := asNobody(t, func() error { _, err := Open(Config{Path: path}, media.NewClock()); return err })
		if err == nil || !strings.Contains(err.Error(), "permission denied; let the user") {
			t.Errorf("got %v", err)
		}
		return
	}
	path := write(t, "x.mp4", []byte("x"))
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Path: path}, media.NewClock()); err == nil || !strings.Contains(err.Error(), "permission denied; let the user") {
		t.Errorf("got %v", err)
	}
}

// TestCutFilesPlayWhatIsThere cuts the end off; what is left plays, only whole
// access units come, and the description says so.
func TestCutFilesPlayWhatIsThere(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		note string
	}{
		{"f.mp4", []string{"-movflags", "+faststart"}, "(cut short: the first 1"},
		{"frag.mp4", []string{"-movflags", "+frag_keyframe+empty_moov+default_base_moof"}, "(cut short: the first 1"},
		{"x.ts", nil, "(cut short)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := clip(t, c.name, c.args...)
			whole := units(t, mustOpen(t, Config{Path: path}, media.NewClock()))
			truncate(t, path, size(t, path)*2/3/188*188+100)
			in := mustOpen(t, Config{Path: path}, media.NewClock())
			if !strings.Contains(in.Description, c.note) {
				t.Errorf("description %q lacks %q", in.Description, c.note)
			}
			if len(in.Notes) != 1 || !strings.HasPrefix("("+in.Notes[0]+")", c.note) {
				t.Errorf("notes %q, want one with %q", in.Notes, c.note)
			}
			left := units(t, in)
			if len(left) < len(whole)/3 || len(left) >= len(whole) {
				t.Fatalf("%d of %d units are left", len(left), len(whole))
			}
			known := make(map[string]bool)
			for _, u := range whole {
				known[string(u.data)] = true
			}
			for i, u := range left {
				if !known[string(u.data)] {
					t.Errorf("unit %d of %d is not one of the file's (%v)", i, len(left), u.track)
				}
			}
		})
	}
	path := clip(t, "begin.mp4", "-movflags", "+faststart")
	data, _ := os.ReadFile(path)
	truncate(t, path, int64(bytes.Index(data, []byte("mdat"))+40))
	if _, err := Open(Config{Path: path}, media.NewClock()); err == nil || !strings.Contains(err.Error(), "before the first picture; copy it again") {
		t.Errorf("got %v", err)
	}
}

// asNobody runs f without root's right to read everything. The change holds
// for one thread, which ends with its goroutine.
func asNobody(t *testing.T, f func() error) (err error) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = withFSUser(65534, f)
	}()
	<-done
	return err
}
