package panel

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
)

// address is where the box is found on a network.
type address struct {
	ifc  string // "eth0"
	ip   string // "192.168.1.20"; "" without one
	why  string // there is none: "no cable"
	page string // of the web page there: "http://192.168.1.20:8080/"; "" for none
}

// addressesOf are those of the box's interfaces, each with its first IPv4 address, or the
// first one; those that lead on come before those that lead nowhere.
func addressesOf(s *status.Snapshot, page func(ip string) string) (all []address) {
	worth := func(a address) int {
		switch ip, _ := netip.ParseAddr(a.ip); {
		case a.ip == "":
			return 3
		case ip.IsLinkLocalUnicast():
			return 2
		case !ip.Is4():
			return 1
		}
		return 0
	}
	for _, n := range s.Network {
		best := address{ifc: n.Name, why: n.State}
		for _, text := range n.Addresses {
			ip, _, _ := strings.Cut(text, "/")
			if a := (address{ifc: n.Name, ip: ip}); worth(a) < worth(best) {
				best = a
			}
		}
		if best.ip != "" && page != nil {
			best.page = page(best.ip)
		}
		all = append(all, best)
	}
	slices.SortStableFunc(all, func(a, b address) int { return worth(a) - worth(b) })
	return all
}

// scene is all that screens are made of, at one moment. Nothing in it is changed.
type scene struct {
	status    *status.Snapshot
	sign      Sign
	addresses []address
	now       time.Time
	turn      int // counts up every turnEvery
	moving    int // counts up every step of what moves
}

// page is one of the status pages.
type page struct {
	name string // unique, lower case
	draw func(scene) view
}

// pages are the status pages for what the box has, the most important one first.
func pages(s scene) (all []page) {
	streams := s.status.Streams
	ordered := make([]int, 0, len(streams))
	for i := range streams {
		if streams[i].Default {
			ordered = append(ordered, i)
		}
	}
	for i := range streams {
		if !streams[i].Default {
			ordered = append(ordered, i)
		}
	}
	for n, i := range ordered {
		st, label := &streams[i], ""
		if len(streams) > 1 {
			label = st.Name
		}
		all = append(all, page{fmt.Sprintf("home%d", n), func(s scene) view { return homePage(s, st) }})
		if st.Rate != nil {
			all = append(all, page{fmt.Sprintf("rate%d", n), func(scene) view { return ratePage(st, label) }})
		}
		all = append(all, page{fmt.Sprintf("input%d", n), func(scene) view { return inputPage(st, label) }})
		if len(st.Destinations) > 0 {
			all = append(all, page{fmt.Sprintf("destinations%d", n), func(s scene) view { return destinationsPage(s, st, label) }})
		}
		if st.Recording != nil || st.Storage != nil {
			all = append(all, page{fmt.Sprintf("recording%d", n), func(s scene) view { return recordingPage(s, st, label) }})
		}
	}
	if len(all) == 0 {
		all = append(all, page{"starting", startingPage})
	}
	return append(all, page{"alarms", alarmsPage}, page{"network", networkPage}, page{"code", codePage})
}

func startingPage(s scene) view {
	v := view{title: s.status.Hostname, big: "STARTING", hasBar: true, bar: -1, turn: s.moving}
	v.rows = []row{{left: "Encoder box", right: s.status.Version}}
	if s.status.Hostname == "" {
		v.title, v.rows = "Encoder box", nil
	}
	return v
}

func homePage(s scene, st *status.Stream) view {
	air := airOf(st)
	v := view{title: st.Name, big: string(air)}
	var marks []string
	if st.Recording != nil && st.Recording.State == "recording" {
		marks = append(marks, "REC")
	}
	errors, warnings := alarmsOf(s.status)
	if n := len(errors) + len(warnings); n > 0 {
		marks = append(marks, fmt.Sprintf("!%d", n))
	}
	v.corner = strings.Join(marks, " ")
	if since := onAirSince(st); !since.IsZero() {
		if v.corner == "" {
			v.corner = clock(s.now.Sub(since))
		} else {
			v.rows = append(v.rows, row{left: "On air", right: clock(s.now.Sub(since))})
		}
	} else {
		v.rows = append(v.rows, row{left: "Menu:", right: "hold OK"})
	}
	if st.OffAir != "" {
		v.below = sentence(st.OffAir)
	}
	if st.Rate != nil {
		v.rows = append(v.rows, row{left: "Rate", right: rates(sent(st), st.Rate.Target)})
	}
	v.rows = append(v.rows, row{left: "Input", right: inputWords(st)})
	if n := len(st.Destinations); n > 0 {
		active := 0
		for _, d := range st.Destinations {
			if d.State == status.Active {
				active++
			}
		}
		v.rows = append(v.rows, row{left: "Sent to", right: fmt.Sprintf("%d of %d", active, n)})
	}
	return v
}

// sent is what the pictures take now: measured where it is known.
func sent(st *status.Stream) int {
	if st.Rate.Video > 0 || st.Video == nil {
		return st.Rate.Video
	}
	return st.Video.Bitrate
}

func inputWords(st *status.Stream) string {
	in := st.Input
	if sig := in.Signal; sig != nil {
		if sig.State != "ok" {
			return strings.ReplaceAll(sig.State, "_", " ")
		}
		return pictureWords(sig.Width, sig.Height, sig.FrameRate)
	}
	if in.State != status.InputRunning {
		return string(in.State)
	}
	if st.Video != nil {
		return pictureWords(st.Video.Width, st.Video.Height, st.Video.FrameRate)
	}
	return in.Kind
}

// pictureWords are a picture's size and rate, as people say it: 1080p59.94.
func pictureWords(width, height int, rate float64) string {
	if width*9 == height*16 {
		return fmt.Sprintf("%dp%.4g", height, rate)
	}
	return fmt.Sprintf("%dx%d %.3g", width, height, rate)
}

func ratePage(st *status.Stream, label string) view {
	r := st.Rate
	v := view{title: "Bit rate", corner: label}
	v.rows = []row{
		{left: "Target", right: rate(r.Target)},
		{left: "Sent", right: rate(sent(st))},
	}
	if r.Mode == "fixed" {
		v.rows = append(v.rows, row{left: "Fixed", right: "follows no link"})
		return v
	}
	v.rows = append(v.rows, row{left: "Limits", right: rate(r.Min) + "-" + rate(r.Max)})
	if r.Step != "" && r.Step != "full" {
		v.rows = append(v.rows, row{left: "Left out", right: r.Step})
	}
	decider := r.Decider
	if decider == "" {
		decider = "none"
	}
	v.rows = append(v.rows, row{left: "Decider", right: decider})
	v.prose(sentence(r.Reason))
	return v
}

// prose puts text below the rows: lines that wrap, and take turns with them.
func (v *view) prose(text string) { v.below = text }

func inputPage(st *status.Stream, label string) view {
	v := view{title: "Input", corner: label}
	in := st.Input
	v.rows = []row{{left: "Source", right: in.Kind}, {left: "State", right: string(in.State)}}
	if sig := in.Signal; sig != nil {
		v.rows[1].right = strings.ReplaceAll(sig.State, "_", " ")
		if sig.Width > 0 {
			v.rows = append(v.rows, row{left: "Size", right: fmt.Sprintf("%dx%d", sig.Width, sig.Height)},
				row{left: "Rate", right: fmt.Sprintf("%.4g %s", sig.FrameRate, sig.Pixel)})
		}
		if sig.Slate {
			v.rows = append(v.rows, row{left: "On the air", right: "slate"})
		}
		v.prose(sig.Detail)
	} else if st.Video != nil {
		v.rows = append(v.rows, row{left: "Size", right: fmt.Sprintf("%dx%d", st.Video.Width, st.Video.Height)},
			row{left: "Rate", right: fmt.Sprintf("%.4g", st.Video.FrameRate)})
	}
	if st.Audio != nil {
		v.rows = append(v.rows, row{left: "Sound", right: fmt.Sprintf("%.4gk %d ch", float64(st.Audio.SampleRate)/1000, st.Audio.Channels)})
	} else {
		v.rows = append(v.rows, row{left: "Sound", right: "none"})
	}
	if in.Error != "" {
		v.prose(sentence(in.Error))
	}
	return v
}

func destinationsPage(s scene, st *status.Stream, label string) view {
	v := view{title: "Destinations", corner: label}
	for i := range st.Destinations {
		d := &st.Destinations[i]
		v.rows = append(v.rows, row{left: d.Name, right: destinationWords(d, s.now), wide: true})
	}
	return v
}

// destinationWords is the state of a destination in a word or two.
func destinationWords(d *status.Destination, now time.Time) string {
	switch d.State {
	case status.Active:
		if d.Alarm != "" || d.Shedding != "" {
			return "! " + rate(d.Bitrate)
		}
		return rate(d.Bitrate)
	case status.Disabled:
		switch {
		case d.Paused:
			return "paused"
		case d.Held:
			return "standby"
		}
		return "off"
	case status.Reconnecting:
		if d.NextAttempt != nil && d.NextAttempt.After(now) {
			return fmt.Sprintf("%s %ds", words(d.Cause, "retry"), int(d.NextAttempt.Sub(now)/time.Second)+1)
		}
		return words(d.Cause, "retry")
	case status.Failed:
		return "FAILED"
	}
	return string(d.State)
}

func words(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func recordingPage(s scene, st *status.Stream, label string) view {
	v := view{title: "Recording", corner: label}
	if r := st.Recording; r != nil {
		v.rows = append(v.rows, row{left: "State", right: r.State})
		if r.Since != nil && r.State == "recording" {
			v.rows = append(v.rows, row{left: "For", right: clock(s.now.Sub(*r.Since))})
		}
		v.rows = append(v.rows, row{left: "Mode", right: r.Mode})
		if r.Remaining != nil {
			v.rows = append(v.rows, row{left: "Room", right: about(*r.Remaining)})
		}
	}
	if k := st.Storage; k != nil {
		v.rows = append(v.rows, row{left: "Free", right: bytesOf(k.Free)})
		if k.Faults > 0 {
			v.rows = append(v.rows, row{left: "Faults", right: fmt.Sprint(k.Faults)})
		}
		if k.Writing != "" {
			v.rows = append(v.rows, row{left: path.Base(k.Writing)})
		}
	}
	return v
}

func alarmsPage(s scene) view {
	errors, warnings := alarmsOf(s.status)
	v := view{title: "Alarms"}
	if len(errors)+len(warnings) == 0 {
		v.text = "None: all is as configured."
		return v
	}
	v.corner = fmt.Sprint(len(errors) + len(warnings))
	all := make([]string, 0, len(errors)+len(warnings))
	for _, c := range append(errors, warnings...) {
		all = append(all, "! "+sentence(c.Message))
	}
	v.prose(strings.Join(all, "\n"))
	return v
}

func networkPage(s scene) view {
	v := view{title: "Network"}
	if s.status.Hostname != "" {
		v.rows = []row{{left: "Name", right: s.status.Hostname, whole: true}}
	}
	for _, a := range s.addresses {
		v.rows = append(v.rows, row{left: a.ifc, right: words(a.ip, a.why), whole: true})
	}
	if len(s.addresses) == 0 {
		v.below = "No network yet."
	}
	return v
}

func codePage(s scene) view {
	for _, a := range s.addresses {
		if a.page == "" {
			continue
		}
		_, address, _ := strings.Cut(strings.TrimSuffix(a.page, "/"), "://")
		v := view{title: "Web page", qr: codeText(a.page), address: address}
		for _, part := range breakAddress(a.page) {
			v.rows = append(v.rows, row{left: part})
		}
		return v
	}
	return view{title: "Web page", text: "No address yet: is the cable in, or Wi-Fi set up?"}
}

// codeText writes an address for a QR code. A scheme and a host are the same in capitals,
// and these take a third less room; a path is not.
func codeText(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if host, path, _ := strings.Cut(rest, "/"); ok && path == "" {
		return strings.ToUpper(scheme + "://" + host)
	}
	return address
}

// breakAddress writes an address in pieces that are short enough to stand beside its code.
func breakAddress(address string) (parts []string) {
	_, rest, _ := strings.Cut(strings.TrimSuffix(address, "/"), "://")
	host, port, _ := strings.Cut(rest, ":")
	const most = 10
	line := ""
	for _, label := range strings.SplitAfter(host, ".") {
		if line != "" && len(line)+len(label) > most {
			parts = append(parts, line)
			line = ""
		}
		line += label
	}
	parts = append(parts, line)
	if port != "" {
		parts = append(parts, ":"+port)
	}
	return parts
}
