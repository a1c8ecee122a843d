package storage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
)

// recording is what the API says of one.
type recording struct {
	Name    string    `json:"name"`
	URL     string    `json:"url"`
	Writing bool      `json:"writing"`
	Begin   time.Time `json:"begin"`
	End     time.Time `json:"end"`
	Seconds float64   `json:"duration_seconds"`
	SHA256  string    `json:"sha256"`
	Run     string    `json:"run"`
	First   uint64    `json:"first_sequence"`
	Last    uint64    `json:"last_sequence"`
}

const recordingsPath = "/api/v1/streams/main/recordings/"

// recordings are all, oldest first.
func (d *daemon) recordings() []recording {
	d.t.Helper()
	var list struct{ Recordings []recording }
	d.read(recordingsPath+"?limit=1000", &list)
	slices.Reverse(list.Recordings)
	return list.Recordings
}

// gap is what the list of gaps says of one.
type gap struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Seconds float64   `json:"seconds"`
	Cause   string    `json:"cause"`
}

// gaps are those of a range.
func (d *daemon) gaps(from, to time.Time) []gap {
	d.t.Helper()
	var list struct{ Gaps []gap }
	d.read("/hls/main/gaps.json"+span(from, to), &list)
	return list.Gaps
}

// shelf remembers recordings that were found good: they never change again.
type shelf map[string]string // checksum by name

// check downloads every closed recording that is not on the shelf yet, and fails
// the test if its checksum is not that of the list and of the file beside it, or
// if ffmpeg finds anything wrong with it.
func (s shelf) check(d *daemon) {
	d.t.Helper()
	there := map[string]bool{}
	for _, r := range d.recordings() {
		there[r.Name] = true
		switch known, ok := s[r.Name]; {
		case ok && known != r.SHA256:
			d.t.Errorf("%s has changed: %s, was %s", r.Name, r.SHA256, known)
		case ok || r.Writing:
			continue
		}
		s.add(d, r)
	}
	for name := range s {
		if !there[name] {
			d.t.Errorf("%s is gone", name)
		}
	}
}

func (s shelf) add(d *daemon, r recording) {
	d.t.Helper()
	path := filepath.Join(d.t.TempDir(), r.Name)
	f, err := os.Create(path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	sum := sha256.New()
	if err := d.fetch(recordingsPath+r.URL, io.MultiWriter(f, sum)); err != nil {
		d.t.Fatal(err)
	}
	got := hex.EncodeToString(sum.Sum(nil))
	beside, err := d.get(recordingsPath + r.URL + ".sha256")
	if want := fmt.Sprintf("%s  %s\n", got, r.Name); err != nil || beside != want || r.SHA256 != got {
		d.t.Errorf("%s has the checksum %s, the list says %s, the file beside it %q: %v", r.Name, got, r.SHA256, beside, err)
	}
	s[r.Name] = r.SHA256
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	log, err := peer.Run(ctx, peer.Command{Args: []string{
		"ffmpeg", "-hide_banner", "-nostdin", "-v", "warning", "-xerror", "-i", path, "-map", "0:v", "-map", "0:a", "-f", "null", "-",
	}})
	if err != nil || strings.TrimSpace(log) != "" {
		d.t.Errorf("%s does not play: %v\n%s", r.Name, err, log)
	}
	p, err := peer.Probe(ctx, path, peer.ProbeOptions{Packets: true})
	if err != nil {
		d.t.Error(err)
		return
	}
	// One that was cut off may have sound for a chunk more than pictures. It begins at zero.
	begin, end := math.Inf(1), 0.0
	for _, packet := range p.Packets {
		begin, end = min(begin, packet.PTS.Seconds()), max(end, packet.PTS.Seconds()+packet.Duration.Seconds())
	}
	if begin < -0.1 || begin > 0.1 {
		d.t.Errorf("%s begins at %.3f s", r.Name, begin)
	}
	if took := end - begin; took < r.Seconds-0.2 || took > r.Seconds+chunk.Seconds()+0.2 {
		d.t.Errorf("%s lasts %.3f s, the list says %.3f s", r.Name, took, r.Seconds)
	}
}
