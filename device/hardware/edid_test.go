package hardware

import (
	"testing"

	"github.com/encoderbox/encoderbox/board/models"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

func TestEveryModelsEDIDIsOneThatSourcesRead(t *testing.T) {
	for _, m := range models.All {
		edid, err := modelEDID(m.EDID)
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		if edid == nil {
			continue // a box without an HDMI input
		}
		if err := v4l2.CheckEDID(edid); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
		for _, mode := range m.EDID.Modes {
			if timings, ok := v4l2.CEATimings(mode.VIC); !ok || timings.String() != mode.Text {
				t.Errorf("%s: mode %d is %v, the model says %s", m.Name, mode.VIC, timings, mode.Text)
			}
		}
	}
}
