package panel

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

var update = flag.Bool("update", false, "write the pictures and texts that the tests compare with")

// shot is one screen of the gallery.
type shot struct {
	name, caption string
	view          func(t *testing.T) (view, scene)
}

// on is a status page of a snapshot.
func on(s *status.Snapshot, name string) func(*testing.T) (view, scene) {
	return func(t *testing.T) (view, scene) {
		h := newHand(s)
		h.ui.page = name
		v := h.ui.view(h.s)
		require.NotEmpty(t, v)
		return v, h.s
	}
}

// by is what a hand's work leads to.
func by(s *status.Snapshot, work func(t *testing.T, h *hand)) func(*testing.T) (view, scene) {
	return func(t *testing.T) (view, scene) {
		h := newHand(s)
		work(t, h)
		return h.ui.view(h.s), h.s
	}
}

func menuTo(labels ...string) func(*testing.T, *hand) {
	return func(t *testing.T, h *hand) {
		h.do("ok…")
		require.NoError(t, h.choose(labels...))
	}
}

// shots are all screens, in the order of docs/panel.md.
func shots() []shot {
	return []shot{
		{"starting", "The daemon has just started", on(&status.Snapshot{Hostname: "encoder-7", Version: "1.4.0"}, "")},
		{"off-air", "Ready, off the air", on(offAir(), "home0")},
		{"on-air", "On the air; `!1`: an alarm; `REC`: recording", on(live(), "home0")},
		{"rate", "Bit rate: what the encoder is told, what it sends, and which destination decided that and why", on(live(), "rate0")},
		{"input", "Input signal", on(live(), "input0")},
		{"destinations", "Destinations: what each sends, or why not", on(live(), "destinations0")},
		{"recording", "Recording and free space", on(live(), "recording0")},
		{"alarms", "Alarms", on(live(), "alarms")},
		{"network", "Addresses", on(live(), "network")},
		{"code", "The web page's address, for a telephone's camera", on(live(), "code")},
		{"menu", "The menu: hold OK on a status page", by(offAir(), func(_ *testing.T, h *hand) { h.do("ok…") })},
		{"go-on-air", "Going on the air: hold OK", by(offAir(), menuTo("Go on air"))},
		{"holding", "… while it is held", by(offAir(), func(t *testing.T, h *hand) { menuTo("Go on air")(t, h); h.do("half") })},
		{"working", "… while it works", by(offAir(), func(t *testing.T, h *hand) {
			h.b.block = make(chan struct{})
			menuTo("Go on air")(t, h)
			h.do("hold")
			h.ui.progress(1, control.Progress{Done: 0.4, Text: "Connecting youtube"})
		})},
		{"done", "… and done", by(offAir(), func(t *testing.T, h *hand) { menuTo("Go on air")(t, h); h.do("hold") })},
		{"error", "What went wrong, in its own words; Down scrolls", by(offAir(), func(t *testing.T, h *hand) { h.b.fail = errBroken; menuTo("Go on air")(t, h); h.do("hold") })},
		{"destination-list", "Menu, Destinations", by(live(), menuTo("Destinations"))},
		{"destination", "… one of them", by(live(), menuTo("Destinations", "youtube"))},
		{"record", "Menu, Recording", by(live(), menuTo("Recording"))},
		{"record-options", "… Start: what may be left out", by(offAir(), menuTo("Recording", "Start"))},
		{"presets", "Menu, Presets: `●` marks what the box does", by(offAir(), menuTo("Presets"))},
		{"preset", "… one of them", by(offAir(), menuTo("Presets", "fair"))},
		{"preset-apply", "… Apply: hold OK", by(offAir(), menuTo("Presets", "fair", "Apply"))},
		{"preset-applied", "… and done: the box is off the air, whatever is in the preset", by(offAir(), func(t *testing.T, h *hand) {
			h.b.text = "preset fair is applied, the box is off the air"
			menuTo("Presets", "fair", "Apply")(t, h)
			h.do("hold")
		})},
		{"preset-refused", "… or what is wrong with it, and nothing was changed", by(offAir(), func(t *testing.T, h *hand) {
			h.b.fail = &control.Error{
				Code: control.Usage, Message: "preset old-box is not valid on this box; nothing was changed",
				Problems: []string{"old-box.toml:3:1: streams.main.video.gpo: unknown key; did you mean \"gop\"?"},
			}
			menuTo("Presets", "old-box", "Apply")(t, h)
			h.do("hold")
		})},
		{"preset-import", "… Import: what is on a USB stick", by(offAir(), menuTo("Presets", "Import"))},
		{"input-select", "Menu, Input: the source", by(offAir(), menuTo("Input"))},
		{"bitrate", "Menu, Bit rate: Up and Down change a digit, OK goes on", by(offAir(), func(t *testing.T, h *hand) { menuTo("Bit rate")(t, h); h.do("ok") })},
		{"network-menu", "Menu, Network", by(offAir(), menuTo("Network"))},
		{"address", "… Static: the address", by(offAir(), func(t *testing.T, h *hand) {
			menuTo("Network", "eth0", "Static")(t, h)
			h.do("ok", "ok", "ok", "up", "up")
		})},
		{"keep", "… it goes back by itself unless somebody keeps it", by(offAir(), func(t *testing.T, h *hand) { menuTo("Network", "eth0", "Dhcp")(t, h); h.do("hold") })},
		{"system", "Menu, System", by(offAir(), menuTo("System"))},
		{"reset", "… Factory reset asks", by(offAir(), menuTo("System", "Factory reset"))},
		{"reset-again", "… twice", by(offAir(), func(t *testing.T, h *hand) { menuTo("System", "Factory reset")(t, h); h.do("hold") })},
		{"about", "Menu, About", by(offAir(), menuTo("About"))},
		{"update", "An update is being installed", func(*testing.T) (view, scene) {
			h := newHand(offAir())
			h.s.sign.Update = &Update{Done: 0.65, Text: "Writing 1.5.0"}
			return h.ui.view(h.s), h.s
		}},
		{"identify", "Somebody looks for this box", func(*testing.T) (view, scene) {
			h := newHand(offAir())
			h.s.sign.Identify = noon.Add(time.Minute)
			return h.ui.view(h.s), h.s
		}},
		{"rest", "Ten minutes later: next to nothing, which moves, so that no pixel burns in", func(*testing.T) (view, scene) {
			s := sceneOf(live())
			s.turn = 1
			return restView(s), s
		}},
	}
}

var oled, small = panel.Size{Width: 128, Height: 64}, panel.Size{Width: 128, Height: 32}

// TestPictures compares every screen with its picture in docs/panel.
func TestPictures(t *testing.T) {
	for _, s := range shots() {
		t.Run(s.name, func(t *testing.T) {
			v, _ := s.view(t)
			p := newArtist(oled).draw(v, image.Point{})
			compare(t, filepath.Join("../../docs/panel", s.name+".png"), enlarge([]*image.Gray{p.Pixels}))
		})
	}
	var all []*image.Gray
	for _, s := range shots() {
		v, _ := s.view(t)
		all = append(all, newArtist(small).draw(v, image.Point{}).Pixels)
	}
	compare(t, "../../docs/panel/128x32.png", enlarge(all))
}

// enlarge draws displays as they are seen: three times as large, in their frames, three in a row.
func enlarge(all []*image.Gray) []byte {
	const scale, border, columns = 3, 12, 3
	size := all[0].Rect.Size().Mul(scale).Add(image.Pt(2*border, 2*border))
	out := image.NewPaletted(image.Rect(0, 0, size.X*min(len(all), columns), size.Y*((len(all)+columns-1)/columns)),
		color.Palette{color.RGBA{0x2a, 0x2d, 0x33, 255}, color.RGBA{0x05, 0x08, 0x0c, 255}, color.RGBA{0xbf, 0xe6, 0xff, 255}})
	for i, p := range all {
		at := image.Pt(i%columns*size.X+border, i/columns*size.Y+border)
		for y := -scale; y < p.Rect.Dy()*scale+scale; y++ {
			for x := -scale; x < p.Rect.Dx()*scale+scale; x++ {
				index := uint8(1)
				if in := image.Pt(x, y); in.In(image.Rectangle{Max: p.Rect.Max.Mul(scale)}) && p.GrayAt(x/scale, y/scale).Y > 127 {
					index = 2
				}
				out.SetColorIndex(at.X+x, at.Y+y, index)
			}
		}
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, out); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// compare holds what was made against a file, or writes it with -update.
func compare(t *testing.T, file string, made []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, made, 0o644))
		return
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run the tests with -update, and look at what that makes")
	if !bytes.Equal(want, made) {
		t.Errorf("%s is different now: run the tests with -update, and look at it", file)
	}
}

// TestTexts compares every screen of the character displays with testdata.
func TestTexts(t *testing.T) {
	for _, size := range []panel.Size{{Columns: 16, Rows: 2}, {Columns: 20, Rows: 4}} {
		var b strings.Builder
		for _, s := range shots() {
			v, _ := s.view(t)
			fmt.Fprintf(&b, "%s\n", s.name)
			seen := map[string]bool{}
			for turn := range 8 {
				v.turn = turn
				text := ""
				for _, l := range newArtist(size).draw(v, image.Point{}).Lines {
					require.LessOrEqual(t, len(l), size.Columns, "%s: %q", s.name, l)
					text += "  |" + pad(l, size.Columns) + "|\n"
				}
				if !seen[text] && !(v.hasBar && v.bar < 0 && turn > 0) {
					b.WriteString(text + "\n")
				}
				seen[text] = true
			}
		}
		compare(t, fmt.Sprintf("testdata/%dx%d.txt", size.Columns, size.Rows), []byte(b.String()))
	}
}

// TestAnotherReaderReadsTheCode has a reader that is not ours read what the screens show.
func TestAnotherReaderReadsTheCode(t *testing.T) {
	for _, size := range []panel.Size{oled, small} {
		v, _ := on(live(), "code")(t)
		p := newArtist(size).draw(v, image.Point{}).Pixels
		img, _, err := image.Decode(bytes.NewReader(enlarge([]*image.Gray{p})))
		require.NoError(t, err)
		bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
		require.NoError(t, err)
		got, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
		require.NoError(t, err, "%v", size)
		require.Equal(t, "HTTP://192.168.178.120:8080", got.GetText())
	}
}

// TestEveryScreenIsInTheDocument: with its picture and its caption.
func TestEveryScreenIsInTheDocument(t *testing.T) {
	doc, err := os.ReadFile("../../docs/panel.md")
	require.NoError(t, err)
	for _, s := range shots() {
		line := fmt.Sprintf("![%s](panel/%s.png)", s.name, s.name)
		require.Contains(t, string(doc), line)
		require.Contains(t, string(doc), s.caption)
	}
	files, err := filepath.Glob("../../docs/panel/*.png")
	require.NoError(t, err)
	require.Len(t, files, len(shots())+1, "a picture of a screen that is no more")
}
