package peer_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/lab/peer"
)

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRefused(t *testing.T) {
	addr := peer.Refused(t)
	if _, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error %v", err)
	}
	if _, err := net.Listen("tcp", addr); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("another may take the port: %v", err)
	}
}

func TestSilentTakesDatagrams(t *testing.T) {
	c, err := net.Dial("udp", peer.Silent(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Error(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 10)); !errors.Is(err, syscall.ETIMEDOUT) && !isTimeout(err) {
		t.Errorf("answered %d bytes, error %v", n, err)
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// readToEnd connects and reads; a reset may come before either has returned.
func readToEnd(addr string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = io.ReadAll(c)
	return err
}

func TestResetAtOnce(t *testing.T) {
	p := peer.StartBadPeer(t, peer.ResetAtOnce())
	if err := readToEnd(p.Addr()); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error %v", err)
	}
	eventually(t, "it has counted the connection", func() bool { return p.Accepted() == 1 })
}

// fill writes until the other side takes no more and returns how much it took.
func fill(t *testing.T, c net.Conn) (n int) {
	t.Helper()
	if err := c.(*net.TCPConn).SetWriteBuffer(16 << 10); err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4<<10)
	for {
		if err := c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		got, err := c.Write(block)
		n += got
		if isTimeout(err) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		if n > 4<<20 {
			t.Fatalf("%d bytes taken", n)
		}
	}
}

func TestNeverRead(t *testing.T) {
	p := peer.StartBadPeer(t, peer.NeverRead())
	if n := fill(t, dial(t, p.Addr())); n > 512<<10 {
		t.Errorf("%d bytes fit into the buffers of a peer that does not read", n)
	}
	if p.BytesRead() != 0 {
		t.Errorf("read %d", p.BytesRead())
	}
}

func TestCloseAfter(t *testing.T) {
	p := peer.StartBadPeer(t, peer.CloseAfter(10_000))
	c := dial(t, p.Addr())
	if _, err := c.Write(make([]byte, 10_000)); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(c); len(b) != 0 || err != nil {
		t.Errorf("read %d, error %v", len(b), err)
	}
	if p.BytesRead() != 10_000 {
		t.Errorf("it read %d", p.BytesRead())
	}
}

func TestTrickle(t *testing.T) {
	p := peer.StartBadPeer(t, peer.Trickle(2000))
	c := dial(t, p.Addr())
	begin := time.Now()
	if _, err := c.Write(make([]byte, 1500)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "1000 bytes are read", func() bool { return p.BytesRead() >= 1000 })
	// Reading faster than told would be the defect; a slow machine reads slower.
	if took := time.Since(begin); took < 400*time.Millisecond {
		t.Errorf("1000 bytes at 2000 a second in %v", took)
	}
}

func TestAnswerAndNeverAnswer(t *testing.T) {
	p := peer.StartBadPeer(t, peer.Answer([]byte("HTTP/1.1 418 I'm a teapot\r\n")))
	line, err := bufio.NewReader(dial(t, p.Addr())).ReadString('\n')
	if line != "HTTP/1.1 418 I'm a teapot\r\n" || err != nil {
		t.Errorf("answered %q, error %v", line, err)
	}
	q := peer.StartBadPeer(t, peer.NeverAnswer())
	c := dial(t, q.Addr())
	if _, err := c.Write(make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all is read", func() bool { return q.BytesRead() == 100_000 })
	q.Stop()
	if _, err := io.ReadAll(c); err != nil {
		t.Errorf("after Stop: %v", err)
	}
}

func TestGateTurnsBadInMidStream(t *testing.T) {
	t.Parallel()
	n := peer.StartNginx(t, peer.NginxOptions{})
	g := peer.StartGate(t, n.Addr())
	url := "rtmp://" + g.Addr() + "/live/cam"
	pub := peer.Publish(t, street(t), url)
	awaitPublish(t, n, "cam")

	g.Stall()
	settled := g.Passed()
	eventually(t, "nothing passes", func() bool {
		before := settled
		time.Sleep(300 * time.Millisecond)
		settled = g.Passed()
		return settled == before
	})
	g.Trickle(20_000)
	eventually(t, "some passes", func() bool { return g.Passed() > settled })
	g.Open()
	eventually(t, "all passes", func() bool { return g.Passed() > settled+200_000 })

	g.Reset()
	if err := pub.Wait(limited(t)); err == nil {
		t.Error("the publisher did not notice the reset")
	}
	peer.Publish(t, street(t), url)
	awaitPublish(t, n, "cam")
	g.Shut()
	if err := readToEnd(g.Addr()); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a shut gate gave %v", err)
	}
	g.Open()
	c := dial(t, g.Addr())
	if _, err := c.Write([]byte{3}); err != nil {
		t.Error(err)
	}
	n.Stop()
	if _, err := io.ReadAll(c); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after the server left: %v", err)
	}
}

func TestGateStallsAClientWhoWrites(t *testing.T) {
	sink := peer.StartBadPeer(t, peer.NeverAnswer())
	g := peer.StartGate(t, sink.Addr())
	g.Stall()
	c := dial(t, g.Addr())
	n := fill(t, c)
	if n > 512<<10 || sink.BytesRead() != 0 {
		t.Errorf("stalled, it took %d and passed %d", n, sink.BytesRead())
	}
	g.Open()
	eventually(t, "what waited has passed", func() bool { return sink.BytesRead() == int64(n) })
	if g.Passed() != int64(n) || g.Accepted() != 1 {
		t.Errorf("passed %d of %d, accepted %d", g.Passed(), n, g.Accepted())
	}
}
