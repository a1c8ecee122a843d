package hardware

import (
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/box"
)

// bridgeCapture takes what HDMI brings at a quarter of its rate; the timings
// that loadFaultyReceiver chooses are of this size.
const bridgeCapture = `
[streams.main.input]
kind = "capture"
width = 640
height = 480
frame_rate = 15
[streams.main.video]
bitrate = { max = "6M", mode = "fixed" }
`

// loadFaultyReceiver loads vivid as an HDMI receiver with a signal of 640x480 at 60 Hz,
// and the encoder.
func loadFaultyReceiver(b *box.Box) {
	loadBridge(b, "num_inputs=1", "input_types=3")
	b.Must("v4l2-ctl", "-d", "/dev/video0", "-c", "osd_text_mode=2,enable_capture_scaler=0,enable_capture_composing=0", "--set-dv-bt-timings", "index=0")
}

// control is a command that sets a control of the capture device.
func control(setting string) string { return "v4l2-ctl -d /dev/video0 -c " + setting }

const vividDriver = "/sys/bus/platform/drivers/vivid/"

// hdmiFaults are those of a receiver with timings.
func hdmiFaults() []fault {
	back := control("dv_timings_signal_mode=0")
	return []fault{
		{name: "the HDMI signal is lost", signal: "no_signal", condition: "input.no_signal", begin: control("dv_timings_signal_mode=1"), end: back},
		{name: "no lock on the HDMI signal", signal: "unstable", condition: "input.unstable", begin: control("dv_timings_signal_mode=2"), end: back},
		{name: "an HDMI timing out of range", signal: "unsupported", condition: "input.unsupported", begin: control("dv_timings_signal_mode=3"), end: back},
		{
			name: "the source turns to interlaced pictures", signal: "unsupported", condition: "input.unsupported",
			begin: sends("1: 720x480i"), end: sends("0: 640x480p59"),
		},
		{
			name: "the source changes to 720x480 (fixed)", begin: sends("2: 720x480p59"),
			shows: func(_, now status.Stream) bool {
				s := now.Input.Signal
				return s.Width == 720 && s.Height == 480 && s.Transfer == "one copy" && now.Video.Width == 640
			},
		},
		{
			name: "the source changes back to 640x480", begin: sends("0: 640x480p59"),
			shows: func(_, now status.Stream) bool {
				return now.Input.Signal.Width == 640 && now.Input.Signal.Transfer == "zero-copy"
			},
		},
	}
}

// sends is a command that has the source send a timing, by its line in vivid's menu.
func sends(timing string) string {
	number, _, _ := strings.Cut(timing, ":")
	return "v4l2-ctl -d /dev/video0 -L | grep '" + timing + "' && " + control("dv_timings_signal_mode=4,dv_timings="+number)
}

// cameraFaults are those of any device.
func cameraFaults() []fault {
	return []fault{
		{name: "the camera's pictures stop", signal: "stalled", condition: "input.stalled", begin: control("percentage_of_dropped_buffers=100"), end: control("percentage_of_dropped_buffers=0")},
		{name: "half of its pictures fail", begin: control("percentage_of_dropped_buffers=50"), while: (*faultRig).fiveSeconds, end: control("percentage_of_dropped_buffers=0")},
		{name: "a damaged picture", begin: control("inject_v4l2_buf_flag_error=1"), shows: func(before, now status.Stream) bool { return now.Input.Signal.Skipped > before.Input.Signal.Skipped }},
		{name: "its sequence number wraps", begin: control("wrap_sequence_number=1"), while: (*faultRig).fiveSeconds, end: control("wrap_sequence_number=0")},
		{name: "its queue fails (EIO)", begin: control("inject_fatal_streaming_error=1"), shows: lostOnce},
		{name: "it disconnects and is back at once", begin: control("disconnect=1"), shows: lostOnce},
		{
			name: "it is unplugged, and plugged in again", signal: "device_lost", condition: "input.device_lost",
			begin: "echo vivid.0 >" + vividDriver + "unbind", end: "echo vivid.0 >" + vividDriver + "bind",
		},
		{
			name: "unplugged, and back under another number", signal: "device_lost", condition: "input.device_lost",
			begin: "echo vivid.0 >" + vividDriver + "unbind; modprobe vicodec; test -e /dev/video0", end: "echo vivid.0 >" + vividDriver + "bind; grep -q stateful /sys/class/video4linux/video0/name",
			shows: func(before, now status.Stream) bool { return now.Input.Signal.Losses > before.Input.Signal.Losses },
		},
	}
}

func lostOnce(before, now status.Stream) bool {
	return now.Input.Signal.Losses > before.Input.Signal.Losses && now.Input.Signal.State == "ok"
}

// fiveSeconds lets the fault last.
func (r *faultRig) fiveSeconds() { r.awaitFrames(75) }

func sufferHDMI(t *testing.T, table *recoveries) {
	b := box.Start(t, box.Options{})
	loadFaultyReceiver(b)
	b.Must("sh", "-c", control("dv_timings_signal_mode=1"))
	r := startFaults(t, b, table, bridgeCapture)
	t.Run("at the start", func(t *testing.T) {
		defer func(of *testing.T) { r.t = of }(r.t)
		r.t = t
		f := fault{name: "no HDMI signal at the start; it comes", signal: "no_signal", condition: "input.no_signal", end: control("dv_timings_signal_mode=0")}
		before, mark := r.stream(), r.watch.mark()
		r.awaitSlate(f, before)
		r.looksLikeASlate()
		table.add(r.heal(f, before, mark, time.Time{}))
	})
	for range *recoveryRounds {
		r.suffer(t, hdmiFaults())
	}
	r.decodes()
}

func sufferCamera(t *testing.T, table *recoveries) {
	b := box.Start(t, box.Options{})
	loadBridge(b)
	r := startFaults(t, b, table, smallCapture)
	for range *recoveryRounds {
		r.suffer(t, cameraFaults())
	}
	r.decodes()
}
