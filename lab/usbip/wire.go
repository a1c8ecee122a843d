package usbip

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Commands of the protocol (the kernel's Documentation/usb/usbip_protocol.rst).
const (
	cmdSubmit = 1
	cmdUnlink = 2
	retSubmit = 3
	retUnlink = 4
)

// Bounds on what a host may ask for, so that a broken stream of bytes is told
// from a large request.
const (
	headerSize  = 48
	isoSize     = 16      // of the description of one isochronous packet
	maxTransfer = 1 << 20 // bytes
	maxPackets  = 1024    // as the kernel's USBIP_MAX_ISO_PACKETS
)

// Codes of errno that answers carry, negative.
const (
	statusDone   = 0
	statusStall  = -32  // EPIPE
	statusUnlink = -104 // ECONNRESET
)

// request is a transfer that the host asks for, or the end of one.
type request struct {
	command  uint32
	sequence uint32
	in       bool
	endpoint uint32
	// Of a transfer:
	length  int // bytes that the host has room for, or sends
	setup   setup
	packets []int  // room for each packet of an isochronous transfer
	data    []byte // that the host sends
	// Of an unlink:
	unlink uint32
}

// isochronous says which endpoint is.
type isochronous func(endpoint uint32) bool

// readRequest reads one. io.EOF means that the host is gone.
func readRequest(r io.Reader, iso isochronous) (*request, error) {
	var h [headerSize]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, err
	}
	field := func(i int) uint32 { return binary.BigEndian.Uint32(h[4*i:]) }
	q := &request{command: field(0), sequence: field(1), in: field(3) == 1, endpoint: field(4)}
	switch q.command {
	case cmdUnlink:
		q.unlink = field(5)
		return q, nil
	case cmdSubmit:
	default:
		return nil, fmt.Errorf("usbip: command %d is neither submit nor unlink", q.command)
	}
	length, packets := field(6), field(8)
	if length > maxTransfer {
		return nil, fmt.Errorf("usbip: a transfer of %d bytes, more than %d", length, maxTransfer)
	}
	q.length = int(length)
	q.setup = parseSetup([8]byte(h[40:]))
	if !q.in {
		q.data = make([]byte, q.length)
		if _, err := io.ReadFull(r, q.data); err != nil {
			return nil, unexpected(err)
		}
	}
	if !iso(q.endpoint) {
		return q, nil
	}
	if packets > maxPackets {
		return nil, fmt.Errorf("usbip: a transfer of %d packets, more than %d", packets, maxPackets)
	}
	return q, q.readPackets(r, int(packets))
}

func (q *request) readPackets(r io.Reader, n int) error {
	b := make([]byte, n*isoSize)
	if _, err := io.ReadFull(r, b); err != nil {
		return unexpected(err)
	}
	q.packets = make([]int, n)
	total := 0
	for i := range q.packets {
		l := binary.BigEndian.Uint32(b[i*isoSize+4:])
		if l > maxTransfer {
			return fmt.Errorf("usbip: a packet of %d bytes, more than %d", l, maxTransfer)
		}
		q.packets[i] = int(l)
		total += int(l)
	}
	if total > q.length {
		return fmt.Errorf("usbip: packets of %d bytes in a transfer of %d", total, q.length)
	}
	return nil
}

func unexpected(err error) error {
	if err == io.EOF { //nolint:errorlint // of io.ReadFull
		return io.ErrUnexpectedEOF
	}
	return err
}

// answer is the end of a control transfer.
func (q *request) answer(status int32, data []byte) []byte {
	actual := len(data)
	if !q.in && status == statusDone {
		actual = q.length
	}
	b := q.header(retSubmit, status)
	binary.BigEndian.PutUint32(b[24:], uint32(actual)) //nolint:gosec // at most maxTransfer
	if q.in {
		b = append(b, data...)
	}
	return b
}

// answerPackets is the end of an isochronous transfer from the device: the
// packets' bytes one after the other, without the room that was left, and then
// the description of each.
func (q *request) answerPackets(packets [][]byte) []byte {
	b := q.header(retSubmit, statusDone)
	for _, p := range packets {
		b = append(b, p...)
	}
	binary.BigEndian.PutUint32(b[24:], uint32(len(b)-headerSize)) //nolint:gosec // at most maxTransfer
	binary.BigEndian.PutUint32(b[32:], uint32(len(packets)))      //nolint:gosec // at most maxPackets
	offset := 0
	for i, p := range packets {
		var d [isoSize]byte
		binary.BigEndian.PutUint32(d[0:], uint32(offset))       //nolint:gosec // at most maxTransfer
		binary.BigEndian.PutUint32(d[4:], uint32(q.packets[i])) //nolint:gosec // at most maxTransfer
		binary.BigEndian.PutUint32(d[8:], uint32(len(p)))       //nolint:gosec // at most maxTransfer
		b = append(b, d[:]...)
		offset += q.packets[i]
	}
	return b
}

// answerUnlink says whether the transfer was still waiting.
func (q *request) answerUnlink(waiting bool) []byte {
	if waiting {
		return q.header(retUnlink, statusUnlink)
	}
	return q.header(retUnlink, statusDone)
}

// header is that of an answer; devid, direction and endpoint are 0 in these.
func (q *request) header(command uint32, status int32) []byte {
	b := make([]byte, headerSize)
	binary.BigEndian.PutUint32(b[0:], command)
	binary.BigEndian.PutUint32(b[4:], q.sequence)
	binary.BigEndian.PutUint32(b[20:], uint32(status)) //nolint:gosec // two's complement is meant
	return b
}

// setup is the SETUP packet of a control transfer (USB 2.0, 9.3).
type setup struct {
	kind, request        uint8
	value, index, length uint16
}

func parseSetup(b [8]byte) setup {
	return setup{
		kind: b[0], request: b[1],
		value: binary.LittleEndian.Uint16(b[2:]), index: binary.LittleEndian.Uint16(b[4:]), length: binary.LittleEndian.Uint16(b[6:]),
	}
}
