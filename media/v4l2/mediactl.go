package v4l2

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MediaDevice is an open media controller, /dev/mediaN.
type MediaDevice struct{ node }

// OpenMedia opens a media controller.
func OpenMedia(path string) (*MediaDevice, error) {
	fd, err := openNode(path)
	if err != nil {
		return nil, fmt.Errorf("v4l2: open %s: %w", path, err)
	}
	m := &MediaDevice{node: node{path: path, k: linux{}}}
	m.fd.Store(int32(fd))
	return m, nil
}

// MediaInfo says who drives a media controller.
type MediaInfo struct {
	Driver, Model, Serial, Bus string
	Version                    [3]int // of the kernel's media controller API
}

// Info asks the driver.
func (m *MediaDevice) Info() (MediaInfo, error) {
	var k mediaDeviceInfo
	if err := m.do("get media device info", mediaIocDeviceInfo, unsafe.Pointer(&k)); err != nil {
		return MediaInfo{}, err
	}
	return MediaInfo{Driver: cString(k.driver[:]), Model: cString(k.model[:]), Serial: cString(k.serial[:]),
		Bus: cString(k.busInfo[:]), Version: version(k.mediaVersion)}, nil
}

// Topology is the graph of a media device.
type Topology struct {
	Version    uint64 // grows with every change of the graph
	Entities   []Entity
	Interfaces []Interface
	Pads       []Pad
	Links      []Link
}

// EntityFunction is what an entity does.
type EntityFunction uint32

// The functions that matter to find a pipeline.
const (
	FuncIOV4L    EntityFunction = 0x00010001 // a video node's end of the graph
	FuncSensor   EntityFunction = 0x00020001
	FuncDVBridge EntityFunction = 0x00006001 // decodes HDMI and its like
	FuncVidMux   EntityFunction = 0x00005001
	FuncIFBridge EntityFunction = 0x00005002 // such as a CSI-2 receiver
	FuncISP      EntityFunction = 0x00004009
	FuncScaler   EntityFunction = 0x00004005
)

// Entity is a building block of hardware.
type Entity struct {
	ID       uint32
	Name     string
	Function EntityFunction
	Flags    uint32
}

// Interface is a device node by which user space reaches an entity.
type Interface struct {
	ID           uint32
	Type         uint32
	Major, Minor uint32 // see DevNode
}

// The types of Interface.
const (
	InterfaceVideo  = 0x200
	InterfaceSubdev = 0x203
)

// Pad is where links of an entity begin or end.
type Pad struct {
	ID, Entity uint32
	Index      int // within its entity
	Flags      uint32
}

// The directions in Pad.Flags.
const (
	PadSink   = 1
	PadSource = 2
)

// Link joins two pads; or, by its type, an interface and an entity.
type Link struct {
	ID, Source, Sink uint32
	Flags            LinkFlags
}

// LinkFlags are the state of a link, and its type.
type LinkFlags uint32

// The link flags.
const (
	LinkEnabled   LinkFlags = 1
	LinkImmutable LinkFlags = 2
	LinkDynamic   LinkFlags = 4 // may change while streaming
)

// IsData says that pictures flow along it, from pad to pad.
func (f LinkFlags) IsData() bool { return f>>28 == 0 }

// IsInterface says that it joins an Interface (Source) and an Entity (Sink).
func (f LinkFlags) IsInterface() bool { return f>>28 == 1 }

// Topology reads the graph, of one moment.
func (m *MediaDevice) Topology() (Topology, error) {
	const op, attempts = "get topology", 8
	for range attempts {
		var k mediaV2Topology
		if err := m.do(op, mediaIocGTopology, unsafe.Pointer(&k)); err != nil {
			return Topology{}, err
		}
		const most = 1 << 14
		if max(k.numEntities, k.numInterfaces, k.numPads, k.numLinks) > most {
			return Topology{}, m.fail(op, errors.New("the driver says it has more than 16384 parts"))
		}
		entities := make([]mediaV2Entity, k.numEntities+1)
		interfaces := make([]mediaV2Interface, k.numInterfaces+1)
		pads := make([]mediaV2Pad, k.numPads+1)
		links := make([]mediaV2Link, k.numLinks+1)
		version := k.version
		k = mediaV2Topology{numEntities: k.numEntities, numInterfaces: k.numInterfaces, numPads: k.numPads, numLinks: k.numLinks}
		k.entities.p, k.interfaces.p, k.pads.p, k.links.p = &entities[0], &interfaces[0], &pads[0], &links[0]
		switch err := m.call(mediaIocGTopology, unsafe.Pointer(&k)); {
		case errors.Is(err, unix.ENOSPC): // it has grown meanwhile
			continue
		case err != nil:
			return Topology{}, m.fail(op, err)
		case k.version != version: // it has changed meanwhile
			continue
		}
		return topology(version, entities[:k.numEntities], interfaces[:k.numInterfaces], pads[:k.numPads], links[:k.numLinks]), nil
	}
	return Topology{}, m.fail(op, errors.New("it does not stop changing"))
}

func topology(version uint64, entities []mediaV2Entity, interfaces []mediaV2Interface, pads []mediaV2Pad, links []mediaV2Link) Topology {
	t := Topology{Version: version}
	for i := range entities {
		e := &entities[i]
		t.Entities = append(t.Entities, Entity{e.id, cString(e.name[:]), EntityFunction(e.function), e.flags})
	}
	for i := range interfaces {
		f := &interfaces[i]
		t.Interfaces = append(t.Interfaces, Interface{f.id, f.typ, f.major, f.minor})
	}
	for _, p := range pads {
		t.Pads = append(t.Pads, Pad{p.id, p.entity, int(p.index), p.flags})
	}
	for _, l := range links {
		t.Links = append(t.Links, Link{l.id, l.source, l.sink, LinkFlags(l.flags)})
	}
	return t
}

// EntityByID is an entity of the graph.
func (t *Topology) EntityByID(id uint32) (Entity, bool) {
	for _, e := range t.Entities {
		if e.ID == id {
			return e, true
		}
	}
	return Entity{}, false
}

// PadByID is a pad of the graph.
func (t *Topology) PadByID(id uint32) (Pad, bool) {
	for _, p := range t.Pads {
		if p.ID == id {
			return p, true
		}
	}
	return Pad{}, false
}

// InterfaceOf is the device node of an entity.
func (t *Topology) InterfaceOf(entity uint32) (Interface, bool) {
	for _, l := range t.Links {
		if !l.Flags.IsInterface() || l.Sink != entity {
			continue
		}
		for _, i := range t.Interfaces {
			if i.ID == l.Source {
				return i, true
			}
		}
	}
	return Interface{}, false
}

// SetupLink enables or disables a data link of the graph. Setting what is
// already so does nothing.
func (m *MediaDevice) SetupLink(t *Topology, l Link, enable bool) error {
	op := fmt.Sprintf("set up link %#x (enable: %v)", l.ID, enable)
	source, ok1 := t.PadByID(l.Source)
	sink, ok2 := t.PadByID(l.Sink)
	if !ok1 || !ok2 || !l.Flags.IsData() {
		return m.fail(op, fmt.Errorf("it is no data link of this graph: %w", unix.EINVAL))
	}
	if (l.Flags&LinkEnabled != 0) == enable {
		return nil
	}
	flags := l.Flags &^ LinkEnabled
	if enable {
		flags |= LinkEnabled
	}
	k := mediaLinkDesc{
		source: mediaPadDesc{entity: source.Entity, index: uint16(source.Index), flags: source.Flags},
		sink:   mediaPadDesc{entity: sink.Entity, index: uint16(sink.Index), flags: sink.Flags},
		flags:  uint32(flags),
	}
	return m.do(op, mediaIocSetupLink, unsafe.Pointer(&k))
}
