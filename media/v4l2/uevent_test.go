package v4l2

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseUevent(t *testing.T) {
	text := func(lines ...string) []byte { return []byte(strings.Join(lines, "\x00") + "\x00") }
	for _, c := range []struct {
		name string
		in   []byte
		want Uevent
		ok   bool
	}{
		{"a camera came", text("add@/devices/usb1/1-1/1-1:1.0/video4linux/video0", "ACTION=add", "DEVPATH=/devices/usb1/1-1/1-1:1.0/video4linux/video0",
			"SUBSYSTEM=video4linux", "MAJOR=81", "MINOR=0", "DEVNAME=video0", "SEQNUM=1234"),
			Uevent{"add", "video4linux", "video0", "devices/usb1/1-1/1-1:1.0/video4linux/video0"}, true},
		{"a device without node went", text("remove@/devices/x", "SUBSYSTEM=usb"), Uevent{"remove", "usb", "", "devices/x"}, true},
		{"no pairs", text("change@/devices/x"), Uevent{"change", "", "", "devices/x"}, true},
		{"a pair without value", text("add@/x", "DEVNAME", "=", ""), Uevent{"add", "", "", "x"}, true},
		{"udev's own format", []byte("libudev\x00\xfe\xed\xca\xfe"), Uevent{}, false},
		{"no path", text("add@"), Uevent{}, false},
		{"no action", text("@/devices/x"), Uevent{}, false},
		{"cut short", []byte("add@/devices/x"), Uevent{}, false},
		{"empty", nil, Uevent{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, ok := parseUevent(c.in); ok != c.ok || got != c.want {
				t.Errorf("%+v, %v, want %+v, %v", got, ok, c.want, c.ok)
			}
		})
	}
}

func FuzzParseUevent(f *testing.F) {
	f.Add([]byte("add@/devices/x\x00SUBSYSTEM=video4linux\x00DEVNAME=video0\x00"))
	f.Add([]byte("libudev\x00\xfe\xed"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, ok := parseUevent(b); ok && (e.Action == "" || strings.HasPrefix(e.DevName, "/dev/")) {
			t.Errorf("%+v", e)
		}
	})
}

// TestUeventsThatNobodyTakes: the newest stay, and a word that some are lost.
func TestUeventsThatNobodyTakes(t *testing.T) {
	u := &Uevents{c: make(chan Uevent, 4)}
	for _, name := range []string{"0", "1", "2", "3", "4"} {
		u.send(Uevent{Action: "add", DevName: name})
	}
	close(u.c)
	var got []string
	for e := range u.c {
		got = append(got, e.Action+e.DevName)
	}
	if s := strings.Join(got, " "); s != "add2 add3 lost add4" || u.Lost() != 2 {
		t.Errorf("%s, %d lost", s, u.Lost())
	}
}

func TestUeventsFromTheKernelOnly(t *testing.T) {
	if isKernel(&unix.SockaddrNetlink{Pid: 4711}) || !isKernel(&unix.SockaddrNetlink{}) || isKernel(nil) {
		t.Error("another process's word is taken for the kernel's")
	}
}

// TestUeventsEnd: Close ends the goroutine and the channel, also while nobody
// takes events, and again.
func TestUeventsEnd(t *testing.T) {
	u, err := ListenUevents()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := u.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for e := range u.C {
		t.Logf("seen: %+v", e)
	}
}
