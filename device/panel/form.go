package panel

import (
	"maps"
	"slices"
	"strings"

	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/device/control"
)

// form is a command whose arguments are being asked for.
type form struct {
	command control.Command
	args    map[string]string
	base    int // what of the stack stays when it runs
}

// reachable says that all that a command needs can be entered by keys.
func reachable(c control.Command) bool {
	for _, a := range c.Args {
		if !a.Optional && !enterable(a) {
			return false
		}
	}
	return true
}

// enterable says that an argument can be entered by keys: chosen, or turned character by
// character where that is short.
func enterable(a control.Arg) bool {
	switch {
	case a.Secret:
		return false
	case a.Values != nil:
		return true
	}
	switch a.Kind {
	case control.Integer, control.Duration, control.Bitrate, control.Switch, control.Choice, control.Word:
		return true
	case control.Text:
		return a.Name == "time"
	}
	return false
}

// begin asks for what a command needs, then runs it.
func (u *ui) begin(s scene, c control.Command, thing string, base int) {
	f := &form{command: c, args: requestFor(c, thing).Args, base: base}
	f.next(u, s)
}

// next asks for the next argument that is missing.
func (f *form) next(u *ui, s scene) {
	optional := false
	for _, a := range f.command.Args {
		if _, given := f.args[a.Name]; given {
			continue
		}
		if !a.Optional {
			f.ask(u, s, a, f.next)
			return
		}
		optional = optional || enterable(a)
	}
	if optional {
		u.push(&menu{title: titleOf(f.command), items: f.options})
		return
	}
	f.run(u, s)
}

// options are the arguments that may be left out, below what runs the command without.
func (f *form) options(*ui, scene) []item {
	all := []item{{label: "Do it", right: "→", do: f.run}}
	for _, a := range f.command.Args {
		if a.Optional && enterable(a) {
			all = append(all, item{label: sentence(a.Name), right: words(f.args[a.Name], words(a.Default, "-")), do: func(u *ui, s scene) {
				f.ask(u, s, a, func(*ui, scene) {})
			}})
		}
	}
	return all
}

func (f *form) run(u *ui, s scene) {
	c := f.command
	r := control.Request{Command: c.Name, Args: maps.Clone(f.args)}
	if weighty(c) && !asks(c, f.args) {
		u.askHold(s, c, titleOf(c)+"?", r, panel.OK, f.base)
		return
	}
	u.start(s, f.base, titleOf(c), r)
}

// asks says that a command has a question of its own about what it is to do.
func asks(c control.Command, args control.Args) bool {
	return slices.ContainsFunc(c.Confirm, func(ask control.Ask) bool { return ask(args) != "" })
}

// weighty says that a slip of the finger must not be enough for a command.
func weighty(c control.Command) bool {
	switch word, _, _ := strings.Cut(c.Name, " "); {
	case c.Reads:
		return false
	case word == "system", word == "network":
		return true
	}
	return c.Name == "stream start" || c.Name == "stream stop" || c.Name == "preset apply"
}

// ask has one argument entered, and goes on with then.
func (f *form) ask(u *ui, s scene, a control.Arg, then func(*ui, scene)) {
	done := func(u *ui, s scene, value string) {
		u.pop()
		f.args[a.Name] = value
		then(u, s)
	}
	if values := f.values(s, a); values != nil && len(values) == 0 && !a.Optional {
		u.push(&message{title: titleOf(f.command), text: "Nothing to choose from: " + a.Help + "."})
		return
	} else if len(values) > fewValues && strings.Contains(values[0], "/") {
		u.push(f.families(a, values, done))
		return
	} else if values != nil {
		u.push(f.picker(a, values, done))
		return
	}
	u.push(newWheel(s, actionWords(f.command), a, control.Args(f.args), done))
}

// values are what an argument can be chosen from, nil where it has to be entered.
func (f *form) values(s scene, a control.Arg) []string {
	switch {
	case a.Values != nil:
		if values := a.Values(s.status, control.Args(f.args)); values != nil {
			return values
		}
		return []string{}
	case a.Kind == control.Switch:
		return []string{"on", "off"}
	case a.Kind == control.Choice:
		return slices.Clone(a.Choices)
	case a.Kind == control.Duration:
		return durations(a)
	}
	return nil
}

// durations are the usual ones within an argument's bounds.
func durations(a control.Arg) (all []string) {
	for _, d := range []struct {
		text    string
		seconds int64
	}{
		{"5s", 5}, {"10s", 10}, {"30s", 30}, {"1m", 60}, {"2m", 120}, {"5m", 300}, {"10m", 600}, {"30m", 1800},
		{"1h", 3600}, {"2h", 7200}, {"4h", 14400}, {"8h", 28800}, {"24h", 86400},
	} {
		if a.Min == 0 && a.Max == 0 || d.seconds >= a.Min && d.seconds <= a.Max {
			all = append(all, d.text)
		}
	}
	return all
}

func (f *form) picker(a control.Arg, values []string, done func(*ui, scene, string)) screen {
	return &menu{title: actionWords(f.command), corner: a.Name, items: func(*ui, scene) (all []item) {
		for _, value := range values {
			mark := ""
			if f.args[a.Name] == value {
				mark = "●"
			}
			all = append(all, item{label: value, right: mark, do: func(u *ui, s scene) { done(u, s, value) }})
		}
		if isAddress(a) {
			all = append(all, item{label: "Enter...", right: "→", do: func(u *ui, s scene) {
				u.pop()
				u.push(newWheel(s, actionWords(f.command), a, control.Args(f.args), done))
			}})
		}
		if a.Optional {
			all = append(all, item{label: "(leave out)", do: func(u *ui, _ scene) {
				u.pop()
				delete(f.args, a.Name)
			}})
		}
		return all
	}}
}

// fewValues are as many as one list may have, where they come in families.
const fewValues = 30

// families choose among many values, "Europe/Vienna", by their beginning first.
func (f *form) families(a control.Arg, values []string, done func(*ui, scene, string)) screen {
	of := map[string][]string{}
	for _, v := range values {
		family, _, _ := strings.Cut(v, "/")
		of[family] = append(of[family], v)
	}
	return &menu{title: actionWords(f.command), corner: a.Name, items: func(*ui, scene) (all []item) {
		for _, family := range slices.Sorted(maps.Keys(of)) {
			all = append(all, item{label: family, right: "→", do: func(u *ui, _ scene) {
				u.push(f.picker(a, of[family], func(u *ui, s scene, value string) {
					u.pop() // this list; done leaves that of the families
					done(u, s, value)
				}))
			}})
		}
		return all
	}}
}
