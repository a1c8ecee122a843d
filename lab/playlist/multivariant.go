package playlist

import (
	"fmt"
	"strconv"
)

var streamInf = map[string]form{
	"BANDWIDTH": integer, "AVERAGE-BANDWIDTH": integer, "CODECS": quoted, "RESOLUTION": resolution,
	"FRAME-RATE": float, "AUDIO": quoted, "HDCP-LEVEL": enum, "VIDEO-RANGE": enum, "CLOSED-CAPTIONS": enum,
}

var mediaAttributes = map[string]form{
	"TYPE": enum, "URI": quoted, "GROUP-ID": quoted, "LANGUAGE": quoted, "NAME": quoted,
	"DEFAULT": enum, "AUTOSELECT": enum, "CHANNELS": quoted,
}

// ParseMultivariant reads a multivariant playlist. Its error is the first
// thing that is wrong.
func ParseMultivariant(doc []byte) (*Multivariant, error) {
	p := &Multivariant{Version: 1}
	seen := once{}
	var open *Variant // waits for its URI
	for l, err := range lines(doc) {
		if err != nil {
			return nil, err
		}
		if open != nil && l.tag != "" {
			return nil, l.errorf("stands between EXT-X-STREAM-INF and its URI")
		}
		switch l.tag {
		case "EXT-X-VERSION":
			if err := version(l, seen, &p.Version); err != nil {
				return nil, err
			}
		case "EXT-X-INDEPENDENT-SEGMENTS":
			if err := seen.check(l); err != nil {
				return nil, err
			}
			p.Independent = true
		case "EXT-X-MEDIA":
			r, err := rendition(l)
			if err != nil {
				return nil, err
			}
			p.Renditions = append(p.Renditions, r)
		case "EXT-X-STREAM-INF":
			if open, err = variant(l); err != nil {
				return nil, err
			}
		case "":
			if open == nil {
				return nil, l.errorf("%s without EXT-X-STREAM-INF", l.value)
			}
			open.URI = l.value
			p.Variants = append(p.Variants, *open)
			open = nil
		default:
			return nil, l.errorf("not a tag of a multivariant playlist")
		}
	}
	if open != nil {
		return nil, fmt.Errorf("the last EXT-X-STREAM-INF has no URI")
	}
	return p, p.check()
}

func version(l line, seen once, out *int) error {
	if err := seen.check(l); err != nil {
		return err
	}
	n, err := l.integer()
	*out = int(n)
	return err
}

func variant(l line) (*Variant, error) {
	a, err := l.attributes(streamInf, "BANDWIDTH")
	if err != nil {
		return nil, err
	}
	v := &Variant{Codecs: a["CODECS"], Resolution: a["RESOLUTION"], Audio: a["AUDIO"]}
	v.Bandwidth, _ = strconv.Atoi(a["BANDWIDTH"])
	v.AverageBandwidth, _ = strconv.Atoi(a["AVERAGE-BANDWIDTH"])
	v.FrameRate, _ = strconv.ParseFloat(a["FRAME-RATE"], 64)
	switch {
	case v.Bandwidth == 0:
		return nil, l.errorf("a BANDWIDTH of 0")
	case v.AverageBandwidth > v.Bandwidth:
		return nil, l.errorf("AVERAGE-BANDWIDTH %d is above the peak, BANDWIDTH %d", v.AverageBandwidth, v.Bandwidth)
	case v.Codecs == "":
		return nil, l.errorf("CODECS is missing") // every stream SHOULD have it; browsers need it
	}
	return v, nil
}

func rendition(l line) (Rendition, error) {
	a, err := l.attributes(mediaAttributes, "TYPE", "GROUP-ID", "NAME")
	if err != nil {
		return Rendition{}, err
	}
	r := Rendition{
		Type: a["TYPE"], Group: a["GROUP-ID"], Name: a["NAME"], URI: a["URI"], Channels: a["CHANNELS"],
		Default: a["DEFAULT"] == "YES", AutoSelect: a["AUTOSELECT"] == "YES",
	}
	for _, name := range []string{"DEFAULT", "AUTOSELECT"} {
		if v, ok := a[name]; ok && v != "YES" && v != "NO" {
			return r, l.errorf("%s=%s is neither YES nor NO", name, v)
		}
	}
	if r.Default && a["AUTOSELECT"] == "NO" {
		return r, l.errorf("DEFAULT=YES with AUTOSELECT=NO")
	}
	return r, nil
}

// check judges what concerns several tags.
func (p *Multivariant) check() error {
	if len(p.Variants) == 0 {
		return fmt.Errorf("no variant")
	}
	names, defaults, groups := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, r := range p.Renditions {
		group := r.Type + " " + r.Group
		switch {
		case names[group+" "+r.Name]:
			return fmt.Errorf("two renditions are called %q in group %q", r.Name, r.Group)
		case r.Default && defaults[group]:
			return fmt.Errorf("group %q has two defaults", r.Group)
		}
		names[group+" "+r.Name], groups[group] = true, true
		defaults[group] = defaults[group] || r.Default
	}
	for _, v := range p.Variants {
		if v.Audio != "" && !groups["AUDIO "+v.Audio] {
			return fmt.Errorf("variant %s: there is no group %q of sound", v.URI, v.Audio)
		}
	}
	return nil
}
