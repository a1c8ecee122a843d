package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/lab/playlist"
)

// pattern is the input of all tests here: cheap, and endless.
const pattern = `[streams.main.input]
kind = "pattern"
width = 640
height = 360
frame_rate = 25
[streams.main.video]
bitrate = { max = "600k", mode = "fixed" }
`

// box is the daemon and its folders, which outlive it.
type box struct {
	*encoderd.Daemon
	t       *testing.T
	options encoderd.Options
	url     atomic.Pointer[string] // of the running daemon, for viewers
}

// newBox starts a box that stores, with the tables of the stream main.
func newBox(t *testing.T, tables string) *box {
	t.Helper()
	return newBoxOn(t, tables, func(string) {})
}

// newBoxOn is newBox, with something done to the place of the disk before.
func newBoxOn(t *testing.T, tables string, prepare func(disk string)) *box {
	t.Helper()
	dir := t.TempDir()
	prepare(filepath.Join(dir, "disk"))
	b := &box{t: t, options: encoderd.Options{
		Binary: binary, TOML: pattern + tables,
		Disk: filepath.Join(dir, "disk"), Live: filepath.Join(dir, "live"), State: filepath.Join(dir, "state"),
	}}
	b.start()
	return b
}

// start runs the daemon, the first or the next, until it serves the page.
func (b *box) start() {
	b.t.Helper()
	b.Daemon = encoderd.Launch(b.t, b.options)
	b.AwaitPage()
	b.url.Store(&b.URL)
}

// stream waits for the stream to be as wanted.
func (b *box) stream(what string, wanted func(status.Stream) bool) status.Stream {
	b.t.Helper()
	return encoderd.Stream(b.Await(what, patience, func(s status.Snapshot) bool { return wanted(encoderd.Stream(s, "main")) }), "main")
}

// segments waits for n more segments.
func (b *box) segments(n uint64) {
	b.t.Helper()
	first := b.stream("a segment", func(s status.Stream) bool { return s.HLS != nil && s.HLS.Segments > 0 }).HLS.LastSequence
	b.stream(fmt.Sprintf("%d segments", n), func(s status.Stream) bool { return s.HLS.LastSequence >= first+n })
}

// media reads a media playlist as strictly as it is written.
func (b *box) media(path string) *playlist.Media {
	b.t.Helper()
	doc := b.Get(path)
	m, err := playlist.ParseMedia(doc)
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", path, err, doc)
	}
	return m
}

// decodes has ffmpeg play an address of the box's, or a file, and stop at the
// first thing it dislikes.
func (b *box) decodes(input string, args ...string) peer.Decoded {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 3*patience)
	defer cancel()
	dec, err := peer.Decode(ctx, input, 0, args...)
	if err != nil {
		b.t.Error(err)
	}
	return dec
}

// span is a time-shift request for a time.
func span(path string, from, to time.Time) string {
	return fmt.Sprintf("%s?from=%s&duration=%dms", path, from.UTC().Format("2006-01-02T15:04:05.000Z"), to.Sub(from).Milliseconds())
}

// recordings API.

const api = "/api/v1/streams/main/recordings/"

type recording struct {
	Name     string    `json:"name"`
	URL      string    `json:"url"`
	Writing  bool      `json:"writing"`
	Begin    time.Time `json:"begin"`
	End      time.Time `json:"end"`
	Seconds  float64   `json:"duration_seconds"`
	Bytes    int64     `json:"bytes"`
	SHA256   string    `json:"sha256"`
	Run      string    `json:"run"`
	First    uint64    `json:"first_sequence"`
	Last     uint64    `json:"last_sequence"`
	Continue bool      `json:"continues"`
	Marks    []struct {
		At   float64 `json:"at_seconds"`
		Text string  `json:"text"`
	} `json:"marks"`
}

type recordings struct {
	Recordings []recording `json:"recordings"`
	Total      int         `json:"total"`
	Next       string      `json:"next"`
	Finished   []struct {
		Name   string `json:"name"`
		URL    string `json:"url"`
		Bytes  int64  `json:"bytes"`
		SHA256 string `json:"sha256"`
	} `json:"finished"`
}

// recorded are all recordings, oldest first.
func (b *box) recorded() (all []recording) {
	b.t.Helper()
	for after := ""; ; {
		var page recordings
		b.call(http.MethodGet, api+"?limit=100&after="+after, nil, http.StatusOK, &page)
		for _, r := range page.Recordings {
			all = append([]recording{r}, all...)
		}
		if after = page.Next; after == "" {
			return all
		}
	}
}

// call does one request of the API, and checks the code; out, unless it is nil,
// takes the JSON.
func (b *box) call(method, path string, body any, code int, out any) string {
	b.t.Helper()
	var in io.Reader
	if body != nil {
		doc, err := json.Marshal(body)
		if err != nil {
			b.t.Fatal(err)
		}
		in = bytes.NewReader(doc)
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.URL+path, in)
	if err != nil {
		b.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	if resp.StatusCode != code {
		b.t.Fatalf("%s %s: %s, want %d: %s", method, path, resp.Status, code, answer)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			b.t.Fatalf("%s %s: %v: %s", method, path, err, answer)
		}
	}
	return string(answer)
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}
