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

	"github.com/encoderbox/encoderbox/lab/terminal"
)

// dial takes the cable.
func dial(tb testing.TB, b *box) *terminal.Line {
	tb.Helper()
	return terminal.Open(tb, b.cable.PC, patience)
}

func TestAPasteOf100kB(t *testing.T) {
	t.Parallel()
	b := usedBox(t, nowhere)
	p := dial(t, b).Login("admin", "secret")
	p.Types(strings.Repeat("word ", 20_000) + "\r")
	p.Until("longer than the 4096 that are taken")
	p.Until("box> ")

	const lines = 4000
	pasted := make(chan error, 1)
	go func() {
		_, err := io.WriteString(p.Conn, strings.Repeat("destination pause youtube\r", lines)) // 104 kB
		pasted <- err
	}()
	for range lines {
		p.Until("Done.")
	}
	require.NoError(t, <-pasted)
}

func TestGarbageAndBreaksAreSurvived(t *testing.T) {
	t.Parallel()
	p := dial(t, usedBox(t, nowhere)).Login("admin", "secret")
	random := rand.New(rand.NewPCG(7, 7))
	noise := make([]byte, 100_000)
	for i := range noise {
		if noise[i] = byte(random.Uint32()); noise[i] == 4 {
			noise[i] = 0 // ^D would log out, rightly
		}
	}
	go func() { _, _ = p.Conn.Write(noise) }()
	time.Sleep(time.Second)
	require.NoError(t, unix.IoctlSetInt(fd(t, p.Conn.(*os.File)), unix.TCSBRKP, 1))
	p.Types("\x03\x15")
	time.Sleep(time.Second)
	p.Types("\x15destination pause youtube\r")
	p.Until("Done.")
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
	p.Until("press Enter")
	p.Types("\rconfigure\rrollback factory\rdiff\r")
	p.Until("box(config)# diff\r\n")
	differs := strings.Fields(p.Until("box(config)# "))
	require.Contains(t, differs, "console.device")
	for _, word := range differs {
		table, _, dotted := strings.Cut(word, ".")
		require.False(t, dotted && strings.HasPrefix(table, "streams"), "a newcomer's box has not what the factory's has: %s", word)
	}
}

// BenchmarkAnswers is from Enter to the next prompt, while the box encodes.
func BenchmarkAnswers(b *testing.B) {
	p := dial(b, usedBox(b, nowhere)).Login("admin", "secret")
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		p.Types("show status\r")
		p.Until("box> ")
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
