package panel

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/device/control"
)

const (
	turnEvery = 3 * time.Second        // rows that do not fit take turns
	moveEvery = 150 * time.Millisecond // what moves
	// goHome is after how long without a key the menu gives way to the status pages.
	goHome = 2 * time.Minute
	// toastFor is how long a result is shown that nobody needs to read to its end.
	toastFor   = 3 * time.Second
	holdFor    = 1500 * time.Millisecond // to confirm
	holdLonger = 3 * time.Second         // where all is lost
)

// screen is something that is shown in place of the status pages.
type screen interface {
	view(u *ui, s scene) view
	press(u *ui, s scene, p Press)
}

// ui is what people do with a panel: a pure state machine from presses to views, and to
// commands that wanted takes out. It is not safe for concurrent use.
type ui struct {
	table   *control.Table // nil: status pages alone
	by      control.Caller
	grid    grid     // of the screen, which bounds scrolling
	stack   []screen // the last one is shown; none: the status pages
	page    string   // of the status pages
	touched time.Time
	asked   *job // a command that is to be started
	running *job
	giveUp  bool // running is to be given up
	number  int  // of jobs
}

// job is a command that runs, or is to.
type job struct {
	number  int
	request control.Request
	title   string
	long    bool // it may take minutes, and can be given up
}

// press takes one step of a press.
func (u *ui) press(s scene, p Press) {
	u.touched = s.now
	if p.Key == panel.Stream || p.Key == panel.Record {
		if u.shortcut(s, p) {
			return
		}
	}
	if n := len(u.stack); n > 0 {
		u.stack[n-1].press(u, s, p)
		return
	}
	all := pages(s)
	at := max(0, slices.IndexFunc(all, func(x page) bool { return x.name == u.page }))
	step := 0
	switch {
	case p.Key == panel.OK && p.Kind == Long:
		u.openMenu()
	case backs(p):
		at, step = 0, len(all)
	case p.Kind == Short && p.Key == panel.OK, p.Kind == Double && p.Key == panel.OK:
		step = 1
	case p.Kind == Down || p.Kind == Repeat:
		switch p.Key {
		case panel.Down, panel.Right:
			step = 1
		case panel.Up, panel.Left:
			step = len(all) - 1
		}
	}
	u.page = all[(at+step)%len(all)].name
}

// tick has time pass: what is shown for a while goes.
func (u *ui) tick(s scene) {
	if n := len(u.stack); n > 0 {
		if m, ok := u.stack[n-1].(*message); ok && !m.until.IsZero() && !s.now.Before(m.until) {
			u.pop()
		}
	}
	if len(u.stack) > 0 && u.running == nil && s.now.Sub(u.touched) >= goHome {
		u.stack, u.page = nil, ""
	}
}

// view is what is to be seen.
func (u *ui) view(s scene) (v view) {
	switch n := len(u.stack); {
	case s.now.Before(s.sign.Identify):
		return view{title: s.status.Hostname, big: "HERE", rows: []row{{left: "This is the box that"}, {left: "somebody looks for."}}}
	case n > 0:
		v = u.stack[n-1].view(u, s)
	case s.sign.Update != nil:
		v = view{title: "Update", text: "Do not switch off.\n" + s.sign.Update.Text, hasBar: true, bar: s.sign.Update.Done, barText: "Update: leave on"}
	default:
		all := pages(s)
		at := max(0, slices.IndexFunc(all, func(x page) bool { return x.name == u.page }))
		v = all[at].draw(s)
	}
	if v.turn == 0 {
		v.turn = s.turn
	}
	if v.hasBar && v.bar < 0 {
		v.turn = s.moving
	}
	return v
}

// moves says that the view changes by itself at every step.
func (u *ui) moves(s scene) bool {
	if len(u.stack) == 0 {
		return len(s.status.Streams) == 0 || s.sign.Update != nil
	}
	switch x := u.stack[len(u.stack)-1].(type) {
	case *working:
		return true
	case *hold:
		return x.armed
	}
	return false
}

func (u *ui) push(x screen) { u.stack = append(u.stack, x) }

func (u *ui) pop() {
	if n := len(u.stack); n > 0 {
		u.stack = u.stack[:n-1]
	}
}

// start has a command run; base is how much of the stack stays below. One runs at a time.
func (u *ui) start(s scene, base int, title string, r control.Request) {
	u.stack = u.stack[:min(base, len(u.stack))]
	if u.running != nil {
		u.toast(s, title, "Another command is still running: wait until it is done.")
		return
	}
	u.number++
	c, _ := u.table.Find(r.Command)
	u.running, u.giveUp = &job{number: u.number, request: r, title: title, long: c.Long}, false
	u.asked = u.running
	u.push(&working{job: u.running, since: s.now})
}

// wanted is a command to be started now, nil for none; finished is told of its end.
func (u *ui) wanted() *job {
	j := u.asked
	u.asked = nil
	return j
}

// progress shows how far a command is.
func (u *ui) progress(number int, p control.Progress) {
	if w := u.work(number); w != nil {
		w.progress = &p
	}
}

func (u *ui) work(number int) *working {
	for _, x := range u.stack {
		if w, ok := x.(*working); ok && w.job.number == number {
			return w
		}
	}
	return nil
}

// finished shows what came of a command, or its next question.
func (u *ui) finished(s scene, number int, result control.Result, err error) {
	if u.running == nil || u.running.number != number {
		return
	}
	j := u.running
	u.running, u.touched = nil, s.now
	u.stack = slices.DeleteFunc(u.stack, func(x screen) bool { w, ok := x.(*working); return ok && w.job == j })
	var e *control.Error
	switch {
	case errors.As(err, &e) && e.Code == control.Confirm:
		base := len(u.stack)
		next := j.request
		next.Confirmed++
		need := holdFor
		if next.Confirmed > 1 {
			need = holdLonger
		}
		u.push(&hold{title: j.title, question: e.Message, key: panel.OK, need: need, yes: func(u *ui, s scene) {
			u.start(s, base, j.title, next)
		}})
	case err != nil:
		u.push(&message{title: "Not done", text: errorWords(err)})
	case u.asksToKeep(s, j, result):
	case result.Text != "":
		u.push(&message{title: j.title, text: result.Text, until: s.now.Add(10 * toastFor)})
	default:
		u.toast(s, j.title, "Done.")
	}
}

// asksToKeep asks for the confirmation that a changed network waits for: who does not see
// the panel any more where he stands has not changed the network for good.
func (u *ui) asksToKeep(s scene, j *job, result control.Result) bool {
	c, _ := u.table.Find(j.request.Command)
	keep, ok := u.table.Find("config confirm")
	if !ok || c.Reads || !strings.HasPrefix(c.Name, "network ") {
		return false
	}
	u.askHold(s, keep, "Keep it?", control.Request{Command: keep.Name}, panel.OK, len(u.stack))
	if h, ok := u.top().(*hold); ok {
		h.question = words(result.Text, "Changed.") + "\nIt goes back by itself unless you keep it."
	}
	return true
}

// errorWords are an error's, each of several by itself.
func errorWords(err error) string {
	var e *control.Error
	text := sentence(err.Error())
	if errors.As(err, &e) {
		for _, p := range e.Problems {
			text += "\n- " + p
		}
	}
	return text
}

func (u *ui) toast(s scene, title, text string) {
	u.push(&message{title: title, text: text, until: s.now.Add(toastFor + toastFor*time.Duration(len(text)/24))})
}
