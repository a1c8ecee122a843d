package journal

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/hub"
	"github.com/encoderbox/encoderbox/output/segment"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// silent is a reporter of a segmenter.
type silent struct{ recorder }

func (*silent) Stats(segment.Stats) {}

// studio is a clip on its way through a segmenter into a journal, on real files.
type studio struct {
	*Journal
	t    *testing.T
	dir  string
	seg  *segment.Segmenter
	hub  *hub.Hub
	stop func()
}

func newStudio(t *testing.T, cfg Config) *studio {
	t.Helper()
	s := &studio{t: t, dir: filepath.Join(t.TempDir(), "reels"), hub: hub.New(media.NewClock())}
	var err error
	s.seg, err = segment.New(segment.Config{Dir: filepath.Join(t.TempDir(), "live"), Segments: 1000}, s.hub, &silent{})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Dir, cfg.Reserve = s.dir, -1
	if s.Journal, err = Open(cfg, &recorder{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- s.seg.Run(ctx, func() {}) }()
	go func() { done <- s.Run(ctx, s.seg) }()
	stopped := false
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		}
	}
	t.Cleanup(s.stop)
	<-s.Ready()
	return s
}

// play sends the clip, and waits until all that is complete of it is stored.
func (s *studio) play(clip *segmenttest.Clip) {
	s.t.Helper()
	for s.seg.Window().Run == "" { // the hub keeps nothing for who has not subscribed yet
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond)
	s.hub.Announce(media.Video, media.Audio)
	for i, p := range clip.Packets {
		s.hub.Write(p)
		if i%20 == 0 {
			time.Sleep(time.Millisecond) // nor does it wait for anybody
		}
	}
	want := int(clip.Duration/(2*time.Second)) - 1
	for deadline := time.Now().Add(time.Minute); int(s.Stats().Segments) < want; {
		if time.Now().After(deadline) {
			s.t.Fatalf("%+v of %d segments", s.Stats(), want)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// decode counts what ffmpeg decodes of a file; what it complains of is empty
// for a file without fault.
func decode(t *testing.T, path string, strict bool) (frames int, complaints string) {
	t.Helper()
	args := []string{"-v", "warning", "-i", path, "-map", "0", "-progress", "pipe:1", "-f", "null", "-"}
	if strict {
		args = append([]string{"-xerror"}, args...)
	}
	var out, msg bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "ffmpeg", args...)
	cmd.Stdout, cmd.Stderr = &out, &msg
	if err := cmd.Run(); err != nil && strict {
		t.Errorf("ffmpeg: %v: %s", err, msg.String())
	}
	for line := range strings.Lines(out.String()) {
		_, _ = fmt.Sscanf(line, "frame=%d", &frames)
	}
	return frames, strings.TrimSpace(msg.String())
}

// pictures that the stored segments have.
func (j *Journal) pictures() (n int) {
	for _, r := range j.find(func(*reel) bool { return true }) {
		for _, e := range j.entriesOf(r) {
			n += e.seg.Video.Samples
		}
	}
	return n
}

func TestReelsPlayAndAreTheStreamBitForBit(t *testing.T) {
	path, err := footage.StreetMP4(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	clip, err := segmenttest.ReadMP4(path)
	if err != nil {
		t.Fatal(err)
	}
	s := newStudio(t, Config{})
	release := s.Keep(named("talk"))
	s.play(clip)
	reel := s.Reels()[0]
	torn := filepath.Join(t.TempDir(), "torn.mp4")
	data, err := os.ReadFile(reel.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(torn, data[:len(data)-len(data)/20], 0o600); err != nil {
		t.Fatal(err)
	}
	if n, msg := decode(t, torn, false); n < 25*20 {
		t.Errorf("a reel cut anywhere has %d pictures: %s", n, msg)
	}
	for seg := range s.seg.Window().All {
		for _, k := range kinds() {
			m := seg.Media(k)
			if !bytes.Equal(read(t, s.storedMedia(seg.Sequence, k).Content), read(t, m.Content)) {
				t.Errorf("%s is not what was cut", m.Name)
			}
		}
	}
	release()
	s.stop()
	reel = s.Reels()[0]
	n, msg := decode(t, reel.Path, true)
	if n != s.pictures() || n < 25*26 || msg != "" {
		t.Errorf("ffmpeg decodes %d pictures of %d, and says %q", n, s.pictures(), msg)
	}
	if out, err := exec.CommandContext(t.Context(), "sh", "-c", "cd "+s.dir+" && sha256sum -c *.sha256").CombinedOutput(); err != nil {
		t.Errorf("sha256sum: %s", out)
	}
	t.Logf("%d bytes for %d of chunks in %v", s.Stats().Written, s.Stats().Payload, s.Stats().Stored)
}

func (j *Journal) storedMedia(sequence uint64, k media.Kind) *segment.Media {
	for _, r := range j.find(func(r *reel) bool { return r.stored(sequence) }) {
		if n := firstFrom(j.entriesOf(r), sequence); n != nil {
			return n.seg.Media(k)
		}
	}
	return &segment.Media{Content: &content{files: j.files, name: "no such reel"}}
}

func TestTornReelIsRepairedAndPlaysWithoutComplaint(t *testing.T) {
	path, err := footage.StreetMP4(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	clip, err := segmenttest.ReadMP4(path)
	if err != nil {
		t.Fatal(err)
	}
	s := newStudio(t, Config{})
	s.Keep(named("talk"))
	s.play(clip)
	data, err := os.ReadFile(s.Reels()[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	s.stop()
	again := newStudio(t, Config{})
	again.stop()
	if err := os.MkdirAll(again.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	torn := append(data[:len(data)-len(data)/20], make([]byte, 4096)...)
	if err := os.WriteFile(filepath.Join(again.dir, "talk-0.mp4"), torn, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := again.load(); err != nil {
		t.Fatal(err)
	}
	reel := again.Reels()[0]
	n, msg := decode(t, reel.Path, true)
	if n < 25*20 || msg != "" || reel.SHA256 == "" || !reel.Kept {
		t.Errorf("ffmpeg decodes %d pictures and says %q of %+v", n, msg, reel)
	}
}

func TestRootFileSystemIsRefusedWhereAMountIsRequired(t *testing.T) {
	if _, err := (folder{dir: "/no/such/mount", requireMount: true}).device(); err == nil || !strings.Contains(err.Error(), "mounted") {
		t.Errorf("device: %v", err)
	}
	if _, err := (folder{dir: "/proc/self", requireMount: true}).device(); err != nil {
		t.Errorf("a mount: %v", err)
	}
}

func TestContentSeeks(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := content{files: &files{fs: folder{dir: dir}}, name: "a", spans: []span{{1, 3}, {6, 4}, {15, 1}}}
	f, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	whole := "1236789f"
	for from := range len(whole) + 2 {
		for n := range len(whole) + 2 {
			if _, err := f.Seek(int64(from), io.SeekStart); err != nil {
				t.Fatal(err)
			}
			p := make([]byte, n)
			got, _ := io.ReadFull(f, p)
			want := whole[min(from, len(whole)):min(from+n, len(whole))]
			if string(p[:got]) != want {
				t.Errorf("%d bytes from %d: %q, want %q", n, from, p[:got], want)
			}
		}
	}
	if end, _ := f.Seek(-2, io.SeekEnd); end != 6 {
		t.Errorf("end is %d", end)
	}
}
