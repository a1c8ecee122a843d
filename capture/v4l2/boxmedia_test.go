//go:build box

package v4l2capture

import (
	"os"
	"testing"

	"github.com/encoderbox/encoderbox/media/v4l2"
)

// TestBoxMediaController sets up a pipeline of vimc, which has three ways to one
// node. The kernel checks links and formats when streaming starts.
func TestBoxMediaController(t *testing.T) {
	sys := linux{os.DirFS("/sys"), "/dev"}
	nodes, err := sys.nodes()
	if err != nil {
		t.Fatal(err)
	}
	var node v4l2.Node
	for _, n := range nodes {
		if n.Info.Driver == "vimc" && n.Name == "RGB/YUV Capture" {
			node = n
		}
	}
	if node.Path == "" {
		t.Fatalf("vimc is not loaded: %+v", nodes)
	}
	setUp := func(cfg Config, q Quirks) (*pipeline, error) {
		p, err := findPipeline(sys, node, q.Bridge)
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { p.close() })
		return p, p.setUp(&cfg, q.BusCode, v4l2.DVTimings{}, nil)
	}
	// Over the link that is not enabled: another has to give way.
	p, err := setUp(Config{Width: 320, Height: 240}, Quirks{Bridge: "RGB/YUV Input", BusCode: v4l2.BusRGB888})
	if err != nil {
		t.Fatal(err)
	}
	if w, h := p.size(); w != 320 || h != 240 || p.timed || p.bayer() || len(p.links) != 2 {
		t.Errorf("%dx%d, timed %v, Bayer %v, %d links", w, h, p.timed, p.bayer(), len(p.links))
	}
	d, err := v4l2.Open(node.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	f, err := d.SetFormat(v4l2.VideoCapture, v4l2.Format{Width: 320, Height: 240, FourCC: v4l2.RGB24, Field: v4l2.FieldNone})
	if err != nil {
		t.Fatal(err)
	}
	q := d.Queue(v4l2.VideoCapture, f)
	if _, err := q.Request(v4l2.MMAP, 2); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if err := q.QueueBuffer(v4l2.Buffer{Index: i}); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Start(); err != nil {
		t.Errorf("the kernel does not take the pipeline: %v", err)
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	// A converter in between does not pass what it is given.
	_, err = setUp(Config{}, Quirks{Bridge: "Sensor B", BusCode: v4l2.BusRGB888})
	wantWords(t, err, "which Debayer B does not take")
	_, err = setUp(Config{}, Quirks{Bridge: "tc358743"})
	wantWords(t, err, `no bridge called "tc358743" leads to `+node.Path)
	// As the selector would find it: its formats are not ours.
	_, err = New(Config{Selector: node.Path, Sys: os.DirFS("/sys")}, nil).Open(t.Context())
	wantWords(t, err, "has none of the formats")
}
