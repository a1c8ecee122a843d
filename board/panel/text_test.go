package panel

import "testing"

func TestASCII(t *testing.T) {
	for r, want := range map[rune]byte{'A': 'A', '~': '~', ' ': ' ', '→': '>', '✓': '*', '…': '.', 'ä': '?', '\n': '?', 0: '?', 0x7f: '?', '\U0001f600': '?', -1: '?'} {
		if got := ASCII(r); got != want {
			t.Errorf("%q: %q, want %q", r, got, want)
		}
	}
}
