// Package group decides which members of a group of destinations may push: all
// of them (independent), all or none (all), or the first that works
// (primary_backup). It is a pure state machine: states and a clock go in, who is
// held back and why comes out.
package group

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Policy is how the members of a group depend on each other.
type Policy string

// The policies.
const (
	// Independent: what happens to one does not matter to the others.
	Independent Policy = "independent"
	// All: when one has not been active for longer than Grace, the others are held
	// until it is back.
	All Policy = "all"
	// PrimaryBackup: the first member pushes; the next stands in once it has been
	// away for FailoverAfter, until it has been active for FailbackAfter. The third
	// is the second's backup in the same way, and so on.
	PrimaryBackup Policy = "primary_backup"
)

// Config of a group. It is not changed once given to New.
type Config struct {
	Members []string // in the order of PrimaryBackup
	Policy  Policy
	// Minimum is how many must be active: fewer for longer than Grace is an alarm.
	Minimum       int
	FailoverAfter time.Duration
	FailbackAfter time.Duration
	Grace         time.Duration
}

// Check says what is wrong with a group in itself.
func (c Config) Check() error {
	seen := map[string]bool{}
	for _, m := range c.Members {
		if seen[m] {
			return fmt.Errorf("member %s is named twice", m)
		}
		seen[m] = true
	}
	switch {
	case len(c.Members) == 0:
		return errors.New("a group needs members")
	case c.Minimum > len(c.Members):
		return fmt.Errorf("minimum is %d, but the group has %d members", c.Minimum, len(c.Members))
	case c.Minimum > 1 && c.Policy == PrimaryBackup:
		return fmt.Errorf("minimum is %d, but in a primary_backup group one member pushes at a time", c.Minimum)
	}
	return nil
}

// State is what the group knows of a member.
type State uint8

// The states.
const (
	// Waiting: it has no work, since the programme is missing or it was only just
	// made, or let go by the group. Nobody's fault.
	Waiting State = iota
	// Out: disabled, by its configuration or by a person. The group does without it.
	Out
	// Held by the group.
	Held
	// Away: it should be active, and is not: connecting, reconnecting, failed.
	Away
	// Active.
	Active
)

// Decision is what shall be.
type Decision struct {
	// Hold has, for each member, why it is held back; "" for those that may push.
	Hold []string
	// Active members.
	Active int
	// Text is the group's state in words: "main is active, spare is on standby".
	Text string
	// Degraded says that a member is missing, and that others had to follow.
	Degraded bool
	// Alarm is why Minimum is not met, "" while it is.
	Alarm string
	// Next is when the decision may change though no member does; zero: never.
	Next time.Time
}

// Group is the state machine of one group, for one goroutine.
type Group struct {
	config  Config
	members []member
	begun   bool
	below   time.Time // since when fewer than Minimum are active; zero: enough
	hold    []string  // as last decided
	now     time.Time
	next    time.Time
}

// member is what the group remembers of one.
type member struct {
	name  string
	state State
	since time.Time // in it
	bad   bool      // primary_backup: those after it stand in for it
}

// New makes a group none of whose members has been heard of.
func New(c Config) *Group {
	g := &Group{config: c}
	for _, name := range c.Members {
		g.members = append(g.members, member{name: name})
	}
	return g
}

// Step takes the states of the members, in the order of Config.Members, at a time
// not before that of the last Step, and decides. It is called whenever one has
// changed, and at Decision.Next.
func (g *Group) Step(now time.Time, states []State) Decision {
	g.now, g.next = now, time.Time{}
	for i := range g.members {
		m := &g.members[i]
		if m.state == Out && states[i] != Out {
			m.bad = g.replaced(i, states) // what works is not ended for one that has yet to
		}
		if m.state != states[i] || !g.begun {
			m.state, m.since = states[i], now
		}
	}
	if !g.begun {
		g.takeOver()
		g.begun = true
	}
	var d Decision
	switch g.config.Policy {
	case All:
		d.Hold, d.Text, d.Degraded = g.together()
	case PrimaryBackup:
		d.Hold, d.Text, d.Degraded = g.inTurn()
	default:
		d.Hold = make([]string, len(g.members))
	}
	for _, m := range g.members {
		if m.state == Active {
			d.Active++
		}
	}
	if d.Text == "" {
		d.Text = fmt.Sprintf("%d of %d active", d.Active, len(g.members))
	}
	d.Alarm = g.alarm(d.Active)
	d.Next, g.hold = g.next, d.Hold
	return d
}

// replaced says that a member after the i-th pushes, as it should.
func (g *Group) replaced(i int, states []State) bool {
	for j := i + 1; j < len(states); j++ {
		if states[j] == Active && g.begun && g.hold[j] == "" {
			return true
		}
	}
	return false
}

// takeOver makes a group whose configuration has changed go on where the one
// before was: a backup that is active stands in for those before it.
func (g *Group) takeOver() {
	stands := false
	for i := len(g.members) - 1; i >= 0; i-- {
		m := &g.members[i]
		m.bad = stands && m.state == Away
		stands = stands || m.state == Active
	}
}

// lasts says that a member has been in its state for d, and has Step called when
// that will be so.
func (g *Group) lasts(since time.Time, d time.Duration) bool {
	at := since.Add(d)
	if !at.After(g.now) {
		return true
	}
	if g.next.IsZero() || at.Before(g.next) {
		g.next = at
	}
	return false
}

// together decides for All.
func (g *Group) together() (hold []string, text string, degraded bool) {
	hold = make([]string, len(g.members))
	var missing []string
	late := make([]bool, len(g.members))
	for i, m := range g.members {
		if m.state == Away && g.lasts(m.since, g.config.Grace) {
			late[i] = true
			missing = append(missing, m.name)
		}
	}
	if len(missing) == 0 {
		return hold, "", false
	}
	for i, m := range g.members {
		if !late[i] && m.state != Out {
			hold[i] = "all or none: waits for " + list(missing)
		}
	}
	return hold, fmt.Sprintf("held: %s not active", isAre(missing)), true
}

// inTurn decides for PrimaryBackup.
func (g *Group) inTurn() (hold []string, text string, degraded bool) {
	hold = make([]string, len(g.members))
	var lead *member // the first that is relied on
	var given []string
	for i := range g.members {
		m := &g.members[i]
		if m.state == Out {
			m.bad = false
			continue
		}
		if lead != nil {
			hold[i] = "standby: " + lead.name + " " + lead.standing()
			m.bad = false // nobody knows until it is its turn
			continue
		}
		switch {
		case m.state == Away && !m.bad:
			m.bad = g.lasts(m.since, g.config.FailoverAfter)
		case m.state == Active && m.bad:
			m.bad = !g.lasts(m.since, g.config.FailbackAfter)
		}
		if m.bad {
			given = append(given, m.name)
			continue
		}
		lead = m
	}
	switch {
	case lead != nil && len(given) > 0:
		text = fmt.Sprintf("%s stands in for %s", lead.name, list(given))
		if lead.state != Active {
			text = fmt.Sprintf("%s is to stand in for %s", lead.name, list(given))
		}
	case lead != nil && lead.state == Active:
		text = lead.name + " is active"
	case lead != nil:
		text = lead.name + " is tried first"
	case len(given) > 0:
		text = "none is active: all are tried"
		for _, m := range g.members {
			if m.state == Active {
				text = m.name + " is active again, but not for long enough yet"
				break
			}
		}
	}
	return hold, text, len(given) > 0
}

// standing is what the others are told of the one they are on standby for.
func (m *member) standing() string {
	switch m.state {
	case Active:
		return "is active"
	case Away:
		return "is tried first"
	}
	return "waits for the stream"
}

// alarm says why Minimum is not met. While those that may push wait for something
// to do, nobody is late, neither they nor those that are held for them.
func (g *Group) alarm(active int) string {
	wait, away := false, false
	for _, m := range g.members {
		wait = wait || m.state == Waiting
		away = away || m.state == Away
	}
	idle := wait && !away && active == 0
	if active >= g.config.Minimum || idle {
		g.below = time.Time{}
		return ""
	}
	if g.below.IsZero() {
		g.below = g.now
	}
	if !g.lasts(g.below, g.config.Grace) {
		return ""
	}
	return fmt.Sprintf("%d of %s active, the minimum is %d", active, count(len(g.members)), g.config.Minimum)
}

func count(n int) string {
	if n == 1 {
		return "1 member is"
	}
	return fmt.Sprintf("%d members are", n)
}

// list is "a", "a and b", "a, b and c".
func list(names []string) string {
	n := len(names) - 1
	if n <= 0 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:n], ", ") + " and " + names[n]
}

func isAre(names []string) string {
	if len(names) == 1 {
		return names[0] + " is"
	}
	return list(names) + " are"
}
