package device

import (
	"context"
	"os"
	"sync/atomic"

	v4l2capture "github.com/encoderbox/encoderbox/capture/v4l2"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/media/v4l2"
)

// captures are the capture devices there are now, by the names that input select takes.
// Who asks for them waits for no driver. The zero value has none.
type captures struct{ names atomic.Pointer[[]string] }

// watch keeps the list until ctx ends. Without the kernel's word it stays that of the start.
func (c *captures) watch(ctx context.Context) {
	c.look()
	events, err := v4l2.ListenUevents()
	if err != nil {
		return // the daemon's log has it already: arrivals listens, too
	}
	defer func() { _ = events.Close() }()
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-events.C:
			if !ok {
				return
			}
			if e.Subsystem == "video4linux" || e.Action == v4l2.UeventsLost {
				c.look()
			}
		}
	}
}

// look lists them anew; devices that cannot be asked are none.
func (c *captures) look() {
	found, _ := v4l2capture.List(v4l2capture.Config{Sys: os.DirFS("/sys")})
	var names []string
	for _, f := range found {
		if f.USB != "" {
			names = append(names, "usb:"+f.USB)
		}
		names = append(names, f.Path)
	}
	c.names.Store(&names)
}

// sources are what an input of a kind can be chosen from.
func (c *captures) sources(_ *status.Snapshot, given control.Args) []string {
	if given.Get("kind") != "capture" {
		return nil // files are not listed
	}
	all := []string{"auto"}
	if names := c.names.Load(); names != nil {
		all = append(all, *names...)
	}
	return all
}
