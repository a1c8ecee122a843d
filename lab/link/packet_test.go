package link

import (
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const udp = "4500 0020 0001 0000 40 11 0000 0a4d0101 0a4d0102 0fa0 2328 000c 0000 61626364"

func TestParseFlow(t *testing.T) {
	for name, c := range map[string]struct{ packet, want string }{
		"UDP":                       {udp, "udp 10.77.1.1:4000 > 10.77.1.2:9000"},
		"TCP":                       {strings.Replace(udp, "40 11", "40 06", 1), "tcp 10.77.1.1:4000 > 10.77.1.2:9000"},
		"ICMP has no ports":         {strings.Replace(udp, "40 11", "40 01", 1), "ip-1 10.77.1.1:0 > 10.77.1.2:0"},
		"first fragment":            {strings.Replace(udp, "0001 0000", "0001 2000", 1), "udp 10.77.1.1:4000 > 10.77.1.2:9000"},
		"later fragment":            {strings.Replace(udp, "0001 0000", "0001 2001", 1), "udp 10.77.1.1:0 > 10.77.1.2:0"},
		"IP options":                {"4600 0024 0001 0000 40 11 0000 0a4d0101 0a4d0102 01010101 0fa0 2328 000c 0000 61626364", "udp 10.77.1.1:4000 > 10.77.1.2:9000"},
		"header alone":              {"4500 0014 0001 0000 40 11 0000 0a4d0101 0a4d0102", "udp 10.77.1.1:0 > 10.77.1.2:0"},
		"half a port":               {"4500 0017 0001 0000 40 11 0000 0a4d0101 0a4d0102 0fa023", "udp 10.77.1.1:0 > 10.77.1.2:0"},
		"empty":                     {"", ""},
		"short header":              {"4500 0010 0001 0000 40 11 0000 0a4d0101", ""},
		"header length below 20":    {"4400" + udp[4:], ""},
		"header longer than packet": {"4f00" + udp[4:], ""},
		"longer than it says":       {udp + "00", ""},
		"shorter than it says":      {udp[:len(udp)-2], ""},
		"IPv6":                      {"6000" + udp[4:], ""},
	} {
		f, ok := parseFlow(unhex(t, c.packet))
		if ok != (c.want != "") || ok && f.String() != c.want {
			t.Errorf("%s: %v, %v", name, f, ok)
		}
	}
}

func FuzzParseFlow(f *testing.F) {
	f.Add(unhex(f, udp))
	f.Add(unhex(f, "4500 0017 0001 0000 40 06 0000 0a4d0101 0a4d0102 0fa023"))
	f.Fuzz(func(t *testing.T, b []byte) {
		flow, ok := parseFlow(b)
		if ok != (flow != Flow{}) || ok && (len(b) < 20 || !flow.From.IsValid() || !flow.To.IsValid()) {
			t.Errorf("%v, %v of % x", flow, ok, b)
		}
	})
}
