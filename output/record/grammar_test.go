package record

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestTemplateNames(t *testing.T) {
	begin := time.Date(2026, 3, 1, 9, 5, 7, 0, time.UTC)
	v := Values{Stream: "main", Host: "box-1", Begin: begin, Part: 2}
	for _, c := range []struct {
		template string
		change   func(*Values)
		want     string
	}{
		{"", nil, "main_2026-03-01_09-05-07_003"},
		{"{host} {stream} {part}", nil, "box-1 main 003"},
		{"", func(v *Values) { v.Begin = time.Time{} }, "main_nodate_notime_003"},
		{"{stream}_{label}_{part}", func(v *Values) { v.Label = "goal 1" }, "main_goal 1_003"},
		{"{stream}_{label}_{part}", nil, "main_003"},
		{"{label}", nil, "recording_"},
		{"{label}", func(v *Values) { v.Label = "../../etc/passwd" }, "_.._etc_passwd"},
		{"{label}", func(v *Values) { v.Label = `a/b\c:d*e?f"g<h>i|j` + "\x00\n\u202e" }, "a_b_c_d_e_f_g_h_i_j___"},
		{"{label}", func(v *Values) { v.Label = "con" }, "recording_con"},
		{"{label}", func(v *Values) { v.Label = "LPT1.x" }, "recording_LPT1.x"},
		{"{label}", func(v *Values) { v.Label = " .hidden. " }, "hidden"},
		{"{label}", func(v *Values) { v.Label = "Überraschung 東京" }, "Überraschung 東京"},
		{"{label}", func(v *Values) { v.Label = "{host}" }, "{host}"},
	} {
		tmpl, err := ParseTemplate(c.template)
		if err != nil {
			t.Fatal(err)
		}
		v := v
		if c.change != nil {
			c.change(&v)
		}
		if got := tmpl.Name(v); got != c.want {
			t.Errorf("%q: %q, want %q", c.template, got, c.want)
		}
	}
}

func TestTemplateRefusals(t *testing.T) {
	for in, want := range map[string]string{
		"{stream}_{clip}":                 "unknown placeholder {clip}; there are {stream}, {date}, {time}, {part}, {label}, {host}",
		"{stream":                         "without its other half",
		"stream}":                         "without its other half",
		"\xff":                            "not UTF-8",
		strings.Repeat("x", maxName+1):    "at most 180",
		"{Stream}":                        "unknown placeholder {Stream}",
		"{stream}_{date}_{time}_{part}_{": "without its other half",
	} {
		if _, err := ParseTemplate(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add(DefaultTemplate, "main", "goal", "box")
	f.Add("{label}", "", "../..", "")
	f.Fuzz(func(t *testing.T, template, stream, label, host string) {
		tmpl, err := ParseTemplate(template)
		if err != nil {
			return
		}
		name := tmpl.Name(Values{Stream: stream, Label: label, Host: host, Part: 7})
		if name == "" || len(name) > maxName+len("recording_") || !utf8.ValidString(name) ||
			strings.ContainsAny(name, "/\\:*?\"<>|\x00\n") || name[0] == '.' || name[0] == '-' || strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") {
			t.Errorf("%q", name)
		}
	})
}

func TestScheduleRefusals(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "it is empty",
		"mon-fry 08:00-18:00":            `unknown day "fry": use mon, tue`,
		"mon-fri":                        `"mon-fri" has no time: write it as "mon-fri 08:00-18:00"`,
		"mon 8-18":                       `"8" is no time of day`,
		"mon 08:00":                      "is no range of times",
		"mon 08:00-08:00":                "for the whole day write 00:00-24:00",
		"mon 08:60-09:00":                `"08:60" is no time of day`,
		"mon 24:00-01:00":                "a day begins at 00:00",
		"mon 08:00-24:01":                "is no time of day",
		"sat 10:00-12:00, x 10:00-11:00": `in "x 10:00-11:00": unknown day "x"`,
		"daily 08:00-09:00 mon":          `unknown day "08:00"`,
	} {
		if _, err := ParseSchedule(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func berlin(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestSchedule(t *testing.T) {
	zone := berlin(t)
	at := func(s string) time.Time {
		out, err := time.ParseInLocation("2006-01-02 15:04", s, zone)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	utc := func(s string) time.Time {
		out, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, c := range []struct {
		name, schedule string
		now            time.Time
		on             bool
		edge           time.Time
	}{
		{"before work", "mon-fri 08:00-18:00", at("2026-11-20 07:59"), false, at("2026-11-20 08:00")}, // a Friday
		{"the first moment", "mon-fri 08:00-18:00", at("2026-11-20 08:00"), true, at("2026-11-20 18:00")},
		{"the end is not part of it", "mon-fri 08:00-18:00", at("2026-11-20 18:00"), false, at("2026-11-23 08:00")},
		{"weekend", "mon-fri 08:00-18:00", at("2026-11-21 12:00"), false, at("2026-11-23 08:00")},
		{"days over the week's end", "fri-mon 08:00-18:00", at("2026-11-22 09:00"), true, at("2026-11-22 18:00")},
		{"across midnight, evening", "sat 22:00-02:00", at("2026-11-21 23:00"), true, at("2026-11-22 02:00")},
		{"across midnight, morning", "sat 22:00-02:00", at("2026-11-22 01:00"), true, at("2026-11-22 02:00")},
		{"across midnight, the day before", "sat 22:00-02:00", at("2026-11-21 01:00"), false, at("2026-11-21 22:00")},
		{"ranges that touch are one", "mon 08:00-12:00, mon 12:00-14:00, mon 13:00-15:00", at("2026-11-23 09:00"), true, at("2026-11-23 15:00")},
		{"midnight to midnight is one", "sat 20:00-24:00, sun 00:00-04:00", at("2026-11-21 21:00"), true, at("2026-11-22 04:00")},
		{"around the clock", "daily 00:00-24:00", at("2026-11-21 21:00"), true, time.Time{}},
		{"days without a dash", "sat,sun 10:00-12:00", at("2026-11-22 11:00"), true, at("2026-11-22 12:00")},
		{"no days", "22:00-06:00", at("2026-11-22 05:00"), true, at("2026-11-22 06:00")},
		{"names in full, other separators", "Saturday 10:00-11:00; SUNDAY 10:00-11:00\nmon 01:00-02:00", at("2026-11-22 10:30"), true, at("2026-11-22 11:00")},
		{"once a week", "mon 08:00-09:00", at("2026-11-23 09:00"), false, at("2026-11-30 08:00")},
		// Berlin: 2026-03-29 02:00 becomes 03:00 (01:00 UTC), 2026-10-25 03:00 becomes 02:00 (01:00 UTC).
		{"spring: a day of 23 hours", "daily 00:00-24:00", at("2026-03-29 12:00"), true, time.Time{}},
		{"spring: begin left out", "sun 02:30-04:00", utc("2026-03-29 00:59"), false, utc("2026-03-29 01:00")},
		{"spring: end left out", "sun 01:00-02:30", utc("2026-03-29 00:30"), true, utc("2026-03-29 01:00")},
		{"spring: all of it left out", "sun 02:10-02:50", utc("2026-03-29 00:30"), false, at("2026-04-05 02:10")},
		{"spring: the same clock time the day after", "mon 08:00-09:00", utc("2026-03-29 12:00"), false, utc("2026-03-30 06:00")},
		{"autumn: begins with the first", "sun 02:30-04:00", utc("2026-10-25 00:29"), false, utc("2026-10-25 00:30")},
		{"autumn: between the two", "sun 02:30-04:00", utc("2026-10-25 01:10"), true, utc("2026-10-25 03:00")},
		{"autumn: ends with the second", "sun 01:00-02:30", utc("2026-10-25 00:45"), true, utc("2026-10-25 01:30")},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := ParseSchedule(c.schedule)
			if err != nil {
				t.Fatal(err)
			}
			on, edge := s.At(c.now.In(zone))
			if on != c.on || !edge.Equal(c.edge) {
				t.Errorf("%v until %v; want %v until %v", on, edge, c.on, c.edge)
			}
		})
	}
}

func FuzzSchedule(f *testing.F) {
	f.Add("mon-fri 08:00-18:00, sat,sun 22:00-02:00", int64(1_774_746_000))
	f.Add("02:30-03:30", int64(1_792_890_000))
	zone := berlin(f)
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		s, err := ParseSchedule(text)
		if err != nil {
			return
		}
		if s.IsZero() {
			t.Fatal("no ranges and no error")
		}
		now := time.Unix(1_767_225_600+unix%(20*365*86400), 0).In(zone)
		on, edge := s.At(now)
		if edge.IsZero() {
			return
		}
		if !edge.After(now) {
			t.Fatalf("%q at %v: the next edge is %v", text, now, edge)
		}
		if before, _ := s.At(edge.Add(-time.Nanosecond).In(zone)); before != on {
			t.Fatalf("%q at %v: %v, and another just before the edge %v", text, now, on, edge)
		}
		if after, _ := s.At(edge.In(zone)); after == on {
			t.Fatalf("%q at %v: %v, and the same at the edge %v", text, now, on, edge)
		}
	})
}
