package console

import (
	"slices"
	"strings"
)

// Bounds of what is typed.
const (
	maxLine    = 4096 // characters of a line
	maxHistory = 100  // lines
)

// history is the lines of one session, oldest first.
type history struct{ lines []string }

// add appends a line that says something new.
func (h *history) add(line string) {
	if n := len(h.lines); strings.TrimSpace(line) == "" || n > 0 && h.lines[n-1] == line {
		return
	}
	if len(h.lines) == maxHistory {
		h.lines = slices.Delete(h.lines, 0, 1)
	}
	h.lines = append(h.lines, line)
}

// act is what a key asks of those around the editor.
type act int

const (
	actNone   act = iota
	actSubmit     // the line is done
	actCancel     // ^C
	actLeave      // ^D on an empty line
	actHelp       // ?
	actComplete
	actRedraw
)

// editor is one line that is being typed. It writes nothing: display does.
type editor struct {
	line    []rune
	pos     int
	past    *history // nil: none
	back    int      // how many lines ago the shown one was; 0: it is being typed
	draft   []rune   // what was being typed, while an older one is shown
	literal bool     // the next key is text
	over    int      // characters beyond maxLine, which were left out
	noise   int      // keys that nobody types
}

// press does what a key says.
func (e *editor) press(k key) act {
	literal := e.literal
	e.literal = false
	switch k {
	case keyEnter:
		return actSubmit
	case keyInterrupt:
		return actCancel
	case keyRedraw:
		return actRedraw
	case keyTab:
		return actComplete
	case keyLiteral:
		e.literal = true
	case keyEndOfInput:
		if len(e.line) == 0 {
			return actLeave
		}
		e.cut(e.pos, e.pos+1)
	case keyNoise:
		e.noise++
	case keyUp:
		e.recall(e.back + 1)
	case keyDown:
		e.recall(e.back - 1)
	case '?':
		if !literal && e.asks() {
			return actHelp
		}
		e.insert([]rune{'?'})
	default:
		if k > keyNoise || k >= keyEnter {
			e.move(k)
			break
		}
		e.insert([]rune{rune(k)})
	}
	return actNone
}

// move does the keys that move or erase.
func (e *editor) move(k key) {
	switch k {
	case keyLeft:
		e.pos = max(0, e.pos-1)
	case keyRight:
		e.pos = min(len(e.line), e.pos+1)
	case keyWordLeft:
		e.pos = e.wordLeft()
	case keyWordRight:
		e.pos = e.wordRight()
	case keyHome:
		e.pos = 0
	case keyEnd:
		e.pos = len(e.line)
	case keyBackspace:
		e.cut(e.pos-1, e.pos)
	case keyDelete:
		e.cut(e.pos, e.pos+1)
	case keyEraseWord:
		e.cut(e.wordLeft(), e.pos)
	case keyEraseLine:
		e.cut(0, e.pos)
		if len(e.line) == 0 {
			e.over, e.noise = 0, 0
		}
	case keyEraseRest:
		e.cut(e.pos, len(e.line))
	}
}

// asks says that a question mark here asks for help. In quotes and in addresses it is
// text: srt://host:9000?streamid=x.
func (e *editor) asks() bool {
	before := string(e.line[:e.pos])
	word := before[strings.LastIndexAny(before, " \t")+1:]
	return !strings.Contains(word, "://") && !inQuotes(before)
}

// inQuotes says that text ends within quotes or behind a backslash.
func inQuotes(text string) bool {
	var q quoting
	for _, r := range text {
		q.next(r)
	}
	return q.open()
}

// quoting is what quotes a text has opened so far, and whether a backslash waits.
type quoting struct {
	quote   rune
	escaped bool
}

func (q *quoting) open() bool { return q.quote != 0 || q.escaped }

func (q *quoting) next(r rune) {
	switch {
	case q.escaped:
		q.escaped = false
	case r == '\\' && q.quote != '\'':
		q.escaped = true
	case q.quote != 0:
		if r == q.quote {
			q.quote = 0
		}
	case r == '"' || r == '\'':
		q.quote = r
	}
}

// insert puts text at the cursor, as far as there is room.
func (e *editor) insert(text []rune) {
	if room := maxLine - len(e.line); len(text) > room {
		e.over += len(text) - room
		text = text[:room]
	}
	e.line = slices.Insert(e.line, e.pos, text...)
	e.pos += len(text)
}

// cut takes out what lies between two places, as far as it is there.
func (e *editor) cut(from, to int) {
	from, to = max(0, from), min(len(e.line), to)
	if from >= to {
		return
	}
	e.line = slices.Delete(e.line, from, to)
	e.pos = from
}

func (e *editor) wordLeft() int {
	i := e.pos
	for i > 0 && e.line[i-1] == ' ' {
		i--
	}
	for i > 0 && e.line[i-1] != ' ' {
		i--
	}
	return i
}

func (e *editor) wordRight() int {
	i := e.pos
	for i < len(e.line) && e.line[i] == ' ' {
		i++
	}
	for i < len(e.line) && e.line[i] != ' ' {
		i++
	}
	return i
}

// recall shows the line of so many lines ago.
func (e *editor) recall(back int) {
	if e.past == nil || back < 0 || back > len(e.past.lines) || back == e.back {
		return
	}
	if e.back == 0 {
		e.draft = slices.Clone(e.line)
	}
	e.back = back
	e.line = slices.Clone(e.draft)
	if back > 0 {
		e.line = []rune(e.past.lines[len(e.past.lines)-back])
	}
	e.pos = len(e.line)
}
