package rtmp

import (
	"io"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/message"
)

func TestOutstandingIsWhatAcknowledgementsLack(t *testing.T) {
	var a acknowledgements
	check := func(sent, want uint64) {
		t.Helper()
		if got := a.outstanding(sent); got != want {
			t.Errorf("of %d sent %d are outstanding, want %d", sent, got, want)
		}
	}
	check(1<<20, 0) // the server has never said anything
	if !a.ask(1000) || a.ask(1000) {
		t.Error("a window is news once")
	}
	a.take(5000)
	check(9000, 0) // it acknowledges every 5000, whatever was asked for
	check(12000, 2000)
	a.take(10000)
	check(12000, 0)
	check(4000, 0) // it claims more than was sent
	a.take(4_294_967_000)
	check(1<<32+4000, 0)
	check(1<<32+8000, 1<<32+8000-4_294_967_000-5000) // the number wraps
}

// The server's bandwidth is answered by a window, once for each; its window is
// kept to; its acknowledgements show in the statistics.
func TestWindowsAreHonoured(t *testing.T) {
	const window = 3000
	type report struct {
		asked []uint32
		acks  []uint32
	}
	reports := make(chan report, 1)
	addr := script(t, func(s *scripted) {
		if !s.published() {
			return
		}
		_ = s.rw.Write(&message.SetWindowAckSize{Value: window})
		for _, v := range []uint32{200_000, 200_000, 100_000} {
			_ = s.rw.Write(&message.SetPeerBandwidth{Value: v, Type: 2})
		}
		_ = s.rw.Write(&message.Acknowledge{Value: 1})
		for range 2000 {
			_ = s.rw.Write(&message.UserControlStreamBegin{StreamID: 1})
		}
		_ = s.rw.Write(&message.UserControlPingRequest{ServerTime: 9})
		var r report
		for {
			m, err := s.rw.Read()
			if err != nil {
				return
			}
			switch m := m.(type) {
			case *message.SetWindowAckSize:
				r.asked = append(r.asked, m.Value)
			case *message.Acknowledge:
				r.acks = append(r.acks, m.Value)
			case *message.UserControlPingResponse:
				reports <- r
				s.drain()
				return
			}
		}
	})
	c := mustDial(t, target(t, "rtmp://"+addr+"/live/key"))
	mustWrite(t, c, picture(0, 0, true, 1000))
	r := <-reports
	if len(r.asked) != 2 || r.asked[0] != 200_000 || r.asked[1] != 100_000 {
		t.Errorf("windows asked for: %v", r.asked)
	}
	if len(r.acks) < 2 || r.acks[0] < window || r.acks[1]-r.acks[0] < window || r.acks[1]-r.acks[0] > window+100 {
		t.Errorf("acknowledged: %v", r.acks)
	}
}

// The server reads everything and acknowledges one byte of it: the socket has
// nothing left, but what the server's side holds back is seen.
func TestOutstandingBehindTheSocket(t *testing.T) {
	addr := script(t, func(s *scripted) {
		if s.published() {
			_ = s.rw.Write(&message.SetPeerBandwidth{Value: 1000})
			_ = s.rw.Write(&message.Acknowledge{Value: 1})
			_, _ = io.Copy(io.Discard, s.Conn)
		}
	})
	c := mustDial(t, target(t, "rtmp://"+addr+"/live/key"))
	mustWrite(t, c, picture(0, 0, true, 1<<20))
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		inSocket := c.(*conn).link.sock.Stats().Outstanding
		n := c.Stats().Outstanding
		if inSocket == 0 && n > 1<<20-1<<14 && n < 1<<20+1<<14 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("outstanding %d, of these %d in the socket", n, inSocket)
		}
	}
}
