package h264

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/encoderbox/encoderbox/media"
)

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestSplitAnnexB(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"no start code", "6742c01f", ""},
		{"start code alone", "000001", ""},
		{"two start codes in a row", "000001 000001 65", "65"},
		{"three bytes", "000001 6742 000001 68ce", "6742 68ce"},
		{"four bytes", "00000001 6742 00000001 68ce", "6742 68ce"},
		{"zero bytes behind a unit", "000001 6742 000000000001 68ce 0000", "6742 68ce"},
		{"rubbish before the first start code", "ff00ff 000001 65", "65"},
		{"emulation prevention is no start code", "000001 65 00000301", "65 00000301"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for nal := range SplitAnnexB(unhex(t, c.in)) {
				got = append(got, hex.EncodeToString(nal))
			}
			want := strings.ReplaceAll(c.want, "65 00000301", "6500000301")
			if strings.Join(got, " ") != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestAnnexBRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var data []byte
		var want [][]byte
		for range rapid.IntRange(0, 8).Draw(t, "units") {
			rbsp := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 0, 0, 1, 2, 3, 4, 0x80, 0xff}), 0, 40).Draw(t, "rbsp")
			rbsp = append([]byte{0x65}, append(rbsp, 0x80)...)
			nal := appendNAL(nil, rbsp)
			if back := appendRBSP(nil, nal); !bytes.Equal(back, rbsp) {
				t.Fatalf("emulation prevention: % x became % x", rbsp, back)
			}
			want = append(want, nal)
			data = AppendUnit(data, nal)
		}
		got := slices.Collect(SplitAnnexB(AppendAnnexB(nil, data)))
		if !slices.EqualFunc(got, want, bytes.Equal) {
			t.Fatalf("got % x, want % x", got, want)
		}
		back, _ := AccessUnit(nil, slices.Values(got))
		if !bytes.Equal(back, data) {
			t.Fatalf("got % x, want % x", back, data)
		}
	})
}

func units(tb testing.TB, s string) []byte {
	tb.Helper()
	var data []byte
	for u := range strings.FieldsSeq(s) {
		data = AppendUnit(data, unhex(tb, u))
	}
	return data
}

func TestAccessUnit(t *testing.T) {
	params := &media.VideoParams{SPS: unhex(t, "6742c01f"), PPS: unhex(t, "68ce01")}
	for _, c := range []struct {
		name, in, want string
		params         *media.VideoParams
		key            bool
	}{
		{"delimiter goes", "09f0 6188", "6188", params, false},
		{"the track's own sets go", "6742c01f 68ce01 6588", "6588", params, true},
		{"other SPS stays, own PPS goes", "6742c020 68ce01 6588", "6742c020 6588", params, true},
		{"other PPS stays", "6742c01f 68ce02 6588", "68ce02 6588", params, true},
		{"no track yet: sets stay", "09f0 6742c01f 68ce01 6588", "6742c01f 68ce01 6588", nil, true},
		{"SEI, filler and end of stream stay", "0605ff80 6588 0cff80 0b", "0605ff80 6588 0cff80 0b", params, true},
		{"second slice is the IDR one", "6188 6588", "6188 6588", params, true},
		{"recovery point is no key", "060601c480 6188", "060601c480 6188", params, false},
		{"nothing", "", "", params, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, key := AccessUnit(c.params, Units(units(t, c.in)))
			if want := units(t, c.want); !bytes.Equal(got, want) || key != c.key {
				t.Errorf("got % x, key %v; want % x, key %v", got, key, want, c.key)
			}
		})
	}
}

func TestInBand(t *testing.T) {
	// PPS ids: 68 ce.. is 0 (1…), 68 5c.. is 1 (010…). SPS id 0: 67 42c01f 8c.
	params := &media.VideoParams{SPS: unhex(t, "6742c01f8c"), PPS: unhex(t, "68ce01")}
	for _, c := range []struct{ name, in, want string }{
		{"none of its own", "6588", "6742c01f8c 68ce01 6588"},
		{"SEI comes behind the sets", "0605ff80 6588", "6742c01f8c 68ce01 0605ff80 6588"},
		{"own SPS of the same id: track's PPS behind it", "6742c0208c 6588", "6742c0208c 68ce01 6588"},
		{"own PPS of the same id", "68ce02 6588", "6742c01f8c 68ce02 6588"},
		{"own PPS of another id", "685c02 6588", "6742c01f8c 68ce01 685c02 6588"},
		{"own sets of another id", "6742c01f5c 685c02 6588", "6742c01f8c 6742c01f5c 68ce01 685c02 6588"},
		{"both its own", "6742c0208c 68ce02 6588", "6742c0208c 68ce02 6588"},
		{"unreadable set replaces nothing", "67 68 6588", "6742c01f8c 67 68ce01 68 6588"},
		{"SPS alone", "6742c0208c", "6742c0208c 68ce01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for nal := range InBand(params, units(t, c.in)) {
				got = append(got, hex.EncodeToString(nal))
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("got  %s\nwant %s", s, c.want)
			}
		})
	}
}

func TestParameterSets(t *testing.T) {
	sps, pps := ParameterSets(units(t, "0605ff80 6742c01f 68ce01 6742c020 6588"))
	if !bytes.Equal(sps, unhex(t, "6742c01f")) || !bytes.Equal(pps, unhex(t, "68ce01")) {
		t.Errorf("got % x and % x", sps, pps)
	}
	if sps, pps = ParameterSets(units(t, "6588")); sps != nil || pps != nil {
		t.Errorf("got % x and % x of an access unit without sets", sps, pps)
	}
}

func TestLevelFor(t *testing.T) {
	for _, c := range []struct {
		name    string
		w, h    int
		fps     media.Rational
		bitrate int
		want    uint8
	}{
		{"QCIF 15", 176, 144, media.Rational{Num: 15, Den: 1}, 64_000, 10},
		{"PAL", 720, 576, media.Rational{Num: 25, Den: 1}, 2_000_000, 30},
		{"720p30", 1280, 720, media.Rational{Num: 30, Den: 1}, 4_000_000, 31},
		{"720p60 by macroblock rate", 1280, 720, media.Rational{Num: 60, Den: 1}, 4_000_000, 32},
		{"1080p29.97", 1920, 1080, media.Rational{Num: 30000, Den: 1001}, 8_000_000, 40},
		{"1080p30 over 20 Mb/s by bit rate", 1920, 1080, media.Rational{Num: 30, Den: 1}, 20_000_001, 41},
		{"1080p60", 1920, 1080, media.Rational{Num: 60, Den: 1}, 8_000_000, 42},
		{"unknown rate counts as 60", 1920, 1080, media.Rational{}, 8_000_000, 42},
		{"narrow and high by the side's limit", 16, 1024, media.Rational{Num: 1, Den: 1}, 64_000, 21},
		{"2160p30", 3840, 2160, media.Rational{Num: 30, Den: 1}, 20_000_000, 51},
		{"beyond all", 32768, 32768, media.Rational{Num: 60, Den: 1}, 8_000_000, 62},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := LevelFor(c.w, c.h, c.fps, c.bitrate); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}
