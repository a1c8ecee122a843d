package dash

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Names of query parameters.
const (
	fromName     = "from"
	durationName = "duration"
	offsetName   = "offset"
	ofName       = "of" // of a header: the number of a segment that it is of
)

// longestShift bounds what one manifest lists.
const longestShift = 24 * time.Hour

// shift is a request for another time than now: for a part of what is kept, or for
// what was live a while ago.
type shift struct {
	from, to time.Time
	delay    time.Duration
}

// shiftOf reads which part is asked for, if one is.
func shiftOf(q url.Values, now time.Time) (s shift, asked bool, err error) {
	from, length, offset := q.Get(fromName), q.Get(durationName), q.Get(offsetName)
	switch {
	case from == "" && offset == "" && length == "":
		return s, false, nil
	case offset != "" && from+length != "":
		return s, true, errors.New("offset goes alone: ask either for ?from=TIME&duration=LENGTH or for ?offset=LENGTH")
	case offset != "":
		s.delay, err = parseDuration(offsetName, offset)
		return s, true, err
	case from == "":
		return s, true, errors.New("duration alone does not say where to begin: add from, such as from=2026-05-01T20:15:00Z")
	}
	if s.from, err = parseTime(from); err != nil {
		return s, true, err
	}
	s.to = now
	if length != "" {
		d, err := parseDuration(durationName, length)
		if err != nil {
			return s, true, err
		}
		s.to = s.from.Add(d)
	}
	switch {
	case !s.from.Before(now):
		return s, true, fmt.Errorf("from %s has not come yet: it is %s now", s.from.UTC().Format(timeFormat), now.UTC().Format(timeFormat))
	case s.to.Sub(s.from) > longestShift:
		return s, true, fmt.Errorf("%v at once are too much: give a duration of at most %v", s.to.Sub(s.from).Round(time.Second), longestShift)
	}
	return s, true, nil
}

// parseTime reads an RFC 3339 time or seconds since 1970.
func parseTime(text string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, strings.ReplaceAll(text, " ", "+")); err == nil { // a + that was not escaped
		return t, nil
	}
	if s, err := strconv.ParseFloat(text, 64); err == nil && s >= 0 && s < 1<<33 {
		return time.UnixMilli(int64(s * 1000)), nil
	}
	return time.Time{}, fmt.Errorf("from=%q is no time: give it as 2026-05-01T20:15:00Z or as seconds since 1970", text)
}

// parseDuration reads a duration such as 90s or 1h30m, or seconds.
func parseDuration(name, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if s, e := strconv.ParseFloat(text, 64); e == nil && s < 1<<31 {
		d, err = time.Duration(s*float64(time.Second)), nil
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%s=%q is no duration: give it as 90s, 10m, 1h30m, or as seconds", name, text)
	}
	return d, nil
}
