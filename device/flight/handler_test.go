package flight

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// filled has ten incidents, a minute apart, the newest now.
func filled() *Recorder {
	r := New(Options{})
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock.uptime()
	for n := range uint64(10) {
		i := sample(n + 1)
		i.Stream = []string{"main", "second"}[n%2]
		i.Blame, i.Kind = Blames[n%6], Kinds[n%4]
		i.Boot, i.Uptime = r.clock.boot, (now - time.Duration(10-n)*time.Minute).Seconds()
		i.place(r.began)
		r.entries = append(r.entries, &entry{Incident: i})
	}
	r.next = 10
	return r
}

func ask(h http.Handler, target string, header ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

type answer struct {
	Boot      Boot
	Incidents []Incident
	Next      uint64
}

func TestIncidentsAreChosen(t *testing.T) {
	r := filled()
	h := Handler(r)
	ago := func(d time.Duration) string { return time.Now().Add(-d).UTC().Format(time.RFC3339) }
	for query, want := range map[string]string{
		"":                                     "10 9 8 7 6 5 4 3 2 1",
		"?from=5m30s":                          "10 9 8 7 6",
		"?from=-5m30s":                         "10 9 8 7 6",
		"?from=" + ago(330*sec):                "10 9 8 7 6",
		"?to=" + ago(5*time.Minute+30*sec):     "5 4 3 2 1",
		"?from=4m30s&to=2m30s":                 "8 7",
		"?stream=second":                       "10 8 6 4 2",
		"?stream=second,main":                  "10 9 8 7 6 5 4 3 2 1",
		"?blame=input":                         "7 1",
		"?blame=input&blame=clock":             "7 6 1",
		"?kind=gap,late":                       "9 7 5 3 1",
		"?limit=3":                             "10 9 8 +8",
		"?limit=3&after=8":                     "7 6 5 +5",
		"?limit=3&after=3":                     "2 1",
		"?stream=nobody":                       "",
		"?stream=second&blame=encoder&limit=1": "8 +8",
	} {
		w := ask(h, "/api/v1/incidents"+query)
		var a answer
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 || a.Incidents == nil {
			t.Errorf("%s: status %d, %v: %s", query, w.Code, err, w.Body)
			continue
		}
		var ids []string
		for _, i := range a.Incidents {
			ids = append(ids, fmt.Sprint(i.ID))
		}
		if a.Next != 0 {
			ids = append(ids, fmt.Sprintf("+%d", a.Next))
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
		if a.Boot.ID != r.clock.boot || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %+v, %v", query, a.Boot, w.Header())
		}
	}
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	h := Handler(filled())
	for query, want := range map[string]string{
		"?from=yesterday":             `from: "yesterday" is neither`,
		"?to=12":                      `to: "12" is neither`,
		"?from=1m&to=2m":              "to: it lies before from",
		"?kind=gaps":                  `kind: "gaps" is none of [gap drop late restart]`,
		"?blame=me,link":              `blame: "me" is none of`,
		"?limit=0":                    `limit: "0" is not a number from 1 to 5000`,
		"?limit=-3":                   `limit: "-3"`,
		"?after=x":                    `after: "x"`,
		"?format=xml":                 `format: "xml" is neither json nor csv`,
		"?fro=1h":                     "fro: no such parameter",
		"?from=%zz":                   "the query",
		"?limit=99999999999999999999": "limit: ",
	} {
		w := ask(h, "/api/v1/incidents"+query)
		var a struct {
			Error    string
			Problems []string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 400 || a.Error == "" || !strings.Contains(strings.Join(a.Problems, "; "), want) {
			t.Errorf("%s: status %d, %s", query, w.Code, w.Body)
		}
		if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("ETag") != "" {
			t.Errorf("%s: an error may be cached: %v", query, w.Header())
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodDelete, "/api/v1/incidents", nil))
	if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("DELETE: %d %v", w.Code, w.Header())
	}
}

func TestAnUnchangedAnswerIsNotSentAgain(t *testing.T) {
	r := filled()
	h := Handler(r)
	tag := ask(h, "/?from=1h").Header().Get("ETag")
	if w := ask(h, "/?from=1h", "If-None-Match", `"other", `+tag); w.Code != 304 || w.Body.Len() != 0 {
		t.Errorf("unchanged: %d", w.Code)
	}
	for _, other := range []string{"/?from=3m", "/?from=1h&format=csv", "/?limit=2"} {
		if w := ask(h, other, "If-None-Match", tag); w.Code != 200 {
			t.Errorf("%s: taken for the same: %d", other, w.Code)
		}
	}
	r.add(note{at: r.clock.uptime(), incident: drop})
	if w := ask(h, "/?from=1h", "If-None-Match", tag); w.Code != 200 {
		t.Errorf("changed: %d", w.Code)
	}
}

func TestCSVIsReadAsWritten(t *testing.T) {
	r := New(Options{})
	r.add(note{at: r.clock.uptime(), incident: output.Incident{
		Stream: "=cmd()", Subject: youtube, Symptom: output.SymptomQueue, Packets: 7, Detail: `he said "no", and` + "\nleft",
	}})
	w := ask(Handler(r), "/?format=csv")
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) != 2 || w.Header().Get("Content-Type") != "text/csv; charset=utf-8" ||
		!strings.Contains(w.Header().Get("Content-Disposition"), "incidents.csv") {
		t.Fatalf("%v %v %v", rows, err, w.Header())
	}
	got := map[string]string{}
	for i, name := range rows[0] {
		got[name] = rows[1][i]
	}
	for name, want := range map[string]string{
		"id": "1", "stream": "'=cmd()", "subject": youtube, "kind": "drop", "blame": "link", "packets": "7", "count": "1",
		"detail": `he said "no", and left`,
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
}
