package acceptance

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// rig is a daemon whose stream main is served as HLS and pushed to an nginx
// that records it and to an srt-live-transmit that does.
type rig struct {
	*encoderd.Daemon
	t     *testing.T
	nginx *peer.Nginx
	srt   *peer.SRT
	began status.Snapshot // once all of it worked
}

// startRig starts them with the given tables of the stream and returns once
// both receivers are active and HLS has a segment.
func startRig(t *testing.T, tables string) *rig {
	t.Helper()
	r := &rig{t: t, nginx: peer.StartNginx(t, peer.NginxOptions{Record: true}), srt: peer.StartSRT(t, peer.SRTOptions{})}
	r.Daemon = encoderd.Start(t, binary, tables+
		fmt.Sprintf("[streams.main.destinations.rtmp]\nurl = %q\n", r.nginx.URL("main"))+
		fmt.Sprintf("[streams.main.destinations.srt]\nurl = %q\n", r.srt.URL()))
	r.began = r.Await("both destinations and HLS", patience, func(s status.Snapshot) bool {
		st := encoderd.Stream(s, "main")
		return mainDestination(s, "rtmp").State == status.Active && mainDestination(s, "srt").State == status.Active &&
			st.HLS != nil && st.HLS.Segments > 0
	})
	return r
}

// steady fails the test if a destination was anything but active since the rig
// started, or anything was lost on the way to it or to the segments.
func (r *rig) steady() {
	r.t.Helper()
	now := r.Status()
	for _, name := range []string{"rtmp", "srt"} {
		then, d := mainDestination(r.began, name), mainDestination(now, name)
		switch {
		case d.State != status.Active || d.ConnectedAt == nil:
			r.t.Errorf("%s is %s: %v", name, d.State, d.Errors)
		case !d.ConnectedAt.Equal(*then.ConnectedAt) || d.Attempts != then.Attempts:
			r.t.Errorf("%s reconnected: %v, attempts %d; before %v, attempts %d: %v",
				name, d.ConnectedAt, d.Attempts, then.ConnectedAt, then.Attempts, d.Errors)
		case d.Dropped != 0:
			r.t.Errorf("%s dropped %d packets", name, d.Dropped)
		}
	}
	st := encoderd.Stream(now, "main")
	if st.HLS == nil || st.HLS.Dropped != 0 || st.HLS.Discontinuities != 0 {
		r.t.Errorf("HLS: %+v", st.HLS)
	}
	for _, c := range append(st.Conditions, now.Conditions...) {
		if c.Code == "segment.forced_cut" && st.Input.Dropped > 0 {
			continue // a busy machine left out the pictures to cut at
		}
		r.t.Errorf("condition %s: %s", c.Code, c.Message)
	}
}

// untilSent waits until both destinations have been active for d.
func (r *rig) untilSent(d time.Duration) {
	r.t.Helper()
	for _, name := range []string{"rtmp", "srt"} {
		time.Sleep(time.Until(mainDestination(r.began, name).ConnectedAt.Add(d)))
	}
}

// received ends both pushes and returns the files that the receivers made, by
// protocol.
func (r *rig) received() map[string]string {
	r.t.Helper()
	r.Patch(`{"streams":{"main":{"destinations":{"rtmp":{"enabled":false},"srt":{"enabled":false}}}}}`)
	r.Await("both destinations to be disabled", patience, func(s status.Snapshot) bool {
		return mainDestination(s, "rtmp").State == status.Disabled && mainDestination(s, "srt").State == status.Disabled
	})
	eventually(r.t, "nginx to see the publisher leave", func() bool {
		s, err := r.nginx.Stream(r.t.Context(), "main")
		return err == nil && s == nil
	})
	r.srt.Stop() // it holds back the last of what it has received until then
	return map[string]string{"RTMP": recording(r.t, r.nginx, "main"), "SRT": r.srt.File()}
}

// recording is the file in which nginx recorded a stream that was published
// once.
func recording(t *testing.T, n *peer.Nginx, stream string) string {
	t.Helper()
	files, err := n.Recordings(stream)
	if err != nil || len(files) != 1 {
		t.Fatalf("recordings of %s: %q, error %v; want one", stream, files, err)
	}
	return files[0]
}

// ffmpegMakes runs ffmpeg to make a file of that name, and returns its path.
func ffmpegMakes(t *testing.T, name string, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	argv := append([]string{"ffmpeg", "-nostdin", "-v", "error"}, args...)
	if log, err := peer.Run(t.Context(), peer.Command{Args: append(argv, file)}); err != nil {
		t.Fatalf("make %s: %v: %s", name, err, log)
	}
	return file
}
