package usbip

import (
	"encoding/binary"
	"time"
)

// Requests (USB 2.0, 9.4; USB Video Class 1.1, A.8).
const (
	getStatus        = 0
	clearFeature     = 1
	setFeature       = 3
	setAddress       = 5
	getDescriptor    = 6
	getConfiguration = 8
	setConfiguration = 9
	getInterface     = 10
	setInterface     = 11

	setCur  = 0x01
	getCur  = 0x81
	getMin  = 0x82
	getMax  = 0x83
	getRes  = 0x84
	getLen  = 0x85
	getInfo = 0x86
	getDef  = 0x87

	controlProbe  = 1
	controlCommit = 2

	probeSize = 34
)

// control does a control transfer: what is returned goes to the host. ok is
// false for what the device does not do; then the endpoint stalls.
func (d *Device) control(s setup, data []byte) (reply []byte, ok bool) {
	switch s.kind >> 5 & 3 {
	case 0:
		reply, ok = d.standardRequest(s)
	case 1: // of a class
		reply, ok = d.videoRequest(s, data)
	}
	return reply[:min(len(reply), int(s.length))], ok
}

func (d *Device) standardRequest(s setup) ([]byte, bool) {
	switch s.request {
	case getDescriptor:
		b := d.descriptor(s.value)
		return b, b != nil
	case getStatus:
		return []byte{0, 0}, true
	case getConfiguration:
		return []byte{1}, true
	case getInterface:
		return []byte{byte(d.alternate(s.index))}, true //nolint:gosec // checked when set
	case setInterface:
		return nil, d.setAlternate(s.index, s.value)
	case setAddress, setConfiguration, clearFeature, setFeature:
		return nil, true
	}
	return nil, false
}

func (d *Device) descriptor(value uint16) []byte {
	switch value >> 8 {
	case typeDevice:
		return deviceDescriptor(d.config.Vendor, d.config.ProductID)
	case typeConfig:
		return configDescriptor()
	case typeString:
		switch value & 0xFF {
		case 0:
			return descriptor(typeString, le16(0x0409)...) // English
		case stringMaker:
			return stringDescriptor(d.config.Maker)
		case stringProduct:
			return stringDescriptor(d.config.Product)
		case stringSerial:
			return stringDescriptor(d.config.Serial)
		}
	}
	return nil
}

// mode is what the host and the device agreed to stream.
type mode struct {
	format int
	size   size
	frame  int // index of the size, from 1
	rate   int
}

func (m mode) frameSize() int { return m.size.width * m.size.height * 2 }

// payload is how much of the bus the mode takes: bytes a packet.
func (m mode) payload() int {
	const perSecond = int(time.Second / videoInterval)
	if m.format == formatYUYV && m.frameSize()*m.rate > (smallPayload-payloadHeader)*perSecond*9/10 {
		return largePayload
	}
	return smallPayload
}

// negotiate is the mode nearest to what the host wants.
func negotiate(data []byte) mode {
	m := mode{format: formatYUYV, frame: 1}
	interval := 0
	if len(data) >= 8 {
		if data[2] == formatMJPEG {
			m.format = formatMJPEG
		}
		if n := int(data[3]); n >= 1 && n <= len(sizes()) {
			m.frame = n
		}
		interval = int(binary.LittleEndian.Uint32(data[4:]))
	}
	m.size = sizes()[m.frame-1]
	list := rates(m.format, m.size)
	m.rate = list[0]
	for _, r := range list {
		if interval >= clockUnits/r {
			m.rate = r
		}
	}
	return m
}

// probe is the mode as the host reads it.
func (m mode) probe() []byte {
	b := make([]byte, probeSize)
	b[0] = 1 // the interval is kept
	b[2], b[3] = byte(m.format), byte(m.frame)
	binary.LittleEndian.PutUint32(b[4:], uint32(clockUnits/m.rate)) //nolint:gosec // of our lists
	binary.LittleEndian.PutUint32(b[18:], uint32(m.frameSize()))    //nolint:gosec // of our lists
	binary.LittleEndian.PutUint32(b[22:], uint32(m.payload()))      //nolint:gosec // of our lists
	binary.LittleEndian.PutUint32(b[26:], 48_000_000)
	b[30] = 3 // frame id and end of frame are in the payload headers
	return b
}

// videoRequest is a request to the interface that streams video.
func (d *Device) videoRequest(s setup, data []byte) ([]byte, bool) {
	selector := s.value >> 8
	if s.index&0xFF != videoStreaming || selector != controlProbe && selector != controlCommit {
		return nil, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch s.request {
	case setCur:
		if len(data) < 8 {
			return nil, false
		}
		d.wanted = negotiate(data)
		if selector == controlCommit {
			d.mode = d.wanted
		}
		return nil, true
	case getCur:
		return d.wanted.probe(), true
	case getMin:
		m := d.wanted
		m.rate = rates(m.format, m.size)[0]
		return m.probe(), true
	case getMax:
		m := d.wanted
		list := rates(m.format, m.size)
		m.rate = list[len(list)-1]
		return m.probe(), true
	case getDef:
		return negotiate(nil).probe(), true
	case getRes:
		return make([]byte, probeSize), true
	case getLen:
		return le16(probeSize), true
	case getInfo:
		return []byte{3}, true // can be read and set
	}
	return nil, false
}

func (d *Device) alternate(number uint16) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch number {
	case videoStreaming:
		return d.videoAlternate
	case audioStreaming:
		return d.audioAlternate
	}
	return 0
}

func (d *Device) setAlternate(number, alternate uint16) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case number == videoStreaming && alternate <= 2:
		d.videoAlternate = int(alternate)
	case number == audioStreaming && alternate <= 1:
		d.audioAlternate = int(alternate)
		d.audioStarts += int(alternate)
	default:
		return alternate == 0 && number <= audioStreaming
	}
	return true
}
