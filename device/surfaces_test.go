package device

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/board/models"
	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/console"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/panel"
)

// surfaceWalk is a surface as the walk over the table sees it: whether its people can
// have a command.
type surfaceWalk struct {
	surface control.Surface
	has     func(name string) bool
}

// Every surface offers every action, but for those that a command's Except takes from
// it with a reason.
func TestEverySurfaceHasEveryCommand(t *testing.T) {
	b := newBench(t)
	for _, s := range []surfaceWalk{
		{control.API, apiHas(t, b)},
		{control.Socket, apiHas(t, b)}, // the same handler, and encoderctl behind it
		{control.Console, consoleHas(t, b)},
		{control.Machine, machineHas(t, b)},
		{control.Panel, panelHas(b)},
	} {
		for _, c := range b.table.Commands() {
			if why := c.Except[s.surface]; why == "" && !s.has(c.Name) {
				t.Errorf("surface %s lacks %q", s.surface, c.Name)
			}
		}
		if s.has("make coffee") {
			t.Errorf("surface %s claims to have what there is not", s.surface)
		}
	}
}

// apiHas asks for each command with an argument that none has: it is refused, but
// found; and looks it up in the list.
func apiHas(t *testing.T, b *bench) func(name string) bool {
	ask := func(method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "http://localhost:8080"+path, strings.NewReader(body))
		r.RemoteAddr = "127.0.0.1:5000"
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		return w
	}
	var list []struct{ Name, Path, Help string }
	require.NoError(t, json.Unmarshal(ask(http.MethodGet, "/api/v1/commands", "").Body.Bytes(), &list))
	return func(name string) bool {
		for _, c := range list {
			if c.Name == name && c.Help != "" {
				spaced := "/api/v1/commands/" + strings.ReplaceAll(name, " ", "%20")
				return ask(http.MethodPost, c.Path, `{"args":{"no such":"x"}}`).Code == http.StatusUnprocessableEntity &&
					ask(http.MethodPost, spaced, `{"args":{"no such":"x"}}`).Code == http.StatusUnprocessableEntity
			}
		}
		return false
	}
}

// consoleHas types each command with an argument too many, and reads what a person at a
// serial line would.
func consoleHas(t *testing.T, b *bench) func(name string) bool {
	ours, theirs := net.Pipe()
	ended := make(chan error, 1)
	c := console.New(console.Options{State: b.store, Table: b.table})
	go func() { ended <- c.Run(t.Context(), "pipe", theirs) }()
	t.Cleanup(func() {
		require.NoError(t, ours.Close())
		<-ended
	})
	answers := bufio.NewReader(ours)
	until := func(what string) string {
		var text strings.Builder
		for !strings.HasSuffix(text.String(), what) {
			require.NoError(t, ours.SetDeadline(time.Now().Add(20*time.Second)))
			r, err := answers.ReadByte()
			require.NoError(t, err, text.String())
			text.WriteByte(r)
		}
		return text.String()
	}
	say := func(line string) {
		_, err := io.WriteString(ours, line+"\r")
		require.NoError(t, err)
	}
	say("")
	until("> ")
	return func(name string) bool {
		say("help " + name)
		answer := until("\n") + until("> ")
		c, found := b.table.Find(name)
		return found && strings.Contains(strings.Join(strings.Fields(answer), " "), c.Help) // wrapped
	}
}

// machineHas sends each command with an argument that none has.
func machineHas(t *testing.T, b *bench) func(name string) bool {
	asks := machineAsks(t, b)
	return func(name string) bool {
		return strings.HasPrefix(asks(name, control.Args{"no such": "x"}), string(control.Usage))
	}
}

// panelHas finds each command in the menu.
func panelHas(b *bench) func(name string) bool {
	unreachable := panel.Unreachable(b.table)
	return func(name string) bool {
		_, found := b.table.Find(name)
		return found && !slices.Contains(unreachable, name)
	}
}

// A box as the factory has it has its console where its board has a port.
func TestTheFactorysConsoleIsTheBoards(t *testing.T) {
	cfg, err := config.Parse("", []byte(factoryDefault), rules())
	require.NoError(t, err)
	d := newBox(Options{Stderr: io.Discard}, cfg)
	for _, name := range models.Names() {
		m, _ := models.Named(name)
		cfg.Board = config.Board{Model: name}
		require.NoError(t, d.followBoard(cfg.Board))
		require.Equal(t, m.Serial, d.consoleOf(cfg).Device, name)
	}
	require.NoError(t, d.followBoard(config.Board{Model: "virtual"}))
	cfg.Board = config.Board{Model: "virtual", PanelPort: "/dev/ttyAMA0"}
	require.Empty(t, d.consoleOf(cfg).Device, "a port is for one")
}
