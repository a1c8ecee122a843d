package usbip

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func grabber() *Device {
	return NewDevice(Config{Vendor: 0x1209, ProductID: 1, Maker: "Maker", Product: "Grabber", Serial: "Ä1"})
}

// ask sends a SETUP packet given as it is on the wire.
func ask(t *testing.T, d *Device, packet string, data ...byte) ([]byte, bool) {
	t.Helper()
	return d.control(parseSetup([8]byte(unhex(t, packet))), data)
}

func TestDescriptorsAsAsked(t *testing.T) {
	d := grabber()
	for name, c := range map[string]struct{ packet, want string }{
		"device":                 {"8006000100001200", "12010002ef020140091201000001 01020301"},
		"first 8 of it":          {"8006000100000800", "12010002ef020140"},
		"head of configuration":  {"8006000200000900", "0902920104010080fa"},
		"languages":              {"800600030000ff00", "04030904"},
		"serial number, UTF-16":  {"800603030904ff00", "0603c4003100"},
		"status":                 {"8000000000000200", "0000"},
		"configuration":          {"8008000000000100", "01"},
		"alternate of interface": {"810a000001000100", "00"},
	} {
		reply, ok := ask(t, d, c.packet)
		assert.True(t, ok, name)
		assert.Equal(t, unhex(t, c.want), reply, name)
	}
	for name, packet := range map[string]string{
		"device qualifier": "8006000600000a00", "fifth string": "800605030904ff00", "vendor request": "c001000000000100",
	} {
		_, ok := ask(t, d, packet)
		assert.False(t, ok, name)
	}
}

// Each descriptor's length leads to the next, and the lengths that heads give
// of what follows are right.
func TestConfigurationIsConsistent(t *testing.T) {
	b := configDescriptor()
	require.Equal(t, len(b), int(binary.LittleEndian.Uint16(b[2:])))
	var kinds []byte
	endpoints, interfaces := 0, map[byte]bool{}
	for at := 0; at < len(b); at += int(b[at]) {
		d := b[at : at+int(b[at])]
		kinds = append(kinds, d[1])
		switch d[1] {
		case typeInterface:
			require.Zero(t, endpoints, "endpoints missing of the interface before")
			interfaces[d[2]], endpoints = true, int(d[4])
		case typeEndpoint:
			endpoints--
		}
	}
	assert.Zero(t, endpoints)
	assert.Len(t, interfaces, int(b[4]))
	assert.Contains(t, kinds, byte(typeAssociation))
}

func TestAlternateSettings(t *testing.T) {
	d := grabber()
	_, ok := ask(t, d, "010b020001000000")
	assert.True(t, ok)
	reply, _ := ask(t, d, "810a000001000100")
	assert.Equal(t, []byte{2}, reply)
	_, ok = ask(t, d, "010b030001000000")
	assert.False(t, ok, "no such alternate")
	_, ok = ask(t, d, "010b010003000000")
	assert.True(t, ok)
	d.unplugged()
	reply, _ = ask(t, d, "810a000001000100")
	assert.Equal(t, []byte{0}, reply)
}

func probeOf(format, frame byte, interval uint32) []byte {
	b := make([]byte, probeSize)
	b[2], b[3] = format, frame
	binary.LittleEndian.PutUint32(b[4:], interval)
	return b
}

// What the host may ask for, and what it gets.
func TestProbeAndCommit(t *testing.T) {
	for name, c := range map[string]struct {
		ask           []byte
		format, frame byte
		rate          uint32
		size, payload uint32
	}{
		"raw":                     {probeOf(1, 1, 333333), 1, 1, 30, 320 * 180 * 2, 1024},
		"raw, slower":             {probeOf(1, 1, 666666), 1, 1, 15, 320 * 180 * 2, 1024},
		"raw and large":           {probeOf(1, 2, 333333), 1, 2, 15, 640 * 360 * 2, 3072},
		"JPEG and large":          {probeOf(2, 2, 333333), 2, 2, 30, 640 * 360 * 2, 1024},
		"what it has not":         {probeOf(9, 77, 0), 1, 1, 30, 320 * 180 * 2, 1024},
		"between two rates":       {probeOf(2, 1, 500000), 2, 1, 30, 320 * 180 * 2, 1024},
		"slower than the slowest": {probeOf(2, 1, 9999999), 2, 1, 15, 320 * 180 * 2, 1024},
	} {
		t.Run(name, func(t *testing.T) {
			d := grabber()
			_, ok := ask(t, d, "2101000101002200", c.ask...)
			require.True(t, ok)
			assert.Equal(t, negotiate(nil), d.mode, "a probe changes nothing")
			reply, ok := ask(t, d, "a181000101002200")
			require.True(t, ok)
			require.Len(t, reply, probeSize)
			assert.Equal(t, []byte{c.format, c.frame}, reply[2:4])
			assert.Equal(t, clockUnits/c.rate, binary.LittleEndian.Uint32(reply[4:]))
			assert.Equal(t, c.size, binary.LittleEndian.Uint32(reply[18:]))
			assert.Equal(t, c.payload, binary.LittleEndian.Uint32(reply[22:]))
			_, ok = ask(t, d, "2101000201002200", reply...)
			require.True(t, ok)
			assert.Equal(t, int(c.rate), d.mode.rate)
			assert.Equal(t, int(c.format), d.mode.format)
		})
	}
	d := grabber()
	for name, packet := range map[string]string{
		"another selector": "a181000301002200", "another interface": "a181000100002200", "unknown request": "a190000101002200",
	} {
		_, ok := ask(t, d, packet)
		assert.False(t, ok, name)
	}
	_, ok := ask(t, d, "2101000101000200", 0, 0)
	assert.False(t, ok, "too short to say anything")
	for packet, want := range map[string]string{"a185000101000200": "2200", "a186000101000100": "03"} {
		reply, ok := ask(t, d, packet)
		assert.True(t, ok)
		assert.Equal(t, unhex(t, want), reply)
	}
}
