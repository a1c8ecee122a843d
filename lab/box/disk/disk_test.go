package disk

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// client is what QEMU is to the server.
type client struct {
	t *testing.T
	net.Conn
}

func open(t *testing.T) (*Disk, *client) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	require.NoError(t, os.WriteFile(path, make([]byte, 8*unit), 0o600))
	d, err := Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, d.Close()) })
	return d, dial(t, d)
}

func dial(t *testing.T, d *Disk) *client {
	t.Helper()
	conn, err := net.Dial("unix", d.Socket())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	c := &client{t, conn}
	assert.Equal(t, "NBDMAGICIHAVEOPT\x00\x03", string(c.next(18)))
	// What QEMU asks first: structured replies, which the server has not.
	c.send(uint32(3), uint64(magicOption), uint32(8), uint32(0))
	assert.Equal(t, uint32(replyUnsupported), binary.BigEndian.Uint32(c.next(20)[12:]))
	c.send(uint64(magicOption), uint32(optionGo), uint32(6), uint32(0), uint16(0))
	info := c.next(20 + 12)
	assert.Equal(t, uint64(8*unit), binary.BigEndian.Uint64(info[22:]))
	assert.Equal(t, uint16(hasFlags|sendsFlush|sendsFUA), binary.BigEndian.Uint16(info[30:]))
	assert.Equal(t, uint32(replyAck), binary.BigEndian.Uint32(c.next(20)[12:]))
	return c
}

func (c *client) next(n int) []byte {
	c.t.Helper()
	b := make([]byte, n)
	_, err := io.ReadFull(c, b)
	require.NoError(c.t, err)
	return b
}

func (c *client) send(fields ...any) {
	c.t.Helper()
	var b bytes.Buffer
	for _, f := range fields {
		require.NoError(c.t, binary.Write(&b, binary.BigEndian, f))
	}
	_, err := c.Write(b.Bytes())
	require.NoError(c.t, err)
}

// ask sends a request and returns the error that it is answered with.
func (c *client) ask(flags, kind uint16, at uint64, n int, data []byte) uint32 {
	c.t.Helper()
	c.send(uint32(magicRequest), flags, kind, uint64(7), at, uint32(n), data)
	b := c.next(16)
	assert.Equal(c.t, uint64(7), binary.BigEndian.Uint64(b[8:]), "the answer is to another request")
	return binary.BigEndian.Uint32(b[4:])
}

func (c *client) read(at uint64, n int) string {
	c.t.Helper()
	require.Zero(c.t, c.ask(0, commandRead, at, n, nil))
	return string(c.next(n))
}

func TestPowerCutTakesWhatWasNotFlushed(t *testing.T) {
	d, c := open(t)
	whole := func(b string) []byte { return bytes.Repeat([]byte(b), unit) }
	require.Zero(t, c.ask(0, commandWrite, 0, 2*unit, append(whole("a"), whole("b")...)))
	require.Zero(t, c.ask(0, commandFlush, 0, 0, nil))
	assert.Zero(t, d.Unflushed())
	// Across two units, and over what was flushed; then twice.
	require.Zero(t, c.ask(0, commandWrite, unit-2, 4, []byte("XXXX")))
	require.Zero(t, c.ask(0, commandWrite, unit-1, 2, []byte("YY")))
	require.Zero(t, c.ask(0, commandWrite, 4*unit, unit, whole("c")))
	// Written through: it stays, also beside what does not.
	require.Zero(t, c.ask(flagFUA, commandWrite, unit+100, 2, []byte("ZZ")))
	require.Zero(t, c.ask(flagFUA, commandWrite, 5*unit, 1, []byte("d")))
	assert.Equal(t, "aXYYXb", c.read(unit-3, 6), "the disk itself is none the wiser")
	assert.Equal(t, 3, d.Unflushed())

	lost, err := d.PowerCut(func(n int64) bool { return n == 4 })
	require.NoError(t, err)
	assert.Equal(t, 2, lost)
	_, err = c.Write([]byte{0})
	require.Error(t, err, "the connection is gone with the power")
	c = dial(t, d)
	assert.Equal(t, "aaabbb", c.read(unit-3, 6))
	assert.Equal(t, "bZZb", c.read(unit+99, 4))
	assert.Equal(t, "c", c.read(4*unit, 1))
	assert.Equal(t, "d", c.read(5*unit, 1))
}

func TestFaultsAreAnswered(t *testing.T) {
	d, c := open(t)
	d.Fail(true)
	assert.EqualValues(t, errorIO, c.ask(0, commandWrite, 0, 1, []byte("x")))
	assert.EqualValues(t, errorIO, c.ask(0, commandRead, 0, 1, nil))
	assert.EqualValues(t, errorIO, c.ask(0, commandFlush, 0, 0, nil))
	assert.Equal(t, 3, d.Failed())
	d.Fail(false)
	assert.Equal(t, "\x00", c.read(0, 1), "nothing of it was written")
	assert.EqualValues(t, errorInvalid, c.ask(0, commandRead, 8*unit-1, 2, nil))
	assert.EqualValues(t, errorInvalid, c.ask(0, 77, 0, 0, nil))
	d.Hang()
	c.send(uint32(magicRequest), uint16(0), uint16(commandFlush), uint64(7), uint64(0), uint32(0))
	d.Resume()
	assert.Zero(t, binary.BigEndian.Uint32(c.next(16)[4:]))
	assert.Equal(t, 1, d.Flushes())
}

func TestOpenRefusesWhatIsNoDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "image")
	_, err := Open(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, make([]byte, 100), 0o600))
	_, err = Open(path)
	require.ErrorContains(t, err, "multiple of 4096")
}
