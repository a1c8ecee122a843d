package box

import (
	"bufio"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/box/wire"
)

// A slow box says hello again before it has read the answer: none of that may
// be taken for HTTP/2, nor answered, since the agent would take that for it.
func TestWelcomePassesOverRepeatedHellos(t *testing.T) {
	host, guest := net.Pipe()
	defer host.Close()
	defer guest.Close()
	conn, err := wire.NewConn(host)
	require.NoError(t, err)
	welcomed := make(chan error, 1)
	go func() { welcomed <- welcome(conn) }()

	answers := bufio.NewReader(guest)
	say := func(line string) {
		_, err := io.WriteString(guest, line)
		require.NoError(t, err)
	}
	hear := func(want string) {
		for _, part := range []string{"\n", want + "\n"} {
			got, err := answers.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, part, got)
		}
	}
	say("of an HTTP/2 before\x00\n" + wire.Hello + "1\n")
	hear(wire.Welcome + "1")
	say("\n" + wire.Hello + "1\n\n" + wire.Hello + "1\n")
	say("\n" + wire.Ready + "0\n") // of an agent before
	say("\n" + wire.Hello + "2\n") // rebooted
	hear(wire.Welcome + "2")
	say("\n" + wire.Hello + "2\n\n" + wire.Ready + "2\n")
	require.NoError(t, <-welcomed)

	go func() { _, _ = io.WriteString(guest, "PRI") }()
	next := make([]byte, 3)
	_, err = io.ReadFull(conn, next)
	require.NoError(t, err)
	assert.Equal(t, "PRI", string(next), "what follows is the connection's")
}
