package serialpanel

import (
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/board/panel"
)

func TestChecksum(t *testing.T) {
	if got := checksum([]byte("123456789")); got != 0x29b1 { // the check value of CRC-16/CCITT-FALSE
		t.Errorf("%04x", got)
	}
}

func TestParse(t *testing.T) {
	good := func(s string) string { return fmt.Sprintf("%s*%04x", s, checksum([]byte(s))) }
	for name, c := range map[string]struct {
		line string
		want message
		err  error
	}{
		"word alone":           {good("2A who"), message{0x2a, "who", ""}, nil},
		"arguments":            {good("ff text 0  Hi * there"), message{0xff, "text", "0  Hi * there"}, nil},
		"upper case":           {strings.ToUpper(good("0b X")), message{}, errChecksum}, // of what was summed
		"empty":                {"", message{}, errLength},
		"too long":             {good("00 text 0 " + strings.Repeat("x", 240)), message{}, errLength},
		"longest":              {good("00 text 0 " + strings.Repeat("x", 225)), message{0, "text", "0 " + strings.Repeat("x", 225)}, nil},
		"flipped bit":          {strings.Replace(good("00 down ok"), "ok", "oj", 1), message{}, errChecksum},
		"no checksum":          {"00 down ok", message{}, errForm},
		"checksum not in hex":  {"00 down ok*00g0", message{}, errForm},
		"signed checksum":      {"00 down ok*+0ff", message{}, errForm},
		"number not in hex":    {good("zz down ok"), message{}, errForm},
		"no space":             {good("00down ok"), message{}, errForm},
		"no word":              {good("00  down"), message{}, errForm},
		"high bit":             {good("00 text 0 \xc3\xa4"), message{}, errBytes},
		"control":              {good("00 text 0 \x1b[2J"), message{}, errBytes},
		"noise before a line":  {"\xff\x00" + good("00 ack"), message{}, errBytes},
		"noise that can print": {"~~~" + good("00 ack"), message{}, errChecksum},
	} {
		if m, err := parse([]byte(c.line)); m != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func TestSplitter(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for name, c := range map[string]struct {
		in   []string
		want []string
	}{
		"lines":                 {[]string{"a\nb\r\nc"}, []string{"a", "b"}},
		"in pieces":             {[]string{"a", "b", "\r", "\n"}, []string{"ab"}},
		"empty lines":           {[]string{"\n\r\n\na\n"}, []string{"a"}},
		"too long, then good":   {[]string{long, long, "\nok\n"}, []string{"", "ok"}},
		"as long as can be":     {[]string{long[:240] + "\r\n"}, []string{long[:240]}},
		"garbage, then good":    {[]string{"\x00\xff\x80\nok\n"}, []string{"\x00\xff\x80", "ok"}},
		"carriage return alone": {[]string{"a\rb\n"}, []string{"a\rb"}},
	} {
		var s splitter
		var got []string
		for _, in := range c.in {
			s.feed([]byte(in), func(line []byte) { got = append(got, string(line)) })
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if cap(s.line) > 2*maxLine+512 {
			t.Errorf("%s: keeps %d bytes", name, cap(s.line))
		}
	}
}

func TestEscape(t *testing.T) {
	for _, c := range []struct {
		text    string
		columns int
		utf8    bool
		want    string
	}{
		{"100 % *", 20, false, "100 %25 %2a"},
		{"→ Küche ", 20, false, "> K?che"},
		{"→ Kü", 20, true, "%e2%86%92 K%c3%bc"},
		{"ääää", 2, true, "%c3%a4%c3%a4"},
		{"a\nb\x00", 20, true, "a%0ab%00"},
		{strings.Repeat("→", 40), 40, true, strings.Repeat(">", 40)},
	} {
		if got := escape(c.text, c.columns, c.utf8); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

func TestPack(t *testing.T) {
	for _, c := range []struct {
		columns []byte
		want    string
	}{
		{nil, ""},
		{[]byte{1, 2, 2, 3, 3, 3}, "010202~0303"},
		{make([]byte, 64), "~4000"},
		{make([]byte, 300), "~ff00~2d00"},
	} {
		if got := pack(c.columns); got != c.want {
			t.Errorf("%v: %s", c.columns, got)
		}
	}
}

func TestHello(t *testing.T) {
	h, err := readHello("1 name=Acme text=20x4 keys=up,ok lights=live future=1 charset=utf8")
	if err != nil || h.Name != "Acme" || h.Size != (panel.Size{Columns: 20, Rows: 4}) || !slices.Equal(h.Keys, []panel.Key{"up", "ok"}) || !slices.Equal(h.Lights, []string{"live"}) || !h.UTF8 {
		t.Errorf("%+v, %v", h, err)
	}
	if h, err := readHello("1 text=20x4 pixels=128x64 keys=-"); err != nil || h.Size != (panel.Size{Width: 128, Height: 64}) || h.Keys != nil {
		t.Errorf("%+v, %v", h, err)
	}
	for _, bad := range []string{
		"", "2", "1 text=0x4", "1 text=20", "1 text=-1x2", "1 text=1000x1000", "1 pixels=128x63", "1 pixels=99999999999999999999x8",
		"1 keys=UP", "1 keys=up,up", "1 keys=,", "1 lights=a_b", "1 keys=" + strings.Repeat("a,", 40) + "b", "1 lights=averyveryverylongname",
	} {
		if h, err := readHello(bad); err == nil {
			t.Errorf("%q: %+v", bad, h)
		}
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte("00 down ok*9c41\n"))
	f.Add(message{7, "hello", "1 name=x text=16x2 keys=up,ok lights=a,b"}.append(nil))
	f.Add(message{7, "hello", "1 pixels=128x64"}.append(nil))
	f.Add([]byte("\r\n\x00\xff*0000\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		now := time.Unix(int64(crc32.ChecksumIEEE(in)), 0)
		l := newLink()
		// The text is taken as lines' content, too, or no fuzzer would find a checksum.
		for _, text := range strings.Split(string(in), "\n") {
			if word, rest, _ := strings.Cut(text, " "); word != "" {
				line := message{seq: byte(len(text)), word: word, rest: rest}.append(nil)
				if m, err := parse(line[:len(line)-1]); err == nil && (m.word != word || m.rest != rest) {
					t.Errorf("%q became %+v", text, m)
				}
				_, _ = l.receive(line[:len(line)-1], now)
			}
		}
		var s splitter
		s.feed(in, func(line []byte) {
			m, err := parse(line)
			if err == nil {
				again := m.append(nil)
				if n, err := parse(again[:len(again)-1]); err != nil || n != m {
					t.Errorf("%q: %+v, then %+v, %v", line, m, n, err)
				}
			}
			_, _ = l.receive(line, now)
		})
		l.set("a", "text", "0 x")
		lines, _, _ := l.send(nil, now)
		s.feed(lines, func(line []byte) {
			if _, err := parse(line); err != nil && len(s.line) == 0 && len(in) > 0 && in[len(in)-1] == '\n' {
				t.Errorf("sends %q: %v", line, err)
			}
		})
		if len(l.acks) > maxAcks {
			t.Errorf("%d acknowledgements", len(l.acks))
		}
	})
}
