// Package paneltest is a serial front panel of software, made from docs/panel-protocol.md and
// none of the driver's code.
package paneltest

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Panel is a panel that is plugged in.
type Panel struct {
	hello string
	port  io.ReadWriter

	write sync.Mutex // one line at a time

	mu      sync.Mutex // guards the fields below
	text    []string
	pixels  *image.Gray
	lights  map[string]int
	off     bool
	bright  string
	held    []string
	pending []string // presses, the first is on its way
	seq     byte
	bad     int
	deaf    bool
	lines   []string
}

// New plugs in a panel that says hello so: "name=Test text=16x2 keys=up,ok lights=red".
func New(port io.ReadWriter, hello string) *Panel {
	p := &Panel{hello: hello, port: port, lights: map[string]int{}}
	for f := range strings.FieldsSeq(hello) {
		var x, y int
		if n, _ := fmt.Sscanf(f, "text=%dx%d", &x, &y); n == 2 {
			p.text = make([]string, y)
		}
		if n, _ := fmt.Sscanf(f, "pixels=%dx%d", &x, &y); n == 2 {
			p.pixels = image.NewGray(image.Rect(0, 0, x, y))
		}
	}
	return p
}

// Run serves until the port ends or ctx does, which it hears of with the next line.
func (p *Panel) Run(ctx context.Context) error {
	running, stop := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer stop()
	tasks.Go(func() { p.resend(running) })
	lines := bufio.NewReaderSize(p.port, 1024)
	for running.Err() == nil {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		p.receive(strings.TrimRight(line, "\r\n"))
	}
	return nil
}

// resend sends the first press again until it is acknowledged.
func (p *Panel) resend(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(100 * time.Millisecond):
			p.mu.Lock()
			pending, seq := slices.Clone(p.pending), p.seq
			p.mu.Unlock()
			if len(pending) > 0 {
				p.send(seq, pending[0])
			}
		}
	}
}

// Press presses a key, or lets it go.
func (p *Panel) Press(key string, down bool) {
	p.mu.Lock()
	word := "up "
	p.held = slices.DeleteFunc(p.held, func(k string) bool { return k == key })
	if down {
		word = "down "
		p.held = append(p.held, key)
	}
	p.pending = append(p.pending, word+key)
	first := len(p.pending) == 1
	if first {
		p.seq++
	}
	seq := p.seq
	p.mu.Unlock()
	if first {
		p.send(seq, word+key)
	}
}

// Reboot is a moment without power, and says hello of itself.
func (p *Panel) Reboot() {
	p.mu.Lock()
	p.held, p.pending, p.seq = nil, nil, 0
	clear(p.text)
	clear(p.lights)
	p.mu.Unlock()
	p.Hello()
}

// Hello says hello once more, as the answer to a question does that came late.
func (p *Panel) Hello() { p.send(0, "hello 1 "+p.hello) }

// Deaf lets the panel read and do nothing.
func (p *Panel) Deaf(deaf bool) { p.mu.Lock(); p.deaf = deaf; p.mu.Unlock() }

// Text are the lines that it shows.
func (p *Panel) Text() []string { p.mu.Lock(); defer p.mu.Unlock(); return slices.Clone(p.text) }

// Light is the level of a light.
func (p *Panel) Light(name string) int { p.mu.Lock(); defer p.mu.Unlock(); return p.lights[name] }

// Bright is the level of the screen as it was sent; "": none was.
func (p *Panel) Bright() string { p.mu.Lock(); defer p.mu.Unlock(); return p.bright }

// Off says that the box has said goodbye.
func (p *Panel) Off() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.off }

// Bad counts lines that were no messages.
func (p *Panel) Bad() int { p.mu.Lock(); defer p.mu.Unlock(); return p.bad }

// Lines are the good lines that came, without number and checksum.
func (p *Panel) Lines() []string { p.mu.Lock(); defer p.mu.Unlock(); return slices.Clone(p.lines) }

// Pixels are what it shows.
func (p *Panel) Pixels() *image.Gray {
	p.mu.Lock()
	defer p.mu.Unlock()
	picture := *p.pixels
	picture.Pix = slices.Clone(picture.Pix)
	return &picture
}

func (p *Panel) send(seq byte, text string) {
	line := fmt.Sprintf("%02X %s", seq, text)
	p.write.Lock()
	defer p.write.Unlock()
	_, _ = fmt.Fprintf(p.port, "%s*%04X\r\n", line, crc(line)) // Run hears of a port that is gone
}

// crc is made bit by bit, as the document says.
func crc(text string) uint16 {
	remainder := uint32(0xffff)
	for _, c := range []byte(text) {
		for bit := 7; bit >= 0; bit-- {
			top := remainder>>15&1 ^ uint32(c)>>bit&1
			remainder = remainder << 1 & 0xffff
			if top == 1 {
				remainder ^= 0x1021
			}
		}
	}
	return uint16(remainder)
}

func (p *Panel) receive(line string) {
	if line == "" {
		return
	}
	body, sum, _ := cutLast(line, "*")
	if fmt.Sprintf("%04x", crc(body)) != strings.ToLower(sum) || len(body) < 4 {
		p.mu.Lock()
		p.bad++
		p.mu.Unlock()
		return
	}
	number, _ := strconv.ParseUint(body[:2], 16, 8)
	word, rest, _ := strings.Cut(body[3:], " ")
	p.mu.Lock()
	if p.deaf {
		p.mu.Unlock()
		return
	}
	p.lines = append(p.lines, body[3:])
	seq, answer := p.do(byte(number), word, rest)
	p.mu.Unlock()
	if answer != "" {
		p.send(seq, answer)
	}
}

// do does what a line says and returns the answer.
func (p *Panel) do(seq byte, word, rest string) (byte, string) {
	switch word {
	case "who":
		return 0, "hello 1 " + p.hello
	case "ping":
		held := strings.Join(p.held, ",")
		if held == "" {
			held = "-"
		}
		return seq, "alive " + held
	case "ack":
		if len(p.pending) == 0 || seq != p.seq {
			return 0, ""
		}
		p.pending = p.pending[1:]
		if len(p.pending) == 0 {
			return 0, ""
		}
		p.seq++
		return p.seq, p.pending[0]
	case "text":
		row, text, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(row)
		text, unquoted := url.PathUnescape(text)
		if err != nil || unquoted != nil || n >= len(p.text) {
			return seq, "nak no such row"
		}
		p.text[n] = text
	case "pix":
		if !p.draw(rest) {
			return seq, "nak not pixels of mine"
		}
	case "light":
		var name string
		var level int
		if n, _ := fmt.Sscanf(rest, "%s %d", &name, &level); n != 2 {
			return seq, "nak no level"
		}
		p.lights[name] = level
	case "bright":
		p.bright = rest
	case "off":
		p.off = true
	default:
		return seq, "nak what?"
	}
	return seq, "ack"
}

func (p *Panel) draw(rest string) bool {
	f := strings.Fields(rest)
	if p.pixels == nil || len(f) != 3 {
		return false
	}
	page, _ := strconv.Atoi(f[0])
	x, _ := strconv.Atoi(f[1])
	for data := f[2]; data != ""; x++ {
		run := 1
		if data[0] == '~' {
			n, err := hex.DecodeString(data[1:3])
			if err != nil {
				return false
			}
			run, data = int(n[0]), data[3:]
		}
		column, err := hex.DecodeString(data[:2])
		if err != nil {
			return false
		}
		data = data[2:]
		for i := range run {
			for bit := range 8 {
				p.pixels.SetGray(x+i, page*8+bit, color.Gray{Y: column[0] >> bit & 1 * 255})
			}
		}
		x += run - 1
	}
	return true
}

func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return s, "", false
}
