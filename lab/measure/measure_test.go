package measure

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestGoalsSayWhatIsMissed(t *testing.T) {
	for _, c := range []struct {
		goal   Goal
		line   string
		margin string
	}{
		{AtMost("a", "", 0.5, 0.45, []float64{0.15, 8}), "goal a 0.45 0.5 ok", "met"},
		{AtMost("a", "", 5, 7, nil), "goal a 7 5 short", "**missed** by 40 %"},
		{AtMost("a", "", 5, 5.01, nil), "goal a 5.01 5 short", "**missed**, by less than 1 %"},
		{AtMost("a", "", 0, 0, nil), "goal a 0 0 ok", "met"},
		{AtMost("a", "", 0, 0.2, nil), "goal a 0.2 0 short", "**missed**"},
		{AtLeast("a", "", 0.5, 0.6, nil), "goal a 0.6 0.5 ok", "met"},
		{AtLeast("a", "", 0.5, 0.4, nil), "goal a 0.4 0.5 short", "**missed** by 20 %"},
		{AtLeast("a", "", 0.5, math.NaN(), nil), "goal a unknown 0.5 short", "**not known**: the measurement was too noisy"},
		{AtMost("a", "", 1, math.NaN(), nil), "goal a unknown 1 short", "**not known**: the measurement was too noisy"},
	} {
		require.Equal(t, c.line, c.goal.String())
		require.Equal(t, c.margin, c.goal.Margin())
	}
	repeats := []float64{0.15, math.NaN(), 8}
	require.Equal(t, "0.45 (repeats: 0.15 – 8)", AtMost("a", "", 0.5, 0.45, repeats).Measured())
	require.True(t, math.IsNaN(repeats[1]), "the caller's repeats are its own")
}

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.5: "0.5", 0.1234: "0.123", 1.256: "1.26", 27.04: "27", 27.06: "27.1", 312.4: "312", -1.5: "-1.5"} {
		require.Equal(t, want, Figure(v))
	}
}

func TestSpread(t *testing.T) {
	require.Equal(t, Spread{}, SpreadOf(nil))
	require.Equal(t, Spread{Median: 2, Low: 1, High: 9}, SpreadOf([]float64{9, 1, 2}))
	require.InDelta(t, 2.5, Median([]float64{4, 1, 2, 3}), 1e-9)
}

func TestOrderTurnsEveryOtherRound(t *testing.T) {
	cases := []int{1, 2, 3}
	require.Equal(t, []int{1, 2, 3}, Order(cases, 0))
	require.Equal(t, []int{3, 2, 1}, Order(cases, 1))
	require.Equal(t, []int{1, 2, 3}, cases)
}

func TestTablesInADocument(t *testing.T) {
	s := SectionOf("figures", "./lab/x")
	file := filepath.Join(t.TempDir(), "doc.md")
	require.NoError(t, os.WriteFile(file, []byte("before\n"+s.Begin+"\nold\n"+s.End+"\nafter\n"), 0o600))
	text := Table{Columns: []string{"a", ""}, Rows: [][]string{{"1", "2"}}}.Markdown()
	require.Equal(t, "| a | |\n|---|---|\n| 1 | 2 |\n", text)
	for range 2 { // the second time nothing changes
		require.NoError(t, s.Write(file, text))
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, "before\n"+s.Begin+"\n"+text+s.End+"\nafter\n", string(got))
	}
	require.NoError(t, os.WriteFile(file, []byte("no markers"), 0o600))
	require.ErrorContains(t, s.Write(file, text), "no lines")
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "no markers", string(got))
}

func TestReportsAreKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.json")
	var got []Goal
	require.ErrorContains(t, Load(file, &got), "no run to show")
	goals := []Goal{AtMost("a", "title", 1, 2, []float64{1, 3})}
	require.NoError(t, Save(file, goals))
	require.NoError(t, Load(file, &got))
	require.Equal(t, goals, got)
}

func TestCPUTimeIsThatOfTheProcess(t *testing.T) {
	var before, after unix.Rusage
	require.NoError(t, unix.Getrusage(unix.RUSAGE_SELF, &before))
	got := CPUTime(os.Getpid())
	require.NoError(t, unix.Getrusage(unix.RUSAGE_SELF, &after))
	total := func(u unix.Rusage) time.Duration { return time.Duration(u.Utime.Nano() + u.Stime.Nano()) }
	const tick = 20 * time.Millisecond // getrusage may round each to a tick
	if got < total(before)-tick || got > total(after)+tick {
		t.Errorf("CPU time %v, the kernel says %v to %v", got, total(before), total(after))
	}
}

func TestMachineTime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stat")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write("cpu  100 10 50 9000 700 5 15 30 0 0\ncpu0 1 2 3\n")
	m, err := readMachineTime(file)
	require.NoError(t, err)
	require.InDelta(t, 1.8, m.Busy, 1e-9)
	require.InDelta(t, 0.3, m.Steal, 1e-9)
	for _, bad := range []string{"", "cpu 1 2 3\n", "cpu  a 10 50 9000 700 5 15 30\n", "intr 1 2 3 4 5 6 7 8 9\n"} {
		write(bad)
		_, err := readMachineTime(file)
		require.Error(t, err, bad)
	}
}

func TestWriteBytes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "io")
	require.NoError(t, os.WriteFile(file, []byte("rchar: 9\nwchar: 8\nread_bytes: 7\nwrite_bytes: 4096\ncancelled_write_bytes: 5\n"), 0o600))
	n, err := writeBytes(file)
	require.NoError(t, err)
	require.Equal(t, int64(4096), n)
	require.NoError(t, os.WriteFile(file, []byte("rchar: 9\n"), 0o600))
	_, err = writeBytes(file)
	require.Error(t, err)
}

func TestMeterCountsAFileOnce(t *testing.T) {
	dir := t.TempDir()
	m := &Meter{dir: dir, sizes: map[uint64]int64{}, media: func(name string) bool { return strings.Contains(name, ".m4s") }}
	write := func(name string, n int) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), make([]byte, n), 0o600))
	}
	write("1.m4s.tmp", 100)
	write("index.m3u8", 999)
	require.Equal(t, int64(100), m.Bytes(), "of a segment being written")
	write("1.m4s.tmp", 300)
	require.NoError(t, os.Rename(filepath.Join(dir, "1.m4s.tmp"), filepath.Join(dir, "1.m4s")))
	write("2.m4s", 50)
	require.Equal(t, int64(350), m.Bytes())
	require.NoError(t, os.Remove(filepath.Join(dir, "2.m4s")))
	require.Equal(t, int64(350), m.Bytes(), "after a segment has left")
}

func TestDeviceBytes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stat")
	require.NoError(t, os.WriteFile(file, []byte("      53        0     2122        4        3        0        8        0        0        0        5\n"), 0o600))
	n, err := deviceBytes(file)
	require.NoError(t, err)
	require.Equal(t, int64(8*512), n)
	require.NoError(t, os.WriteFile(file, []byte("53 0 2122\n"), 0o600))
	_, err = deviceBytes(file)
	require.Error(t, err)
}

func TestADiskIsNotInMemory(t *testing.T) {
	_, err := NewDisk("/dev/shm")
	require.ErrorContains(t, err, "on a memory file system")
}
