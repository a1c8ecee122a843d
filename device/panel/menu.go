package panel

import (
	"slices"
	"strings"

	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

// A section is the commands that begin with one word. Those that are not listed here
// stand behind the ones that are, so that no command is forgotten.
type section struct{ word, title string }

func sections() []section {
	return []section{
		{"stream", "Streams"},
		{"destination", "Destinations"},
		{"record", "Recording"},
		{"preset", "Presets"},
		{"input", "Input"},
		{"slate", "Slate"},
		{"bitrate", "Bit rate"},
		{"network", "Network"},
		{"time", "Time"},
		{"show", "Details"},
		{"config", "Settings"},
		{"support", "Support"},
		{"system", "System"},
	}
}

// commands are those that the panel may have and can ask for.
func (u *ui) commands() []control.Command {
	if u.table == nil {
		return nil
	}
	return slices.DeleteFunc(u.table.Of(u.by), func(c control.Command) bool { return !reachable(c) })
}

// Unreachable are the commands of a table that nobody gets at from a panel, though they
// are not excepted for it (control.Command.Except). A test of the table wants none.
func Unreachable(t *control.Table) (names []string) {
	u := &ui{table: t, by: Caller()}
	found := map[string]bool{}
	for _, sec := range u.sections() {
		for _, c := range u.section(sec.word) {
			found[c.Name] = true
		}
	}
	for _, c := range t.Commands() {
		if c.Except[control.Panel] == "" && !found[c.Name] {
			names = append(names, c.Name)
		}
	}
	return names
}

// Caller is who the front panel is: whoever has the box in his hands may do everything.
func Caller() control.Caller {
	return control.Caller{Name: "the front panel", Surface: control.Panel, Role: control.Admin}
}

// sections are those that have commands, in the menu's order.
func (u *ui) sections() (all []section) {
	known := sections()
	present := map[string]bool{}
	var rest []section
	for _, c := range u.commands() {
		word, _, _ := strings.Cut(c.Name, " ")
		if present[word] {
			continue
		}
		present[word] = true
		if !slices.ContainsFunc(known, func(s section) bool { return s.word == word }) {
			rest = append(rest, section{word, sentence(word)})
		}
	}
	for _, s := range known {
		if present[s.word] {
			all = append(all, s)
		}
	}
	return append(all, rest...)
}

func (u *ui) section(word string) []control.Command {
	return slices.DeleteFunc(u.commands(), func(c control.Command) bool {
		first, _, _ := strings.Cut(c.Name, " ")
		return first != word
	})
}

func (u *ui) openMenu() {
	u.push(&menu{title: "Menu", items: func(u *ui, s scene) (all []item) {
		if c, name, ok := u.airCommand(s.status); ok {
			all = append(all, item{label: titleOf(c), do: func(u *ui, s scene) { u.begin(s, c, name, len(u.stack)) }})
		}
		for _, sec := range u.sections() {
			all = append(all, item{label: sec.title, right: "→", do: func(u *ui, s scene) { u.openSection(s, sec) }})
		}
		return append(all, item{label: "About", do: func(u *ui, s scene) { u.push(aboutScreen(s)) }})
	}})
}

// titleOf is a command in words that stand by themselves.
func titleOf(c control.Command) string {
	switch section, _, _ := strings.Cut(c.Name, " "); {
	case c.Name == "stream start":
		return "Go on air"
	case c.Name == "stream stop":
		return "Go off air"
	case section == "system":
		return actionWords(c)
	case section == "preset":
		return actionWords(c) + " preset"
	}
	return sentence(strings.ReplaceAll(c.Name, "-", " "))
}

// airCommand is what changes whether the stream is on the air: the default one, or the first.
func (u *ui) airCommand(s *status.Snapshot) (c control.Command, stream string, ok bool) {
	st := mainStream(s)
	if u.table == nil || st == nil {
		return c, "", false
	}
	name := "stream stop"
	if airOf(st) == AirOff {
		name = "stream start"
	}
	c, ok = u.table.Find(name)
	return c, st.Name, ok
}

func mainStream(s *status.Snapshot) *status.Stream {
	for i := range s.Streams {
		if s.Streams[i].Default {
			return &s.Streams[i]
		}
	}
	if len(s.Streams) > 0 {
		return &s.Streams[0]
	}
	return nil
}

// openSection shows a section: the things that its commands are about, and behind each
// what can be done with it; where there is only one thing, that at once.
func (u *ui) openSection(s scene, sec section) {
	items := func(u *ui, s scene) (all []item) {
		var things []string
		for _, c := range u.section(sec.word) {
			for _, name := range thingsOf(c, s.status) {
				if !slices.Contains(things, name) {
					things = append(things, name)
				}
			}
		}
		if len(things) == 1 && sec.word != "destination" && sec.word != "preset" {
			return u.actions(s, sec.word, things[0], true)
		}
		for _, name := range things {
			state, note := thingWords(sec.word, name, s)
			all = append(all, item{label: name, right: state, note: note, do: func(u *ui, _ scene) {
				u.push(&menu{title: name, items: func(u *ui, s scene) []item { return u.actions(s, sec.word, name, false) }})
			}})
		}
		return append(all, u.actions(s, sec.word, "", true)...)
	}
	if all := items(u, s); len(all) == 1 {
		all[0].do(u, s)
		return
	}
	u.push(&menu{title: sec.title, items: items})
}

// isAbout says that a command is about one of a few things that the box has, which its
// first argument names.
func isAbout(c control.Command) bool {
	if len(c.Args) == 0 || c.Args[0].Optional || c.Args[0].Values == nil {
		return false
	}
	return slices.Contains([]string{"stream", "name", "destination", "interface", "preset"}, c.Args[0].Name)
}

// thingsOf are what a command can be about now.
func thingsOf(c control.Command, s *status.Snapshot) []string {
	if !isAbout(c) {
		return nil
	}
	return c.Args[0].Values(s, control.Args{})
}

// thingWords is the state of a thing, for the list of them, and what people have noted of it.
func thingWords(word, name string, s scene) (state, note string) {
	if word == "preset" {
		return presetWords(name, s.status)
	}
	for i := range s.status.Streams {
		st := &s.status.Streams[i]
		for j := range st.Destinations {
			d := &st.Destinations[j]
			if word == "destination" && (d.Name == name || st.Name+"/"+d.Name == name) {
				return destinationWords(d, s.now), ""
			}
		}
		if (word == "stream" || word == "record") && st.Name == name {
			if word == "record" && st.Recording != nil {
				return st.Recording.State, ""
			}
			return strings.ToLower(string(airOf(st))), ""
		}
	}
	return "→", ""
}

// presetWords are what is to be known of a preset: that the box does what it says, or why
// it cannot, and what it is for, which must not cost its name a letter.
func presetWords(name string, s *status.Snapshot) (state, note string) {
	for _, p := range s.Presets {
		switch {
		case p.Name != name:
		case p.Error != "":
			return "not valid", ""
		case p.State == status.PresetChanged:
			return "● changed", ""
		case p.State == status.PresetApplied:
			return "●", p.Note
		case p.Note != "":
			return "", p.Note
		}
	}
	return "→", ""
}

// actions are the commands of a section for one thing; with others, also those that are
// about nothing, or ask what.
func (u *ui) actions(s scene, word, thing string, others bool) (all []item) {
	commands := u.section(word)
	slices.SortStableFunc(commands, func(a, b control.Command) int { return usual(a) - usual(b) })
	for _, c := range commands {
		about := isAbout(c)
		switch {
		case about && (thing == "" || !fitting(c, thing, s.status)) || !about && !others:
			continue
		case !about:
			all = append(all, item{label: actionWords(c), do: func(u *ui, s scene) { u.begin(s, c, "", len(u.stack)) }})
		default:
			all = append(all, item{label: actionWords(c), do: func(u *ui, s scene) { u.begin(s, c, thing, len(u.stack)) }})
		}
	}
	return all
}

// usual is where a command stands in its section: what people want most often comes first.
func usual(c control.Command) int {
	_, action, _ := strings.Cut(c.Name, " ")
	order := []string{"apply", "start", "stop", "mark", "resume", "pause", "retry", "preflight", "enable", "disable", "on", "off", "confirm", "dhcp", "static", "reboot", "shutdown"}
	if i := slices.Index(order, action); i >= 0 {
		return i
	}
	return len(order)
}

// fitting says that a command can change something about a thing as it is now.
func fitting(c control.Command, thing string, s *status.Snapshot) bool {
	for i := range s.Streams {
		st := &s.Streams[i]
		for _, d := range st.Destinations {
			if d.Name != thing && st.Name+"/"+d.Name != thing {
				continue
			}
			off := d.State == status.Disabled && !d.Paused && !d.Held
			switch c.Name {
			case "destination pause":
				return !d.Paused && !off
			case "destination resume":
				return d.Paused
			case "destination enable":
				return off
			case "destination disable":
				return !off
			case "destination retry":
				return d.State != status.Disabled
			}
		}
	}
	return true
}

// actionWords is a command without its section's word.
func actionWords(c control.Command) string {
	_, rest, ok := strings.Cut(c.Name, " ")
	if !ok {
		rest = c.Name
	}
	return sentence(strings.ReplaceAll(rest, "-", " "))
}

func aboutScreen(s scene) screen {
	lines := []string{"Encoder box " + s.status.Version, s.status.Hostname}
	for _, a := range s.addresses {
		lines = append(lines, a.ifc+" "+words(a.ip, a.why))
	}
	lines = append(lines, "Up for "+clock(s.now.Sub(s.status.Started)))
	return &message{title: "About", text: strings.Join(lines, "\n")}
}

// shortcut is what the keys for on air and recording do, wherever one is; false where
// the screen that is shown wants them.
func (u *ui) shortcut(s scene, p Press) bool {
	if h, ok := u.top().(*hold); ok && h.key == p.Key {
		return false
	}
	if u.running != nil {
		return true
	}
	if p.Key == panel.Stream {
		if c, name, ok := u.airCommand(s.status); ok && p.Kind == Down {
			u.stack = nil
			u.askHold(s, c, titleOf(c)+"?", requestFor(c, name), panel.Stream, 0)
		}
		return true
	}
	st := mainStream(s.status)
	if st == nil || u.table == nil {
		return true
	}
	recording := st.Recording != nil && st.Recording.State != "idle"
	name := ""
	switch {
	case p.Kind == Short && !recording:
		name = "record start"
	case p.Kind == Short:
		u.stack = nil
		u.toast(s, "Recording", "Hold the key to stop. Press twice to mark this moment.")
	case p.Kind == Double && recording:
		name = "record mark"
	case p.Kind == Long && recording:
		name = "record stop"
	}
	if c, ok := u.table.Find(name); ok && name != "" {
		u.start(s, 0, titleOf(c), requestFor(c, st.Name))
	}
	return true
}

func (u *ui) top() screen {
	if n := len(u.stack); n > 0 {
		return u.stack[n-1]
	}
	return nil
}

// requestFor asks for a command about one thing.
func requestFor(c control.Command, thing string) control.Request {
	r := control.Request{Command: c.Name, Args: map[string]string{}}
	if len(c.Args) > 0 && thing != "" && (!c.Args[0].Optional || c.Args[0].Values != nil) {
		r.Args[c.Args[0].Name] = thing
	}
	return r
}

// askHold has a command confirmed by holding a key, then runs it.
func (u *ui) askHold(_ scene, c control.Command, title string, r control.Request, key panel.Key, base int) {
	question := sentence(c.Help) + "."
	if c.Name == "preset apply" { // several look alike
		question = r.Args["name"] + ": from now on the box does this and nothing else."
	}
	u.push(&hold{title: title, question: question, key: key, need: holdFor, armed: key == panel.Stream, yes: func(u *ui, s scene) {
		u.start(s, base, titleOf(c), r)
	}})
}
