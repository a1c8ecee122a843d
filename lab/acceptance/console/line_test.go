package console

import (
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// program is a PC's end of a line to the box in the hands of the test.
type program struct {
	tb   testing.TB
	line interface {
		io.ReadWriteCloser
		SetReadDeadline(t time.Time) error
		SetWriteDeadline(t time.Time) error
	}
	seen string
}

// dial takes the cable.
func dial(tb testing.TB, b *box) *program {
	tb.Helper()
	line, err := os.OpenFile(b.cable.PC, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	require.NoError(tb, err)
	tb.Cleanup(func() { line.Close() })
	return &program{tb: tb, line: line}
}

func (p *program) types(text string) {
	p.tb.Helper()
	require.NoError(p.tb, p.line.SetWriteDeadline(time.Now().Add(patience)))
	_, err := io.WriteString(p.line, text)
	require.NoError(p.tb, err)
}

// until reads until text has come behind what was seen before.
func (p *program) until(text string) string {
	p.tb.Helper()
	b := make([]byte, 4096)
	require.NoError(p.tb, p.line.SetReadDeadline(time.Now().Add(patience)))
	for !strings.Contains(p.seen, text) {
		n, err := p.line.Read(b)
		require.NoError(p.tb, err, "waiting for %q, got %q", text, p.seen)
		p.seen += string(b[:n])
	}
	before, after, _ := strings.Cut(p.seen, text)
	p.seen = after
	return before
}

func (p *program) login() *program {
	p.until("press Enter")
	p.types("\r")
	p.until("login: ")
	p.types("admin\rsecret\r")
	p.until("box> ")
	return p
}

func TestAPasteOf100kB(t *testing.T) {
	t.Parallel()
	b := usedBox(t, nowhere)
	p := dial(t, b).login()
	p.types(strings.Repeat("word ", 20_000) + "\r")
	p.until("longer than the 4096 that are taken")
	p.until("box> ")

	const lines = 4000
	pasted := make(chan error, 1)
	go func() {
		_, err := io.WriteString(p.line, strings.Repeat("destination pause youtube\r", lines)) // 104 kB
		pasted <- err
	}()
	for range lines {
		p.until("Done.")
	}
	require.NoError(t, <-pasted)
}

func TestGarbageAndBreaksAreSurvived(t *testing.T) {
	t.Parallel()
	p := dial(t, usedBox(t, nowhere)).login()
	random := rand.New(rand.NewPCG(7, 7))
	noise := make([]byte, 100_000)
	for i := range noise {
		if noise[i] = byte(random.Uint32()); noise[i] == 4 {
			noise[i] = 0 // ^D would log out, rightly
		}
	}
	go func() { _, _ = p.line.Write(noise) }()
	time.Sleep(time.Second)
	require.NoError(t, unix.IoctlSetInt(fd(t, p.line.(*os.File)), unix.TCSBRKP, 1))
	p.types("\x03\x15")
	time.Sleep(time.Second)
	p.types("\x15destination pause youtube\r")
	p.until("Done.")
}

func fd(t *testing.T, f *os.File) (n int) {
	t.Helper()
	raw, err := f.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) { n = int(fd) }))
	return n
}

// TestABoxAsItComes holds the newcomer's box against the factory's configuration.
func TestABoxAsItComes(t *testing.T) {
	t.Parallel()
	p := dial(t, freshBox(t))
	p.until("press Enter")
	p.types("\rconfigure\rrollback factory\rdiff\r")
	p.until("box(config)# diff\r\n")
	differs := strings.Fields(p.until("box(config)# "))
	require.Contains(t, differs, "console.device")
	for _, word := range differs {
		table, _, dotted := strings.Cut(word, ".")
		require.False(t, dotted && strings.HasPrefix(table, "streams"), "a newcomer's box has not what the factory's has: %s", word)
	}
}

// BenchmarkAnswers is from Enter to the next prompt, while the box encodes.
func BenchmarkAnswers(b *testing.B) {
	p := dial(b, usedBox(b, nowhere)).login()
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		p.types("show status\r")
		p.until("box> ")
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
