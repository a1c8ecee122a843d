package disk

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// What is used of the protocol: fixed newstyle negotiation, simple replies
// (https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md).
const (
	magicServer  = 0x4e42444d41474943 // NBDMAGIC
	magicOption  = 0x49484156454f5054 // IHAVEOPT
	magicReply   = 0x3e889045565a9
	magicRequest = 0x25609513
	magicAnswer  = 0x67446698

	fixedNewstyle, noZeroes = 1, 2

	optionAbort, optionInfo, optionGo = 2, 6, 7
	replyAck, replyInfo               = 1, 3
	replyUnsupported                  = 1<<31 | 1

	hasFlags, sendsFlush, sendsFUA = 1, 4, 8

	commandRead, commandWrite, commandEnd, commandFlush = 0, 1, 2, 3
	flagFUA                                             = 1

	errorIO, errorInvalid = 5, 22

	maxOption  = 64 << 10
	maxRequest = 32 << 20
)

var errEnd = errors.New("the client has ended")

// serve speaks with one client until it ends, or breaks the rules.
func (d *Disk) serve(c net.Conn) error {
	s := session{d: d, in: bufio.NewReaderSize(c, 64<<10), out: c}
	hello := binary.BigEndian.AppendUint64(nil, magicServer)
	hello = binary.BigEndian.AppendUint64(hello, magicOption)
	hello = binary.BigEndian.AppendUint16(hello, fixedNewstyle|noZeroes)
	if _, err := c.Write(hello); err != nil {
		return fmt.Errorf("disk: greet: %w", err)
	}
	var flags [4]byte
	if _, err := io.ReadFull(s.in, flags[:]); err != nil {
		return fmt.Errorf("disk: read the client's flags: %w", err)
	}
	for {
		chosen, err := s.option()
		if err != nil {
			return err
		}
		if chosen {
			break
		}
	}
	for {
		if err := s.request(); err != nil {
			return err
		}
	}
}

type session struct {
	d   *Disk
	in  *bufio.Reader
	out io.Writer
	buf []byte
}

// option answers one; it says whether requests follow.
func (s *session) option() (chosen bool, err error) {
	var h [16]byte
	if _, err := io.ReadFull(s.in, h[:]); err != nil {
		return false, fmt.Errorf("disk: read an option: %w", err)
	}
	kind, n := binary.BigEndian.Uint32(h[8:]), binary.BigEndian.Uint32(h[12:])
	if binary.BigEndian.Uint64(h[:]) != magicOption || n > maxOption {
		return false, fmt.Errorf("disk: not an option: % x", h)
	}
	if _, err := s.in.Discard(int(n)); err != nil { // every name is this disk's
		return false, fmt.Errorf("disk: read an option: %w", err)
	}
	switch kind {
	case optionGo, optionInfo:
		info := binary.BigEndian.AppendUint16(nil, 0) // NBD_INFO_EXPORT
		info = binary.BigEndian.AppendUint64(info, uint64(s.d.size))
		info = binary.BigEndian.AppendUint16(info, hasFlags|sendsFlush|sendsFUA)
		return kind == optionGo, errors.Join(s.reply(kind, replyInfo, info), s.reply(kind, replyAck, nil))
	case optionAbort:
		return false, errors.Join(s.reply(kind, replyAck, nil), errEnd)
	}
	return false, s.reply(kind, replyUnsupported, nil)
}

func (s *session) reply(option, kind uint32, data []byte) error {
	b := binary.BigEndian.AppendUint64(nil, magicReply)
	b = binary.BigEndian.AppendUint32(b, option)
	b = binary.BigEndian.AppendUint32(b, kind)
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	if _, err := s.out.Write(append(b, data...)); err != nil {
		return fmt.Errorf("disk: answer an option: %w", err)
	}
	return nil
}

// request answers one.
func (s *session) request() error {
	var h [28]byte
	if _, err := io.ReadFull(s.in, h[:]); err != nil {
		return fmt.Errorf("disk: read a request: %w", err)
	}
	flags, kind := binary.BigEndian.Uint16(h[4:]), binary.BigEndian.Uint16(h[6:])
	at, n := binary.BigEndian.Uint64(h[16:]), int(binary.BigEndian.Uint32(h[24:]))
	if binary.BigEndian.Uint32(h[:]) != magicRequest || n > maxRequest {
		return fmt.Errorf("disk: not a request: % x", h)
	}
	if kind == commandEnd {
		return errEnd
	}
	s.buf = append(s.buf[:0], make([]byte, n)...)
	if kind == commandWrite {
		if _, err := io.ReadFull(s.in, s.buf); err != nil {
			return fmt.Errorf("disk: read what is to be written: %w", err)
		}
	}
	b := binary.BigEndian.AppendUint32(nil, magicAnswer)
	failure := s.do(kind, flags&flagFUA != 0, int64(at))
	b = binary.BigEndian.AppendUint32(b, failure)
	b = append(b, h[8:16]...)
	if kind == commandRead && failure == 0 {
		b = append(b, s.buf...)
	}
	if _, err := s.out.Write(b); err != nil {
		return fmt.Errorf("disk: answer a request: %w", err)
	}
	return nil
}

// do returns the error as the protocol numbers it.
func (s *session) do(kind uint16, through bool, at int64) uint32 {
	n := int64(len(s.buf))
	if at < 0 || kind != commandFlush && at > s.d.size-n {
		return errorInvalid
	}
	if !s.d.take(n) {
		return errorIO
	}
	var err error
	switch kind {
	case commandRead:
		err = s.d.read(s.buf, at)
	case commandWrite:
		err = s.d.write(s.buf, at, through)
	case commandFlush:
		s.d.flush()
	default:
		return errorInvalid
	}
	if err != nil {
		return errorIO
	}
	return 0
}
