package record

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/record/reeltest"
	"github.com/encoderbox/encoderbox/output/segment/journal"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

// served is a recorder behind its handler.
type served struct {
	t       *testing.T
	journal *fakeJournal
	rec     *Recorder
	dir     string
	free    atomic.Int64
	http    *httptest.Server
}

// serveAll starts a recorder with recordings of 4 s each: a, b (which continues a)
// and w, which is being written.
func serveAll(t *testing.T, run bool, files ...string) *served {
	t.Helper()
	s := &served{t: t, journal: &fakeJournal{}, dir: folderOf(t, files...)}
	s.free.Store(1 << 40)
	v, a := segmenttest.Video(), segmenttest.Audio()
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i, name := range []string{"a.mp4", "b.mp4", "w.mp4"} {
		start := time.Duration(i) * 4 * time.Second
		var packets []media.Packet
		for n := range 100 {
			packets = append(packets, segmenttest.Picture(v, start+time.Duration(n)*40*time.Millisecond, n%50 == 0, 500))
		}
		for n := range 187 {
			packets = append(packets, segmenttest.Sound(a, start, n))
		}
		b, err := reeltest.Bytes([]*media.Track{v, a}, packets, time.Second)
		must(t, err)
		s.journal.add(journal.Reel{
			Name: name, Run: "r", First: uint64(10 + 2*i), Last: uint64(11 + 2*i), Kept: true, Writing: name == "w.mp4",
			Begin: begin.Add(start), End: begin.Add(start + 4*time.Second), Duration: 4 * time.Second, Tracks: []*media.Track{v, a},
			Marks: []journal.Mark{{Time: begin.Add(start + time.Second), At: time.Second, Text: "goal"}},
		}, b)
	}
	s.journal.add(journal.Reel{Name: "shift.mp4", Run: "r"}, []byte("time shift, no recording"))
	rec, err := New(Config{Stream: "main", Dir: s.dir, Location: time.UTC, Reserve: 1000}, s.journal, &fakeReporter{},
		Options{Free: func(string) (int64, error) { return s.free.Load(), nil }})
	must(t, err)
	s.rec = rec
	if run {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- rec.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			must(t, <-done)
		})
	}
	s.http = httptest.NewServer(http.StripPrefix("/api/v1/streams/main/recordings", NewHandler(rec)))
	t.Cleanup(s.http.Close)
	return s
}

// ask sends a request; headers in pairs.
func (s *served) ask(method, path, body string, headers ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.http.URL+"/api/v1/streams/main/recordings"+path, strings.NewReader(body))
	must(s.t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	must(s.t, err)
	defer resp.Body.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(resp.Body)
	must(s.t, err)
	return resp, b.String()
}

func (s *served) json(path string, v any) {
	s.t.Helper()
	resp, b := s.ask(http.MethodGet, path, "")
	if resp.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s %s", path, resp.Status, b)
	}
	must(s.t, json.Unmarshal([]byte(b), v))
}

func TestListIsPagedNewestFirst(t *testing.T) {
	s := serveAll(t, false, "x.finished.mp4", "y.finished.ts.tmp", "secret.mp4")
	var page list
	s.json("", &page)
	if len(page.Recordings) != 3 || page.Total != 3 || page.Next != "" || page.Recordings[0].Name != "w.mp4" || !page.Recordings[0].Writing ||
		page.Recordings[0].SHA256 != "" || !page.Recordings[1].Continue || page.Recordings[2].Continue {
		t.Errorf("%+v", page)
	}
	a := page.Recordings[2]
	if a.Seconds != 4 || a.Bytes != int64(len(s.journal.content["a.mp4"])) || len(a.SHA256) != 64 || a.URL != "files/a.mp4" ||
		len(a.Marks) != 1 || a.Marks[0].At != 1 || a.Marks[0].Text != "goal" || len(a.Tracks) != 2 || !a.Begin.Equal(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", a)
	}
	if len(page.Finished) != 1 || page.Finished[0].Name != "x.finished.mp4" || page.Finished[0].Bytes != 14 {
		t.Errorf("%+v", page.Finished)
	}
	var names []string
	for path := "?limit=2"; path != ""; {
		var page list
		s.json(path, &page)
		for _, r := range page.Recordings {
			names = append(names, r.Name)
		}
		path = ""
		if page.Next != "" {
			path = "?limit=2&after=" + page.Next
		}
	}
	if strings.Join(names, " ") != "w.mp4 b.mp4 a.mp4" {
		t.Errorf("%v", names)
	}
}

func TestDownload(t *testing.T) {
	s := serveAll(t, false)
	want := s.journal.content["a.mp4"]
	sum := fmt.Sprintf("%x", sha256.Sum256(want))
	resp, got := s.ask(http.MethodGet, "/files/a.mp4", "")
	if got != string(want) || resp.Header.Get("ETag") != `"`+sum+`"` || resp.Header.Get("Content-Disposition") != "attachment; filename=a.mp4" ||
		resp.Header.Get("Content-Type") != "video/mp4" {
		t.Errorf("%d bytes, %v", len(got), resp.Header)
	}
	resp, got = s.ask(http.MethodGet, "/files/a.mp4", "", "Range", "bytes=100-199", "If-Range", `"`+sum+`"`)
	if resp.StatusCode != http.StatusPartialContent || got != string(want[100:200]) {
		t.Errorf("range: %s, %d bytes", resp.Status, len(got))
	}
	resp, _ = s.ask(http.MethodGet, "/files/a.mp4", "", "If-None-Match", `"`+sum+`"`)
	if resp.StatusCode != http.StatusNotModified {
		t.Errorf("If-None-Match: %s", resp.Status)
	}
	resp, got = s.ask(http.MethodHead, "/files/a.mp4", "")
	if resp.ContentLength != int64(len(want)) || got != "" {
		t.Errorf("HEAD: %d, %q", resp.ContentLength, got)
	}
	if resp, got = s.ask(http.MethodGet, "/files/a.mp4.sha256", ""); got != sum+"  a.mp4\n" {
		t.Errorf("checksum: %s %q", resp.Status, got)
	}
	if resp, got = s.ask(http.MethodGet, "/files/w.mp4", ""); resp.Header.Get("ETag") != "" || got != string(s.journal.content["w.mp4"]) {
		t.Errorf("being written: %v", resp.Header)
	}
}

func TestAnswersThatRefuse(t *testing.T) {
	s := serveAll(t, false, "secret.txt", "a.finished.mp4")
	for _, c := range []struct {
		method, path, body string
		code               int
		want               string
	}{
		{"GET", "/files/none.mp4", "", 404, "there is no recording"},
		{"GET", "/files/shift.mp4", "", 404, "there is no recording"},
		{"GET", "/files/secret.txt", "", 404, "there is no recording"},
		{"GET", "/files/..%2f..%2fetc%2fpasswd", "", 404, "there is no recording"},
		{"GET", "/files/w.mp4.sha256", "", 404, "the checksum comes with its end"},
		{"DELETE", "/files/w.mp4", "", 409, "stop the recording"},
		{"DELETE", "/files/none.mp4", "", 404, "there is no recording"},
		{"GET", "/other", "", 404, "no such API"},
		{"PUT", "/state", "", 405, "there is GET, HEAD, OPTIONS"},
		{"GET", "/start", "", 405, "there is OPTIONS, POST"},
		{"GET", "?limit=0", "", 400, "give 1 to 1000"},
		{"GET", "?after=none", "", 404, "begin anew"},
		{"POST", "/stop", "", 409, "nothing is being recorded"},
		{"POST", "/mark", `{"text":"x"}`, 409, "nothing is being recorded"},
		{"POST", "/start", `{"duration_seconds":-1}`, 422, "duration_seconds -1"},
		{"POST", "/start", `{"lable":"x"}`, 400, `unknown field "lable"`},
		{"POST", "/start", `[`, 400, "no such JSON object"},
		{"POST", "/finish", `{}`, 422, "say what to finish"},
		{"POST", "/finish", `{"files":["none.mp4"]}`, 404, `no recording "none.mp4"`},
		{"POST", "/finish", `{"files":["a.mp4"],"format":"avi"}`, 422, "use mp4 or ts"},
		{"POST", "/finish", `{"files":["a.mp4"],"from":"2026-03-01T12:00:00Z"}`, 422, "not both"},
		{"POST", "/finish", `{"files":["a.mp4"]}`, 409, "a.finished.mp4: it is there already"},
		{"POST", "/finish", `{"from":"2020-03-01T12:00:00Z","to":"2020-03-01T13:00:00Z"}`, 404, "nothing was recorded"},
		{"GET", "/jobs/7", "", 404, "no such job"},
		{"DELETE", "/jobs/x", "", 404, "no such job"},
	} {
		resp, got := s.ask(c.method, c.path, c.body)
		var answer struct{ Error string }
		if err := json.Unmarshal([]byte(got), &answer); err != nil || resp.StatusCode != c.code || !strings.Contains(answer.Error, c.want) {
			t.Errorf("%s %s %s: %s %s", c.method, c.path, c.body, resp.Status, got)
		}
	}
	if resp, _ := s.ask("POST", "/start", "label=x", "Content-Type", "application/x-www-form-urlencoded"); resp.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a form: %s", resp.Status)
	}
	if resp, _ := s.ask("OPTIONS", "/files/a.mp4", ""); resp.StatusCode != http.StatusNoContent || resp.Header.Get("Allow") != "DELETE, GET, HEAD, OPTIONS" {
		t.Errorf("OPTIONS: %s %v", resp.Status, resp.Header)
	}
}

func TestCommandsByHTTP(t *testing.T) {
	s := serveAll(t, true)
	eventually(t, func() bool { s.rec.mu.Lock(); defer s.rec.mu.Unlock(); return s.rec.running })
	var st State
	resp, b := s.ask("POST", "/start", `{"label":"goal","duration_seconds":600}`)
	must(t, json.Unmarshal([]byte(b), &st))
	if resp.StatusCode != http.StatusOK || st.State != Recording || st.Label != "goal" || st.Until == nil {
		t.Errorf("%s %s", resp.Status, b)
	}
	_, b = s.ask("POST", "/stop", "")
	must(t, json.Unmarshal([]byte(b), &st))
	if st.State != Idle {
		t.Error(b)
	}
	if resp, _ := s.ask("DELETE", "/files/a.mp4", ""); resp.StatusCode != http.StatusNoContent || strings.Contains(strings.Join(s.journal.names(), " "), "a.mp4") {
		t.Errorf("delete: %s %v", resp.Status, s.journal.names())
	}
}

// eventually polls: what it waits for is another goroutine's, in real time.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not happen")
		}
	}
}

func (s *served) await(id int) (j Job) {
	s.t.Helper()
	eventually(s.t, func() bool {
		s.json(fmt.Sprintf("/jobs/%d", id), &j)
		return j.State != Queued && j.State != Running
	})
	return j
}

func (s *served) finish(body string) (j Job) {
	s.t.Helper()
	resp, b := s.ask("POST", "/finish", body)
	if resp.StatusCode != http.StatusAccepted {
		s.t.Fatalf("%s: %s %s", body, resp.Status, b)
	}
	must(s.t, json.Unmarshal([]byte(b), &j))
	if want := fmt.Sprintf("jobs/%d", j.ID); resp.Header.Get("Location") != want {
		s.t.Errorf("Location %q", resp.Header.Get("Location"))
	}
	return j
}

func TestFinishByHTTP(t *testing.T) {
	s := serveAll(t, true)
	for body, want := range map[string]string{
		`{"files":["a.mp4"]}`:                                                    "a.finished.mp4",
		`{"files":["b.mp4","a.mp4"],"format":"ts"}`:                              "a_and_1_more.finished.ts",
		`{"from":"2026-03-01T12:00:03Z","to":"2026-03-01T12:00:06Z"}`:            "a_12-00-03_to_12-00-06.finished.mp4",
		`{"files":["a.mp4","b.mp4","w.mp4"],"name":"../best of","format":"mp4"}`: "_best of.finished.mp4",
	} {
		j := s.await(s.finish(body).ID)
		if j.State != Done || j.Result != want || j.Progress != 1 || j.Bytes != j.Total || j.Bytes == 0 || len(j.Breaks) != 0 || j.Ended == nil {
			t.Errorf("%s: %+v", body, j)
			continue
		}
		file, err := os.ReadFile(filepath.Join(s.dir, want))
		must(t, err)
		path := "/files/" + strings.ReplaceAll(want, " ", "%20")
		resp, got := s.ask("GET", path, "")
		if got != string(file) || resp.Header.Get("ETag") != fmt.Sprintf(`"%x"`, sha256.Sum256(file)) {
			t.Errorf("%s: %s, %d of %d bytes, %v", path, resp.Status, len(got), len(file), resp.Header)
		}
		if resp, _ := s.ask("DELETE", path, ""); resp.StatusCode != http.StatusNoContent {
			t.Errorf("delete: %s", resp.Status)
		}
	}
	if left, err := os.ReadDir(s.dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v %v", left, err)
	}
}

func TestFinishNeedsRoom(t *testing.T) {
	s := serveAll(t, true)
	s.free.Store(10_000)
	j := s.await(s.finish(`{"files":["a.mp4"]}`).ID)
	if j.State != Failed || !strings.Contains(j.Error, "there is room for 0 MB") {
		t.Errorf("%+v", j)
	}
	if left, err := os.ReadDir(s.dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v %v", left, err)
	}
}

func TestFinishOfWhatCannotBeReadFails(t *testing.T) {
	s := serveAll(t, true)
	s.journal.mu.Lock()
	s.journal.content["a.mp4"] = s.journal.content["a.mp4"][:100]
	s.journal.mu.Unlock()
	if j := s.await(s.finish(`{"files":["a.mp4"]}`).ID); j.State != Failed || !strings.Contains(j.Error, "nothing was recorded") {
		t.Errorf("%+v", j)
	}
}

func TestQueueIsBoundedAndCancelled(t *testing.T) {
	s := serveAll(t, false) // nobody works: all wait
	for i := range maxQueued {
		s.finish(fmt.Sprintf(`{"files":["a.mp4"],"name":"n%d"}`, i))
	}
	if resp, b := s.ask("POST", "/finish", `{"files":["b.mp4"]}`); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%s %s", resp.Status, b)
	}
	if resp, b := s.ask("DELETE", "/files/a.mp4", ""); resp.StatusCode != http.StatusConflict || !strings.Contains(b, "a job needs it") {
		t.Errorf("%s %s", resp.Status, b)
	}
	var all struct{ Jobs []Job }
	s.json("/jobs", &all)
	if len(all.Jobs) != maxQueued || all.Jobs[0].ID < all.Jobs[1].ID {
		t.Fatalf("%d jobs", len(all.Jobs))
	}
	for _, j := range all.Jobs {
		if resp, _ := s.ask("DELETE", fmt.Sprintf("/jobs/%d", j.ID), ""); resp.StatusCode != http.StatusNoContent {
			t.Errorf("cancel: %s", resp.Status)
		}
	}
	var j Job
	if s.json(fmt.Sprintf("/jobs/%d", all.Jobs[0].ID), &j); j.State != Cancelled {
		t.Errorf("%+v", j)
	}
	if resp, _ := s.ask("DELETE", "/files/a.mp4", ""); resp.StatusCode != http.StatusNoContent {
		t.Errorf("delete: %s", resp.Status)
	}
}

func TestInterruptedFinishIsCleanedAtStart(t *testing.T) {
	s := serveAll(t, true, "a.finished.mp4.tmp", "a.finished.ts.sha256.tmp", "b.finished.mp4", "notes.tmp")
	eventually(t, func() bool {
		left, err := filepath.Glob(filepath.Join(s.dir, "*"))
		return err == nil && len(left) == 2
	})
	for _, name := range []string{"b.finished.mp4", "notes.tmp"} {
		if _, err := os.Stat(filepath.Join(s.dir, name)); err != nil {
			t.Error(err)
		}
	}
}
