package record_test

import (
	"context"
	"encoding/json"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/encoderbox/encoderbox/lab/footage"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/output/hub"
	"github.com/encoderbox/encoderbox/output/record"
	"github.com/encoderbox/encoderbox/output/record/finish"
	"github.com/encoderbox/encoderbox/output/segment"
	"github.com/encoderbox/encoderbox/output/segment/journal"
	"github.com/encoderbox/encoderbox/output/segment/segmenttest"
)

type quiet struct{}

func (quiet) Raise(string, string) {}
func (quiet) Clear(string)         {}

type segmentQuiet struct{ quiet }

func (segmentQuiet) Stats(segment.Stats) {}

type journalQuiet struct{ quiet }

func (journalQuiet) Stats(journal.Stats) {}

type recordQuiet struct{ quiet }

func (recordQuiet) State(record.State) {}

type packet struct {
	Type string `json:"codec_type"`
	PTS  string `json:"pts_time"`
	Hash string `json:"data_hash"`
}

func packets(t *testing.T, path string) (video, audio []packet) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-of", "json", "-show_packets", "-show_data_hash", "md5", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Packets []packet }
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatal(err)
	}
	for _, p := range all.Packets {
		if p.Type == "video" {
			video = append(video, p)
		} else {
			audio = append(audio, p)
		}
	}
	return video, audio
}

func at(t *testing.T, p packet) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(p.PTS, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// follows says where in all the packets got lie, one after the other; -1 if nowhere.
func follows(all, got []packet) int {
	hash := func(ps []packet) (out []string) {
		for _, p := range ps {
			out = append(out, p.Hash)
		}
		return out
	}
	a, g := hash(all), hash(got)
	for i := 0; len(g) > 0 && i+len(g) <= len(a); i++ {
		if slices.Equal(a[i:i+len(g)], g) {
			return i
		}
	}
	return -1
}

// TestFromTheStreamToAFinishedFile records half a minute of a real stream by
// segmenter and journal, in two files, and finishes them into one.
func TestFromTheStreamToAFinishedFile(t *testing.T) {
	source, err := footage.StreetBFrames(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	clip, err := segmenttest.ReadMP4(source)
	if err != nil {
		t.Fatal(err)
	}
	live, disk := filepath.Join(t.TempDir(), "live"), filepath.Join(t.TempDir(), "disk")
	var finished string
	var files int
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)))
		h := hub.New(media.NewClock())
		h.Announce(media.Video, media.Audio)
		seg, err := segment.New(segment.Config{Dir: live}, h, segmentQuiet{})
		if err != nil {
			t.Fatal(err)
		}
		j, err := journal.Open(journal.Config{Dir: disk, Reserve: -1}, journalQuiet{})
		if err != nil {
			t.Fatal(err)
		}
		rec, err := record.New(record.Config{Stream: "main", Dir: disk, Length: 10 * time.Second, Location: time.UTC}, j, recordQuiet{}, record.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		for _, run := range []func() error{
			func() error { return seg.Run(ctx, func() {}) },
			func() error { return j.Run(ctx, seg) },
			func() error { return rec.Run(ctx) },
		} {
			wait.Go(func() {
				if err := run(); err != nil {
					t.Error(err)
				}
			})
		}
		start := time.Now()
		for i, p := range clip.Packets {
			time.Sleep(p.DTS - time.Since(start))
			switch i {
			case 50:
				if err := rec.Start("", 0); err != nil {
					t.Fatal(err)
				}
			case len(clip.Packets) - 200: // 3 s before the end: the journal ends files where segments end
				if s := rec.State(); s.State != record.Recording || s.Bytes == 0 || s.Storage.Rate == 0 || s.Storage.Seconds == nil {
					t.Errorf("%+v", s)
				}
				if err := rec.Stop(); err != nil {
					t.Fatal(err)
				}
			}
			h.Write(p)
		}
		time.Sleep(10 * time.Second)
		var names []string
		for _, x := range j.Reels() {
			names = append(names, x.Name)
			if !x.Kept || x.Writing || len(x.SHA256) != 64 {
				t.Errorf("%+v", x)
			}
		}
		files = len(names)
		job, err := rec.Finish(record.Request{Files: names, Format: finish.MP4})
		if err != nil {
			t.Fatal(err)
		}
		for job.State != record.Done && job.State != record.Failed {
			time.Sleep(100 * time.Millisecond)
			if job, err = rec.Job(job.ID); err != nil {
				t.Fatal(err)
			}
		}
		if job.State != record.Done || len(job.Breaks) != 0 {
			t.Errorf("%+v", job)
		}
		finished = filepath.Join(disk, job.Result)
		cancel()
		wait.Wait()
	})
	if files < 2 {
		t.Errorf("%d files", files)
	}
	video, audio := packets(t, finished)
	allVideo, allAudio := packets(t, source)
	v, a := follows(allVideo, video), follows(allAudio, audio)
	if v < 0 || a < 0 || len(video) < 350 {
		t.Fatalf("%d pictures at %d and %d sound frames at %d of the source are not in a row", len(video), v, len(audio), a)
	}
	if first := at(t, video[0]); first != 0 {
		t.Errorf("it starts at %f s", first)
	}
	want := at(t, allAudio[a]) - at(t, allVideo[v])
	if got := at(t, audio[0]) - at(t, video[0]); math.Abs(got-want) > 3.0/90000 {
		t.Errorf("sound is %f s behind the pictures, in the source %f s", got, want)
	}
}
