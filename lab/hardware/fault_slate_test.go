package hardware

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"os"
	"path/filepath"

	"github.com/encoderbox/encoderbox/lab/peer"
)

// looksLikeASlate decodes a picture that HLS serves now, and fails the test
// unless it is a dark one with bright letters in it. The picture is kept in the
// folder that the environment's HARDWARE_KEEP names.
func (r *faultRig) looksLikeASlate() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	var out bytes.Buffer
	log, err := peer.Run(ctx, peer.Command{Args: []string{
		"ffmpeg", "-hide_banner", "-nostdin", "-v", "error", "-xerror", "-sseof", "-1", "-i", r.url + "/hls/index.m3u8",
		"-map", "0:v:0", "-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "-",
	}, Stdout: &out})
	if err != nil {
		r.t.Fatalf("decode the slate: %v\n%s", err, log)
	}
	if dir := os.Getenv("HARDWARE_KEEP"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "slate.png"), out.Bytes(), 0o644); err != nil {
			r.t.Error(err)
		}
	}
	picture, err := png.Decode(&out)
	if err != nil {
		r.t.Fatalf("the slate: %v", err)
	}
	dark, bright := slateShades(picture)
	if dark < 0.6 || bright < 0.005 || bright > 0.3 {
		r.t.Errorf("the slate is dark in %.1f %% and bright in %.1f %% of its samples", 100*dark, 100*bright)
	}
}

// slateShades are the parts of a picture that are dark and bright.
func slateShades(p image.Image) (dark, bright float64) {
	size := p.Bounds()
	for y := size.Min.Y; y < size.Max.Y; y++ {
		for x := size.Min.X; x < size.Max.X; x++ {
			red, green, blue, _ := p.At(x, y).RGBA()
			switch level := (red + green + blue) / 3 >> 8; {
			case level < 80:
				dark++
			case level > 170:
				bright++
			}
		}
	}
	all := float64(size.Dx() * size.Dy())
	return dark / all, bright / all
}
