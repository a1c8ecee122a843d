package aac

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestConfigGolden(t *testing.T) {
	for _, c := range []struct {
		name, hex, codec string
		cfg              Config
	}{
		{"LC 44.1 kHz stereo", "1210", "mp4a.40.2", New(44100, 2)},
		{"LC 48 kHz mono", "1188", "mp4a.40.2", New(48000, 1)},
		{"LC 48 kHz 5.1", "11b0", "mp4a.40.2", New(48000, 6)},
		{"LC 48 kHz 7.1", "11b8", "mp4a.40.2", New(48000, 8)},
		{"LC of a rate without index", "17801f5010", "mp4a.40.2", New(16000+32, 2)},
		{"HE-AAC signalled explicitly", "2b118800", "mp4a.40.5", Config{SBR, 24000, 2, 48000}},
		{"HE-AAC v2 signalled explicitly", "eb098800", "mp4a.40.29", Config{PS, 24000, 1, 48000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.cfg.Marshal()
			if hex.EncodeToString(got) != c.hex {
				t.Errorf("Marshal: %x, want %s", got, c.hex)
			}
			back, err := ParseConfig(unhex(t, c.hex))
			if err != nil || back != c.cfg {
				t.Errorf("ParseConfig: %+v, %v; want %+v", back, err, c.cfg)
			}
			if s := CodecString(got); s != c.codec {
				t.Errorf("CodecString: %s, want %s", s, c.codec)
			}
		})
	}
}

func TestParseConfigReads(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		want      Config
	}{
		{"backward-compatible SBR is the LC below it", "139056e5a0", New(22050, 2)},
		{"zero bytes behind", "12100000", New(44100, 2)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := ParseConfig(unhex(t, c.hex)); err != nil || got != c.want {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestParseConfigRefuses(t *testing.T) {
	for _, c := range []struct{ name, hex, want string }{
		{"nothing", "", "not enough bits"},
		{"cut short", "12", "not enough bits"},
		{"AAC Main", "0a10", "object type"},
		{"object type by escape", "f84220", "object type"},
		{"reserved rate index", "1690", "sample rate index"},
		{"channel layout in a program config element", "1180", "program config element"},
		{"reserved channel configuration", "11c8", "channel configuration"},
		{"frames of 960 samples", "1214", "960"},
		{"core coder", "12120000", "core coder"},
		{"rate of 0 Hz", "1780000010", "sample rate 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseConfig(unhex(t, c.hex))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "aac: ") {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name, want string
		cfg        Config
	}{
		{"no object type", "object type 0", Config{SampleRate: 48000, Channels: 2}},
		{"7 channels", "7 channels", New(48000, 7)},
		{"no channels", "0 channels", New(48000, 0)},
		{"rate too high", "192000", New(192000, 2)},
		{"SBR without its rate", "extension rate 0", Config{ObjectType: SBR, SampleRate: 24000, Channels: 2}},
		{"LC with an extension rate", "needs object type", Config{LC, 24000, 2, 48000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if b := c.cfg.Marshal(); b != nil {
				t.Errorf("marshalled to %x", b)
			}
			if _, err := AppendADTS(nil, c.cfg, []byte{1}); err == nil {
				t.Error("AppendADTS took it")
			}
		})
	}
}

func TestCodecStringOfOddConfigs(t *testing.T) {
	for in, want := range map[string]string{"": "mp4a.40", "f8": "mp4a.40.31", "f94220": "mp4a.40.42"} {
		if got := CodecString(unhex(t, in)); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestADTSGolden(t *testing.T) {
	got, err := AppendADTS(nil, New(44100, 2), make([]byte, 364))
	if err != nil {
		t.Fatal(err)
	}
	if want := unhex(t, "fff150802e7ffc"); !bytes.Equal(got[:7], want) || len(got) != 371 {
		t.Errorf("header % x of %d bytes, want % x of 371", got[:7], len(got), want)
	}
}

func TestADTSRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b []byte
		var err error
		var cfgs []Config
		var aus [][]byte
		for range rapid.IntRange(1, 4).Draw(t, "frames") {
			c := New(rapid.SampledFrom(rates[:]).Draw(t, "rate"), rapid.SampledFrom([]int{1, 2, 3, 4, 5, 6, 8}).Draw(t, "channels"))
			au := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "au")
			if b, err = AppendADTS(b, c, au); err != nil {
				t.Fatal(err)
			}
			cfgs, aus = append(cfgs, c), append(aus, au)
		}
		for i := range cfgs {
			var c Config
			var au []byte
			if c, au, b, err = ParseADTS(b); err != nil || c != cfgs[i] || !bytes.Equal(au, aus[i]) {
				t.Fatalf("frame %d: %+v % x %v, want %+v % x", i, c, au, err, cfgs[i], aus[i])
			}
		}
		if len(b) != 0 {
			t.Fatalf("%d bytes left over", len(b))
		}
	})
}

func TestADTSLimits(t *testing.T) {
	if _, err := AppendADTS(nil, New(48000, 2), make([]byte, 8184)); err != nil {
		t.Errorf("8184 bytes: %v", err)
	}
	dst := []byte{1, 2, 3}
	if got, err := AppendADTS(dst, New(48000, 2), make([]byte, 8185)); err == nil || !bytes.Equal(got, dst) {
		t.Errorf("8185 bytes: % x, %v", got, err)
	}
	if _, err := AppendADTS(nil, New(47999, 2), []byte{1}); err == nil {
		t.Error("a rate without index was written")
	}
}

func TestParseADTSReadsCRC(t *testing.T) {
	c, au, rest, err := ParseADTS(unhex(t, "fff0 4c80 017f fc  abcd  010203 ff"))
	if err != nil || c != New(48000, 2) || !bytes.Equal(au, []byte{1, 2}) || !bytes.Equal(rest, []byte{3, 0xff}) {
		t.Errorf("%+v % x, rest % x, %v", c, au, rest, err)
	}
}

func TestParseADTSRefuses(t *testing.T) {
	for _, c := range []struct{ name, hex, want string }{
		{"header cut short", "fff14c80017f", "cut short"},
		{"no sync word", "fef14c80011ffc00", "sync word"},
		{"layer 3: an MP3 frame", "fffb9064000000000000", "sync word"},
		{"AAC Main", "fff10c80011ffc00", "object type 1"},
		{"reserved rate", "fff17480011ffc00", "index 13"},
		{"channel layout in a program config element", "fff14c00011ffc00", "program config element"},
		{"two raw data blocks", "fff14c80011ffd00", "2 raw data blocks"},
		{"length of the header alone", "fff14c8000fffc00", "no access unit"},
		{"length within the CRC", "fff04c80013ffc0000", "no access unit"},
		{"frame longer than the data", "fff14c80013ffc00", "cut short at 8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, _, err := ParseADTS(unhex(t, c.hex))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// TestSilentFrame has ffmpeg decode a second of silence of each kind.
func TestSilentFrame(t *testing.T) {
	for _, channels := range []int{1, 2} {
		for _, rate := range []int{8000, 44100, 48000, 96000} {
			t.Run(fmt.Sprintf("%d channels at %d Hz", channels, rate), func(t *testing.T) {
				const frames = 20
				var b []byte
				var err error
				for range frames {
					if b, err = AppendADTS(b, New(rate, channels), SilentFrame(channels)); err != nil {
						t.Fatal(err)
					}
				}
				file := filepath.Join(t.TempDir(), "s.aac")
				if err := os.WriteFile(file, b, 0o600); err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command("ffmpeg", "-v", "error", "-xerror", "-err_detect", "explode", "-i", file, "-f", "s16le", "-")
				var stderr bytes.Buffer
				cmd.Stderr = &stderr
				pcm, err := cmd.Output()
				if err != nil || stderr.Len() > 0 {
					t.Fatalf("ffmpeg: %v\n%s", err, stderr.Bytes())
				}
				if want := frames * 1024 * 2 * channels; len(pcm) != want {
					t.Errorf("%d bytes of sound, want %d", len(pcm), want)
				}
				if i := bytes.IndexFunc(pcm, func(r rune) bool { return r != 0 }); i >= 0 {
					t.Errorf("sound at byte %d", i)
				}
			})
		}
	}
	if f := SilentFrame(3); f != nil {
		t.Errorf("3 channels: % x", f)
	}
	SilentFrame(2)[0] = 0
	if SilentFrame(2)[0] != 0x21 {
		t.Error("SilentFrame shares its memory")
	}
}

func TestTrack(t *testing.T) {
	tr := Track(48000, 2)
	if tr.Audio == nil || tr.Audio.SampleRate != 48000 || tr.Audio.Channels != 2 || hex.EncodeToString(tr.Audio.Config) != "1190" {
		t.Errorf("%+v", tr.Audio)
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, s := range []string{"1210", "17801f5010", "2b118800", "139056e5a0", "f84220"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		CodecString(b)
		c, err := ParseConfig(b)
		if err != nil {
			return
		}
		if back, err := ParseConfig(c.Marshal()); err != nil || back != c {
			t.Fatalf("%+v became %+v, %v", c, back, err)
		}
	})
}

func FuzzParseADTS(f *testing.F) {
	f.Add(unhex(f, "fff14c80013ffc0102"))
	f.Add(unhex(f, "fff04c80017ffcabcd010203ff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			c, au, rest, err := ParseADTS(b)
			if err != nil {
				return
			}
			if len(au) == 0 || len(rest) >= len(b) {
				t.Fatalf("%d bytes of access unit, %d of %d left", len(au), len(rest), len(b))
			}
			frame, err := AppendADTS(nil, c, au)
			if err != nil && len(au) <= maxADTS-ADTSHeaderSize {
				t.Fatal(err)
			}
			if err == nil && len(frame) != len(au)+ADTSHeaderSize {
				t.Fatal("frame length")
			}
			b = rest
		}
	})
}
