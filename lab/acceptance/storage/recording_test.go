package storage

import (
	"bytes"
	"context"
	"io"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/peer"
)

type state struct {
	State  string     `json:"state"`
	Reason string     `json:"reason"`
	Label  string     `json:"label"`
	Until  *time.Time `json:"until"`
	File   string     `json:"file"`
}

type job struct {
	ID       int     `json:"id"`
	State    string  `json:"state"`
	Result   string  `json:"result"`
	Progress float64 `json:"progress"`
	Bytes    int64   `json:"bytes"`
	Total    int64   `json:"total_bytes"`
	Error    string  `json:"error"`
}

// TestRecordingByCommand records as a person does: start, mark, stop, look,
// fetch, finish, delete.
func TestRecordingByCommand(t *testing.T) {
	t.Parallel()
	b := newBox(t, "[streams.main.recording]\nname = \"{label}_{part}\"\nfile_duration = \"10s\"\n")
	b.segments(1)
	if all := b.recorded(); len(all) != 0 {
		t.Fatalf("before any command there is %+v", all)
	}
	b.stream("a recorder that is idle", func(s status.Stream) bool { return s.Recording != nil && s.Recording.State == "idle" })
	refused(b)
	var st state
	b.call(http.MethodPost, api+"start", map[string]any{"label": "Concert №1/2", "duration_seconds": 600}, http.StatusOK, &st)
	if st.State != "recording" || st.Reason != "command" || st.Label != "Concert №1/2" || st.Until == nil {
		t.Errorf("started: %+v", st)
	}
	b.stream("a second file", func(s status.Stream) bool { return s.Recording.Files >= 2 && s.Recording.File != "" })
	b.call(http.MethodPost, api+"mark", map[string]any{"text": "encore"}, http.StatusOK, nil)
	writing := b.recorded()
	open := writing[len(writing)-1]
	if !open.Writing || !strings.Contains(open.Name, "Concert №1_2") {
		t.Errorf("being written: %+v", open)
	}
	b.decodes(b.URL + api + open.URL)
	if text := b.call(http.MethodDelete, api+open.URL, nil, http.StatusConflict, nil); !strings.Contains(text, "being written") || !strings.Contains(text, "stop") {
		t.Errorf("delete what is written: %s", text)
	}
	b.call(http.MethodGet, api+open.URL+".sha256", nil, http.StatusNotFound, nil)
	b.call(http.MethodPost, api+"stop", nil, http.StatusOK, nil)
	b.stream("the end", func(s status.Stream) bool { return s.Recording.State == "idle" && s.Storage.Writing == "" })
	all := b.recorded()
	if len(all) < 2 || all[0].Seconds < 10 || all[0].Seconds > 12 || all[0].Continue || !all[1].Continue || all[1].First != all[0].Last+1 {
		t.Fatalf("recordings %+v", all)
	}
	if m := all[len(all)-1].Marks; len(m) != 1 || m[0].Text != "encore" {
		t.Errorf("marks %+v", m)
	}
	for _, r := range all {
		data := b.Get(api + r.URL)
		if sum(data) != r.SHA256 || int64(len(data)) != r.Bytes {
			t.Errorf("%s: %d bytes, want %d, SHA-256 %s", r.Name, len(data), r.Bytes, r.SHA256)
		}
		if beside := b.Get(api + r.URL + ".sha256"); string(beside) != r.SHA256+"  "+r.Name+"\n" {
			t.Errorf("checksum %q", beside)
		}
		b.decodes(b.URL + api + r.URL)
		ranges(b, r, data)
	}
	for _, format := range []string{"mp4", "ts"} {
		finish(b, all, format)
	}
	b.call(http.MethodDelete, api+all[0].URL, nil, http.StatusNoContent, nil)
	if text := b.call(http.MethodGet, api+all[0].URL, nil, http.StatusNotFound, nil); !strings.Contains(text, "deleted") {
		t.Errorf("deleted: %s", text)
	}
	if left := b.recorded(); len(left) != len(all)-1 {
		t.Errorf("left: %+v", left)
	}
	files, err := filepath.Glob(filepath.Join(b.options.Disk, "main", all[0].Name+"*"))
	if err != nil || len(files) > 0 {
		t.Errorf("left on the disk: %q (%v)", files, err)
	}
}

// refused are commands that make no sense, and what is said of them.
func refused(b *box) {
	b.t.Helper()
	for _, c := range []struct {
		method, path string
		body         any
		code         int
		says         string
	}{
		{http.MethodPost, "stop", nil, http.StatusConflict, "nothing is being recorded"},
		{http.MethodPost, "mark", map[string]any{"text": "x"}, http.StatusConflict, "nothing is being recorded"},
		{http.MethodGet, "files/none.mp4", nil, http.StatusNotFound, `no recording`},
		{http.MethodGet, "files/..%2F..%2Fetc%2Fpasswd", nil, http.StatusNotFound, `no recording`},
		{http.MethodDelete, "files/none.mp4", nil, http.StatusNotFound, "no recording"},
		{http.MethodPost, "start", map[string]any{"duration_seconds": -1}, http.StatusUnprocessableEntity, "duration_seconds"},
		{http.MethodPost, "start", map[string]any{"lable": "x"}, http.StatusBadRequest, "lable"},
		{http.MethodPost, "finish", map[string]any{"files": []string{"none.mp4"}, "format": "avi"}, http.StatusUnprocessableEntity, "avi"},
		{http.MethodPost, "finish", map[string]any{"files": []string{"none.mp4"}}, http.StatusNotFound, "none.mp4"},
		{http.MethodPost, "finish", map[string]any{}, http.StatusUnprocessableEntity, "files"},
		{http.MethodGet, "jobs/9", nil, http.StatusNotFound, "no such job"},
		{http.MethodDelete, "start", nil, http.StatusMethodNotAllowed, "POST"},
		{http.MethodGet, "recording", nil, http.StatusNotFound, "/start"},
	} {
		text := b.call(c.method, api+c.path, c.body, c.code, nil)
		if !strings.Contains(text, c.says) || !strings.Contains(text, `"error"`) {
			b.t.Errorf("%s %s: %s, want %q", c.method, c.path, text, c.says)
		}
	}
	text := b.call(http.MethodPost, strings.Replace(api, "main", "other", 1)+"start", nil, http.StatusNotFound, nil)
	if !strings.Contains(text, "other") {
		b.t.Errorf("another stream: %s", text)
	}
}

// ranges fetches parts of a file as a download that is resumed.
func ranges(b *box, r recording, data []byte) {
	b.t.Helper()
	for want, whole := range map[string][]byte{"bytes=0-99": data[:100], "bytes=1000-": data[1000:], "bytes=-50": data[len(data)-50:]} {
		req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.URL+api+r.URL, nil)
		if err != nil {
			b.t.Fatal(err)
		}
		req.Header.Set("Range", want)
		req.Header.Set("If-Range", `"`+r.SHA256+`"`)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			b.t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusPartialContent || !bytes.Equal(body, whole) {
			b.t.Errorf("%s %s: %s, %d bytes, want %d (%v)", r.Name, want, resp.Status, len(body), len(whole), err)
		}
	}
}

// finish makes one plain file of all recordings and compares it with them packet
// for packet.
func finish(b *box, all []recording, format string) {
	b.t.Helper()
	var names []string
	for _, r := range all {
		names = append(names, r.Name)
	}
	var j job
	b.call(http.MethodPost, api+"finish", map[string]any{"files": names, "format": format, "name": "whole-" + format}, http.StatusAccepted, &j)
	progress := j.Progress
	for deadline := time.Now().Add(patience); j.State != "done"; {
		b.call(http.MethodGet, api+"jobs/"+strconv.Itoa(j.ID), nil, http.StatusOK, &j)
		if j.Progress < progress || j.Progress > 1 || j.State == "failed" || time.Now().After(deadline) {
			b.t.Fatalf("job %+v, progress was %v", j, progress)
		}
		progress = j.Progress
		time.Sleep(20 * time.Millisecond)
	}
	if j.Progress != 1 || j.Bytes != j.Total || j.Total == 0 {
		b.t.Errorf("done: %+v", j)
	}
	var list recordings
	b.call(http.MethodGet, api, nil, http.StatusOK, &list)
	i := slices.IndexFunc(list.Finished, func(f struct {
		Name   string `json:"name"`
		URL    string `json:"url"`
		Bytes  int64  `json:"bytes"`
		SHA256 string `json:"sha256"`
	}) bool {
		return f.Name == j.Result
	})
	if i < 0 {
		b.t.Fatalf("%s is not in the list: %+v", j.Result, list.Finished)
	}
	f := list.Finished[i]
	if data := b.Get(api + f.URL); int64(len(data)) != f.Bytes || sum(data) != f.SHA256 {
		b.t.Errorf("%s: %d bytes, want %d, SHA-256 %s", f.Name, len(data), f.Bytes, f.SHA256)
	}
	file := filepath.Join(b.options.Disk, "main", f.Name)
	dec := b.decodes(file)
	var pictures int
	var want packets
	for _, r := range all {
		p := packetsOf(b, filepath.Join(b.options.Disk, "main", r.Name))
		pictures += len(p.video)
		want.video, want.audio = append(want.video, p.video...), append(want.audio, p.audio...)
	}
	if int(dec.Frames) != pictures {
		b.t.Errorf("%s has %d pictures, the recordings have %d", f.Name, dec.Frames, pictures)
	}
	got := packetsOf(b, file)
	if !slices.Equal(got.video, want.video) {
		b.t.Errorf("%s: the picture's packets are not the recordings': %d, want %d", f.Name, len(got.video), len(want.video))
	}
	if !slices.Equal(got.audio, want.audio) {
		b.t.Errorf("%s: the sound's packets are not the recordings': %d, want %d", f.Name, len(got.audio), len(want.audio))
	}
	if text := b.call(http.MethodPost, api+"finish", map[string]any{"files": names, "format": format, "name": "whole-" + format}, http.StatusConflict, nil); !strings.Contains(text, j.Result) {
		b.t.Errorf("finish again: %s", text)
	}
}

// packets are checksums of a file's packets in the notation of an elementary
// stream, which is the same in all containers.
type packets struct{ video, audio []string }

func packetsOf(b *box, file string) (p packets) {
	b.t.Helper()
	for kind, out := range map[string]*[]string{"v": &p.video, "a": &p.audio} {
		args := []string{"ffmpeg", "-nostdin", "-v", "error", "-i", file, "-map", "0:" + kind, "-c", "copy"}
		if kind == "v" { // start codes, as MPEG-TS has; and no parameter sets or delimiters beside the pictures
			args = append(args, "-bsf:v", "h264_mp4toannexb,filter_units=remove_types=6-9")
			if strings.HasSuffix(file, ".ts") {
				args[len(args)-1] = "filter_units=remove_types=6-9"
			}
		} else if strings.HasSuffix(file, ".ts") {
			args = append(args, "-bsf:a", "aac_adtstoasc")
		}
		var list bytes.Buffer
		ctx, cancel := context.WithTimeout(b.t.Context(), patience)
		log, err := peer.Run(ctx, peer.Command{Args: append(args, "-f", "framehash", "-hash", "md5", "-"), Stdout: &list})
		cancel()
		if err != nil || log != "" {
			b.t.Errorf("packets of %s: %v: %s", file, err, log)
		}
		for line := range strings.Lines(list.String()) {
			if f := strings.Split(strings.TrimSpace(line), ","); len(f) >= 6 && line[0] != '#' {
				*out = append(*out, strings.TrimSpace(f[4])+" "+strings.TrimSpace(f[5])) // size and checksum
			}
		}
	}
	return p
}

// TestRecordingEndsByItself has a duration.
func TestRecordingEndsByItself(t *testing.T) {
	t.Parallel()
	b := newBox(t, "")
	b.segments(1)
	var st state
	b.call(http.MethodPost, api+"start", map[string]any{"label": "short", "duration_seconds": 4}, http.StatusOK, &st)
	if st.Until == nil {
		t.Fatalf("no end: %+v", st)
	}
	b.stream("the end", func(s status.Stream) bool {
		return s.Recording.State == "idle" && s.Storage.Recordings == 1 && s.Storage.Writing == ""
	})
	all := b.recorded()
	if len(all) != 1 || math.Abs(all[0].Seconds-5) > 3 {
		t.Fatalf("recordings %+v, want one of 4 s and what completes segments", all)
	}
	b.decodes(b.URL + api + all[0].URL)
}
