package serialpanel

import (
	"os"
	"strings"
	"testing"
)

// The conversation that docs/panel-protocol.md begins with is one.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../../docs/panel-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, talk, _ := strings.Cut(string(text), "```\n")
	talk, _, _ = strings.Cut(talk, "```")
	words := map[string]bool{}
	for line := range strings.Lines(talk) {
		who, said, _ := strings.Cut(strings.TrimSpace(line), " ")
		m, err := parse([]byte(strings.TrimSpace(said)))
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if m.word == "hello" {
			if _, err := readHello(m.rest); err != nil {
				t.Error(err)
			}
		}
		words[who+" "+m.word] = true
	}
	for _, w := range []string{"box who", "panel hello", "box text", "box light", "panel ack", "panel down", "box ack", "box ping", "panel alive"} {
		if !words[w] {
			t.Errorf("%s is not shown", w)
		}
	}
	if got := pack(append(make([]byte, 60), 0xff, 0x81, 0x81, 0xff)); !strings.Contains(string(text), "`pix 7 64 "+got+"`") {
		t.Errorf("the example of pixels is not %s", got)
	}
}
