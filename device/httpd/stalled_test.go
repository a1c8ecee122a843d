package httpd

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A client that takes nothing must be given up: it holds a connection, and its
// download the memory of a segment that has long expired.
func TestAClientThatTakesNothingIsGivenUp(t *testing.T) {
	ended := make(chan error, 1)
	s := &Server{stall: time.Second}
	url, stop := serveBy(t, s, "127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.Copy(w, io.LimitReader(zeros{}, 64<<20))
		ended <- err
	}))
	defer func() { _ = stop() }()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: box\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("64 MB were taken by a client that reads nothing")
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the answer to a client that reads nothing goes on")
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return copy(b, bytes.Repeat([]byte{0}, len(b))), nil }

// A client that announces a body and does not send it must be given up too.
func TestABodyThatDoesNotComeIsGivenUp(t *testing.T) {
	s := &Server{stall: time.Second}
	url, stop := serveBy(t, s, "127.0.0.1:0", http.NotFoundHandler())
	defer func() { _ = stop() }()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: box\r\nContent-Length: 100\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c); err != nil {
		t.Errorf("the connection is kept: %v", err)
	}
}
