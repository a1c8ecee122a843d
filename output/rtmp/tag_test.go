package rtmp

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"
)

// The decoder configuration is the one FFmpeg writes, in every profile: the
// profiles from High on say their sample format behind the parameter sets.
func TestDecoderConfigurationIsFFmpegs(t *testing.T) {
	for name, args := range map[string][]string{
		"Baseline":              {"-pix_fmt", "yuv420p", "-profile:v", "baseline"},
		"Main":                  {"-pix_fmt", "yuv420p", "-profile:v", "main"},
		"High":                  {"-pix_fmt", "yuv420p"},
		"High 10":               {"-pix_fmt", "yuv420p10le"},
		"High 4:2:2":            {"-pix_fmt", "yuv422p"},
		"High 4:4:4 Predictive": {"-pix_fmt", "yuv420p", "-qp", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.mp4")
			args = append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x128:duration=0.2", "-c:v", "libx264"}, args...)
			if out, err := exec.Command("ffmpeg", append(args, path)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			file, err := mp4.ReadMP4File(path)
			if err != nil {
				t.Fatal(err)
			}
			c := file.Moov.Trak.Mdia.Minf.Stbl.Stsd.AvcX.AvcC
			var want bytes.Buffer
			if err := c.DecConfRec.Encode(&want); err != nil {
				t.Fatal(err)
			}
			got, err := avcConfig(c.SPSnalus[0], c.PPSnalus[0])
			if err != nil || !bytes.Equal(got, want.Bytes()) {
				t.Errorf("%x, %v\nwant %x", got, err, want.Bytes())
			}
		})
	}
}
