package main

import (
	"bytes"
	"testing"
)

// packet is a transport stream packet whose payload begins a PES packet of
// the stream id, or goes on with one when id is 0.
func packet(id byte, adaptation int) []byte {
	p := bytes.Repeat([]byte{0xff}, packetSize)
	p[0], p[1], p[2], p[3] = 0x47, 0x01, 0x00, 0x10
	payload := p[4:]
	if adaptation >= 0 {
		p[3] = 0x30
		payload[0] = byte(adaptation)
		payload = payload[1+adaptation:]
	}
	if id != 0 {
		p[1] |= 0x40
		copy(payload, []byte{0, 0, 1, id})
	}
	return p
}

func TestSplitCutsBeforeEachPicture(t *testing.T) {
	tables := packet(0, -1)
	tables[1] |= 0x40 // a section begins, not a PES packet
	stream := bytes.Join([][]byte{
		tables, packet(0xe0, 7), packet(0, -1), packet(0xc0, -1), packet(0, -1),
		packet(0xe0, -1), tables, packet(0, 0),
		packet(0xe0, 20),
	}, nil)
	pictures, err := split(stream)
	if err != nil {
		t.Fatal(err)
	}
	var sizes []int
	for _, p := range pictures {
		sizes = append(sizes, len(p)/packetSize)
	}
	if want := []int{1, 4, 3, 1}; len(sizes) != 4 || sizes[0] != want[0] || sizes[1] != want[1] || sizes[2] != want[2] || sizes[3] != want[3] {
		t.Errorf("pictures of %v packets, want %v", sizes, want)
	}
	if !bytes.Equal(bytes.Join(pictures, nil), stream) {
		t.Error("the pictures together are not the stream")
	}
}

func TestSplitRefusesWhatIsNoStream(t *testing.T) {
	lost := append(packet(0xe0, -1), packet(0xe0, -1)...)
	lost[packetSize] = 0
	full := packet(0xe0, 183) // the adaptation field leaves no payload
	for name, stream := range map[string][]byte{
		"nothing": nil, "no sync byte": lost, "a part of a packet": packet(0xe0, -1)[:100],
		"no picture": append(packet(0, -1), packet(0xc0, -1)...), "no payload": append(packet(0, -1), full...),
	} {
		if p, err := split(stream); err == nil {
			t.Errorf("%s: %d pictures and no error", name, len(p))
		}
	}
}
