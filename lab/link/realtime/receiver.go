package realtime

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/yapingcat/gomedia/go-codec"
	gortmp "github.com/yapingcat/gomedia/go-rtmp"
	"golang.org/x/sys/unix"

	"github.com/encoderbox/encoderbox/lab/link"
	"github.com/encoderbox/encoderbox/lab/link/law"
	"github.com/encoderbox/encoderbox/lab/peer"
)

// receiver is a server in the receiver's namespace.
type receiver struct {
	url  string
	port uint16
}

// receive starts the server of a transport; what it has goes into a.
func receive(tb peer.TB, l *link.Link, transport string, latency time.Duration, a *arrivals) receiver {
	place := peer.Place{Do: urgently(l.ReceiverNS().Do), Addr: l.ReceiverAddr()}
	switch transport {
	case law.SRT:
		return receiveSRT(tb, place, latency, a)
	case law.RTMP:
		n := peer.StartNginx(tb, peer.NginxOptions{Place: place})
		play(tb, place, n, a)
		return receiver{n.URL("bench"), portOf(tb, n.Addr())}
	}
	n := peer.StartNginx(tb, peer.NginxOptions{DAV: true, Place: place})
	watch(tb, n.DAVDir(), a)
	return receiver{"hls+" + n.DAVURL(), portOf(tb, strings.TrimPrefix(n.HTTP(), "http://"))}
}

func portOf(tb peer.TB, address string) uint16 {
	_, port, err := net.SplitHostPort(address)
	n, err2 := strconv.ParseUint(port, 10, 16)
	if err != nil || err2 != nil {
		tb.Fatalf("address %s: no port", address)
	}
	return uint16(n)
}

// receiveSRT starts an srt-live-transmit whose output is read as it comes: what its
// latency let through.
func receiveSRT(tb peer.TB, place peer.Place, latency time.Duration, a *arrivals) receiver {
	const port = 9000 // the namespace has no other program
	address := net.JoinHostPort(place.Addr.String(), strconv.Itoa(port))
	out := &tsWriter{reader: &tsReader{done: func(unit []byte, _ time.Duration) { a.take(unit) }}}
	source := fmt.Sprintf("srt://%s?mode=listener&latency=%d", address, latency.Milliseconds())
	peer.Start(tb, peer.Command{Place: place, Stdout: out, Args: []string{
		"srt-live-transmit", "-a:yes", "-t:0", "-q", source, "file://con",
	}})
	return receiver{"srt://" + address + "?latency=" + strconv.FormatInt(latency.Milliseconds(), 10), port}
}

type tsWriter struct{ reader *tsReader }

// Write implements io.Writer.
func (w *tsWriter) Write(b []byte) (int, error) {
	w.reader.write(b)
	return len(b), nil
}

// play plays what is published to nginx, from beside it.
func play(tb peer.TB, place peer.Place, n *peer.Nginx, a *arrivals) {
	var c net.Conn
	err := place.Do(func() (err error) {
		c, err = net.Dial("tcp", n.Addr())
		return err
	})
	if err != nil {
		tb.Fatalf("play from nginx: %v", err)
	}
	player := gortmp.NewRtmpClient()
	player.SetOutput(func(b []byte) error {
		_, err := c.Write(b)
		return err
	})
	player.OnFrame(func(id codec.CodecID, _, _ uint32, frame []byte) {
		if id == codec.CODECID_VIDEO_H264 {
			a.take(frame)
		}
	})
	var reading sync.WaitGroup
	tb.Cleanup(func() {
		c.Close()
		reading.Wait()
	})
	player.Start(n.URL("bench"))
	reading.Go(func() {
		b := make([]byte, 64<<10)
		for {
			n, err := c.Read(b)
			if err != nil || player.Input(b[:n]) != nil {
				return
			}
		}
	})
}

// watch notes the files that appear in a folder: nginx gives a file its name once the
// upload is complete.
func watch(tb peer.TB, dir string, a *arrivals) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		tb.Fatalf("watch %s: %v", dir, err)
	}
	f := os.NewFile(uintptr(fd), "inotify") // non-blocking: Close ends a Read
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MOVED_TO|unix.IN_CLOSE_WRITE); err != nil {
		f.Close()
		tb.Fatalf("watch %s: %v", dir, err)
	}
	var reading sync.WaitGroup
	tb.Cleanup(func() {
		f.Close()
		reading.Wait()
	})
	reading.Go(func() {
		b := make([]byte, 64<<10)
		for {
			n, err := f.Read(b)
			if err != nil {
				return
			}
			now := a.now()
			for _, name := range namesOf(b[:n]) {
				text, err := os.ReadFile(filepath.Join(dir, name))
				if err == nil && !strings.HasSuffix(name, ".m3u8") {
					a.takeFile(name, now, text)
				}
			}
		}
	})
}

// namesOf are those of inotify's events (inotify(7)).
func namesOf(b []byte) (all []string) {
	for len(b) >= unix.SizeofInotifyEvent {
		n := int(b[12]) | int(b[13])<<8 // the machine is little-endian, the length small
		end := min(unix.SizeofInotifyEvent+n, len(b))
		all = append(all, strings.TrimRight(string(b[unix.SizeofInotifyEvent:end]), "\x00"))
		b = b[end:]
	}
	return all
}
