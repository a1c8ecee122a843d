package panel

import (
	"image"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/board/panel"
)

// A serial panel says itself how large it is.
func TestScreensOfAnySizeAreDrawn(t *testing.T) {
	views := []view{
		startingPage(sceneOf(offAir())), codePage(sceneOf(live())), alarmsPage(sceneOf(live())), restView(sceneOf(live())),
		{title: "Static", corner: "address", edit: "192.168.001.020/24 ", cursor: 7, text: "address"},
		{title: "Working", text: "A text of several words", rows: []row{{left: "a"}, {left: "b"}, {left: "c"}}, hasBar: true, bar: 0.4, hint: "Hold OK"},
		{menu: true, rows: []row{{left: "one", right: "→"}, {left: "two"}}},
	}
	draw := func(size panel.Size) {
		a := newArtist(size)
		for _, v := range views {
			for turn := range 9 {
				v.turn, v.scroll = turn, turn
				p := a.draw(v, image.Pt(1, 1))
				require.Len(t, p.Lines, size.Rows, size)
			}
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range 12 {
			for rows := range 4 {
				draw(panel.Size{Columns: n + 1, Rows: rows + 1})
			}
		}
		for _, w := range []int{1, 2, 7, 8, 13, 20, 32, 64} {
			for h := 8; h <= 64; h += 8 {
				draw(panel.Size{Width: w, Height: h})
			}
		}
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("a screen is drawn for ever")
	}
}
