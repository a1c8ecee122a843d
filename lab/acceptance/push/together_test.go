package push

import (
	"slices"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
)

// every is one receiver of each kind.
func every(t *testing.T) (all []*receiver) {
	t.Helper()
	for _, start := range []func(t *testing.T) *receiver{
		nginxRTMP, rtmps, srtCaller, tsHTTP, origin("hls", "index.m3u8"), origin("dash", "manifest.mpd"), s3,
		cmaf, whipPion, rtsp("tcp"), multicast, rtp, radio("icecast", "opus"), radio("shoutcast", "mp3"),
	} {
		all = append(all, start(t))
	}
	return all
}

func names(all []*receiver) (names []string) {
	for _, r := range all {
		names = append(names, r.name)
	}
	return names
}

// TestAllKindsAtOnce has one stream pushed by every kind. Then the peers die one
// after the other, and nobody but who pushed to them notices; then all are back. It
// runs by itself: what it counts is the encoder's pictures.
func TestAllKindsAtOnce(t *testing.T) {
	all := every(t)
	text := pattern
	for _, r := range all {
		text += r.table()
	}
	d := encoderd.Start(t, binary, text)
	everyone := func(what string) status.Snapshot {
		return d.Await(what, patience, func(s status.Snapshot) bool {
			for _, r := range all {
				if dest(s, r.name).State != status.Active {
					return false
				}
			}
			return main(s).Video != nil
		})
	}
	begin := everyone("all destinations to be active")
	time.Sleep(5 * time.Second)
	end := d.Status()
	undisturbed(t, begin, end, names(all)...)
	elapsed := end.Time.Sub(begin.Time).Seconds()
	// A machine that is busy with other things leaves some out.
	if rate := float64(main(end).Video.Frames-main(begin).Video.Frames) / elapsed; rate < frameRate*0.9 || rate > frameRate*1.03 {
		t.Errorf("%.2f pictures a second over %.1f s, want %d; %d were left out", rate, elapsed, frameRate, main(end).Input.Dropped)
	}

	alive := names(all)
	for _, r := range all {
		before := d.Status()
		r.kill()
		if r.down == nil { // nobody can know
			continue
		}
		alive = slices.DeleteFunc(alive, func(name string) bool { return name == r.name })
		down := await(d, r.name+" to say why it is down", r.name, func(x status.Destination) bool {
			return x.State == status.Reconnecting && slices.Contains(r.down, x.Cause)
		})
		t.Logf("%s: %s: %s", r.name, down.Cause, down.Errors[0].Message)
		undisturbed(t, before, d.Status(), alive...)
	}
	for _, r := range all {
		before := d.Status()
		r.start()
		awaitState(d, r.name, status.Active)
		undisturbed(t, before, d.Status(), alive...)
	}
	everyone("all destinations to be active again")
	if h := main(d.Status()).HLS; h == nil || h.Dropped != 0 || h.Discontinuities != 0 {
		t.Errorf("segments: %+v", h)
	}
}
