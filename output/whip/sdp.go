package whip

import (
	"bufio"
	"errors"
	"strings"

	"github.com/pion/sdp/v3"
)

// accepted says which of the offer's media sections the answer takes: a port,
// a direction that receives, and our codec. The sections stand in the offer's
// order (RFC 9429 §5.3.1); names are those of codecs, "H264".
func accepted(answer string, names []string) ([]bool, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(answer); err != nil {
		return nil, err
	}
	if len(d.MediaDescriptions) != len(names) {
		return nil, errors.New("it has another number of media sections than the offer")
	}
	takes := make([]bool, len(names))
	for i, m := range d.MediaDescriptions {
		_, sendonly := m.Attribute("sendonly")
		_, inactive := m.Attribute("inactive")
		takes[i] = m.MediaName.Port.Value != 0 && !sendonly && !inactive && hasCodec(m, names[i])
	}
	return takes, nil
}

func hasCodec(m *sdp.MediaDescription, name string) bool {
	for _, a := range m.Attributes {
		if a.Key != "rtpmap" {
			continue
		}
		_, codec, _ := strings.Cut(a.Value, " ")
		codec, _, _ = strings.Cut(strings.TrimSpace(codec), "/")
		if strings.EqualFold(codec, name) {
			return true
		}
	}
	return false
}

// fragment is what a PATCH carries of a description that restarts ICE (RFC 9725
// §4.3.3, RFC 8840 §9): credentials and candidates, in the first section, which
// all others are bundled with.
func fragment(local string) (string, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(local); err != nil {
		return "", err
	}
	if len(d.MediaDescriptions) == 0 {
		return "", errors.New("no media section")
	}
	var b strings.Builder
	line := func(key, value string) {
		b.WriteString("a=" + key)
		if value != "" {
			b.WriteString(":" + value)
		}
		b.WriteString("\r\n")
	}
	line("ice-options", "trickle ice2")
	if group, ok := d.Attribute("group"); ok {
		line("group", group)
	}
	m := d.MediaDescriptions[0]
	b.WriteString("m=" + m.MediaName.String() + "\r\n")
	for _, a := range m.Attributes {
		switch a.Key {
		case "mid", "ice-ufrag", "ice-pwd", "candidate":
			line(a.Key, a.Value)
		}
	}
	line("end-of-candidates", "")
	return b.String(), nil
}

// maxFragmentLines bounds what is read of an endpoint's fragment.
const maxFragmentLines = 500

// restarted is the endpoint's answer with the ICE credentials and candidates of
// the fragment in place of its own.
func restarted(answer, frag string) (string, error) {
	var ufrag, pwd string
	var candidates []sdp.Attribute
	lines := bufio.NewScanner(strings.NewReader(frag))
	for n := 0; n < maxFragmentLines && lines.Scan(); n++ {
		key, value, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(lines.Text(), "a=")), ":")
		switch {
		case key == "ice-ufrag" && ufrag == "":
			ufrag = value
		case key == "ice-pwd" && pwd == "":
			pwd = value
		case key == "candidate":
			candidates = append(candidates, sdp.NewAttribute("candidate", value))
		}
	}
	if ufrag == "" || pwd == "" {
		return "", errors.New("no ICE credentials")
	}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(answer); err != nil {
		return "", err
	}
	creds := []sdp.Attribute{sdp.NewAttribute("ice-ufrag", ufrag), sdp.NewAttribute("ice-pwd", pwd)}
	d.Attributes = withoutICE(d.Attributes)
	for i, m := range d.MediaDescriptions {
		m.Attributes = append(withoutICE(m.Attributes), creds...)
		if i == 0 {
			m.Attributes = append(m.Attributes, candidates...)
		}
	}
	b, err := d.Marshal()
	return string(b), err
}

func withoutICE(all []sdp.Attribute) (kept []sdp.Attribute) {
	for _, a := range all {
		switch a.Key {
		case "ice-ufrag", "ice-pwd", "candidate", "end-of-candidates":
		default:
			kept = append(kept, a)
		}
	}
	return kept
}
