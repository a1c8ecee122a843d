package record

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Schedule is when to record: ranges of clock time on days of the week. Make
// one by ParseSchedule.
//
// Times are those that clocks of the box's zone show. Where clocks are put
// forward and a time is left out, it is the moment they are; where they are put
// back and a time comes twice, a range begins with the first and ends with the
// second.
type Schedule struct {
	ranges []timeRange
	text   string
}

// timeRange begins on the days given; end is beyond 24 h if it lies on the next day.
type timeRange struct {
	days       [7]bool // by time.Weekday
	start, end int     // minutes of the day
}

const day = 24 * 60

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// IsZero says that it has no ranges.
func (s Schedule) IsZero() bool { return len(s.ranges) == 0 }

func (s Schedule) String() string { return s.text }

// ParseSchedule reads ranges separated by commas, semicolons or lines, such as
// "mon-fri 08:00-18:00, sat,sun 22:00-02:00". Without days, or with "daily", it
// is every day; a range that ends at or before its begin ends on the next day.
func ParseSchedule(s string) (Schedule, error) {
	out := Schedule{text: strings.TrimSpace(s)}
	var days [7]bool
	pending := "" // days still without a time
	for _, item := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ';' || r == '\n' }) {
		fields := strings.Fields(strings.ToLower(item))
		if len(fields) == 0 {
			continue
		}
		last := fields[len(fields)-1]
		timed := strings.ContainsAny(last, ":0123456789")
		names := fields
		if timed {
			names = fields[:len(fields)-1]
		}
		for _, name := range names {
			if err := addDays(&days, name); err != nil {
				return Schedule{}, fmt.Errorf("schedule, in %q: %w", strings.TrimSpace(item), err)
			}
			pending = strings.TrimSpace(item)
		}
		if !timed {
			continue
		}
		r := timeRange{days: days}
		if pending == "" {
			r.days = [7]bool{true, true, true, true, true, true, true}
		}
		var err error
		if r.start, r.end, err = parseRange(last); err != nil {
			return Schedule{}, fmt.Errorf("schedule, in %q: %w", strings.TrimSpace(item), err)
		}
		out.ranges = append(out.ranges, r)
		days, pending = [7]bool{}, ""
	}
	if pending != "" {
		return Schedule{}, fmt.Errorf("schedule: %q has no time: write it as %q", pending, pending+" 08:00-18:00")
	}
	if len(out.ranges) == 0 {
		return Schedule{}, fmt.Errorf("schedule: it is empty: write for example %q", "mon-fri 08:00-18:00")
	}
	return out, nil
}

// addDays adds "mon", "mon-fri" or "daily".
func addDays(days *[7]bool, s string) error {
	if s == "daily" {
		*days = [7]bool{true, true, true, true, true, true, true}
		return nil
	}
	first, last, found := strings.Cut(s, "-")
	if !found {
		last = first
	}
	a, err := weekday(first)
	if err != nil {
		return err
	}
	b, err := weekday(last)
	if err != nil {
		return err
	}
	for d := a; ; d = (d + 1) % 7 {
		days[d] = true
		if d == b {
			return nil
		}
	}
}

func weekday(s string) (int, error) {
	for i, name := range dayNames {
		if s == name || len(s) > 3 && s == strings.ToLower(time.Weekday(i).String()) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("unknown day %q: use mon, tue, wed, thu, fri, sat, sun, or daily", s)
}

func parseRange(s string) (start, end int, err error) {
	a, b, found := strings.Cut(s, "-")
	if !found {
		return 0, 0, fmt.Errorf("%q is no range of times: write 08:00-18:00", s)
	}
	if start, err = clockTime(a); err != nil {
		return 0, 0, err
	}
	if end, err = clockTime(b); err != nil {
		return 0, 0, err
	}
	switch {
	case start == day:
		return 0, 0, fmt.Errorf("%q: a day begins at 00:00, not 24:00", s)
	case start == end:
		return 0, 0, fmt.Errorf("%q is no time at all: for the whole day write 00:00-24:00", s)
	case end < start:
		end += day
	}
	return start, end, nil
}

// clockTime is "08:00" in minutes of the day, up to "24:00".
func clockTime(s string) (int, error) {
	h, m, found := strings.Cut(s, ":")
	hours, errH := strconv.ParseUint(h, 10, 8)
	minutes, errM := strconv.ParseUint(m, 10, 8)
	total := int(hours)*60 + int(minutes)
	if !found || errH != nil || errM != nil || len(h) > 2 || len(m) != 2 || minutes > 59 || total > day {
		return 0, fmt.Errorf("%q is no time of day: write 00:00 to 24:00", s)
	}
	return total, nil
}

// At says whether to record at a time, whose zone is the box's, and when that
// changes next; zero: never.
func (s Schedule) At(now time.Time) (on bool, edge time.Time) {
	spans := s.around(now)
	for _, p := range spans { // the union: what touches goes on
		if !on && !now.Before(p.from) && now.Before(p.to) {
			on, edge = true, p.to
		}
	}
	for again := on; again; {
		again = false
		for _, p := range spans {
			if !p.from.After(edge) && p.to.After(edge) {
				edge, again = p.to, true
			}
		}
	}
	if on {
		if edge.After(now.AddDate(0, 0, 8)) { // around the clock
			edge = time.Time{}
		}
		return on, edge
	}
	for _, p := range spans {
		if p.from.After(now) && p.to.After(p.from) && (edge.IsZero() || p.from.Before(edge)) {
			edge = p.from
		}
	}
	return false, edge
}

type timeSpan struct{ from, to time.Time }

// around are the ranges as times, from the day before to ten days on.
func (s Schedule) around(now time.Time) (out []timeSpan) {
	y, m, d := now.Date()
	for i := -1; i <= 10; i++ {
		noon := time.Date(y, m, d+i, 12, 0, 0, 0, time.UTC)
		for _, r := range s.ranges {
			if !r.days[noon.Weekday()] {
				continue
			}
			from, _ := moments(noon, r.start, now.Location())
			_, to := moments(noon, r.end, now.Location())
			out = append(out, timeSpan{from, to})
		}
	}
	return out
}

// moments are the first and the last time at which clocks show so many minutes
// after the begin of a day.
func moments(noon time.Time, minutes int, zone *time.Location) (first, last time.Time) {
	naive := noon.Add(time.Duration(minutes-day/2) * time.Minute) // as if the zone were UTC
	var found bool
	for _, near := range []time.Duration{-day * time.Minute, day * time.Minute} {
		_, offset := naive.Add(near).In(zone).Zone()
		t := naive.Add(-time.Duration(offset) * time.Second).In(zone)
		if _, have := t.Zone(); have != offset {
			continue
		}
		if !found || t.Before(first) {
			first = t
		}
		if !found || t.After(last) {
			last = t
		}
		found = true
	}
	if found {
		return first, last
	}
	// Left out: the zone's offset before puts it behind the change.
	_, offset := naive.Add(-day * time.Minute).In(zone).Zone()
	start, _ := naive.Add(-time.Duration(offset) * time.Second).In(zone).ZoneBounds()
	return start.In(zone), start.In(zone)
}
