package v4l2

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func boxEDID() EDIDSpec {
	return EDIDSpec{Manufacturer: "ENC", Product: 1, Year: 2026, Name: "EncoderBox", VICs: []int{31, 33, 19, 4, 34, 20}, Audio: true, YCbCr: true}
}

func TestMakeEDID(t *testing.T) {
	e, err := MakeEDID(boxEDID())
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckEDID(e); err != nil {
		t.Fatal(err)
	}
	// The preferred mode, as other makers' EDIDs have 1920x1080p50.
	if got, want := hex.EncodeToString(e[54:66]), "023a80d072382d40102c4580"; got != want {
		t.Errorf("1920x1080p50 is coded %s, should be %s", got, want)
	}
	if got := string(e[95:108]); got != "EncoderBox\n  " {
		t.Errorf("name %q", got)
	}
	cta := e[128:]
	if want := []byte{2, 3, 27, 0x70, 0x46, 0x9f, 33, 19, 4, 34, 20, 0x23, 9, 7, 7, 0x83, 1, 0, 0, 0x67, 3, 0x0c, 0, 0x10, 0, 0, 30}; !bytes.HasPrefix(cta, want) {
		t.Errorf("extension\n% x, should begin\n% x", cta[:40], want)
	}
}

func TestMakeEDIDRefuses(t *testing.T) {
	for name, change := range map[string]func(*EDIDSpec){
		"manufacturer": func(s *EDIDSpec) { s.Manufacturer = "enc" },
		"name":         func(s *EDIDSpec) { s.Name = "a name of fifteen" },
		"ASCII":        func(s *EDIDSpec) { s.Name = "Kodér" },
		"year":         func(s *EDIDSpec) { s.Year = 26 },
		"modes":        func(s *EDIDSpec) { s.VICs = nil },
		"mode 200":     func(s *EDIDSpec) { s.VICs = []int{31, 200} },
	} {
		t.Run(name, func(t *testing.T) {
			s := boxEDID()
			change(&s)
			if _, err := MakeEDID(s); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("error %v does not name the %s", err, name)
			}
		})
	}
}

func TestCheckEDID(t *testing.T) {
	good, err := MakeEDID(boxEDID())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(e []byte) []byte
		want   string
	}{
		"half a block":          {func(e []byte) []byte { return e[:200] }, "200 bytes"},
		"empty":                 {func([]byte) []byte { return nil }, "0 bytes"},
		"no header":             {func(e []byte) []byte { e[1] = 0; return e }, "does not begin"},
		"a bit of block 1":      {func(e []byte) []byte { e[140] ^= 4; return e }, "block 1 has checksum"},
		"extension missing":     {func(e []byte) []byte { return e[:128] }, "promises 1 extensions, 0"},
		"version 2":             {func(e []byte) []byte { e[18] = 2; return e }, "version 2.3"},
		"timings in the middle": {func(e []byte) []byte { e[130] = 2; setChecksum(e[128:]); return e }, "begin at byte 2"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := CheckEDID(c.change(bytes.Clone(good))); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func FuzzCheckEDID(f *testing.F) {
	good, err := MakeEDID(boxEDID())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:128])
	f.Fuzz(func(t *testing.T, e []byte) {
		if CheckEDID(e) == nil && (len(e)%128 != 0 || sum(e) != 0) {
			t.Errorf("took %x", e)
		}
	})
}
