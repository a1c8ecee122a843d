// Command pagepicture makes the picture of the page that the README shows: the
// daemon with the test pattern, pushing to a real RTMP server and a real SRT
// receiver, and to one that is not there.
//
//	go run ./lab/pagepicture docs/page.png
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/encoderd"
	"github.com/encoderbox/encoderbox/lab/peer"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: pagepicture FILE.png")
		os.Exit(2)
	}
	if err := shoot(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "pagepicture:", err)
		os.Exit(1)
	}
}

func shoot(file string) error {
	dir, err := os.MkdirTemp("", "pagepicture-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // in the temporary files anyway
	binary, err := encoderd.Build(dir)
	if err != nil {
		return err
	}
	return peer.Do(dir, os.Stderr, func(tb peer.TB) {
		nginx, srt := peer.StartNginx(tb, peer.NginxOptions{}), peer.StartSRT(tb, peer.SRTOptions{})
		d := encoderd.Start(tb, binary, fmt.Sprintf(`
[streams.main.input]
kind = "pattern"
[streams.main.destinations.platform]
url = %q
[streams.main.destinations.studio]
url = %q
[streams.main.destinations.venue]
url = "srt://127.0.0.1:9"
connect_timeout = "2s"
`, nginx.URL("main"), srt.URL()))
		d.Await("two active destinations", time.Minute, func(s status.Snapshot) bool {
			st := encoderd.Stream(s, "main")
			return encoderd.Destination(st, "platform").State == status.Active &&
				encoderd.Destination(st, "studio").State == status.Active &&
				encoderd.Destination(st, "venue").State == status.Reconnecting
		})
		page := peer.StartBrowser(tb).Open(d.URL+"/", peer.Desktop)
		time.Sleep(40 * time.Second) // for the chart to have a line
		if err := page.ScreenshotFull(file); err != nil {
			tb.Fatalf("%v", err)
		}
	})
}
