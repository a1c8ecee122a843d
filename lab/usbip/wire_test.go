package usbip

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	require.NoError(t, err)
	return b
}

func anyIsochronous(n uint32) bool { return n == videoEndpoint || n == audioEndpoint }

// A request as the kernel's usbip_protocol.rst shows it: GET_DESCRIPTOR of the
// device, 64 bytes.
const getDeviceDescriptor = `
	00000001 00000d05 0001000f 00000001 00000000
	00000200 00000040 00000000 00000000 00000000
	8006000100004000`

func TestControlRequest(t *testing.T) {
	q, err := readRequest(bytes.NewReader(unhex(t, getDeviceDescriptor)), anyIsochronous)
	require.NoError(t, err)
	assert.Equal(t, &request{
		command: cmdSubmit, sequence: 0xd05, in: true, length: 64,
		setup: setup{kind: 0x80, request: getDescriptor, value: 0x0100, length: 64},
	}, q)
	assert.Equal(t, unhex(t, `
		00000003 00000d05 00000000 00000000 00000000
		00000000 00000003 00000000 00000000 00000000
		0000000000000000 010203`), q.answer(statusDone, []byte{1, 2, 3}))
	assert.Equal(t, unhex(t, `
		00000003 00000d05 00000000 00000000 00000000
		ffffffe0 00000000 00000000 00000000 00000000
		0000000000000000`), q.answer(statusStall, nil))
}

func TestControlRequestWithData(t *testing.T) {
	q, err := readRequest(bytes.NewReader(unhex(t, `
		00000001 00000002 00010002 00000000 00000000
		00000000 00000002 00000000 00000000 00000000
		2101000101000200 aabb`)), anyIsochronous)
	require.NoError(t, err)
	assert.Equal(t, []byte{0xaa, 0xbb}, q.data)
	answer := q.answer(statusDone, nil)
	assert.Len(t, answer, headerSize)
	assert.Equal(t, uint32(2), binary.BigEndian.Uint32(answer[24:]), "bytes taken")
}

func isochronousRequest(sequence uint32, endpoint uint32, packets ...int) []byte {
	b := make([]byte, headerSize)
	total := 0
	var list []byte
	for _, n := range packets {
		list = binary.BigEndian.AppendUint32(list, uint32(total)) //nolint:gosec // of tests
		list = binary.BigEndian.AppendUint32(list, uint32(n))     //nolint:gosec // of tests
		list = append(list, make([]byte, 8)...)
		total += n
	}
	for i, v := range []uint32{cmdSubmit, sequence, deviceID, 1, endpoint, 0, uint32(total), 0, uint32(len(packets)), 1} { //nolint:gosec // of tests
		binary.BigEndian.PutUint32(b[4*i:], v)
	}
	return slices.Concat(b, list)
}

// The bytes of short packets follow each other; their descriptions keep the
// offsets that the host gave.
func TestIsochronousPacking(t *testing.T) {
	q, err := readRequest(bytes.NewReader(isochronousRequest(7, videoEndpoint, 4, 4, 4)), anyIsochronous)
	require.NoError(t, err)
	assert.Equal(t, []int{4, 4, 4}, q.packets)
	assert.Equal(t, unhex(t, `
		00000003 00000007 00000000 00000000 00000000
		00000000 00000003 00000000 00000003 00000000
		0000000000000000
		0102 03
		00000000 00000004 00000002 00000000
		00000004 00000004 00000000 00000000
		00000008 00000004 00000001 00000000`), q.answerPackets([][]byte{{1, 2}, nil, {3}}))
}

func TestUnlinkRequest(t *testing.T) {
	q, err := readRequest(bytes.NewReader(unhex(t, `
		00000002 00000009 00010002 00000000 00000000
		00000007 00000000 00000000 00000000 00000000
		0000000000000000`)), anyIsochronous)
	require.NoError(t, err)
	assert.Equal(t, uint32(7), q.unlink)
	assert.Equal(t, "ffffff98", hex.EncodeToString(q.answerUnlink(true)[20:24]))
	assert.Equal(t, "00000000", hex.EncodeToString(q.answerUnlink(false)[20:24]))
}

func TestRequestsThatNoHostSendsAreRefused(t *testing.T) {
	good := isochronousRequest(1, videoEndpoint, 100)
	patched := func(field int, v uint32) []byte {
		b := bytes.Clone(good)
		binary.BigEndian.PutUint32(b[4*field:], v)
		return b
	}
	for name, c := range map[string]struct {
		b    []byte
		says string
	}{
		"unknown command":      {patched(0, 5), "command 5 is neither submit nor unlink"},
		"endless transfer":     {patched(6, 1<<31), "a transfer of 2147483648 bytes"},
		"endless packets":      {patched(8, 0xFFFFFFFF), "a transfer of 4294967295 packets"},
		"packet too large":     {patched(13, 1<<30), "a packet of 1073741824 bytes"},
		"packets beyond space": {patched(6, 99), "packets of 100 bytes in a transfer of 99"},
		"cut header":           {good[:40], "unexpected EOF"},
		"cut packets":          {good[:headerSize], "unexpected EOF"},
	} {
		_, err := readRequest(bytes.NewReader(c.b), anyIsochronous)
		require.ErrorContains(t, err, c.says, name)
	}
	_, err := readRequest(bytes.NewReader(nil), anyIsochronous)
	require.ErrorIs(t, err, io.EOF)
}

func FuzzReadRequest(f *testing.F) {
	f.Add(unhex(f, getDeviceDescriptor))
	f.Add(isochronousRequest(1, audioEndpoint, 200, 200))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		for {
			q, err := readRequest(r, anyIsochronous)
			if err != nil {
				return
			}
			d := NewDevice(Config{Serial: "x"})
			reply, _ := d.control(q.setup, q.data)
			require.LessOrEqual(t, len(reply), int(q.setup.length))
		}
	})
}
