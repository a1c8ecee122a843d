package hardware

import (
	"fmt"
	"os"

	"github.com/encoderbox/encoderbox/board"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// edid is what an HDMI source is told; nil leaves the device's own alone.
func (b *Box) edid(which string) ([]byte, error) {
	switch which {
	case None:
		return nil, nil
	case Auto:
		return modelEDID(b.model.EDID)
	}
	edid, err := os.ReadFile(which)
	if err != nil {
		return nil, fmt.Errorf("input.edid: %w; give a file, or \"auto\" or \"none\"", err)
	}
	if err := v4l2.CheckEDID(edid); err != nil {
		return nil, fmt.Errorf("input.edid: %s: %w", which, err)
	}
	return edid, nil
}

// modelEDID makes the bytes of a model's EDID; nil where it has none.
func modelEDID(e board.EDID) ([]byte, error) {
	if len(e.Modes) == 0 {
		return nil, nil
	}
	spec := v4l2.EDIDSpec{
		Manufacturer: "EBX", Product: 1, Year: 2026, Name: e.Name,
		Audio: e.Sound, YCbCr: true,
	}
	for _, m := range e.Modes {
		spec.VICs = append(spec.VICs, m.VIC)
	}
	return v4l2.MakeEDID(spec)
}
