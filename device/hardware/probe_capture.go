package hardware

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	v4l2capture "github.com/encoderbox/encoderbox/capture/v4l2"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// probeCaptures lists the capture devices, as a stream would find them.
func (b *Box) probeCaptures(r *Report, nodes []v4l2.Node) {
	found, err := v4l2capture.List(v4l2capture.Config{Sys: b.sub("sys"), Quirks: b.captureQuirks(slog.New(slog.DiscardHandler))})
	if err != nil {
		r.problem("%v", err)
	}
	for _, f := range found {
		i := slices.IndexFunc(nodes, func(n v4l2.Node) bool { return n.Path == f.Path })
		if i < 0 {
			continue // it has just gone
		}
		c := probeCapture(nodes[i])
		c.Role = f.Kind
		for _, q := range captureQuirksOf(b.model.Capture, nodes[i].Info.Driver) {
			c.Quirks = append(c.Quirks, ReportQuirk{string(q.Is), q.Value, q.Text, q.Source})
		}
		if f.Problem != "" {
			c.Problem = f.Problem
			r.problem("%s (%s): %s", f.Path, f.Card, f.Problem)
		}
		r.Capture = append(r.Capture, c)
	}
}

// probeCapture asks a capture node what it delivers.
func probeCapture(n v4l2.Node) ReportCapture {
	c := ReportCapture{ReportNode: node(n, ""), Select: selector(n)}
	t, _ := n.Info.CaptureType()
	d, err := v4l2.Open(n.Path)
	if err != nil {
		c.Problem = err.Error()
		return c
	}
	defer d.Close()
	if inputs, err := d.Inputs(); err == nil {
		for _, in := range inputs {
			c.Inputs = append(c.Inputs, in.Name+inputState(in))
		}
	}
	formats, err := d.Formats(t)
	if err != nil {
		c.Problem = err.Error()
		return c
	}
	for _, f := range formats {
		c.Formats = append(c.Formats, ReportFormat{f.FourCC.String(), use(f), sizes(d, f.FourCC)})
	}
	return c
}

// selector is the value of input.device that means the node for as long as
// possible: its USB port, else its card's name.
func selector(n v4l2.Node) string {
	if n.USB != nil {
		return "usb:" + n.USB.Path
	}
	return n.Info.Card
}

func inputState(in v4l2.InputDesc) string {
	switch {
	case in.Status.Has(v4l2.NoPower):
		return " (no power)"
	case in.Status.Has(v4l2.NoSignal):
		return " (no signal)"
	case in.Status.Has(v4l2.NoSync):
		return " (no lock)"
	}
	return ""
}

// What a format is good for.
const (
	useRaw   = "raw"
	useJPEG  = "decoded (MJPEG)"
	useBayer = "needs an ISP"
	useNone  = "not used"
)

func use(f v4l2.FormatDesc) string {
	_, _, raw := f.FourCC.Pixel()
	switch {
	case raw:
		return useRaw
	case f.FourCC == v4l2.MJPEG, f.FourCC == v4l2.JPEG:
		return useJPEG
	case f.FourCC.IsBayer():
		return useBayer
	}
	return useNone
}

const mostSizes = 12 // of a format, in the report

func sizes(d *v4l2.Device, f v4l2.FourCC) []string {
	ranges, err := d.FrameSizes(f)
	if err != nil {
		return nil // many bridges list none: the source decides
	}
	var list []string
	for _, s := range ranges {
		if len(list) == mostSizes {
			return append(list, fmt.Sprintf("and %d more", len(ranges)-mostSizes))
		}
		text := fmt.Sprintf("%dx%d", s.MaxWidth, s.MaxHeight)
		if s.MinWidth != s.MaxWidth || s.MinHeight != s.MaxHeight {
			text = fmt.Sprintf("%dx%d to %s", s.MinWidth, s.MinHeight, text)
		}
		if rates, err := d.FrameRates(f, s.MaxWidth, s.MaxHeight); err == nil && len(rates) > 0 {
			fps := make([]string, len(rates))
			for i, r := range rates {
				fps[i] = fmt.Sprintf("%.4g", r.Float())
			}
			text += " at " + strings.Join(fps, ", ") + " fps"
		}
		list = append(list, text)
	}
	return list
}
