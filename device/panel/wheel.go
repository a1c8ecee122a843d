package panel

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/device/control"
)

const (
	digits  = "0123456789"
	letters = " abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/@"
)

// wheel has a value entered character by character: Up and Down turn one, OK and Right go
// to the next, behind the last one OK is done; Left goes back, Back and a long OK leave.
type wheel struct {
	title, name, help string
	cells             []rune
	turns             []string // what each cell can be; "" for one that stays
	at                int
	problem           string
	value             func(text string) (string, error)
	done              func(*ui, scene, string)
}

// newWheel is the wheel for an argument.
func newWheel(s scene, title string, a control.Arg, given control.Args, done func(*ui, scene, string)) *wheel {
	w := &wheel{title: title, name: a.Name, help: a.Help, done: done, value: strip}
	switch {
	case a.Kind == control.Integer:
		n := len(strconv.FormatInt(max(a.Max, 99999), 10))
		first, _ := strconv.ParseInt(a.Default, 10, 64)
		w.set(fmt.Sprintf("%0*d", n, max(first, a.Min, 0)), digits)
		w.value = wholeNumber(a)
	case a.Kind == control.Bitrate:
		w.set(fmt.Sprintf("%04.1f M", float64(usualRate(s, a))/1e6), digits)
		w.value = megabits
	case isAddress(a):
		w.set(usualAddress(s, a, given), digits)
		w.value = ipAddress
	case a.Kind == control.Text: // a time
		w.set(s.now.Format("2006-01-02 15:04:05"), digits)
	default:
		w.set(pad(a.Default, 32), letters)
	}
	w.forward(0)
	return w
}

// set begins with a value, of which the characters of an alphabet turn.
func (w *wheel) set(text, alphabet string) {
	w.cells, w.turns = []rune(text), nil
	for _, r := range w.cells {
		turn := ""
		if strings.ContainsRune(alphabet, r) {
			turn = alphabet
		}
		w.turns = append(w.turns, turn)
	}
}

// isAddress says that a word is an IP address, as far as its name tells.
func isAddress(a control.Arg) bool {
	return a.Kind == control.Word && slices.Contains([]string{"address", "gateway", "dns", "ip"}, a.Name)
}

// usualAddress is what an address begins with: the box's own, or what is usual near it,
// with the length of its network where the help names one.
func usualAddress(s scene, a control.Arg, given control.Args) string {
	ip := [4]byte{192, 168, 1, 20}
	known := s.addresses
	if a.Values != nil {
		for _, v := range a.Values(s.status, given) {
			host, _, _ := strings.Cut(v, "/")
			if addr, err := netip.ParseAddr(host); err == nil && addr.Is4() {
				ip = addr.As4()
				known = nil
				break
			}
		}
	}
	for _, have := range known {
		if addr, err := netip.ParseAddr(have.ip); err == nil && addr.Is4() {
			ip = addr.As4()
			break
		}
	}
	if known != nil && !strings.Contains(strings.ToLower(a.Name), "address") && a.Name != "ip" {
		ip[3] = 1
	}
	text := fmt.Sprintf("%03d.%03d.%03d.%03d", ip[0], ip[1], ip[2], ip[3])
	if strings.Contains(a.Help, "/") {
		text += "/24"
	}
	return text
}

func usualRate(s scene, a control.Arg) int {
	st := mainStream(s.status)
	if st == nil || st.Rate == nil {
		return 4_000_000
	}
	if strings.Contains(a.Name, "min") {
		return min(st.Rate.Min, 99_900_000)
	}
	return min(max(st.Rate.Max, st.Rate.Target), 99_900_000)
}

func strip(text string) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", fmt.Errorf("nothing was entered")
	}
	return text, nil
}

func wholeNumber(a control.Arg) func(string) (string, error) {
	return func(text string) (string, error) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return "", fmt.Errorf("%q is no whole number", text)
		}
		if (a.Min != 0 || a.Max != 0) && (n < a.Min || n > a.Max) {
			return "", fmt.Errorf("from %d to %d", a.Min, a.Max)
		}
		return strconv.FormatInt(n, 10), nil
	}
}

func megabits(text string) (string, error) {
	f, err := strconv.ParseFloat(strings.TrimSuffix(text, " M"), 64)
	if err != nil || f <= 0 {
		return "", fmt.Errorf("more than 0 is needed")
	}
	return strconv.FormatFloat(f, 'f', -1, 64) + "M", nil
}

func ipAddress(text string) (string, error) {
	host, bits, prefixed := strings.Cut(text, "/")
	var parts []string
	for part := range strings.SplitSeq(host, ".") {
		n, err := strconv.Atoi(part)
		if err != nil || n > 255 {
			return "", fmt.Errorf("%s is more than 255", part)
		}
		parts = append(parts, strconv.Itoa(n))
	}
	out := strings.Join(parts, ".")
	if prefixed {
		n, err := strconv.Atoi(bits)
		if err != nil || n < 1 || n > 32 {
			return "", fmt.Errorf("behind the / 1 to 32")
		}
		out += "/" + strconv.Itoa(n)
	}
	return out, nil
}

func (w *wheel) view(*ui, scene) view {
	text := w.help
	switch {
	case w.problem != "":
		text = "! " + w.problem
	case w.at >= len(w.cells):
		text = "OK: take it"
	}
	end := " "
	if w.at >= len(w.cells) {
		end = "→"
	}
	return view{title: w.title, corner: w.name, edit: string(w.cells) + end, cursor: w.at, text: text}
}

func (w *wheel) press(u *ui, s scene, p Press) {
	switch {
	case backs(p), p.Key == panel.OK && p.Kind == Long:
		u.pop()
	case p.Key == panel.Left && (p.Kind == Down || p.Kind == Repeat):
		w.problem = ""
		w.back()
	case p.Key == panel.Right && (p.Kind == Down || p.Kind == Repeat):
		w.problem = ""
		if w.at < len(w.cells) {
			w.forward(w.at + 1)
		}
	case picks(p):
		w.ok(u, s)
	default:
		if by := moved(p); by != 0 {
			w.turn(-by)
		}
	}
}

// ok goes to the next character. It is done behind the last one, and in text on a blank.
func (w *wheel) ok(u *ui, s scene) {
	blank := w.at > 0 && w.at < len(w.cells) && w.cells[w.at] == ' '
	if w.at < len(w.cells) && !blank {
		w.forward(w.at + 1)
		return
	}
	value, err := w.value(string(w.cells))
	if err != nil {
		w.problem = err.Error()
		w.forward(0)
		return
	}
	w.done(u, s, value)
}

// turn goes on in a cell's alphabet; a digit goes up by Up, a letter goes on by Down.
func (w *wheel) turn(by int) {
	w.problem = ""
	if w.at >= len(w.cells) {
		return
	}
	alphabet := []rune(w.turns[w.at])
	if w.turns[w.at] == letters {
		by = -by
	}
	for i, r := range alphabet {
		if r == w.cells[w.at] {
			w.cells[w.at] = alphabet[(i+by+len(alphabet))%len(alphabet)]
			return
		}
	}
}

// forward goes to the next cell that turns, from one on; behind the last: the end.
func (w *wheel) forward(from int) {
	w.at = from
	for w.at < len(w.cells) && w.turns[w.at] == "" {
		w.at++
	}
}

func (w *wheel) back() {
	for at := w.at - 1; at >= 0; at-- {
		if w.turns[at] != "" {
			w.at = at
			return
		}
	}
}
