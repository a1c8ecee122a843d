package console

import (
	"unicode"
	"unicode/utf8"
)

// key is a character, or one of the keys below.
type key rune

// Keys that are no characters.
const (
	keyEnter key = utf8.MaxRune + 1 + iota
	keyTab
	keyBackspace
	keyDelete
	keyLeft
	keyRight
	keyWordLeft
	keyWordRight
	keyHome
	keyEnd
	keyUp
	keyDown
	keyEraseWord  // ^W
	keyEraseLine  // ^U
	keyEraseRest  // ^K
	keyInterrupt  // ^C
	keyEndOfInput // ^D
	keyRedraw     // ^L
	keyLiteral    // ^V: the next one is text
	keyNoise      // bytes that nobody types
	keyPaste      // a terminal that tells pastes from typing begins one,
	keyPasted     // and ends it
)

// decoder makes keys of the bytes of a serial line. What it keeps between two bytes is
// bounded. The zero value is ready.
type decoder struct {
	begun []byte // of a UTF-8 character or an escape sequence
	cr    bool   // a line feed now belongs to the Enter before
}

// escapeLimit bounds an escape sequence: what is longer is noise. (x/term's Terminal
// waits for the end of any, and spins once its buffer is full.)
const escapeLimit = 16

// feed takes one byte and tells the keys that it completes, at most two. NUL, which is
// how a BREAK arrives, completes none.
func (d *decoder) feed(c byte, tell func(key)) {
	cr := d.cr
	d.cr = false
	switch {
	case len(d.begun) > 0 && d.begun[0] == 0x1b:
		d.escape(c, tell)
	case len(d.begun) > 0:
		d.character(c, tell)
	case c == '\n' && cr, c == 0:
	case c == 0x1b:
		d.begun = append(d.begun, c)
	case c == '\r' || c == '\n':
		d.cr = c == '\r'
		tell(keyEnter)
	case c < ' ' || c == 0x7f:
		if k := controlKey(c); k != 0 {
			tell(k)
		}
	case c < utf8.RuneSelf:
		tell(key(c))
	case c < 0xc2 || c > 0xf4:
		tell(keyNoise)
	default:
		d.begun = append(d.begun, c)
	}
}

// character goes on with one of several bytes.
func (d *decoder) character(c byte, tell func(key)) {
	if utf8.RuneStart(c) { // the one before is not whole
		d.begun = d.begun[:0]
		tell(keyNoise)
		d.feed(c, tell)
		return
	}
	d.begun = append(d.begun, c)
	if !utf8.FullRune(d.begun) {
		return
	}
	r, _ := utf8.DecodeRune(d.begun)
	d.begun = d.begun[:0]
	if r == utf8.RuneError || !unicode.IsGraphic(r) {
		r = rune(keyNoise)
	}
	tell(key(r))
}

// escape goes on with a sequence that begins with ESC.
func (d *decoder) escape(c byte, tell func(key)) {
	switch n := len(d.begun); {
	case c == 0x1b:
		d.begun = d.begun[:1]
	case c < ' ' || c > '~': // the sequence is broken off
		d.begun = d.begun[:0]
		if n == 1 && (c == 0x7f || c == 8) {
			tell(keyEraseWord)
			return
		}
		d.feed(c, tell)
	case n == 1 && (c == '[' || c == 'O'):
		d.begun = append(d.begun, c)
	case n == 1:
		d.begun = d.begun[:0]
		switch c {
		case 'b':
			tell(keyWordLeft)
		case 'f':
			tell(keyWordRight)
		default:
			tell(key(c)) // somebody pressed ESC before
		}
	case c >= '@' || d.begun[1] == 'O':
		sequence := string(d.begun[1:]) + string(c)
		d.begun = d.begun[:0]
		if k := special(sequence); k != 0 {
			tell(k)
		}
	case n == escapeLimit:
		d.begun = d.begun[:0]
		tell(keyNoise)
	default:
		d.begun = append(d.begun, c)
	}
}

// controlKey is the key of a control character, 0 for those that mean nothing.
func controlKey(c byte) key {
	switch c {
	case 1: // ^A
		return keyHome
	case 2:
		return keyLeft
	case 3:
		return keyInterrupt
	case 4:
		return keyEndOfInput
	case 5:
		return keyEnd
	case 6:
		return keyRight
	case 8, 0x7f:
		return keyBackspace
	case 9:
		return keyTab
	case 11:
		return keyEraseRest
	case 12:
		return keyRedraw
	case 14:
		return keyDown
	case 16:
		return keyUp
	case 17, 19: // XON, XOFF: of a terminal with flow control
		return 0
	case 21:
		return keyEraseLine
	case 22:
		return keyLiteral
	case 23:
		return keyEraseWord
	}
	return keyNoise
}

// special is the key of an escape sequence without its ESC, 0 for those that mean
// nothing here: function keys, a terminal's answers.
func special(sequence string) key {
	switch sequence {
	case "[A", "OA":
		return keyUp
	case "[B", "OB":
		return keyDown
	case "[C", "OC":
		return keyRight
	case "[D", "OD":
		return keyLeft
	case "[H", "OH", "[1~", "[7~":
		return keyHome
	case "[F", "OF", "[4~", "[8~":
		return keyEnd
	case "[3~":
		return keyDelete
	case "[200~":
		return keyPaste
	case "[201~":
		return keyPasted
	case "[1;5C", "[1;3C":
		return keyWordRight
	case "[1;5D", "[1;3D":
		return keyWordLeft
	}
	return 0
}
