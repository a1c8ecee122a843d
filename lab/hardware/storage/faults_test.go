package storage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
	"github.com/encoderbox/encoderbox/lab/box"
	"github.com/encoderbox/encoderbox/lab/box/disk"
	"github.com/encoderbox/encoderbox/lab/peer"
	"github.com/encoderbox/encoderbox/output/segment/journal"
)

// rig is a daemon that stores on a USB stick and pushes to an nginx on this
// machine, and a viewer of its live stream.
type rig struct {
	*daemon
	disk  *disk.Disk
	view  *viewer
	began status.Destination
}

// fault is something that happens to the stick.
type fault struct {
	name string
	// begin makes it, and end heals it, as a person or the system would.
	begin, end func(r *rig)
	// tells is the condition that must hold; others may come before and after it.
	// Empty: the storage can bear it, and nothing is lost.
	tells string
}

// TestStorageFaults has a stick suffer one fault after the other. The live
// stream and its destination must not notice, status must say what is wrong, and
// what was not stored must be the only thing that is lost.
func TestStorageFaults(t *testing.T) {
	r := startRig(t)
	var table strings.Builder
	for _, f := range faults() {
		if !t.Run(f.name, func(t *testing.T) {
			defer func(of *testing.T) { r.t = of }(r.t)
			r.t = t
			fmt.Fprintln(&table, r.suffer(f))
		}) {
			t.Fatalf("%s: those after it would begin with what it left", f.name)
		}
	}
	shelf{}.check(r.daemon)
	r.playlists("")
	r.stop()
	t.Logf("fault → told; the viewer's longest wait for a segment; lost of the recording; recording again after\n%s", table.String())
}

func startRig(t *testing.T) *rig {
	t.Helper()
	nginx := peer.StartNginx(t, peer.NginxOptions{})
	d, _ := newDisk(t, 96)
	b := box.Start(t, box.Options{Disks: []box.Disk{{Socket: d.Socket(), USB: true}}})
	for _, m := range []string{"ext4", "xhci-pci", "usb-storage", "sd_mod"} {
		b.LoadModule(m)
	}
	b.Must("mkdir", mounted)
	r := &rig{disk: d, daemon: &daemon{t: t, box: b}}
	r.mount()
	r.daemon = start(t, b, pattern+fmt.Sprintf(`
[streams.main.segment]
duration = "1s"
window = 3
[streams.main.destinations.rtmp]
url = %q
`, strings.Replace(nginx.URL("main"), "127.0.0.1", "10.0.2.2", 1)))
	r.await("the destination", func() bool {
		r.began = r.stream().Destinations[0]
		return r.began.State == status.Active && r.began.ConnectedAt != nil
	})
	r.awaitRecording()
	r.view = watch(t, r.daemon)
	r.await("a segment for the viewer", func() bool {
		_, some := r.view.shown()
		return some
	})
	return r
}

// mount waits for the stick, under whatever name it has come, and mounts it.
func (r *rig) mount() {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		// A stick that was pulled and is still in use keeps its name.
		out, err := r.box.Run(r.t.Context(), "sh", "-c", "for d in $(ls -r /dev/sd?); do mount -t ext4 $d "+mounted+" && exit 0; done; exit 1")
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("mount the stick: %v\n%s", err, out.Stderr)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// mountAnew is what makes a file system that has seen errors good again.
func (r *rig) mountAnew() {
	r.t.Helper()
	r.await("the file system is let go of", func() bool {
		_, err := r.box.Run(r.t.Context(), "umount", mounted)
		return err == nil
	})
	r.mount()
}

func (r *rig) shell(script string) { r.t.Helper(); r.box.Must("sh", "-c", script) }

func (r *rig) do(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func faults() []fault {
	return []fault{
		{
			name:  "1 MB/s",
			begin: func(r *rig) { r.disk.Limit(1 << 20) },
			end:   func(r *rig) { r.disk.Limit(0) },
		},
		{
			name:  "slower than the stream",
			begin: func(r *rig) { r.disk.Limit(8 << 10) },
			end:   func(r *rig) { r.disk.Limit(0) },
			tells: journal.ConditionSlow,
		},
		{
			name:  "no answer",
			begin: func(r *rig) { r.disk.Hang() },
			end:   func(r *rig) { r.disk.Resume() },
			tells: journal.ConditionSlow,
		},
		{
			name: "full",
			begin: func(r *rig) {
				r.shell("fallocate -l $(($(df -k " + mounted + " | awk 'END {print $4}') - 4096))k " + mounted + "/other")
			},
			end:   func(r *rig) { r.shell("rm " + mounted + "/other") },
			tells: journal.ConditionFull,
		},
		{
			name:  "read-only",
			begin: func(r *rig) { r.shell("echo u >/proc/sysrq-trigger") }, // as the kernel does, with files open
			end:   func(r *rig) { r.shell("mount -o remount,rw " + mounted) },
			tells: journal.ConditionReadOnly,
		},
		{
			name: "pulled out",
			begin: func(r *rig) {
				r.do(r.box.Unplug(r.t.Context(), 0))
				r.awaitCondition("")
				r.shell("umount -l " + mounted) // systemd's answer to a device that is gone
			},
			end: func(r *rig) {
				r.do(r.box.Plug(r.t.Context(), 0))
				r.mount()
			},
			tells: journal.ConditionMissing,
		},
		{
			name:  "errors",
			begin: func(r *rig) { r.disk.Fail(true) },
			end: func(r *rig) {
				r.disk.Fail(false)
				r.mountAnew()
			},
			tells: journal.ConditionFailed,
		},
	}
}

// outcome is what a fault meant.
type outcome struct {
	fault string
	told  []string      // conditions, in the order in which they were first told
	wait  time.Duration // the viewer's longest for a segment
	lost  time.Duration // of the recording
	again time.Duration // from the fault's end until something is stored
}

func (o outcome) String() string {
	return fmt.Sprintf("%-24s %s; %v; %v; %v", o.fault, strings.Join(o.told, ", "),
		o.wait.Round(100*time.Millisecond), o.lost.Round(time.Millisecond), o.again.Round(100*time.Millisecond))
}

func (r *rig) suffer(f fault) outcome {
	r.t.Helper()
	r.view.continuous(r.t)
	from, _ := r.view.shown()
	was := r.stream()
	told := r.listen()
	f.begin(r)
	if f.tells != "" {
		r.awaitCondition(f.tells)
		r.await("something is lost", func() bool { return r.stream().Storage.Lost > was.Storage.Lost })
	} else {
		r.await("some seconds are stored", func() bool { return r.stream().Storage.Segments > was.Storage.Segments+4 })
	}
	healed := time.Now()
	f.end(r)
	segments := r.stream().Storage.Segments
	o := outcome{fault: f.name}
	r.await("storing goes on", func() bool { return r.stream().Storage.Segments > segments })
	o.again = time.Since(healed)
	r.awaitCondition("none")
	r.awaitRecording()
	o.told = told()
	o.lost = r.lost(f, end(from), was)
	o.wait = r.view.continuous(r.t)
	r.connected()
	r.t.Log(o)
	return o
}

// lost is what is missing of the recording since a time, all of it with the
// storage to blame.
func (r *rig) lost(f fault, from time.Time, was status.Stream) (sum time.Duration) {
	r.t.Helper()
	// A gap shows once what comes after it is stored.
	stored := r.stream().Storage.Segments
	r.await("two more segments", func() bool { return r.stream().Storage.Segments >= stored+2 })
	newest, _ := r.view.shown()
	for _, g := range r.gaps(from.Add(-5*time.Second), end(newest).Add(-4*time.Second)) {
		if g.Cause != journal.CauseDisk {
			r.t.Errorf("a gap is blamed on %q: %+v", g.Cause, g)
		}
		sum += g.To.Sub(g.From)
	}
	count := r.stream().Storage.Lost - was.Storage.Lost
	switch {
	case f.tells == "" && (sum > 0 || count > 0):
		r.t.Errorf("%v in %d segments are lost", sum, count)
	case f.tells != "" && sum == 0:
		r.t.Errorf("%d segments are lost, and no gap tells of it", count)
	}
	r.t.Logf("%d segments lost, %v", count, sum)
	return sum
}

// storageConditions are the codes of what is told of storage now.
func (r *rig) storageConditions() (codes []string) {
	r.t.Helper()
	for _, c := range r.stream().Conditions {
		if strings.HasPrefix(c.Code, "storage.") {
			codes = append(codes, c.Code)
		}
	}
	return codes
}

// awaitCondition waits for a condition of storage, any for "", none for "none".
func (r *rig) awaitCondition(code string) {
	r.t.Helper()
	r.await("condition "+code, func() bool {
		codes := r.storageConditions()
		switch code {
		case "":
			return len(codes) > 0
		case "none":
			return len(codes) == 0
		}
		return slices.Contains(codes, code)
	})
}

// listen notes conditions of storage until what it returns is called.
func (r *rig) listen() (told func() []string) {
	ctx, cancel := context.WithCancel(r.t.Context())
	got := make(chan []string, 1)
	go func() {
		var list []string
		for ctx.Err() == nil {
			for _, c := range r.storageConditions() {
				if !slices.Contains(list, c) {
					list = append(list, c)
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
		got <- list
	}()
	return func() []string { cancel(); return <-got }
}

// connected fails the test if the destination is not the connection that it was,
// or lost anything.
func (r *rig) connected() {
	r.t.Helper()
	now := r.stream().Destinations[0]
	if now.State != status.Active || now.ConnectedAt == nil || !now.ConnectedAt.Equal(*r.began.ConnectedAt) || now.Attempts != r.began.Attempts || now.Dropped != 0 {
		r.t.Errorf("the destination was %+v, and is %+v", r.began, now)
	}
}
