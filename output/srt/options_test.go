package srt

import (
	"maps"
	"net/url"
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/output"
)

func TestOptionsOfURLAndConfiguration(t *testing.T) {
	u, err := url.Parse("srt://h.example:9000?mode=caller&transtype=live&pkt_size=1316&latency=80&passphrase=0123456789&streamid=&ttl=64&maxbw=2000000")
	if err != nil {
		t.Fatal(err)
	}
	got, err := read(output.Target{URL: u, Options: map[string]string{"latency": "1.5s", "pbkeylen": "32"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"transtype": "live", "blocking": "1", "latency": "1500", "passphrase": "0123456789",
		"pbkeylen": "32", "ipttl": "64", "maxbw": "2000000",
	}
	if !maps.Equal(got.before, want) || got.host != "h.example" || got.port != 9000 {
		t.Errorf("got %+v, want %v", got, want)
	}
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	for raw, want := range map[string]string{
		"srt://h":                                "host or port is missing",
		"srt://:9000":                            "host or port is missing",
		"srt://h:0":                              "1 to 65535",
		"srt://u:p@h:1":                          "no user name",
		"srt://h:1/live":                         "SRT has no path",
		"srt://h:1?mode=listener":                `mode "listener" is not available yet`,
		"srt://h:1?mode=rendezvous":              "mode=caller",
		"srt://h:1?passphrase=short":             "it has 5 characters, not 10 to 79",
		"srt://h:1?pbkeylen=20":                  "0 or 16 or 24 or 32",
		"srt://h:1?latency=200000":               "ffmpeg counts microseconds",
		"srt://h:1?latency=soon":                 "write milliseconds",
		"srt://h:1?oheadbw=1":                    "5 to 100",
		"srt://h:1?latencyy=2":                   `unknown SRT option "latencyy"`,
		"srt://h:1?transtype=file":               "live",
		"srt://h:1?pkt_size=1456":                "1316",
		"srt://h:1?passphrase=100%zz0123456789;": "malformed",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		err = Check(output.Target{URL: u})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", raw, err, want)
		} else if strings.Contains(err.Error(), "short") || strings.Contains(err.Error(), "zz012") {
			t.Errorf("%s: error shows the passphrase: %v", raw, err)
		}
	}
	u, _ := url.Parse("srt://h:9000?packetfilter=fec,cols:10,rows:5")
	if err := Check(output.Target{URL: u}); err != nil {
		t.Errorf("good URL: %v", err)
	}
}

// Every option that reaches libsrt is one it takes by that name and value.
func TestLibsrtTakesTheOptions(t *testing.T) {
	for name, value := range map[string]string{
		"latency": "1s", "passphrase": "0123456789", "pbkeylen": "24", "streamid": "#!::r=cam,m=publish", "maxbw": "-1",
		"inputbw": "1000000", "oheadbw": "25", "ttl": "32", "tos": "184", "mss": "1400", "packetfilter": "fec,cols:10,rows:5",
		"enforcedencryption": "0", "tlpktdrop": "0", "snddropdelay": "100",
	} {
		tg := target(t, "srt://127.0.0.1:9")
		tg.Options = map[string]string{name: value}
		if _, err := dial(t, tg, 1); err == nil || !strings.Contains(err.Error(), "no answer") {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
}
