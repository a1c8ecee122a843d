package flight

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

const (
	usualLimit = 500
	maxLimit   = incidentsKept
)

// parameters are those that a request may have.
var parameters = []string{"from", "to", "stream", "kind", "blame", "limit", "after", "format"}

// Handler serves the incidents: GET with
//
//	from, to       RFC 3339, or back from now as a duration: 90m, 24h
//	stream         name; several times or with commas for several
//	kind, blame    likewise
//	limit, after   paging: after is the "next" of the page before
//	format         json (usual) or csv
//
// The newest come first. Without a limit, JSON has 500 and CSV all there are.
func Handler(r *Recorder) http.Handler { return handler{r} }

type handler struct{ recorder *Recorder }

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		fail(w, http.StatusMethodNotAllowed, "incidents are read by GET, not by "+r.Method)
		return
	}
	q, format, problems := parseQuery(r.URL, time.Now())
	if len(problems) > 0 {
		fail(w, http.StatusBadRequest, "the request for incidents is not valid", problems...)
		return
	}
	page := h.recorder.Query(q)
	head := w.Header()
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Cache-Control", "no-cache") // to be validated each time
	tag := page.tag(format)
	head.Set("ETag", tag)
	if slices.Contains(splitList(r.Header.Values("If-None-Match")), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if format == "csv" {
		head.Set("Content-Type", "text/csv; charset=utf-8")
		head.Set("Content-Disposition", `attachment; filename="incidents.csv"`)
		if r.Method == http.MethodGet {
			_ = WriteCSV(w, page.Incidents) // fails with the client alone
		}
		return
	}
	doc, err := json.Marshal(struct {
		Boot      Boot       `json:"boot"`
		Incidents []Incident `json:"incidents"`
		Next      uint64     `json:"next"`
	}{page.Boot, page.Incidents, page.Next})
	if err != nil {
		fail(w, http.StatusInternalServerError, "encode the incidents")
		return
	}
	head.Set("Content-Type", "application/json")
	if r.Method == http.MethodGet {
		_, _ = w.Write(append(doc, '\n'))
	}
}

// tag is that of a page: nothing changes without a new version but what time
// alone takes out of a range. It is weak: what is ongoing lasts longer now.
func (p *Page) tag(format string) string {
	first, last := uint64(0), uint64(0)
	if n := len(p.Incidents); n > 0 {
		first, last = p.Incidents[0].ID, p.Incidents[n-1].ID
	}
	return fmt.Sprintf(`W/"%s-%s-%x-%x-%x-%x-%x"`, format, p.Boot.ID, p.run, p.Version, first, last, len(p.Incidents))
}

// parseQuery reads the request, and says of all that is wrong with it how it
// would be right.
func parseQuery(u *url.URL, now time.Time) (q Query, format string, problems []string) {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return q, "", []string{fmt.Sprintf("the query %q: %v", clip(u.RawQuery, 80), err)}
	}
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for name := range values {
		if !slices.Contains(parameters, name) {
			bad("%s: no such parameter: there are %s", clip(name, 40), strings.Join(parameters, ", "))
		}
	}
	moment := func(name string) (t time.Time) {
		text := values.Get(name)
		if text == "" {
			return t
		}
		if back, err := time.ParseDuration(strings.TrimPrefix(text, "-")); err == nil {
			return now.Add(-back)
		}
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			bad("%s: %q is neither a time such as 2026-11-21T10:00:00Z nor a time back from now such as 24h", name, clip(text, 40))
		}
		return t
	}
	number := func(name string, most, usual uint64) uint64 {
		text := values.Get(name)
		if text == "" {
			return usual
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || n == 0 || n > most {
			bad("%s: %q is not a number from 1 to %d", name, clip(text, 40), most)
		}
		return n
	}
	q.From, q.To = moment("from"), moment("to")
	if !q.From.IsZero() && !q.To.IsZero() && q.To.Before(q.From) {
		bad("to: it lies before from")
	}
	q.Streams = splitList(values["stream"])
	q.Kinds = choices[output.IncidentKind]("kind", values, Kinds, bad)
	q.Blames = choices[output.Blame]("blame", values, Blames, bad)
	usual := uint64(usualLimit)
	switch format = values.Get("format"); format {
	case "", "json":
		format = "json"
	case "csv":
		usual = maxLimit
	default:
		bad("format: %q is neither json nor csv", clip(format, 40))
	}
	q.Limit = int(number("limit", maxLimit, usual))
	q.After = number("after", 1<<63, 0)
	slices.Sort(problems)
	return q, format, problems
}

// choices reads a list of words of which there are a few.
func choices[T ~string](name string, values url.Values, all []T, bad func(string, ...any)) (chosen []T) {
	for _, word := range splitList(values[name]) {
		if !slices.Contains(all, T(word)) {
			bad("%s: %q is none of %v", name, clip(word, 40), all)
			continue
		}
		chosen = append(chosen, T(word))
	}
	return chosen
}

// splitList is a list given as several values, with commas, or both.
func splitList(values []string) (list []string) {
	for _, v := range values {
		for word := range strings.SplitSeq(v, ",") {
			if word = strings.TrimSpace(word); word != "" {
				list = append(list, word)
			}
		}
	}
	return list
}

// WriteCSV writes incidents as CSV (RFC 4180) with a line of names.
func WriteCSV(w io.Writer, incidents []Incident) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	_ = out.Write([]string{ // errors stay until Error is asked
		"id", "at", "until", "ongoing", "boot", "uptime_s", "lasted_s", "stream", "subject", "kind", "symptom", "blame",
		"because", "detail", "count", "packets", "segments", "bytes", "seconds",
	})
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	fraction := func(f float64) string { return strconv.FormatFloat(f, 'f', 3, 64) }
	for i := range incidents {
		c := &incidents[i]
		_ = out.Write([]string{
			number(c.ID), stamp(c.At), stamp(c.Until), strconv.FormatBool(c.Ongoing), c.Boot, fraction(c.Uptime), fraction(c.Lasted),
			text(c.Stream), text(c.Subject), string(c.Kind), string(c.Symptom), string(c.Blame),
			text(c.Because), text(c.Detail), number(c.Count),
			number(c.Amount.Packets), number(c.Amount.Segments), strconv.FormatInt(c.Amount.Bytes, 10), fraction(c.Amount.Seconds),
		})
	}
	out.Flush()
	return out.Error()
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// text is a name or message from outside; a spreadsheet must not take it for a
// formula.
func text(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// fail answers as the rest of the API does: error for a person, problems one by one.
func fail(w http.ResponseWriter, code int, message string, problems ...string) {
	doc, err := json.MarshalIndent(struct {
		Error    string   `json:"error"`
		Problems []string `json:"problems,omitempty"`
	}{message, problems}, "", "  ")
	if err != nil {
		doc = []byte(`{"error":"encode the answer"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = w.Write(append(doc, '\n'))
}
