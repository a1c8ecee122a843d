package device

import (
	"context"
	"slices"
	"time"

	"github.com/encoderbox/encoderbox/device/config"
	"github.com/encoderbox/encoderbox/device/reconcile"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/output/push/group"
)

// conditionGroup and a group's name are the code of its alarm.
const conditionGroup = "group.minimum."

func groupID(st *stream, name string) string { return "stream " + st.name + "/group " + name }

// groupsOf are the components that must have decided before a destination begins:
// a backup must not push for a moment first.
func groupsOf(cfg *config.Config, st *stream, destination string) []string {
	sc := cfg.Streams[st.name]
	var ids []string
	for _, name := range sc.GroupNames() {
		if slices.Contains(sc.Groups[name].MemberNames(), destination) {
			ids = append(ids, groupID(st, name))
		}
	}
	return ids
}

// grouped are the destinations of a stream that are in a group.
func grouped(sc config.Stream) map[string]bool {
	members := map[string]bool{}
	for _, g := range sc.Groups {
		for _, m := range g.MemberNames() {
			members[m] = true
		}
	}
	return members
}

// groupConfig is a configured group as output/push/group has it.
func groupConfig(g config.Group) group.Config {
	return group.Config{
		Members: g.MemberNames(), Policy: group.Policy(g.Policy), Minimum: g.Minimum,
		FailoverAfter: g.FailoverAfter.Std(), FailbackAfter: g.FailbackAfter.Std(), Grace: g.Grace.Std(),
	}
}

// groupComponent makes a group's destinations follow its policy. What it holds stays
// held when it ends: another configuration of the group may want the same.
func (d *box) groupComponent(st *stream, name string, gc config.Group) reconcile.Component {
	return reconcile.Component{
		ID: groupID(st, name), Spec: gc,
		Make: func() (reconcile.Runner, error) {
			return &grouper{box: d, stream: st, name: name, config: groupConfig(gc)}, nil
		},
		Removed: func() {
			st.report.RemoveGroup(name)
			st.report.Clear(conditionGroup + name)
		},
	}
}

// grouper runs a group.
type grouper struct {
	box    *box
	stream *stream
	name   string
	config group.Config
}

// Run implements reconcile.Runner. It is ready when it has decided for the first
// time.
func (g *grouper) Run(ctx context.Context, ready func()) error {
	machine, onAir := group.New(g.config), true
	var last group.Decision
	for first := true; ; first = false {
		states, changed := g.box.destinations.states(g.stream.name, g.config.Members)
		if was := onAir; g.box.destinations.onAir(g.stream.name) != was {
			machine, onAir = group.New(g.config), !was // nobody was late meanwhile
		}
		next := machine.Step(time.Now(), states)
		if !onAir {
			next.Alarm, next.Text = "", "off the air"
		}
		g.box.destinations.hold(g.stream.name, g.config.Members, next.Hold)
		g.report(last, next)
		last = next
		if first {
			ready()
		}
		if !g.await(ctx, next.Next, changed) {
			return nil
		}
	}
}

// await waits for a change, or until at, where it is set. It returns false when ctx
// has ended.
func (g *grouper) await(ctx context.Context, at time.Time, changed <-chan struct{}) bool {
	var due <-chan time.Time
	if !at.IsZero() {
		timer := time.NewTimer(time.Until(at))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-changed:
	case <-due:
	}
	return true
}

// report tells what has changed.
func (g *grouper) report(last, next group.Decision) {
	report, subject := g.stream.report, "group "+g.name
	if last.Text != next.Text || last.Active != next.Active || last.Alarm != next.Alarm {
		report.SetGroup(status.Group{
			Name: g.name, Policy: string(g.config.Policy), Members: g.config.Members, Minimum: g.config.Minimum,
			Active: next.Active, Text: next.Text, Alarm: next.Alarm,
		})
	}
	if last.Degraded || next.Degraded {
		severity := status.Info
		if next.Degraded {
			severity = status.Warning
		}
		if last.Text != next.Text {
			report.Event(severity, subject, next.Text)
		}
	}
	switch {
	case last.Alarm == next.Alarm:
	case next.Alarm == "":
		report.Clear(conditionGroup + g.name)
		report.Event(status.Info, subject, "enough destinations are active again")
	default:
		report.Raise(status.Condition{Code: conditionGroup + g.name, Severity: status.Error, Message: subject + ": " + next.Alarm})
		report.Event(status.Error, subject, next.Alarm)
	}
}
