package udp

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/output"
)

func TestErrorsOfSendingInWords(t *testing.T) {
	c := &conn{address: "[::1]:5", timeout: time.Second}
	for _, tc := range []struct {
		err   error
		cause output.Cause
		want  string
	}{
		{syscall.ENETUNREACH, output.CauseNetwork, "no route to [::1]:5"},
		{syscall.ECONNREFUSED, output.CauseRefused, "port unreachable"},
		{syscall.EMSGSIZE, output.CauseNetwork, "MTU"},
		{syscall.EPERM, output.CauseLocal, "firewall of the box"},
		{os.ErrDeadlineExceeded, output.CauseStalled, "for 1s"},
		{net.ErrClosed, output.CauseLocal, "[::1]:5"},
	} {
		err := c.broken(&net.OpError{Op: "write", Net: "udp", Err: tc.err})
		if output.CauseOf(err) != tc.cause || !strings.Contains(err.Error(), tc.want) || !errors.Is(err, tc.err) && tc.cause != output.CauseStalled {
			t.Errorf("%v: cause %q of %v", tc.err, output.CauseOf(err), err)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		url     string
		options []string
		want    string
	}{
		{"udp://239.1.1.1:5000", []string{"ttl", "16", "interface", "eth0", "mux_rate", "6M"}, ""},
		{"udp://239.1.1.1:5000?pkt_size=1316", nil, ""},
		{"rtp://[::1]:5004/", nil, ""},
		{"udp://host", nil, "port is missing"},
		{"udp://:5000", nil, "host or port is missing"},
		{"udp://host:0", nil, "1 to 65535"},
		{"rtp://host:65535", nil, "RTCP"},
		{"udp://@239.1.1.1:5000", nil, "the @"},
		{"udp://239.1.1.1:5000/live", nil, "no path"},
		{"udp://239.1.1.1:5000?ttl=4", nil, "set ttl, interface, mux_rate"},
		{"udp://239.1.1.1:5000", []string{"ttl", "256"}, "ttl"},
		{"udp://239.1.1.1:5000", []string{"mux_rate", "1G"}, "mux_rate"},
		{"udp://10.1.1.1:5000", []string{"interface", "eth0"}, "interface is for multicast"},
		{"udp://10.1.1.1:5000", []string{"latency", "1s"}, `unknown option "latency"`},
	} {
		err := Check(target(t, tc.url, tc.options...))
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s %v: %v, want %q", tc.url, tc.options, err, tc.want)
		}
	}
}
