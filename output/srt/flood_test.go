package srt

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

// flood sends to a listener until the returned function is called, which waits
// for its end.
func flood(t *testing.T, port int, datagram func(*rand.Rand) []byte) (stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var (
		wg   sync.WaitGroup
		sent int
	)
	wg.Go(func() {
		r := rand.New(rand.NewPCG(1, 2))
		for ctx.Err() == nil {
			c, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port)) // another port each time
			if err != nil {
				t.Error(err)
				return
			}
			for range 20 {
				c.Write(datagram(r)) // refused while the port is not there yet
				sent++
			}
			c.Close()
			time.Sleep(time.Millisecond)
		}
	})
	return func() int { cancel(); wg.Wait(); return sent }
}

// handshake is a caller's first datagram, and with a cookie its second
// (draft-sharabayko-srt §3.2.1).
func handshake(r *rand.Rand, cookie uint32) []byte {
	b := make([]byte, 64)
	binary.BigEndian.PutUint32(b, 0x80000000) // control, handshake
	binary.BigEndian.PutUint32(b[8:], r.Uint32())
	f := b[16:]
	binary.BigEndian.PutUint32(f, 4) // version
	binary.BigEndian.PutUint16(f[6:], 2)
	kind := uint32(1) // induction
	if cookie != 0 {
		binary.BigEndian.PutUint32(f, 5)
		binary.BigEndian.PutUint16(f[6:], uint16(r.UintN(8)))
		kind = 0xFFFFFFFF // conclusion
	}
	binary.BigEndian.PutUint32(f[8:], r.Uint32()>>1)
	binary.BigEndian.PutUint32(f[12:], 1500)
	binary.BigEndian.PutUint32(f[16:], 8192)
	binary.BigEndian.PutUint32(f[20:], kind)
	binary.BigEndian.PutUint32(f[24:], r.Uint32()>>2|1)
	binary.BigEndian.PutUint32(f[28:], cookie)
	if cookie != 0 {
		ext := make([]byte, r.IntN(200))
		for i := range ext {
			ext[i] = byte(r.Uint32())
		}
		if len(ext) > 4 {
			binary.BigEndian.PutUint16(ext, uint16(r.UintN(9)))
			binary.BigEndian.PutUint16(ext[2:], uint16(r.UintN(64)))
		}
		return slices.Concat(b, ext)
	}
	return b
}

// garbage is noise, or a handshake with some bytes turned.
func garbage(r *rand.Rand) []byte {
	b := handshake(r, r.Uint32()&1*r.Uint32())
	if r.IntN(3) == 0 {
		b = make([]byte, r.IntN(1600))
	}
	for range r.IntN(10) {
		if len(b) > 0 {
			b[r.IntN(len(b))] = byte(r.Uint32())
		}
	}
	return b[:len(b)-r.IntN(len(b)/4+1)]
}

// Whatever strangers send, memory stays bounded and the caller is served.
func TestListenerUnderFire(t *testing.T) {
	for name, datagram := range map[string]func(*rand.Rand) []byte{
		"garbage":   garbage,
		"handshake": func(r *rand.Rand) []byte { return handshake(r, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			port := freePort(t)
			came := background(t, target(t, fmt.Sprintf("srt://:%d?mode=listener&streamid=cam1&latency=1000", port)))
			stop := flood(t, port, datagram)
			time.Sleep(500 * time.Millisecond)
			before := used(t)
			time.Sleep(1500 * time.Millisecond)
			caller, err := call(t, port, "", "cam1")
			if err != nil {
				t.Fatal(err)
			}
			d := <-came
			if d.err != nil {
				t.Fatal(d.err)
			}
			received := make(chan int, 1)
			go func() {
				buf, all := make([]byte, 2048), 0
				for all < 100_000 {
					n, err := caller.Read(buf)
					if err != nil {
						break
					}
					all += n
				}
				received <- all
			}()
			for _, p := range programme(100) {
				if err := d.conn.Write(p); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Millisecond)
			}
			if n := <-received; n < 100_000 {
				t.Errorf("the caller got %d bytes", n)
			}
			after := used(t)
			n := stop()
			t.Logf("%d datagrams; before %+v, after %+v", n, before, after)
			if after.rss > before.rss+48<<10 || after.threads > before.threads+12 {
				t.Errorf("%d datagrams; before %+v, after %+v", n, before, after)
			}
		})
	}
}

// knock is a whole handshake of a caller (draft-sharabayko-srt §4.3.1), and
// returns what the listener's answer says: a reason from 1000 on, or a type.
func knock(c net.Conn, id uint32, streamid string) (answer uint32, err error) {
	r := rand.New(rand.NewPCG(uint64(id), 3))
	first := handshake(r, 0)
	binary.BigEndian.PutUint32(first[40:], id)
	back, err := ask(c, first)
	if err != nil {
		return 0, err
	}
	second := handshake(r, binary.BigEndian.Uint32(back[44:]))[:64]
	binary.BigEndian.PutUint16(second[20:], 0) // no encryption
	binary.BigEndian.PutUint16(second[22:], 5) // with the extensions below
	binary.BigEndian.PutUint32(second[40:], id)
	words := []uint32{1<<16 | 3, 0x010501, 0xBF, 120<<16 | 120, 5<<16 | uint32(len(streamid)/4)}
	for _, w := range words {
		second = binary.BigEndian.AppendUint32(second, w)
	}
	for i := 0; i < len(streamid); i += 4 { // words are turned round
		second = append(second, streamid[i+3], streamid[i+2], streamid[i+1], streamid[i])
	}
	back, err = ask(c, second)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(back[36:]), nil
}

// ask sends a datagram until there is an answer.
func ask(c net.Conn, datagram []byte) ([]byte, error) {
	back := make([]byte, 2048)
	for range 5 {
		if _, err := c.Write(datagram); err != nil {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if n, err := c.Read(back); err == nil && n >= 64 && back[0] == 0x80 && back[1] == 0 {
			return back[:n], nil
		}
	}
	return nil, fmt.Errorf("no answer")
}

// A flood of whole handshakes, of callers with another stream id, and of callers
// while another is served: the first are refused with a reason, then the door is
// shut, and who is being served does not notice.
func TestHandshakeFloodIsRefusedInBoundedMemory(t *testing.T) {
	port := freePort(t)
	came := background(t, target(t, fmt.Sprintf("srt://:%d?mode=listener&streamid=cam1&latency=1000", port)))
	fire := func(streamid string, reason uint32, d time.Duration) (refused int64) {
		var (
			wg  sync.WaitGroup
			n   atomic.Int64
			end = time.Now().Add(d)
		)
		for i := range 4 {
			wg.Go(func() {
				c, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				for j := 1; time.Now().Before(end); j++ {
					answer, err := knock(c, uint32(1000*1000*i+j), streamid)
					switch {
					case err != nil: // the door is shut
					case answer != 1000+reason:
						t.Errorf("answer %d", answer)
					default:
						n.Add(1)
					}
				}
			})
		}
		wg.Wait()
		return n.Load()
	}
	if _, err := call(t, port, "", "cam2"); err == nil {
		t.Error("let in")
	}
	before := used(t)
	strangers := fire("cam2", 1404, 3*time.Second)
	if _, err := call(t, port, "", "cam1"); err != nil {
		t.Fatal(err)
	}
	d := <-came
	if d.err != nil {
		t.Fatal(d.err)
	}
	served := make(chan error, 1)
	go func() {
		for _, p := range programme(100) {
			if err := d.conn.Write(p); err != nil {
				served <- err
				return
			}
			time.Sleep(15 * time.Millisecond)
		}
		served <- nil
	}()
	busy := fire("cam1", 1423, 2*time.Second)
	if err := <-served; err != nil {
		t.Error(err)
	}
	if st := d.conn.Stats(); st.Lost > 0 {
		t.Errorf("stats %+v", st)
	}
	after := used(t)
	t.Logf("%d strangers, %d while busy; before %+v, after %+v", strangers, busy, before, after)
	if strangers == 0 || busy == 0 || after.rss > before.rss+32<<10 || after.threads > before.threads+12 {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

// What a wait says that a flood has filled.
func TestFloodIsNamed(t *testing.T) {
	port := freePort(t)
	result := make(chan error, 1)
	go func() {
		_, err := dial(t, target(t, fmt.Sprintf("srt://:%d?mode=listener&streamid=cam1", port)), 1500*time.Millisecond)
		result <- err
	}()
	c, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i, n := uint32(1), 0; n < 2*maxCallers && i < 10*maxCallers; i++ {
		if _, err := knock(c, i, "cam2"); err == nil {
			n++
		} else if n > 0 {
			break // shut
		}
	}
	if err := <-result; !strings.Contains(err.Error(), "are not answered") || output.CauseOf(err) != output.CauseNetwork {
		t.Errorf("got %v", err)
	}
}
