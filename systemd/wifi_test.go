package systemd

import (
	"encoding/xml"
	"slices"
	"strings"
	"testing"
)

// TestTheUserMayCommandWpaSupplicant, and nobody else by our file.
func TestTheUserMayCommandWpaSupplicant(t *testing.T) {
	var file struct {
		Policies []struct {
			Attrs  []xml.Attr `xml:",any,attr"`
			Allows []struct {
				Attrs []xml.Attr `xml:",any,attr"`
			} `xml:"allow"`
			Others []struct {
				XMLName xml.Name
			} `xml:",any"`
		} `xml:"policy"`
	}
	if err := xml.Unmarshal([]byte(read(t, "encoderbox-wifi.conf")), &file); err != nil {
		t.Fatal(err)
	}
	text := func(attrs []xml.Attr) string {
		var all []string
		for _, a := range attrs {
			all = append(all, a.Name.Local+"="+a.Value)
		}
		return strings.Join(all, " ")
	}
	var got []string
	for _, p := range file.Policies {
		if len(p.Others) > 0 {
			t.Errorf("%v in a policy", p.Others)
		}
		for _, a := range p.Allows {
			got = append(got, text(p.Attrs)+": "+text(a.Attrs))
		}
	}
	want := []string{
		"user=encoderbox: send_destination=fi.w1.wpa_supplicant1",
		"user=encoderbox: receive_sender=fi.w1.wpa_supplicant1 receive_type=signal",
	}
	if !slices.Equal(got, want) {
		t.Errorf("encoderbox-wifi.conf allows\n%q, want\n%q", got, want)
	}
	if !strings.Contains(read(t, "../device/network/wifi/supplicant.go"), `"fi.w1.wpa_supplicant1"`) {
		t.Error("the daemon commands another service")
	}
}
