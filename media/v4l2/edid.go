package v4l2

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// EDIDBlock is the size of a block of an EDID.
const EDIDBlock = 128

const mostEDIDBlocks = 256

// EDID reads what a receiver shows to sources; pad is the input of a video
// node or the pad of a subdevice. nil: it shows none.
func (n *node) EDID(pad int) ([]byte, error) {
	op := fmt.Sprintf("get EDID of pad %d", pad)
	b := make([]byte, mostEDIDBlocks*EDIDBlock)
	k := v4l2EDID{pad: uint32(pad), blocks: mostEDIDBlocks, edid: &b[0]}
	switch err := n.call(vidiocGEDID, unsafe.Pointer(&k)); {
	case errors.Is(err, unix.ENODATA):
		return nil, nil
	case err != nil:
		return nil, n.fail(op, err)
	case k.blocks > mostEDIDBlocks:
		return nil, n.fail(op, fmt.Errorf("the driver says it has %d blocks", k.blocks))
	}
	if k.blocks == 0 {
		return nil, nil
	}
	return b[: k.blocks*EDIDBlock : k.blocks*EDIDBlock], nil
}

// SetEDID shows an EDID, whole blocks, to sources, which then read it anew; nil
// takes it away, and with it every source's signal.
func (n *node) SetEDID(pad int, edid []byte) error {
	op := fmt.Sprintf("set EDID of pad %d", pad)
	if len(edid)%EDIDBlock != 0 || len(edid) > mostEDIDBlocks*EDIDBlock {
		return n.fail(op, fmt.Errorf("%d bytes are not blocks of %d: %w", len(edid), EDIDBlock, unix.EINVAL))
	}
	k := v4l2EDID{pad: uint32(pad), blocks: uint32(len(edid) / EDIDBlock)}
	if len(edid) > 0 {
		b := append([]byte(nil), edid...) // on the heap, whatever the caller's is
		k.edid = &b[0]
	}
	return n.do(op, vidiocSEDID, unsafe.Pointer(&k))
}
