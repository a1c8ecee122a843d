package panel

import (
	"slices"
	"time"

	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/device/control"
)

// backs says that the key for that was pressed. Each of two quick presses is a step.
func backs(p Press) bool { return p.Key == panel.Back && (p.Kind == Short || p.Kind == Double) }

// leaves says that a press means back, wherever it is not needed for more.
func leaves(p Press) bool {
	return backs(p) || p.Key == panel.OK && p.Kind == Long || p.Key == panel.Left && p.Kind == Down
}

// picks says that a press means this one.
func picks(p Press) bool {
	return p.Key == panel.OK && (p.Kind == Short || p.Kind == Double) || p.Key == panel.Right && p.Kind == Down
}

// step is how far a press goes in a list.
func moved(p Press) int {
	if p.Kind == Down || p.Kind == Repeat {
		switch p.Key {
		case panel.Up:
			return -1
		case panel.Down:
			return 1
		}
	}
	return 0
}

// item is one line of a menu.
type item struct {
	label, right string
	note         string               // behind right, as much as there is room for
	do           func(u *ui, s scene) // nil: back
}

// menu is a list to choose from. Its items are made anew each time, as the state is; the
// way back is the last one. A line that was chosen stays so wherever it moves; nothing is
// picked that has taken the place of another and was not to be seen yet.
type menu struct {
	title    string
	corner   string
	items    func(u *ui, s scene) []item
	selected int
	label    string // of the selected item, as it was seen; "" at first
}

// all are the items; same says that the selected one is that which was seen.
func (m *menu) all(u *ui, s scene) (all []item, same bool) {
	all = append(m.items(u, s), item{label: "Back"})
	labelled := func(it item) bool { return it.label == m.label }
	same = m.label == "" || m.selected < len(all) && labelled(all[m.selected])
	if i := slices.IndexFunc(all, labelled); !same && i >= 0 {
		m.selected, same = i, true
	}
	m.selected = min(m.selected, len(all)-1)
	return all, same
}

func (m *menu) view(u *ui, s scene) view {
	v := view{title: m.title, corner: m.corner, menu: true}
	all, _ := m.all(u, s)
	m.label = all[m.selected].label
	for _, it := range all {
		v.rows = append(v.rows, row{left: it.label, right: it.right, note: it.note, wide: true})
	}
	v.selected = m.selected
	return v
}

func (m *menu) press(u *ui, s scene, p Press) {
	all, same := m.all(u, s)
	switch {
	case leaves(p):
		u.pop()
	case picks(p) && !same: // the next view shows it
	case picks(p):
		if do := all[m.selected].do; do != nil {
			do(u, s)
		} else {
			u.pop()
		}
	case moved(p) != 0:
		m.selected = (m.selected + moved(p) + len(all)) % len(all)
		m.label = all[m.selected].label
	}
}

// hold asks a question that is answered by holding a key for a while.
type hold struct {
	title, question string
	key             panel.Key
	need            time.Duration
	armed           bool // the key went down while this was shown
	held            time.Duration
	let             int // times it was let go too early
	scroll          int
	yes             func(u *ui, s scene)
}

func (h *hold) view(*ui, scene) view {
	v := view{title: h.title, text: h.question, scroll: h.scroll, hint: "Hold " + keyWords(h.key) + ": yes"}
	switch {
	case h.armed:
		v.hasBar, v.bar, v.barText = true, float64(h.held)/float64(h.need), "Keep holding "+keyWords(h.key)
	case h.let > 0:
		v.hint = "Hold yes, tap no"
	}
	return v
}

func (h *hold) press(u *ui, s scene, p Press) {
	switch {
	case p.Key == h.key:
		switch p.Kind {
		case Down:
			h.armed, h.held = true, 0
		case Held:
			if h.held = p.For; h.armed && p.For >= h.need {
				u.pop()
				h.yes(u, s)
			}
		case Short, Double: // with OK alone there is a way out: two short presses
			if h.let++; h.let > 1 {
				u.pop()
			}
		case Up:
			h.armed = false
		}
	case backs(p) || p.Key == panel.Left && p.Kind == Down || p.Key == panel.OK && p.Kind == Short:
		u.pop()
	default:
		h.scroll = u.grid.scrolled(h.view(u, s), moved(p))
	}
}

func keyWords(k panel.Key) string {
	switch k {
	case panel.OK:
		return "OK"
	case panel.Stream:
		return "the key"
	}
	return string(k)
}

// working is shown while a command runs.
type working struct {
	job      *job
	since    time.Time
	progress *control.Progress
}

func (w *working) view(u *ui, s scene) view {
	v := view{title: w.job.title, corner: clock(s.now.Sub(w.since)), text: "Working...", hasBar: true, bar: -1}
	if w.progress != nil {
		v.bar, v.text = w.progress.Done, words(w.progress.Text, "Working...")
	}
	switch {
	case u.giveUp:
		v.text = "Giving up..."
	case w.job.long && v.bar < 0:
		v.text += "\nBack or a long OK gives up."
	}
	v.barText = v.text
	return v
}

func (w *working) press(u *ui, _ scene, p Press) {
	u.giveUp = u.giveUp || w.job.long && leaves(p)
}

// message is something to read, until somebody has read it or for a while.
type message struct {
	title, text string
	scroll      int
	until       time.Time // zero: until a key
}

func (m *message) view(*ui, scene) view {
	return view{title: m.title, text: m.text, scroll: m.scroll}
}

func (m *message) press(u *ui, s scene, p Press) {
	if p.Key == panel.OK && p.Kind == Short || p.Key == panel.OK && p.Kind == Double || leaves(p) {
		u.pop()
	} else if by := moved(p); by != 0 {
		m.scroll = u.grid.scrolled(m.view(u, s), by)
		m.until = time.Time{} // somebody reads
	}
}
