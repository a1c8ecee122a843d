// Command pagepicture makes the picture of the page that the README shows: the
// daemon with the test pattern, recording, pushing to a real RTMP server over a link
// that becomes slow and stops for a moment, to a real SRT receiver, and to a real
// origin that is away for a while.
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
		nginx, srt, origin := peer.StartNginx(tb, peer.NginxOptions{}), peer.StartSRT(tb, peer.SRTOptions{}), peer.StartOrigin(tb, peer.OriginOptions{})
		link := peer.StartGate(tb, nginx.Addr())
		d := encoderd.Launch(tb, encoderd.Options{Binary: binary, Disk: tb.TempDir(), TOML: fmt.Sprintf(`
[streams.main.input]
kind = "pattern"
[streams.main.video]
bitrate = "1500k"
[streams.main.destinations.platform]
url = "rtmp://%s/live/main"
primary = true
[streams.main.destinations.studio]
url = %q
[streams.main.destinations.origin]
url = %q
[streams.main.recording]
mode = "always"
`, link.Addr(), srt.URL(), origin.URL())})
		d.AwaitPage()
		d.Await("all destinations", time.Minute, func(s status.Snapshot) bool {
			for _, name := range []string{"platform", "studio", "origin"} {
				if encoderd.Destination(encoderd.Stream(s, "main"), name).State != status.Active {
					return false
				}
			}
			return true
		})
		page := peer.StartBrowser(tb).Open(d.URL+"/", peer.Desktop)
		if err := page.Await(`document.querySelector('.bitrate')?.scrollIntoView() || document.querySelector('.bitrate canvas')`, time.Minute); err != nil {
			tb.Fatalf("%v", err)
		}
		phases(link, origin)
		if err := page.Eval(`scrollTo(0, 0)`, nil); err != nil {
			tb.Fatalf("%v", err)
		}
		if err := page.ScreenshotFull(file); err != nil {
			tb.Fatalf("%v", err)
		}
	})
}

// phases are what the picture shows, two minutes of it.
func phases(link *peer.Gate, origin *peer.Origin) {
	time.Sleep(30 * time.Second)
	link.Trickle(80_000) // bytes a second
	time.Sleep(25 * time.Second)
	link.Open()
	time.Sleep(25 * time.Second)
	link.Stall()
	origin.Stop() // to be behind at the end
	time.Sleep(3 * time.Second)
	link.Open()
	time.Sleep(30 * time.Second)
}
