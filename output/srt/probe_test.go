package srt

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"github.com/encoderbox/encoderbox/output"
)

// A probe is a connection under the stream id, with nothing in it.
func TestAProbeConnectsAndPublishesNothing(t *testing.T) {
	ended := make(chan string, 1)
	addr := listen(t, func(r gosrt.ConnRequest) (gosrt.Conn, error) {
		if r.StreamId() != "publish:cam1" {
			return nil, fmt.Errorf("stream id %q", r.StreamId())
		}
		return r.Accept()
	}, func(c gosrt.Conn) {
		n, err := c.Read(make([]byte, 2048))
		ended <- fmt.Sprint(n, " ", err != nil)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	said, err := Probe(ctx, target(t, "srt://"+addr+"?streamid=publish:cam1"))
	if err != nil || !strings.Contains(said, "has accepted an SRT connection") || !strings.Contains(said, "nothing was published") {
		t.Errorf("%q, %v", said, err)
	}
	if got := <-ended; got != "0 true" {
		t.Errorf("the listener read %s", got)
	}
}

func TestAProbeOfNobodyFails(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0") // takes the datagrams, answers none
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = Probe(ctx, target(t, "srt://"+silent.LocalAddr().String()))
	if err == nil || !strings.Contains(err.Error(), "no answer from") || output.CauseOf(err) != output.CauseNetwork {
		t.Errorf("%v", err)
	}
}

func TestWhoIsCalledCannotBeProbed(t *testing.T) {
	for _, address := range []string{"srt://:9000?mode=listener", "srt://127.0.0.1:9000?mode=rendezvous"} {
		if said, err := Probe(t.Context(), target(t, address)); said != "" || err != nil {
			t.Errorf("%s: %q, %v", address, said, err)
		}
	}
}
