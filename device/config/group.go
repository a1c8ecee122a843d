package config

import (
	"maps"
	"slices"
	"strings"
)

// Group is destinations of a stream that depend on each other. It is comparable.
type Group struct {
	Members       string   `toml:"members" required:"true" unit:"names, separated by commas" help:"The destinations of the group, in the order in which primary_backup tries them. A destination is in one group at most."`
	Policy        string   `toml:"policy" default:"independent" enum:"independent|all|primary_backup" help:"independent: what happens to one does not matter to the others; all: when one is not active for longer than grace, the others are held until it is back; primary_backup: the first pushes, the next stands in while it is away."`
	Minimum       int      `toml:"minimum" default:"0" min:"0" max:"100" unit:"destinations; 0: none" help:"Alarm when fewer of the group are active for longer than grace."`
	FailoverAfter Duration `toml:"failover_after" default:"5s" min:"0s" max:"1h" unit:"duration" help:"With primary_backup: how long the first must be away for the next to stand in."`
	FailbackAfter Duration `toml:"failback_after" default:"30s" min:"0s" max:"24h" unit:"duration" help:"With primary_backup: how long the first must be active again for the one that stands in to end."`
	Grace         Duration `toml:"grace" default:"10s" min:"0s" max:"1h" unit:"duration" help:"With all, and for minimum: how long a destination may be away without consequences."`
}

// MemberNames are the members in their order.
func (g Group) MemberNames() []string {
	var names []string
	for name := range strings.SplitSeq(g.Members, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// GroupNames are the names of the stream's groups, sorted.
func (s Stream) GroupNames() []string { return slices.Sorted(maps.Keys(s.Groups)) }

// validateGroups checks that groups are made of the stream's destinations.
func (d *decoder) validateGroups(path string, s Stream, rules Rules) {
	of := map[string]string{} // groups by their members
	for _, name := range s.GroupNames() {
		g, at := s.Groups[name], path+".groups."+name
		if !d.good(at, "members", "minimum") {
			continue
		}
		for _, member := range g.MemberNames() {
			other, taken := of[member]
			of[member] = name
			switch _, known := s.Destinations[member]; {
			case !known:
				hint := ""
				if near := suggest(member, s.DestinationNames()); near != "" {
					hint = "; did you mean " + quote(near) + "?"
				}
				d.fail(at+".members", "no destination %s in this stream%s", quote(member), hint)
			case taken && other != name:
				d.fail(at+".members", "%s is in group %s already, expected each destination in one group at most", member, other)
			}
		}
		if rules.Group != nil && d.good(at, "members") {
			if err := rules.Group(g); err != nil {
				d.fail(at, "%v", err)
			}
		}
	}
}
