package srt

import (
	"maps"
	"net/netip"
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
		"srt://h":                            "host or port is missing",
		"srt://:9000":                        "host or port is missing",
		"srt://h:0":                          "1 to 65535",
		"srt://u:p@h:1":                      "no user name",
		"srt://h:1/live":                     "SRT has no path",
		"srt://:9000?mode=rendezvous":        "host or port is missing",
		"srt://?mode=listener":               "host or port is missing",
		"srt://h:1?mode=sender":              "caller, listener or rendezvous",
		"srt://:1?mode=listener&localport=5": "a listener's own port is that of the URL",
		"srt://1.2.3.4:1?mode=listener&adapter=1.2.3.4": "keep one of the two",
		"srt://h:1?adapter=10.0.0.1&localaddr=10.0.0.2": "keep one of the two",
		"srt://h:1?localaddr=eth0":                      "not an IP address of this box",
		"srt://h:1?mode=rendezvous&streamid=x":          "a rendezvous has none",
		"srt://h:1?oheadbw=25&maxbw=1000000":            "oheadbw has no effect with maxbw=1000000",
		"srt://h:1?minversion=one":                      "such as 1.3.0",
		"srt://h:1?congestion=file":                     "live",
		"srt://h:1?mux_rate=300M":                       "not between",
		"srt://h:1?mux_rate=NaN":                        "no bit rate",
		"srt://h:1?retransmitalgo=2":                    "0 or 1",
		"srt://h:1?streamid=a%00b":                      "zero byte",
		"srt://h:1?passphrase=short":                    "it has 5 characters, not 10 to 79",
		"srt://h:1?pbkeylen=20":                         "0 or 16 or 24 or 32",
		"srt://h:1?latency=200000":                      "ffmpeg counts microseconds",
		"srt://h:1?latency=soon":                        "write milliseconds",
		"srt://h:1?oheadbw=1":                           "5 to 100",
		"srt://h:1?latencyy=2":                          `unknown SRT option "latencyy"`,
		"srt://h:1?transtype=file":                      "live",
		"srt://h:1?pkt_size=1456":                       "1316",
		"srt://h:1?passphrase=100%zz0123456789;":        "malformed",
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

func TestModesSayWhereToGoAndWhatToBind(t *testing.T) {
	for _, tc := range []struct{ raw, mode, host, local, streamid, said string }{
		{"srt://h:9000", calling, "h", "", "", ""},
		{"srt://h:9000?mode=client&streamid=x&localport=7000", calling, "h", "0.0.0.0:7000", "x", "x"},
		{"srt://h:9000?localaddr=::1", calling, "h", "[::1]:0", "", ""},
		{"srt://:9000?mode=listener&streamid=x", listening, "", "", "x", ""},
		{"srt://:9000?mode=server&adapter=10.0.0.1", listening, "", "10.0.0.1:0", "", ""},
		{"srt://0.0.0.0:9000?mode=listener", listening, "0.0.0.0", "", "", ""},
		{"srt://h:9000?mode=rendezvous", rendezvous, "h", "0.0.0.0:9000", "", ""},
		{"srt://h:9000?mode=rendezvous&localport=9001&adapter=10.0.0.1", rendezvous, "h", "10.0.0.1:9001", "", ""},
	} {
		s, err := read(target(t, tc.raw))
		if err != nil {
			t.Errorf("%s: %v", tc.raw, err)
			continue
		}
		local := ""
		if a := s.local(netip.MustParseAddr("192.0.2.1")); a.IsValid() {
			local = a.String()
		}
		if s.mode != tc.mode || s.host != tc.host || s.port != 9000 || local != tc.local || s.streamid != tc.streamid || s.before["streamid"] != tc.said {
			t.Errorf("%s: %+v, local %s", tc.raw, s, local)
		}
	}
}

func TestValuesAreReadInSRTsUnits(t *testing.T) {
	tg := target(t, "srt://h:1?mux_rate=5.5M&ttl=auto&mode=auto&rcvlatency=80&peerlatency=1s&minversion=1.4.2&oheadbw=25")
	s, err := read(tg)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"rcvlatency": "80", "peerlatency": "1000", "minversion": "66562", "oheadbw": "25", "maxbw": "0"} {
		if s.before[name] != want {
			t.Errorf("%s is %s, want %s", name, s.before[name], want)
		}
	}
	if s.muxRate != 5_500_000 {
		t.Errorf("mux_rate is %d", s.muxRate)
	}
}

// FuzzRead: whatever a URL says, it is refused or makes settings that libsrt can
// be given.
func FuzzRead(f *testing.F) {
	for _, raw := range []string{"srt://h:1?mode=listener&latency=9", "srt://:9000?mode=rendezvous", "srt://[::1]:5?mux_rate=0.5M&minversion=0x10300", "srt://u@h:1/?a=%zz"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.Parse(raw)
		if err != nil {
			return
		}
		s, err := read(output.Target{URL: u})
		if err != nil {
			return
		}
		if s.port == 0 || s.host == "" && s.mode != listening || s.muxRate < 0 {
			t.Errorf("%q: %+v", raw, s)
		}
		for name, value := range s.before {
			if value == "" || strings.ContainsRune(value, 0) {
				t.Errorf("%q: %s=%q", raw, name, value)
			}
		}
	})
}

// Every option that reaches libsrt is one it takes by that name and value.
func TestLibsrtTakesTheOptions(t *testing.T) {
	for name, value := range map[string]string{
		"latency": "1s", "passphrase": "0123456789", "pbkeylen": "24", "streamid": "#!::r=cam,m=publish", "maxbw": "-1",
		"inputbw": "1000000", "oheadbw": "25", "ttl": "32", "tos": "184", "mss": "1400", "packetfilter": "fec,cols:10,rows:5",
		"enforcedencryption": "0", "tlpktdrop": "0", "snddropdelay": "100", "mininputbw": "1000", "lossmaxttl": "20",
		"retransmitalgo": "0", "drifttracer": "0", "minversion": "1.4.2", "rcvlatency": "10", "peerlatency": "400ms", "fc": "8192",
		"sndbuf": "12000000", "kmrefreshrate": "1000", "kmpreannounce": "400", "localaddr": "127.0.0.1", "localport": "41999",
		"congestion": "live", "messageapi": "1", "payload_size": "1316", "mode": "caller", "mux_rate": "6M",
	} {
		tg := target(t, "srt://127.0.0.1:9")
		tg.Options = map[string]string{name: value}
		if _, err := dial(t, tg, 1); err == nil || !strings.Contains(err.Error(), "no answer") {
			t.Errorf("%s=%s: %v", name, value, err)
		}
	}
}
