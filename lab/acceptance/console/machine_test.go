package console

import (
	"encoding/json"
	"io"
	"maps"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// client is a program's end of the line protocol: what it was told.
type client struct {
	*program
	hello   string
	state   map[string]any
	answers map[string]string // by the ID of what was asked
}

// reads takes lines until what was told is as wanted.
func (c *client) reads(is func() bool) {
	c.tb.Helper()
	for !is() {
		line := strings.TrimRight(c.until("\n"), "\r")
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case "HELLO":
			c.hello = rest
		case "STATE", "CHANGE":
			told := map[string]any{}
			require.NoError(c.tb, json.Unmarshal([]byte(rest[strings.IndexByte(rest, '{'):]), &told), line)
			maps.Copy(c.state, told)
		case "ACK", "NACK":
			id, body, _ := strings.Cut(rest, " ")
			c.answers[id] = verb + " " + body
		}
	}
}

// commands is what a program does that pauses a destination: it is told who it is and
// what holds, what has become of what it said, and what that changed.
func commands(p *program, role string) {
	p.tb.Helper()
	c := &client{program: p, state: map[string]any{}, answers: map[string]string{}}
	const paused = "streams/main/destinations/youtube/paused"
	c.reads(func() bool { return c.state[paused] == false })
	require.Contains(p.tb, c.hello, `"role":"`+role+`"`)
	p.types("DO 17 destination pause youtube\nDO 18 nonsense\nDO 19 show version\n")
	c.reads(func() bool { return c.answers["19"] != "" && c.state[paused] == true })
	require.True(p.tb, strings.HasPrefix(c.answers["17"], "ACK "), c.answers["17"])
	require.True(p.tb, strings.HasPrefix(c.answers["18"], "NACK unknown "), c.answers["18"])
	require.Contains(p.tb, c.answers["19"], "encoderbox development")
	p.types("EXIT\n")
	p.until("BYE")
}

func TestAProgramTakesTheLineAndGivesItBack(t *testing.T) {
	t.Parallel()
	p := dial(t, usedBox(t, nowhere)).login()
	p.types("machine\n")
	commands(p, "admin")
	p.types("show destinations\r")
	p.until("paused by admin")
	p.until("box> ")
}

func TestAProgramAtTheSocket(t *testing.T) {
	t.Parallel()
	b := usedBox(t, nowhere)
	line, err := net.Dial("unix", filepath.Join(b.Live, "machine.sock"))
	require.NoError(t, err)
	t.Cleanup(func() { line.Close() })
	commands(&program{tb: t, line: line}, "admin")
	rest, err := io.ReadAll(line)
	require.NoError(t, err, "the box ends it")
	require.Empty(t, strings.TrimSpace(string(rest)))
}
