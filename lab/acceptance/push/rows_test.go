package push

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
	avsync "github.com/encoderbox/encoderbox/lab/sync"
)

// rows are the kinds of README's table, each with the peers that are programs or
// services of their own; what is named there beside them, the tests of the kinds use.
var rows = map[string]func(t *testing.T) *receiver{
	"rtmp to nginx-rtmp":                 nginxRTMP,
	"rtmp to lal":                        lal,
	"rtmps to nginx-rtmp behind stunnel": rtmps,
	"srt calling srt-live-transmit":      srtCaller,
	"srt called by srt-live-transmit":    srtListener,
	"tshttp to nginx with DAV":           tsHTTP,
	"hls to nginx with DAV":              origin("hls", "index.m3u8"),
	"dash to nginx with DAV":             origin("dash", "manifest.mpd"),
	"s3 to MinIO":                        s3,
	"cmaf to cmafingest":                 cmaf,
	"whip to pion":                       whipPion,
	"whip to werift":                     whipWerift,
	"rtsp to ffmpeg over TCP":            rtsp("tcp"),
	"rtsp to ffmpeg over UDP":            rtsp("udp"),
	"udp multicast to ffmpeg":            multicast,
	"rtp to ffmpeg":                      rtp,
	"icecast with AAC":                   radio("icecast", "aac"),
	"icecast with MP3":                   radio("icecast", "mp3"),
	"icecast with Opus":                  radio("icecast", "opus"),
	"shoutcast with AAC":                 radio("shoutcast", "aac"),
	"shoutcast with MP3":                 radio("shoutcast", "mp3"),
}

const (
	sent   = 5500 * time.Millisecond // how long each row is active
	inSync = 40 * time.Millisecond   // how far sound and picture may be apart
)

// TestEveryKindReachesItsPeer pushes to each peer alone, ends the push, and looks at
// what the peer has.
func TestEveryKindReachesItsPeer(t *testing.T) {
	t.Parallel()
	for name, make := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := make(t)
			d := encoderd.Start(t, binary, pattern+r.table())
			events := follow(t, d)
			awaitState(d, r.name, status.Active)
			if r.listen != nil {
				r.listen()
			}
			s := d.Await("enough to be sent", patience, func(s status.Snapshot) bool { return r.enough(dest(s, r.name)) })
			if now := dest(s, r.name); now.State != status.Active || now.Attempts > 1 || now.Dropped != 0 || len(now.Errors) > 0 || now.Bytes == 0 {
				t.Errorf("after %v: %+v", sent, now)
			}
			shown := string(d.Get("/api/v1/status")) + string(d.Get("/api/v1/config"))
			if r.leave != nil {
				r.leave()
			}
			r.disable(d)
			if r.seen != nil {
				eventually(t, "the peer to have all", r.seen)
			}
			r.judge(t, r.received(), int(main(d.Status()).Input.Dropped))
			noSecret(t, "the status or the configuration", shown+string(d.Get("/api/v1/status")), r.secrets)
			noSecret(t, "the events", events(), r.secrets)
			d.Stop()
			noSecret(t, "the log", d.WholeLog(), r.secrets)
		})
	}
}

// enough says that the destination has been served for as long as is looked at.
func (r *receiver) enough(now status.Destination) bool {
	if r.files && (now.Forward == nil || now.Forward.Sent < 6) {
		return false
	}
	return now.State != status.Active || now.ConnectedAt != nil && time.Since(*now.ConnectedAt) > sent
}

// judge decodes what the peer has, and looks at its tracks. left is how many
// pictures a busy machine has left out: one may be the first of a flash.
func (r *receiver) judge(t *testing.T, file string, left int) {
	t.Helper()
	if err := r.check(t, file, left); err != nil {
		t.Errorf("%s: %v", r.name, err)
		return
	}
	if r.sound {
		return
	}
	m, err := avsync.Measure(within(t), file, avsync.Options{})
	if err != nil {
		t.Errorf("%s: %v", r.name, err)
		return
	}
	t.Logf("%v; %d pictures left out", m, left)
	worst := inSync + time.Duration(left)*time.Second/frameRate
	if m.Median().Abs() > inSync && left == 0 || m.Worst().Abs() > worst || m.Unpaired > left/2 {
		t.Errorf("%s: %v; want each flash within %v of its beep", r.name, m, worst)
	}
}

func (r *receiver) check(t *testing.T, file string, left int) error {
	t.Helper()
	d, err := peer.Decode(within(t), file, 0)
	if err != nil {
		return err
	}
	p, err := peer.Probe(within(t), file, peer.ProbeOptions{Packets: true})
	if err != nil {
		return err
	}
	v, a := p.First("video"), p.First("audio")
	var wrong []string
	if d.Media < 3500*time.Millisecond {
		wrong = append(wrong, fmt.Sprintf("only %v decoded", d.Media))
	}
	if a == nil || a.Codec != r.codec || a.SampleRate != 48000 || a.Channels != 2 {
		wrong = append(wrong, fmt.Sprintf("sound is %+v, want %s", a, r.codec))
	}
	switch {
	case r.sound != (v == nil):
		wrong = append(wrong, fmt.Sprintf("pictures: %+v", v))
	case v != nil && (v.Codec != "h264" || v.Width != 640 || v.Height != 360 || d.Frames < int64(3*frameRate-left)):
		wrong = append(wrong, fmt.Sprintf("%d pictures of %+v", d.Frames, v))
	}
	if err := p.CheckTimestamps(); err != nil {
		wrong = append(wrong, err.Error())
	}
	if wrong != nil {
		return fmt.Errorf("%s", strings.Join(wrong, "; "))
	}
	return nil
}
