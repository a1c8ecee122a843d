// Package plot draws lines over time as SVG.
package plot

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
	"time"
)

// Line is a value at regular times.
type Line struct {
	Name   string
	Colour string
	Dashed bool
	Area   bool // filled down to 0
	Values []float64
}

// Panel is lines of one unit.
type Panel struct {
	Title string
	Unit  string
	Most  float64 // of the axis; 0: as the values need
	Lines []Line
}

// Figure is panels below each other, of the same times.
type Figure struct {
	Title  string
	Step   time.Duration // from one value to the next
	Panels []Panel
}

// Sizes in pixels.
const (
	width  = 860
	height = 170 // of a panel
	left   = 56
	right  = 12
	top    = 34 // of a panel, with its title
	bottom = 22
)

// WriteTo draws the figure.
func (f Figure) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	total := 26 + len(f.Panels)*(height+top+bottom)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, total)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, total)
	fmt.Fprintf(&b, `<text x="%d" y="18" font-size="14" font-weight="bold">%s</text>`+"\n", left, html.EscapeString(f.Title))
	for i, p := range f.Panels {
		f.panel(&b, p, 26+i*(height+top+bottom))
	}
	b.WriteString("</svg>\n")
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

func (f Figure) panel(b *strings.Builder, p Panel, y int) {
	most, n := p.Most, 0
	for _, l := range p.Lines {
		n = max(n, len(l.Values))
		for _, v := range l.Values {
			if p.Most == 0 && !math.IsNaN(v) {
				most = max(most, v)
			}
		}
	}
	tick := nice(most / 4)
	most = max(1, math.Ceil(most/tick-1e-9)) * tick
	origin := float64(y + top + height)
	fmt.Fprintf(b, `<text x="%d" y="%d">%s</text>`+"\n", left, y+16, html.EscapeString(p.Title))
	for v := 0.0; v <= most+tick/2; v += tick {
		at := origin - v/most*height
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end" fill="#555">%s</text>`+"\n", left, at, width-right, left-6, at+4, figure(v))
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end" fill="#555">%s</text>`+"\n", left-6, y+top-8, html.EscapeString(p.Unit))
	f.times(b, n, origin)
	for i, l := range p.Lines {
		f.line(b, l, n, most, origin)
		x := 300 + i*140
		fmt.Fprintf(b, `<path d="M%d %dh22" stroke="%s" stroke-width="2"%s/><text x="%d" y="%d">%s</text>`+"\n",
			x, y+12, l.Colour, dash(l), x+28, y+16, html.EscapeString(l.Name))
	}
}

// times draws the axis of the times.
func (f Figure) times(b *strings.Builder, n int, origin float64) {
	length := (time.Duration(n) * f.Step).Seconds()
	step := max(1, nice(length/9))
	for s := 0.0; s <= length; s += step {
		fmt.Fprintf(b, `<text x="%.1f" y="%.0f" text-anchor="middle" fill="#555">%s s</text>`+"\n", f.x(int(s/f.Step.Seconds()), n), origin+16, figure(s))
	}
}

func (f Figure) x(i, n int) float64 {
	return left + float64(i)/float64(max(1, n))*(width-left-right)
}

func (f Figure) line(b *strings.Builder, l Line, n int, most, origin float64) {
	var d strings.Builder
	begun, first, last := false, 0.0, 0.0
	for i, v := range l.Values {
		if math.IsNaN(v) {
			begun = false
			continue
		}
		command := "L"
		if !begun {
			command = "M"
		}
		if d.Len() == 0 {
			first = f.x(i, n)
		}
		begun, last = true, f.x(i, n)
		fmt.Fprintf(&d, "%s%.1f %.1f", command, f.x(i, n), origin-min(v, most)/most*height)
	}
	if l.Area {
		fmt.Fprintf(b, `<path d="%sL%.1f %.1fL%.1f %.1fZ" fill="%s" fill-opacity=".18"/>`+"\n", d.String(), last, origin, first, origin, l.Colour)
	}
	fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.3"%s/>`+"\n", d.String(), l.Colour, dash(l))
}

func dash(l Line) string {
	if l.Dashed {
		return ` stroke-dasharray="5 3"`
	}
	return ""
}

// nice is the least of 1, 2 and 5 times a power of ten that is not below v.
func nice(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

func figure(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", v), "0"), ".")
}
