package finish_test

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
)

// probed is what ffprobe says of a file.
type probed struct {
	Format struct {
		StartTime string `json:"start_time"`
		Duration  string
	}
	Streams []struct {
		Type    string `json:"codec_type"`
		Start   string `json:"start_time"`
		Frames  string `json:"nb_frames"`
		Rate    string `json:"avg_frame_rate"`
		Real    string `json:"r_frame_rate"`
		Length  string `json:"duration"`
		Profile string
	}
	Packets []packet
}

type packet struct {
	Type     string `json:"codec_type"`
	PTS      string `json:"pts_time"`
	DTS      string `json:"dts_time"`
	Duration string `json:"duration_time"`
	Size     string
	Flags    string
	Hash     string `json:"data_hash"`
}

func probe(t *testing.T, path string) probed {
	t.Helper()
	var p probed
	out := run(t, "ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", "-show_packets", "-show_data_hash", "md5", path)
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p probed) of(kind string) (out []packet) {
	for _, x := range p.Packets {
		if x.Type == kind {
			out = append(out, x)
		}
	}
	return out
}

func seconds(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// tick is how far a time may be off: a tick of 90 kHz, twice rounded.
const tick = 2.5 / 90000

// sameMedia says that two files hold the same packets at the same times but for a constant shift.
func sameMedia(t *testing.T, got, want probed) {
	t.Helper()
	shift := math.NaN()
	for _, kind := range []string{"video", "audio"} {
		g, w := got.of(kind), want.of(kind)
		if len(g) != len(w) {
			t.Fatalf("%d %s packets, want %d", len(g), kind, len(w))
		}
		for i := range g {
			if g[i].Hash != w[i].Hash || g[i].Size != w[i].Size || g[i].Flags[0] != w[i].Flags[0] {
				t.Fatalf("%s packet %d is %+v, want %+v", kind, i, g[i], w[i])
			}
			by := seconds(t, g[i].PTS) - seconds(t, w[i].PTS)
			if math.IsNaN(shift) {
				shift = by
			}
			if d := seconds(t, g[i].DTS) - seconds(t, w[i].DTS); math.Abs(by-shift) > tick || math.Abs(d-shift) > tick {
				t.Fatalf("%s packet %d is shifted by %f s (decode %f), the first by %f", kind, i, by, d, shift)
			}
		}
	}
	if math.Abs(shift) > 0.030 { // the encoder's priming may have stood before zero
		t.Errorf("everything is shifted by %f s", shift)
	}
}

// hashes are those of the decoded pictures, one a line, and of the coded sound.
func hashes(t *testing.T, path string) (pictures []string, sound string) {
	t.Helper()
	for line := range strings.Lines(run(t, "ffmpeg", "-v", "error", "-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-")) {
		if !strings.HasPrefix(line, "#") {
			fields := strings.Split(strings.TrimSpace(line), ",")
			pictures = append(pictures, fields[len(fields)-1])
		}
	}
	args := []string{"-v", "error", "-i", path, "-map", "0:a", "-c", "copy"}
	if strings.HasSuffix(path, ".ts") {
		args = append(args, "-bsf:a", "aac_adtstoasc")
	}
	return pictures, run(t, "ffmpeg", append(args, "-f", "streamhash", "-")...)
}
