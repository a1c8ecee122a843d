package hardware

import (
	"bufio"
	"io"
	"os"
	"sync"
	"testing"
	"time"
)

// watch follows an MPEG-TS that a receiver writes, and notes the PTS of its
// pictures in the order in which they came.
type watch struct {
	mu  sync.Mutex // guards the field below
	pts []time.Duration
}

// startWatch follows a file until the end of the test.
func startWatch(t *testing.T, file string) *watch {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	w, end, done := &watch{}, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer f.Close()
		w.follow(f, end)
	}()
	t.Cleanup(func() { close(end); <-done })
	return w
}

func (w *watch) follow(f io.Reader, end <-chan struct{}) {
	const size = 188
	var packet [size]byte
	have := 0
	for r := bufio.NewReaderSize(f, 64<<10); ; {
		n, err := r.Read(packet[have:])
		if have += n; have == size {
			have = 0
			if pts, ok := pictureTime(packet[:]); ok {
				w.mu.Lock()
				w.pts = append(w.pts, pts)
				w.mu.Unlock()
			}
			continue
		}
		if err == nil {
			continue
		}
		select { // at the end of the file: there will be more
		case <-end:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// pictureTime is the PTS of the picture that begins in a transport packet (ISO
// 13818-1, 2.4.3).
func pictureTime(p []byte) (pts time.Duration, ok bool) {
	const starts, adaptation, payload = 0x40, 0x20, 0x10
	if p[0] != 0x47 || p[1]&starts == 0 || p[3]&payload == 0 {
		return 0, false
	}
	b := p[4:]
	if p[3]&adaptation != 0 {
		if int(b[0])+1 > len(b) {
			return 0, false
		}
		b = b[b[0]+1:]
	}
	if len(b) < 14 || b[0] != 0 || b[1] != 0 || b[2] != 1 || b[3]&0xf0 != 0xe0 || b[7]&0x80 == 0 {
		return 0, false
	}
	ticks := int64(b[9]&0x0e)<<29 | int64(b[10])<<22 | int64(b[11]&0xfe)<<14 | int64(b[12])<<7 | int64(b[13])>>1
	return time.Duration(ticks) * time.Second / 90000, true
}

// mark is a place in the stream, behind the last picture that has come.
func (w *watch) mark() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.pts)
}

// since are the pictures from the one before a mark on.
func (w *watch) since(mark int) []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]time.Duration(nil), w.pts[max(0, mark-1):]...)
}

// longest is the longest time from one picture to the next, and the picture
// that ends it; it fails the test if one does not come after the one before.
func longest(t *testing.T, pts []time.Duration) (hole time.Duration) {
	t.Helper()
	for i := 1; i < len(pts); i++ {
		if pts[i] <= pts[i-1] {
			t.Errorf("a picture of %v comes after one of %v", pts[i], pts[i-1])
		}
		hole = max(hole, pts[i]-pts[i-1])
	}
	return hole
}
