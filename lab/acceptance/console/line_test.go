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

// program is a PC's end of the cable in the hands of the test.
type program struct {
	t    *testing.T
	line *os.File
	seen string
}

func dial(t *testing.T, b *box) *program {
	t.Helper()
	line, err := os.OpenFile(b.cable.PC, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	require.NoError(t, err)
	t.Cleanup(func() { line.Close() })
	return &program{t: t, line: line}
}

func (p *program) types(text string) {
	p.t.Helper()
	require.NoError(p.t, p.line.SetWriteDeadline(time.Now().Add(patience)))
	_, err := io.WriteString(p.line, text)
	require.NoError(p.t, err)
}

// until reads until text has come behind what was seen before.
func (p *program) until(text string) string {
	p.t.Helper()
	b := make([]byte, 4096)
	for !strings.Contains(p.seen, text) {
		require.NoError(p.t, p.line.SetReadDeadline(time.Now().Add(patience)))
		n, err := p.line.Read(b)
		require.NoError(p.t, err, "waiting for %q, got %q", text, p.seen)
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
	b, other := newBox(t), newBox(t)
	p, q := dial(t, b).login(), dial(t, other).login()
	p.types(strings.Repeat("word ", 20_000) + "\r")
	p.until("longer than the 4096 that are taken")
	p.until("box> ")

	const lines = 4000
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range lines {
			p.until("Done.")
		}
	}()
	p.types(strings.Repeat("destination pause youtube\r", lines)) // 104 kB
	q.types("show status\r")
	q.until("stream main")
	<-done
}

func TestGarbageAndBreaksAreSurvived(t *testing.T) {
	t.Parallel()
	p := dial(t, newBox(t)).login()
	random := rand.New(rand.NewPCG(7, 7))
	noise := make([]byte, 100_000)
	for i := range noise {
		if noise[i] = byte(random.Uint32()); noise[i] == 4 {
			noise[i] = 0 // ^D would log out, rightly
		}
	}
	go func() { _, _ = p.line.Write(noise) }()
	time.Sleep(time.Second)
	require.NoError(t, unix.IoctlSetInt(fd(t, p.line), unix.TCSBRKP, 1))
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

func TestAProgramTakesTheLineAndGivesItBack(t *testing.T) {
	t.Parallel()
	p := dial(t, newBox(t)).login()
	p.types("machine\n")
	p.until("HELLO {")
	p.until("STATE 1 1 {")
	p.types("DO 17 destination pause youtube\n")
	p.until("ACK 17 ")
	p.types("DO 18 nonsense\nEXIT\nshow status\n")
	p.until("NACK 18 unknown")
	p.until("BYE")
	p.until("box> ")
	p.until("paused by admin at")
}

// TestAnswersAreQuick holds the median, since the machine runs other tests too; the
// figure of the product is measured apart.
func TestAnswersAreQuick(t *testing.T) {
	p := dial(t, newBox(t)).login()
	var took []time.Duration
	for range 200 {
		begun := time.Now()
		p.types("show status\r")
		p.until("box> ")
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	t.Logf("median %s, p99 %s", took[100], took[197])
	require.Less(t, took[100], 20*time.Millisecond)
}
