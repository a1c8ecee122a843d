package v4l2capture

import (
	"testing"

	"github.com/encoderbox/encoderbox/capture"
	"github.com/encoderbox/encoderbox/media"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// TestDriverThatKeepsPictures gets as many as it keeps before it is started, and
// some more; an encoder with fewer is not shared.
func TestDriverThatKeepsPictures(t *testing.T) {
	for count, way := range map[int]capture.Transfer{7: capture.ZeroCopy, 6: capture.OneCopy} {
		h := hdmi()
		tale(t, Config{Quirks: always(Quirks{MinQueued: 4})}, h, func(st *story) {
			st.mustOpen()
			l := layout(media.NV12, 1280, 720)
			l.Count = count
			st.run(l)
			wantQueued := map[capture.Transfer]int{capture.ZeroCopy: 4, capture.OneCopy: 4 + ownSpare}[way]
			if !h.q.streaming || h.q.most != wantQueued {
				t.Errorf("of %d: streaming %v, the driver had %d pictures, want %d", count, h.q.streaming, h.q.most, wantQueued)
			}
			st.shoot(h, 5)
			st.wantFrames(5)
			if w, reason, _ := st.s.Status(); w != way {
				t.Errorf("of %d: %v %q", count, w, reason)
			}
		})
	}
}

// TestQuirksAreTheDevices: of two devices each has its own.
func TestQuirksAreTheDevices(t *testing.T) {
	h := hdmi()
	quirks := func(i v4l2.Info) Quirks { return map[string]Quirks{"unicam": {StrideAlign: 512}}[i.Driver] }
	tale(t, Config{Quirks: quirks}, h, func(st *story) {
		st.mustOpen()
		st.run(layout(media.NV12, 640, 360))
		if got := h.q.f.Planes[0].Stride; got != 1536 {
			t.Errorf("rows of %d bytes", got)
		}
		st.shoot(h, 2)
		st.wantFrames(2)
		st.end()
		st.pool, st.pts = nil, nil
		st.k.unplug(h)
		other := hdmi()
		other.node.Info.Driver = "other"
		st.k.plug("/dev/video1", other)
		st.mustOpen()
		st.run(layout(media.NV12, 640, 360))
		if got := other.q.f.Planes[0].Stride; got != 1280 {
			t.Errorf("rows of another driver of %d bytes", got)
		}
	})
}
