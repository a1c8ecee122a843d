package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestCPUTimeIsThatOfTheProcess(t *testing.T) {
	var before, after unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &before); err != nil {
		t.Fatal(err)
	}
	got := cpuTime(os.Getpid())
	if err := unix.Getrusage(unix.RUSAGE_SELF, &after); err != nil {
		t.Fatal(err)
	}
	total := func(u unix.Rusage) time.Duration { return time.Duration(u.Utime.Nano() + u.Stime.Nano()) }
	const tick = 20 * time.Millisecond // getrusage may round each to a tick
	if got < total(before)-tick || got > total(after)+tick {
		t.Errorf("CPU time %v, the kernel says %v to %v", got, total(before), total(after))
	}
}

func TestMachineTime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stat")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("cpu  100 10 50 9000 700 5 15 30 0 0\ncpu0 1 2 3\n")
	m, err := readMachineTime(file)
	if err != nil || math.Abs(m.busy-1.8) > 1e-9 || math.Abs(m.steal-0.3) > 1e-9 {
		t.Errorf("%+v, %v", m, err)
	}
	for _, bad := range []string{"", "cpu 1 2 3\n", "cpu  a 10 50 9000 700 5 15 30\n", "intr 1 2 3 4 5 6 7 8 9\n"} {
		write(bad)
		if _, err := readMachineTime(file); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestCostsLeaveOthersWhatIsNotOurs(t *testing.T) {
	at := time.Unix(100, 0)
	a := sample{at: at, cpu: time.Second, libsrt: time.Second / 2, machine: machineTime{busy: 50, steal: 1}}
	b := sample{at: at.Add(10 * time.Second), cpu: 2 * time.Second, libsrt: 3 * time.Second / 4,
		sinks: 500 * time.Millisecond, own: 500 * time.Millisecond, machine: machineTime{busy: 57, steal: 2}}
	var got trial
	got.costs(a, b)
	if got.CPU != 0.1 || got.LibSRT != 0.025 || got.Others != 0.5 || got.Steal != 0.1 {
		t.Errorf("%+v", got)
	}
}

func TestASinkThatMissesItsBytesVoidsTheTrial(t *testing.T) {
	at := time.Unix(100, 0)
	begin := received{at: at, hls: 5, rtmp: 5, srt: 5}
	full := received{at: at.Add(10 * time.Second), hls: 10_000_005, rtmp: 10_000_005, srt: 10_500_005}
	s := &sinks{job: allThree}
	if err := s.check(begin, full, 1e6); err != nil {
		t.Errorf("all legs full: %v", err)
	}
	segmentLess := full
	segmentLess.hls -= 2_000_000
	if err := s.check(begin, segmentLess, 1e6); err != nil {
		t.Errorf("the last segment not there yet: %v", err)
	}
	for name, spoil := range map[string]func(*received){
		"the HLS folder":    func(r *received) { r.hls = begin.hls + 6_000_000 },
		"nginx":             func(r *received) { r.rtmp = begin.rtmp },
		"srt-live-transmit": func(r *received) { r.srt = begin.srt + 20_000_000 },
	} {
		bad := full
		spoil(&bad)
		if err := s.check(begin, bad, 1e6); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (&sinks{job: srtOnly}).check(begin, received{at: full.at, srt: full.srt}, 1e6); err != nil {
		t.Errorf("legs that are not sent count: %v", err)
	}
}

func TestDirMeterCountsAFileOnce(t *testing.T) {
	dir := t.TempDir()
	m := &dirMeter{dir: dir, sizes: map[uint64]int64{}}
	write := func(name string, n int) {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("1.m4s.tmp", 100)
	write("index.m3u8", 999)
	if got := m.bytes(); got != 100 {
		t.Errorf("%d bytes of a segment being written, want 100", got)
	}
	write("1.m4s.tmp", 300)
	if err := os.Rename(filepath.Join(dir, "1.m4s.tmp"), filepath.Join(dir, "1.m4s")); err != nil {
		t.Fatal(err)
	}
	write("2.m4s", 50)
	if got := m.bytes(); got != 350 {
		t.Errorf("%d bytes, want 350", got)
	}
	if err := os.Remove(filepath.Join(dir, "2.m4s")); err != nil {
		t.Fatal(err)
	}
	if got := m.bytes(); got != 350 {
		t.Errorf("%d bytes after a segment has left, want 350", got)
	}
}

func TestReferencesOfPlaylists(t *testing.T) {
	const playlist = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",URI=\"audio.m3u8\"\n" +
		"#EXT-X-STREAM-INF:BANDWIDTH=1\nvideo.m3u8\n\n#EXT-X-MAP:URI=\"i.mp4\"\n#EXTINF:2,\n../x/1.m4s\r\n#EXT-X-MAP:URI=\"i.mp4\"\n"
	got := references("http://h/hls/main/index.m3u8", playlist)
	want := []string{"http://h/hls/main/audio.m3u8", "http://h/hls/main/video.m3u8", "http://h/hls/main/i.mp4", "http://h/hls/x/1.m4s"}
	if !slices.Equal(got, want) {
		t.Errorf("references %q, want %q", got, want)
	}
}

func TestEveryJobIsMeasuredBesideFFmpeg(t *testing.T) {
	has := map[string]bool{}
	for _, c := range cases {
		if has[c.name()] {
			t.Errorf("%s stands twice", c.name())
		}
		has[c.name()] = true
	}
	for _, j := range []job{hlsOnly, rtmpOnly, srtOnly, allThree} {
		if !has[ours+": "+j.String()] || !has[theirs+": "+j.String()] {
			t.Errorf("%s is not measured with both programs", j)
		}
	}
}
