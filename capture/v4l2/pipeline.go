package v4l2capture

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// pipeline is what lies before a video node whose driver leaves the set-up to
// us: from the bridge or sensor, over links between pads, to the node.
type pipeline struct {
	media mediaDevice
	topo  v4l2.Topology
	links []v4l2.Link // from the bridge to the node
	subs  map[uint32]subdev
	head  v4l2.Entity

	bridge subdev // of head
	out    int    // its pad
	timed  bool   // it has DV timings
	codes  []v4l2.BusCode
	format v4l2.BusFormat // of out, once set up
}

// findPipeline looks in all media controllers for the node, and from there for
// the bridge: the one called name, else one that has DV timings, else any. Links
// that are enabled are gone first.
func findPipeline(sys system, node v4l2.Node, name string) (*pipeline, error) {
	paths, err := sys.controllers()
	if err != nil {
		return nil, signalOf(err, node.Path)
	}
	for _, path := range paths {
		m, err := sys.openMedia(path)
		if err != nil {
			continue // another device's may be anything
		}
		p := &pipeline{media: m, subs: make(map[uint32]subdev)}
		found, err := p.find(sys, node, name)
		if found && err == nil {
			return p, nil
		}
		cerr := p.close()
		if found {
			return nil, signalOf(errors.Join(err, cerr), node.Path)
		}
	}
	return nil, &capture.SignalError{Signal: capture.SignalUnsupported, Detail: node.Path + " needs a media controller, but is in none"}
}

func (p *pipeline) find(sys system, node v4l2.Node, name string) (found bool, err error) {
	if p.topo, err = p.media.Topology(); err != nil {
		return false, err
	}
	end, ok := p.entityOf(sys, node.Path)
	if !ok {
		return false, nil
	}
	heads := p.heads(end.ID, nil, map[uint32]bool{end.ID: true})
	var failed []error
	heads = slices.DeleteFunc(heads, func(links []v4l2.Link) bool {
		err := p.openPath(sys, links)
		if err != nil {
			failed = append(failed, err)
		}
		return err != nil
	})
	if len(heads) == 0 && failed != nil {
		return true, failed[0]
	}
	best := slices.IndexFunc(heads, func(links []v4l2.Link) bool {
		e, _ := p.at(links[0].Source)
		return name != "" && strings.HasPrefix(e.Name, name)
	})
	if best < 0 && name == "" {
		best = max(0, slices.IndexFunc(heads, func(links []v4l2.Link) bool {
			e, _ := p.at(links[0].Source)
			return p.subs[e.ID] != nil && hasTimings(e, p.subs[e.ID])
		}))
	}
	if best < 0 || best >= len(heads) {
		return true, p.noBridge(node, name, heads)
	}
	return true, p.take(heads[best])
}

func (p *pipeline) noBridge(node v4l2.Node, name string, heads [][]v4l2.Link) error {
	detail := "nothing is linked to " + node.Path
	if len(heads) > 0 {
		var names []string
		for _, links := range heads {
			e, _ := p.at(links[0].Source)
			names = append(names, e.Name)
		}
		detail = fmt.Sprintf("no bridge called %q leads to %s; there is %s", name, node.Path, strings.Join(names, ", "))
	}
	return &capture.SignalError{Signal: capture.SignalDeviceLost, Detail: detail}
}

// take makes links the pipeline's, the first of them from its head.
func (p *pipeline) take(links []v4l2.Link) error {
	pad, _ := p.topo.PadByID(links[0].Source)
	p.links, p.out = links, pad.Index
	p.head, _ = p.at(links[0].Source)
	p.bridge = p.subs[p.head.ID]
	if p.bridge == nil {
		return &capture.SignalError{Signal: capture.SignalDeviceLost, Detail: p.head.Name + " has no device node; its driver is not ready"}
	}
	p.timed = hasTimings(p.head, p.bridge)
	var err error
	if p.codes, err = p.bridge.BusCodes(p.out); err != nil {
		return err
	}
	return nil
}

func hasTimings(e v4l2.Entity, s subdev) bool {
	if e.Function == v4l2.FuncDVBridge {
		return true
	}
	_, err := s.QueryDVTimings()
	return err == nil || errors.Is(err, v4l2.ErrNoSignal) || errors.Is(err, v4l2.ErrNoSync) || errors.Is(err, v4l2.ErrOutOfRange)
}

// entityOf is the entity of a video node.
func (p *pipeline) entityOf(sys system, path string) (v4l2.Entity, bool) {
	for _, e := range p.topo.Entities {
		i, ok := p.topo.InterfaceOf(e.ID)
		if !ok || i.Type != v4l2.InterfaceVideo {
			continue
		}
		if at, err := sys.devNode(i.Major, i.Minor); err == nil && at == path {
			return e, true
		}
	}
	return v4l2.Entity{}, false
}

// at is the entity of a pad.
func (p *pipeline) at(pad uint32) (v4l2.Entity, bool) {
	found, ok := p.topo.PadByID(pad)
	if !ok {
		return v4l2.Entity{}, false
	}
	return p.topo.EntityByID(found.Entity)
}

// heads are the ways to an entity from all that begin one, each as its links in
// the direction of the pictures; those over enabled links come first.
func (p *pipeline) heads(entity uint32, way []v4l2.Link, seen map[uint32]bool) (list [][]v4l2.Link) {
	var in []v4l2.Link
	for _, l := range p.topo.Links {
		if sink, ok := p.topo.PadByID(l.Sink); ok && l.Flags.IsData() && sink.Entity == entity {
			in = append(in, l)
		}
	}
	if len(in) == 0 && len(way) > 0 {
		return [][]v4l2.Link{slices.Clone(way)}
	}
	slices.SortStableFunc(in, func(a, b v4l2.Link) int { return int(b.Flags&v4l2.LinkEnabled) - int(a.Flags&v4l2.LinkEnabled) })
	for _, l := range in {
		from, ok := p.at(l.Source)
		if !ok || seen[from.ID] {
			continue
		}
		seen[from.ID] = true
		list = append(list, p.heads(from.ID, append([]v4l2.Link{l}, way...), seen)...)
		delete(seen, from.ID)
	}
	return list
}

// openPath opens the subdevices of a way.
func (p *pipeline) openPath(sys system, links []v4l2.Link) error {
	for _, l := range links {
		e, ok := p.at(l.Source)
		if !ok || p.subs[e.ID] != nil {
			continue
		}
		i, ok := p.topo.InterfaceOf(e.ID)
		if !ok || i.Type != v4l2.InterfaceSubdev {
			continue // its driver sees to it
		}
		path, err := sys.devNode(i.Major, i.Minor)
		if err != nil {
			return err
		}
		s, err := sys.openSubdev(path)
		if err != nil {
			return err
		}
		p.subs[e.ID] = s
	}
	return nil
}

// bridgeName is the bridge's name without its place: "tc358743" of
// "tc358743 10-000f".
func (p *pipeline) bridgeName() string {
	name, _, _ := strings.Cut(p.head.Name, " ")
	return name
}

// bayer says that the head is a sensor whose samples need an image processor.
func (p *pipeline) bayer() bool {
	return len(p.codes) > 0 && !slices.ContainsFunc(p.codes, func(c v4l2.BusCode) bool { return !c.IsBayer() })
}

// size of the pictures, once set up.
func (p *pipeline) size() (w, h int) { return p.format.Width, p.format.Height }

// busCodes are the formats on a bus that become f in memory.
func busCodes(f v4l2.FourCC) []v4l2.BusCode {
	switch f {
	case v4l2.UYVY:
		return []v4l2.BusCode{v4l2.BusUYVY, v4l2.BusUYVY2x}
	case v4l2.YUYV:
		return []v4l2.BusCode{v4l2.BusYUYV, v4l2.BusYUYV2x}
	case v4l2.MJPEG, v4l2.JPEG:
		return []v4l2.BusCode{v4l2.BusJPEG}
	}
	return nil
}

// codesFor are those that the bridge has.
func (p *pipeline) codesFor(f v4l2.FourCC) []v4l2.BusCode {
	return slices.DeleteFunc(busCodes(f), func(c v4l2.BusCode) bool { return !slices.Contains(p.codes, c) })
}

// setUp enables the links and sets the formats along them to what arrives.
func (p *pipeline) setUp(cfg *Config, bus v4l2.BusCode, arriving v4l2.DVTimings, raws []v4l2.FormatDesc) error {
	for _, l := range p.links {
		if err := p.enable(l); err != nil {
			return err
		}
	}
	f, err := p.bridge.Format(p.out)
	if err != nil {
		return err
	}
	f.Field = v4l2.FieldNone
	switch {
	case p.timed:
		f.Width, f.Height = arriving.Width, arriving.Height
	case cfg.Width > 0 && cfg.Height > 0:
		f.Width, f.Height = cfg.Width, cfg.Height
	}
	f.Code = bus
	for _, code := range [...]v4l2.FourCC{v4l2.UYVY, v4l2.YUYV, v4l2.MJPEG, v4l2.JPEG} {
		has := slices.ContainsFunc(raws, func(d v4l2.FormatDesc) bool { return d.FourCC == code })
		if codes := p.codesFor(code); f.Code == 0 && has && len(codes) > 0 {
			f.Code = codes[0]
		}
	}
	if f, err = p.bridge.SetFormat(p.out, f); err != nil {
		return err
	}
	p.format, p.codes = f, []v4l2.BusCode{f.Code}
	return p.pass(f)
}

// pass sets the pads behind the bridge to its format.
func (p *pipeline) pass(f v4l2.BusFormat) error {
	for i, l := range p.links[1:] {
		before, _ := p.topo.PadByID(p.links[i].Sink) // where the pictures enter the entity that l leaves
		out, _ := p.topo.PadByID(l.Source)
		s := p.subs[out.Entity]
		if s == nil {
			continue
		}
		e, _ := p.topo.EntityByID(out.Entity)
		for _, pad := range [...]int{before.Index, out.Index} {
			got, err := s.SetFormat(pad, f)
			if err != nil {
				return err
			}
			if got.Width != f.Width || got.Height != f.Height || got.Code != f.Code {
				return &capture.SignalError{Signal: capture.SignalUnsupported,
					Detail: fmt.Sprintf("%s sends %dx%d, format %#x, which %s does not take", p.head.Name, f.Width, f.Height, uint32(f.Code), e.Name)}
			}
		}
	}
	return nil
}

// enable enables a link, and disables another that ends in the same pad.
func (p *pipeline) enable(l v4l2.Link) error {
	if l.Flags&(v4l2.LinkEnabled|v4l2.LinkImmutable) != 0 {
		return nil
	}
	for i, other := range p.topo.Links {
		if other.ID == l.ID || !other.Flags.IsData() || other.Sink != l.Sink || other.Flags&v4l2.LinkEnabled == 0 {
			continue
		}
		if err := p.media.SetupLink(&p.topo, other, false); err != nil {
			return err
		}
		p.topo.Links[i].Flags &^= v4l2.LinkEnabled
	}
	return p.media.SetupLink(&p.topo, l, true)
}

func (p *pipeline) close() error {
	var errs []error
	for _, s := range p.subs {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, p.media.Close())...)
}
