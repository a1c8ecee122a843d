package ts

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/asticode/go-astits"

	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/aac"
	"github.com/encoderbox/encoderbox/media/h264"
)

// run executes a program and fails the test for any word on its error output.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return string(out)
}

// TestFFmpegReads muxes what ffmpeg encoded, B pictures included and one packet
// marked as behind a gap, and has it decode the result: without a word, and to
// the same pictures and sound.
func TestFFmpegReads(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
	}{
		{"B pictures and stereo", []string{
			"-f", "lavfi", "-i", "testsrc2=s=320x240:r=30000/1001", "-f", "lavfi", "-i", "sine=r=48000",
			"-c:v", "libx264", "-bf", "2", "-g", "30", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2"}},
		{"10 pictures a second without sound", []string{
			"-f", "lavfi", "-i", "testsrc2=s=320x240:r=10", "-c:v", "libx264", "-bf", "0", "-g", "20", "-pix_fmt", "yuv420p"}},
		{"sound alone, mono", []string{
			"-f", "lavfi", "-i", "sine=r=44100", "-c:a", "aac", "-ac", "1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			ref, ours := filepath.Join(dir, "ref.ts"), filepath.Join(dir, "ours.ts")
			run(t, "ffmpeg", append(append([]string{"-v", "error", "-y"}, c.args...), "-t", "10", ref)...)
			in := readTS(t, ref)
			in[len(in)/2].Gap = true
			stream := muxAll(t, Config{Tracks: tracksOf(in), Delay: 700 * time.Millisecond}, in)
			s := mustPass(t, stream)
			compare(t, s.units, in, 700*time.Millisecond)
			if err := os.WriteFile(ours, stream, 0o600); err != nil {
				t.Fatal(err)
			}
			run(t, "ffmpeg", "-v", "error", "-xerror", "-err_detect", "explode", "-i", ours, "-f", "null", "-")
			const sums = "-c:v rawvideo -c:a pcm_s16le -copyts -f framehash -hash md5 -"
			want := run(t, "ffmpeg", append([]string{"-v", "error", "-i", ref}, strings.Fields(sums)...)...)
			got := run(t, "ffmpeg", append([]string{"-v", "error", "-i", ours}, strings.Fields(sums)...)...)
			if decoded(want) != decoded(got) || len(decoded(got)) == 0 {
				t.Errorf("ffmpeg decodes different pictures or sound")
			}
			probe := run(t, "ffprobe", "-v", "error", "-show_entries", "format=duration,nb_programs", "-of", "csv=p=0", ours)
			if !strings.HasPrefix(probe, "1,9.9") && !strings.HasPrefix(probe, "1,10.") {
				t.Errorf("ffprobe: programmes and duration %q", probe)
			}
		})
	}
}

// decoded are the sums of ffmpeg's framehash output without time stamps, per
// stream in order.
func decoded(framehash string) string {
	byStream := map[string]*strings.Builder{}
	for line := range strings.Lines(framehash) {
		f := strings.Split(line, ",")
		if strings.HasPrefix(line, "#") || len(f) < 6 {
			continue
		}
		if byStream[f[0]] == nil {
			byStream[f[0]] = &strings.Builder{}
		}
		byStream[f[0]].WriteString(f[5])
	}
	var all string
	for _, k := range []string{"0", "1"} {
		if b := byStream[k]; b != nil {
			all += k + ":" + b.String()
		}
	}
	return all
}

func tracksOf(ps []media.Packet) []*media.Track {
	seen := map[media.Kind]bool{}
	var ts []*media.Track
	for _, p := range ps {
		if !seen[p.Track.Kind()] {
			seen[p.Track.Kind()] = true
			ts = append(ts, p.Track)
		}
	}
	return ts
}

// readTS is the packets of a file that ffmpeg wrote, in its order.
func readTS(t *testing.T, file string) []media.Packet {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var ps []media.Packet
	var video, audio *media.Track
	at := func(c *astits.ClockReference) time.Duration { return media.FromTimescale(c.Base, 90000) }
	dmx := astits.NewDemuxer(context.Background(), f)
	for {
		d, err := dmx.NextData()
		if errors.Is(err, astits.ErrNoMorePackets) {
			return ps
		}
		if err != nil {
			t.Fatal(err)
		}
		if d.PES == nil {
			continue
		}
		h := d.PES.Header.OptionalHeader
		if !d.PES.Header.IsVideoStream() {
			rest, n := d.PES.Data, 0
			for len(rest) > 0 {
				var c aac.Config
				var au []byte
				if c, au, rest, err = aac.ParseADTS(rest); err != nil {
					t.Fatal(err)
				}
				if audio == nil {
					audio = aac.TrackOf(c)
				}
				pts := at(h.PTS) + media.SamplesToDuration(int64(n*media.AACFrameSamples), c.SampleRate)
				ps = append(ps, media.Packet{Track: audio, PTS: pts, DTS: pts, Key: true, Data: au})
				n++
			}
			continue
		}
		if video == nil {
			all, _ := h264.AccessUnit(nil, h264.SplitAnnexB(d.PES.Data))
			if video, err = h264.TrackFrom(h264.ParameterSets(all)); err != nil {
				t.Fatal(err)
			}
		}
		p := media.Packet{Track: video, PTS: at(h.PTS), DTS: at(h.PTS)}
		if h.DTS != nil {
			p.DTS = at(h.DTS)
		}
		p.Data, p.Key = h264.AccessUnit(video.Video, h264.SplitAnnexB(d.PES.Data))
		ps = append(ps, p)
	}
}
