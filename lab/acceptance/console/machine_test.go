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

	"github.com/encoderbox/encoderbox/lab/terminal"
)

// client is a program's end of the line protocol: what it was told.
type client struct {
	*terminal.Line
	tb      testing.TB
	hello   string
	state   map[string]any
	answers map[string]string // by the ID of what was asked
}

// reads takes lines until what was told is as wanted.
func (c *client) reads(is func() bool) {
	c.tb.Helper()
	for !is() {
		line := strings.TrimRight(c.Until("\n"), "\r")
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
func commands(tb testing.TB, p *terminal.Line, role string) {
	tb.Helper()
	c := &client{Line: p, tb: tb, state: map[string]any{}, answers: map[string]string{}}
	const paused = "streams/main/destinations/youtube/paused"
	c.reads(func() bool { return c.state[paused] == false })
	require.Contains(tb, c.hello, `"role":"`+role+`"`)
	p.Types("DO 17 destination pause youtube\nDO 18 nonsense\nDO 19 show version\n")
	c.reads(func() bool { return c.answers["19"] != "" && c.state[paused] == true })
	require.True(tb, strings.HasPrefix(c.answers["17"], "ACK "), c.answers["17"])
	require.True(tb, strings.HasPrefix(c.answers["18"], "NACK unknown "), c.answers["18"])
	require.Contains(tb, c.answers["19"], "encoderbox development")
	p.Types("EXIT\n")
	p.Until("BYE")
}

func TestAProgramTakesTheLineAndGivesItBack(t *testing.T) {
	t.Parallel()
	p := dial(t, usedBox(t, nowhere)).Login("admin", "secret")
	p.Types("machine\n")
	commands(t, p, "admin")
	p.Types("show destinations\r")
	p.Until("paused by admin")
	p.Until("box> ")
}

func TestAProgramAtTheSocket(t *testing.T) {
	t.Parallel()
	b := usedBox(t, nowhere)
	line, err := net.Dial("unix", filepath.Join(b.Live, "machine.sock"))
	require.NoError(t, err)
	t.Cleanup(func() { line.Close() })
	commands(t, terminal.NewLine(t, line, patience), "admin")
	rest, err := io.ReadAll(line)
	require.NoError(t, err, "the box ends it")
	require.Empty(t, strings.TrimSpace(string(rest)))
}
