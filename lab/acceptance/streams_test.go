package acceptance

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// TestStreamsComeAndGo runs three streams, takes one away by the API and one by
// the file and SIGHUP, and brings one back. The one that stays, and whoever
// receives it, notices nothing.
func TestStreamsComeAndGo(t *testing.T) {
	t.Parallel()
	nginx := peer.StartNginx(t, peer.NginxOptions{Record: true})
	stays := patternInput("stays") + "[streams.stays.destinations.rtmp]\nurl = \"" + nginx.URL("stays") + "\"\n"
	d := encoderd.Start(t, binary, patternInput("first")+stays+patternInput("third"))
	served := func(names ...string) {
		t.Helper()
		d.Await("the streams to be served", patience, func(s status.Snapshot) bool {
			for _, name := range names {
				if h := encoderd.Stream(s, name).HLS; h == nil || h.Segments < 3 {
					return false
				}
			}
			return len(s.Streams) == len(names)
		})
	}
	served("first", "stays", "third")
	before := active(t, d, "stays", "rtmp")
	seen := startWatch(t, d.HLS("stays"))
	for _, name := range []string{"first", "stays", "third", ""} { // "": the default one
		if _, err := peer.Decode(within(t, patience), d.HLS(name), 2*time.Second); err != nil {
			t.Errorf("stream %q: %v", name, err)
		}
	}
	alias(t, d, "first")

	d.Patch(`{"streams":{"first":null}}`)
	served("stays", "third")
	gone(t, d, "first")
	alias(t, d, "stays")

	d.WriteConfig(stays)
	d.Reload()
	served("stays")
	gone(t, d, "third")

	d.WriteConfig(stays + patternInput("third") + "[streams.third]\ndefault = true\n")
	d.Reload()
	served("stays", "third")
	alias(t, d, "third")

	d.Patch(`{"streams":{"third":{"hls":{"enabled":false},"dash":{"enabled":false}}}}`)
	gone(t, d, "third")

	after := active(t, d, "stays", "rtmp")
	if !after.ConnectedAt.Equal(*before.ConnectedAt) || after.Attempts != 1 {
		t.Errorf("the push of the stream that stayed reconnected: %+v, before %+v", after, before)
	}
	if err := seen.Stop(); err != nil {
		t.Errorf("the stream that stayed: %v", err)
	}
	if h := encoderd.Stream(d.Status(), "stays").HLS; h.Discontinuities != 0 || len(seen.Inits) != 2 {
		t.Errorf("the stream that stayed: %+v, %d headers", h, len(seen.Inits))
	}
	d.Stop()
	if _, err := peer.Decode(within(t, patience), recording(t, nginx, "stays"), 0); err != nil {
		t.Error(err)
	}
	// What the next daemon goes on with stays.
	all, err := filepath.Glob(filepath.Join(d.Live, "*", "*"))
	own, err2 := filepath.Glob(filepath.Join(d.Live, "stays", "*"))
	if err != nil || err2 != nil || len(all) != len(own) || len(own) == 0 {
		t.Errorf("after the daemon's end: %q, %v, %v", all, err, err2)
	}
}

func active(t *testing.T, d *encoderd.Daemon, stream, name string) status.Destination {
	t.Helper()
	var dest status.Destination
	d.Await("the push to be active", patience, func(s status.Snapshot) bool {
		dest = encoderd.Destination(encoderd.Stream(s, stream), name)
		return dest.State == status.Active
	})
	return dest
}

// alias checks which stream is served at /hls/.
func alias(t *testing.T, d *encoderd.Daemon, stream string) {
	t.Helper()
	same := func() bool { // a segment may come between the two
		byDefault, err1 := fetch(d.URL + "/hls/video.m3u8")
		byName, err2 := fetch(d.URL + "/hls/" + stream + "/video.m3u8")
		return err1 == nil && err2 == nil && string(byDefault) == string(byName)
	}
	eventually(t, stream+" to be the default", same)
}

// gone checks that nothing of a stream is served nor on the disk.
func gone(t *testing.T, d *encoderd.Daemon, stream string) {
	t.Helper()
	eventually(t, stream+" to be gone", func() bool {
		return ask(t, d, http.MethodGet, "/hls/"+stream+"/index.m3u8").StatusCode == http.StatusNotFound
	})
	if _, err := os.Stat(filepath.Join(d.Live, stream)); !os.IsNotExist(err) {
		t.Errorf("the segments of %s are still there: %v", stream, err)
	}
}
