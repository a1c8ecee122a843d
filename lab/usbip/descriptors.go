package usbip

import (
	"encoding/binary"
	"slices"
	"unicode/utf16"
)

// Interfaces and endpoints of the device.
const (
	videoControl   = 0
	videoStreaming = 1
	audioControl   = 2
	audioStreaming = 3

	videoEndpoint = 1
	audioEndpoint = 2
)

// Alternate settings of the video interface, by the bytes of a packet.
const (
	smallPayload = 1024
	largePayload = 3 * 1024
	videoPeriod  = 2 // every second microframe: fewer transfers, on an emulated processor
)

// Formats in the order of their index, which begins at 1.
const (
	formatYUYV  = 1
	formatMJPEG = 2
)

const (
	sampleRate   = 48000
	channels     = 2
	audioPayload = 240 // 60 samples a millisecond, so that a late host can catch up
	clockUnits   = 10_000_000
)

// Size of pictures that the device offers in both formats. Sizes are multiples
// of 320x2, which the pattern needs.
type size struct{ width, height int }

func sizes() []size { return []size{{320, 180}, {640, 360}} }

// rates are those of a size, the highest first. The bus does not take more of
// the large one raw.
func rates(format int, s size) []int {
	if format == formatYUYV && s.width > 320 {
		return []int{15}
	}
	return []int{30, 15}
}

// Strings of the device descriptor.
const (
	stringMaker = iota + 1
	stringProduct
	stringSerial
)

// descriptor prefixes a body with its length and type.
func descriptor(kind byte, body ...byte) []byte {
	return append([]byte{byte(len(body) + 2), kind}, body...) //nolint:gosec // all are short
}

func le16(v int) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(v)) } //nolint:gosec // constants
func le32(v int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(v)) } //nolint:gosec // constants

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

// Descriptor types.
const (
	typeDevice      = 1
	typeConfig      = 2
	typeString      = 3
	typeInterface   = 4
	typeEndpoint    = 5
	typeAssociation = 11
	typeClass       = 0x24 // of an interface's class
	typeClassEnd    = 0x25 // of an endpoint's class
)

func deviceDescriptor(vendor, product int) []byte {
	return descriptor(typeDevice, join(
		le16(0x0200), []byte{0xEF, 2, 1, 64}, // interfaces are associated
		le16(vendor), le16(product), le16(0x0100),
		[]byte{stringMaker, stringProduct, stringSerial, 1})...)
}

func stringDescriptor(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return descriptor(typeString, b[:min(len(b), 252)]...)
}

func configDescriptor() []byte {
	body := join(videoControlDescriptors(), videoStreamingDescriptors(), audioDescriptors())
	const head = 9
	return join(descriptor(typeConfig, join(le16(head+len(body)), []byte{4, 1, 0, 0x80, 250})...), body)
}

func interfaceDescriptor(number, alternate, endpoints, class, subclass byte) []byte {
	return descriptor(typeInterface, number, alternate, endpoints, class, subclass, 0, 0)
}

func videoControlDescriptors() []byte {
	units := join(
		descriptor(typeClass, join([]byte{2, 1}, le16(0x0201), make([]byte, 8), []byte{2, 0, 0})...), // camera, no lens controls
		descriptor(typeClass, join([]byte{3, 2}, le16(0x0101), []byte{0, 1, 0})...),                  // to the host
	)
	const head = 13
	return join(
		descriptor(typeAssociation, videoControl, 2, 14, 3, 0, stringProduct),
		interfaceDescriptor(videoControl, 0, 0, 14, 1),
		descriptor(typeClass, join([]byte{1}, le16(0x0110), le16(head+len(units)), le32(48_000_000), []byte{1, videoStreaming})...),
		units,
	)
}

func videoStreamingDescriptors() []byte {
	yuy2 := append([]byte("YUY2"), 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71)
	n := byte(len(sizes())) //nolint:gosec // few
	color := descriptor(typeClass, 13, 1, 1, 4)
	formats := join(
		descriptor(typeClass, join([]byte{4, formatYUYV, n}, yuy2, []byte{16, 1, 0, 0, 0, 0})...), frames(5, formatYUYV), color,
		descriptor(typeClass, 6, formatMJPEG, n, 0, 1, 0, 0, 0, 0), frames(7, formatMJPEG), color,
	)
	const head = 15
	header := descriptor(typeClass, join([]byte{1, 2}, le16(head+len(formats)), []byte{0x80 | videoEndpoint, 0, 2, 0, 0, 0, 1, 0, 0})...)
	endpoint := func(packet int) []byte {
		return descriptor(typeEndpoint, join([]byte{0x80 | videoEndpoint, 5}, le16(packet), []byte{videoPeriod})...)
	}
	return join(
		interfaceDescriptor(videoStreaming, 0, 0, 14, 2), header, formats,
		interfaceDescriptor(videoStreaming, 1, 1, 14, 2), endpoint(smallPayload),
		interfaceDescriptor(videoStreaming, 2, 1, 14, 2), endpoint(2<<11|1024),
	)
}

// frames describes each size with its rates.
func frames(subtype byte, format int) []byte {
	var out []byte
	for i, s := range sizes() {
		bits := s.width * s.height * 16
		list := rates(format, s)
		var intervals []byte
		for _, r := range list {
			intervals = append(intervals, le32(clockUnits/r)...)
		}
		out = append(out, descriptor(typeClass, join([]byte{subtype, byte(i + 1), 0}, le16(s.width), le16(s.height), //nolint:gosec // few
			le32(bits*list[len(list)-1]), le32(bits*list[0]), le32(bits/8), le32(clockUnits/list[0]),
			[]byte{byte(len(list))}, intervals)...)...) //nolint:gosec // few
	}
	return out
}

func audioDescriptors() []byte {
	units := join(
		descriptor(typeClass, join([]byte{2, 1}, le16(0x0602), []byte{0, channels}, le16(3), []byte{0, 0})...), // digital, left and right
		descriptor(typeClass, join([]byte{3, 2}, le16(0x0101), []byte{0, 1, 0})...),                            // to the host
	)
	const head = 9
	return join(
		descriptor(typeAssociation, audioControl, 2, 1, 0, 0, stringProduct),
		interfaceDescriptor(audioControl, 0, 0, 1, 1),
		descriptor(typeClass, join([]byte{1}, le16(0x0100), le16(head+len(units)), []byte{1, audioStreaming})...), units,
		interfaceDescriptor(audioStreaming, 0, 0, 1, 2),
		interfaceDescriptor(audioStreaming, 1, 1, 1, 2),
		descriptor(typeClass, join([]byte{1, 2, 1}, le16(1))...), // PCM
		descriptor(typeClass, join([]byte{2, 1, channels, 2, 16, 1}, le32(sampleRate)[:3])...),
		descriptor(typeEndpoint, join([]byte{0x80 | audioEndpoint, 5}, le16(audioPayload), []byte{4, 0, 0})...),
		descriptor(typeClassEnd, 1, 0, 0, 0, 0), // "fill max" makes Linux 6.1 write behind its buffers,
	)
}
