package output

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"
)

func TestRedactedShowsNoSecret(t *testing.T) {
	for raw, want := range map[string]string{
		"rtmp://a.example/live2/abcd-efgh":              "rtmp://a.example/live2/***",
		"rtmp://h:1936/app/inst/key?sign=1&t=2":         "rtmp://h:1936/app/inst/***?***",
		"rtmp://h/live/key/?token":                      "rtmp://h/live/***?***",
		"rtmp:key":                                      "rtmp:***",
		"rtmps://h/app#room/key":                        "rtmps://h/app#***",
		"rtmp://h/key":                                  "rtmp://h/***",
		"srt://h:9000?streamid=a/b&passphrase=12345678": "srt://h:9000?***",
		"whip+https://h/SECRET/webRTC/publish":          "whip+https://h/***",
		"https://me:pw@h/live/index.m3u8":               "https://***@h/live/index.m3u8",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := Redacted(u); got != want {
			t.Errorf("%s: got %s, want %s", raw, got, want)
		}
	}
	if got := Redacted(nil); got != "" {
		t.Errorf("nil: %q", got)
	}
}

func TestNetworkErrorSaysWhatToLookAt(t *testing.T) {
	const addr = "h.example:1935"
	for want, err := range map[string]error{
		"connection refused: is the server running on h.example:1935?": &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED},
		"connection reset by h.example:1935":                           fmt.Errorf("write: %w", syscall.EPIPE),
		"h.example:1935 closed the connection":                         io.ErrUnexpectedEOF,
		`host "h.example" not found`:                                   &net.DNSError{Name: "h.example", IsNotFound: true},
		`cannot look up host "h.example"`:                              &net.DNSError{Name: "h.example", IsTimeout: true},
		"no route to h.example:1935":                                   syscall.ENETUNREACH,
		"no answer from h.example:1935":                                context.DeadlineExceeded,
		"h.example:1935: strange":                                      errors.New("strange"),
	} {
		got := NetworkError(addr, err)
		if !strings.HasPrefix(got.Error(), want) {
			t.Errorf("%v: got %q, want %q", err, got, want)
		}
		if !errors.Is(got, err) {
			t.Errorf("%v is not reachable in %v", err, got)
		}
	}
	if NetworkError(addr, nil) != nil {
		t.Error("an error was made of none")
	}
}
