package hardware

import (
	"fmt"
	"testing"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/box"
)

// set is a command that sets values of the virtual encoder's faults.
func set(pairs ...any) (script string) {
	for i := 0; i < len(pairs); i += 2 {
		script += fmt.Sprintf("echo %v >/sys/kernel/debug/vh264/%v\n", pairs[i+1], pairs[i])
	}
	return script
}

const vh264Driver = "/sys/bus/platform/drivers/vh264/"

// reopens says that the encoder has been opened anew since, and works.
func reopens(before, now status.Stream) bool {
	return now.Video != nil && now.Video.Hardware.Recoveries > before.Video.Hardware.Recoveries && now.Video.Hardware.Healthy
}

// beginsAnew says that the encoder has been opened anew, or given up and then the
// whole input, which counts from zero again.
func beginsAnew(before, now status.Stream) bool {
	return now.Video != nil && now.Video.Hardware.Healthy && now.HLS.Discontinuities > before.HLS.Discontinuities
}

// restarts says that the stream has been begun anew for a change to hold.
func restarts(before, now status.Stream) bool {
	return now.Video != nil && now.Video.Hardware.Restarts > before.Video.Hardware.Restarts && now.Video.Hardware.Healthy
}

func damages(before, now status.Stream) bool {
	return now.Video.Hardware.ErrorBuffers > before.Video.Hardware.ErrorBuffers
}

// untouched says that the encoder has not been opened anew.
func untouched(before, now status.Stream) bool {
	return now.Video.Hardware.Recoveries == before.Video.Hardware.Recoveries && now.Video.Hardware.Healthy
}

// bitrate changes the stream's, by the API in the box.
func bitrate(mbits int) func(*faultRig) {
	body := fmt.Sprintf(`{"streams":{"main":{"video":{"bitrate":"%dM"}}}}`, mbits)
	// The client stays until it has its answer, else the request is off.
	script := fmt.Sprintf(`(printf 'PATCH /api/v1/config HTTP/1.1\r\nHost: localhost:8080\r\nConnection: close\r\n`+
		`Content-Type: application/merge-patch+json\r\nContent-Length: %d\r\n\r\n%s'; sleep 5) | nc 127.0.0.1 8080 | grep -q '^HTTP/1.1 200 '`, len(body), body)
	return func(r *faultRig) { r.shell(script) }
}

// damagedOnly waits until the encoder has been opened anew.
func (r *faultRig) damagedOnly() {
	before := r.stream()
	r.await("a recovery", func() bool { return reopens(before, r.stream()) })
}

// hangs are encoders that do not give their pictures back.
func hangs() []fault {
	return []fault{
		{name: "it hangs until it is closed", begin: set("hang_mode", 1, "hang_after", 5), shows: reopens},
		{name: "the device hangs for 3 s, whoever opens it", begin: set("hang_mode", 2, "hang_after", 1) + "sleep 3", end: set("hang_after", 0), shows: beginsAnew, hole: 12e9},
		{name: "it hangs every 60 pictures", begin: set("hang_mode", 3, "hang_after", 60), while: (*faultRig).tenSeconds, end: set("hang_after", 0, "hang_mode", 1), shows: reopens},
		{
			name:  "it hangs, and stopping it takes 2 s",
			begin: set("hang_streamoff_ms", 2000, "hang_mode", 1, "hang_after", 5), while: (*faultRig).tenSeconds, end: set("hang_streamoff_ms", 0), shows: reopens, hole: 8e9,
		},
	}
}

// failures are encoders that say that something is wrong.
func failures() []fault {
	return []fault{
		{name: "every tenth picture has an error", begin: set("error_every", 10), while: (*faultRig).fiveSeconds, end: set("error_every", 0), shows: damages},
		{name: "every tenth picture is lost half", begin: set("error_lost", 1, "error_every", 10), while: (*faultRig).fiveSeconds, end: set("error_every", 0, "error_lost", 0), shows: damages},
		{name: "damaged pictures only, after 30 good ones", begin: set("frames_limit", 30), shows: reopens, end: set("frames_limit", 0), while: (*faultRig).damagedOnly, hole: 8e9},
		{name: "EIO until it is closed", begin: set("eio", 1), shows: reopens},
		{name: "EIO until it is stopped", begin: set("eio", 2), shows: reopens},
		{name: "EIO for 2 s, whoever opens it", begin: set("eio", 3) + "sleep 2", end: set("eio", 0), shows: beginsAnew, hole: 12e9},
		{name: "three times it cannot be opened", begin: set("open_fails", 3, "eio", 1), shows: reopens},
		{name: "it is unplugged for 1 s", begin: "echo vh264 >" + vh264Driver + "unbind; sleep 1", end: "echo vh264 >" + vh264Driver + "bind", shows: beginsAnew, hole: 12e9},
	}
}

// habits are encoders that do less than the interface promises.
func habits() []fault {
	slow := func(before, now status.Stream) bool { return now.Input.Dropped > before.Input.Dropped }
	return []fault{
		{name: "it takes 100 ms for a picture of 67 ms", begin: set("slow_ms", 100), while: (*faultRig).fiveSeconds, end: set("slow_ms", 0), shows: slow},
		{name: "it leaves out every fifth picture", begin: set("skip_every", 5), while: (*faultRig).fiveSeconds, end: set("skip_every", 0), shows: func(before, now status.Stream) bool {
			return now.Video.Hardware.Skipped > before.Video.Hardware.Skipped
		}},
		{name: "it ignores a new bit rate", begin: set("ignore_bitrate", 1), while: bitrate(2), shows: restarts},
		{name: "it refuses a new bit rate", begin: set("ignore_bitrate", 0, "bitrate_busy", 1), while: bitrate(4), end: set("bitrate_busy", 0), shows: restarts},
		{name: "no key picture on request", begin: set("no_force_key", 1, "eio", 1), while: (*faultRig).tenSeconds, end: set("no_force_key", 0, "eio", 1), shows: keys},
		{name: "no repeated headers", begin: set("no_repeat_headers", 7, "eio", 1), while: (*faultRig).fiveSeconds, end: set("no_repeat_headers", 0, "eio", 1), shows: reopens},
		{name: "no bit rate mode", begin: set("no_bitrate_mode", 1, "eio", 1), while: (*faultRig).fiveSeconds, end: set("no_bitrate_mode", 0, "eio", 1), shows: reopens},
		{name: "whole frame rates, rounded down", begin: set("integer_rate", 2, "eio", 1), while: (*faultRig).fiveSeconds, end: set("integer_rate", 0, "eio", 1), shows: reopens},
		{name: "no level above 4.0", begin: set("max_level", 40, "eio", 1), while: (*faultRig).fiveSeconds, end: set("max_level", 0, "eio", 1), shows: reopens},
		{name: "too low a level would stall it", begin: set("level_stalls", 1), while: (*faultRig).fiveSeconds, end: set("level_stalls", 0), shows: untouched},
	}
}

// keys says that key pictures went on coming.
func keys(before, now status.Stream) bool {
	return reopens(before, now) && now.Video.KeyFrames >= before.Video.KeyFrames+4
}

// tenSeconds lets the fault last, through several GOPs.
func (r *faultRig) tenSeconds() { r.awaitFrames(150) }

// sufferEncoder is given the faults, and begins with a still picture, whose
// coded size is the bit rate's alone.
func sufferEncoder(t *testing.T, table *recoveries, faults []fault) {
	b := box.Start(t, box.Options{})
	loadBridge(b)
	b.Must("sh", "-c", control("osd_text_mode=2"))
	r := startFaults(t, b, table, smallCapture)
	for range *recoveryRounds {
		r.suffer(t, faults)
	}
	r.decodes()
}
