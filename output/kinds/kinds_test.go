package kinds

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/encoderbox/encoderbox/output"
)

func TestTheTableIsComplete(t *testing.T) {
	names, schemes := map[string]bool{}, map[string]bool{}
	for _, k := range All() {
		name := string(k.Direction) + " " + k.Name
		if names[name] {
			t.Errorf("%s is there twice", name)
		}
		names[name] = true
		for _, s := range k.Schemes {
			if schemes[s] {
				t.Errorf("scheme %s chooses two kinds", s)
			}
			schemes[s] = true
		}
		if k.Title == "" || len(k.Transports) == 0 || len(k.Codecs) == 0 {
			t.Errorf("%s: title, transports or codecs are missing", k.Name)
		}
		if push := k.Direction == output.Push; push != ((k.Dial != nil) != (k.Files != nil)) || push != (k.Check != nil) || push != (len(k.Schemes) > 0) {
			t.Errorf("%s: a push has Check, either Dial or Files, and schemes, and nothing else has", k.Name)
		}
	}
}

func TestLookup(t *testing.T) {
	for _, scheme := range Schemes() {
		if k, ok := ForScheme(scheme); !ok || !slices.Contains(k.Schemes, scheme) {
			t.Errorf("scheme %s: found %v, %q", scheme, ok, k.Name)
		}
	}
	if k, ok := ForScheme("RTMPS"); !ok || k.Name != "rtmps" {
		t.Errorf("RTMPS: found %v, %q", ok, k.Name)
	}
	if _, ok := ForScheme("ftp"); ok {
		t.Error("ftp found")
	}
	if _, ok := ForScheme(""); ok {
		t.Error("a URL without a scheme chose a kind")
	}
}

func TestJSON(t *testing.T) {
	b, err := JSON()
	if err != nil {
		t.Fatal(err)
	}
	var table []struct {
		Kind, Direction    string
		Transports, Codecs []string
	}
	if err := json.Unmarshal(b, &table); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range table {
		got = append(got, strings.Join([]string{e.Kind, e.Direction, strings.Join(e.Transports, "+"), strings.Join(e.Codecs, "+")}, " "))
	}
	want := []string{"hls serve http h264+aac", "dash serve http h264+aac", "rtmp push tcp h264+aac", "rtmps push tls h264+aac", "srt push udp h264+aac", "hls push http+tls h264+aac", "dash push http+tls h264+aac", "s3 push tls+http h264+aac", "whip push http+tls+udp h264+opus", "tshttp push http+tls h264+aac", "udp push udp h264+aac", "rtp push udp h264+aac", "cmaf push http+tls h264+aac", "rtsp push udp+tcp+tls h264+aac", "icecast push http+tls aac+mp3+opus", "shoutcast push tcp aac+mp3"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
