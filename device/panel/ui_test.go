package panel

import (
	"image"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/device/control"
	"github.com/encoderbox/encoderbox/device/status"
)

func TestEveryCommandIsReachableOrExcepted(t *testing.T) {
	b := newBox(offAir())
	require.Empty(t, Unreachable(b.table))
	b = newBox(offAir(),
		control.Command{Name: "user add", Help: "x", Args: []control.Arg{{Name: "name", Kind: control.Word}, {Name: "password", Kind: control.Word, Secret: true}}},
		control.Command{Name: "user remove", Help: "x", Args: []control.Arg{{Name: "name", Kind: control.Word}}},
		control.Command{Name: "config set", Help: "x", Args: []control.Arg{{Name: "value", Kind: control.Text}}},
		control.Command{Name: "config load", Help: "x", Args: []control.Arg{{Name: "file", Kind: control.Text}}, Except: map[control.Surface]string{control.Panel: "no keyboard"}},
		control.Command{Name: "anything", Help: "a command that nobody thought of"})
	require.Equal(t, []string{"config set", "user add"}, Unreachable(b.table))
}

// TestEachCommandIsRunByDownAndOK walks the whole menu with two keys.
func TestEachCommandIsRunByDownAndOK(t *testing.T) {
	ran := map[string]bool{}
	paused := live()
	paused.Streams[0].Destinations[2] = status.Destination{Name: "youtube", State: status.Disabled, Paused: true}
	snapshot := offAir()
	var walk func(path []string, depth int)
	walk = func(path []string, depth int) {
		h := newHand(snapshot)
		h.do("ok…")
		require.NoError(t, h.choose(path...), path)
		for range 40 { // whatever is asked is answered as it stands
			v := h.ui.view(h.s)
			if v.menu && !slices.ContainsFunc(v.rows, func(r row) bool { return r.left == "Do it" }) {
				break
			}
			if v.edit != "" || v.menu {
				h.do("ok")
			} else if len(h.b.calls) > 0 {
				ran[h.b.calls[0]] = true
				return
			} else if _, ok := h.ui.top().(*hold); ok {
				h.do("hold")
			} else {
				return
			}
		}
		v := h.ui.view(h.s)
		if !v.menu || depth > 4 {
			return
		}
		for _, r := range v.rows {
			if r.left != "Back" && r.left != "Enter..." {
				walk(append(slices.Clone(path), r.left), depth+1)
			}
		}
	}
	for _, snapshot = range []*status.Snapshot{offAir(), live(), paused} {
		walk(nil, 0)
	}
	calls := slices.Sorted(maps.Keys(ran))
	for _, c := range newBox(offAir()).table.Commands() {
		require.True(t, slices.ContainsFunc(calls, func(call string) bool { return strings.HasPrefix(call+" ", c.Name+" ") }), "%s was never run: %q", c.Name, calls)
	}
	require.Contains(t, calls, "network static interface=wlan0 address=192.168.178.120/24 gateway=192.168.178.1")
	require.Contains(t, calls, "bitrate stream=main max=8M")
	require.Contains(t, calls, "time set time=2026-11-21 12:00:00")
	require.Contains(t, calls, "time zone zone=Europe/City25")
}

func TestOKAloneGoesRoundTheStatusPages(t *testing.T) {
	h := newHand(live())
	var seen []string
	for range len(pages(h.s)) {
		seen = append(seen, h.ui.view(h.s).title)
		h.do("ok")
	}
	require.Equal(t, []string{"main", "Bit rate", "Input", "Destinations", "Recording", "Alarms", "Network", "Web page"}, seen)
	require.Equal(t, "main", h.ui.view(h.s).title)
	h.do("up")
	require.Equal(t, "Web page", h.ui.view(h.s).title)
	h.do("back")
	require.Equal(t, "main", h.ui.view(h.s).title)
}

func TestGoingOnTheAirNeedsAHold(t *testing.T) {
	h := newHand(offAir())
	menuTo("Go on air")(t, h)
	h.do("half")
	h.ui.press(h.s, Press{panel.OK, Up, time.Second})
	require.Empty(t, h.b.calls, "it was let go too early")
	h.do("hold")
	require.Equal(t, []string{"stream start stream=main"}, h.b.calls)
	require.Equal(t, "Done.", h.ui.view(h.s).text)
	h.s.now = noon.Add(toastFor)
	h.ui.tick(h.s)
	require.Equal(t, "Menu", h.ui.view(h.s).title, "the result goes by itself")
	h.s.now = noon.Add(goHome + toastFor)
	h.ui.tick(h.s)
	require.Empty(t, h.ui.stack, "and so does the menu")
}

func TestAHoldThatBeganBeforeTheQuestionIsNoAnswer(t *testing.T) {
	h := newHand(offAir())
	menuTo("System", "Factory reset")(t, h)
	h.ui.press(h.s, Press{panel.OK, Held, time.Minute})
	require.Empty(t, h.b.calls)
	h.do("hold")
	h.ui.press(h.s, Press{panel.OK, Held, time.Minute}) // still down from the first question
	require.Empty(t, h.b.calls, "the second question is there")
	require.Contains(t, h.ui.view(h.s).text, "Really?")
	h.do("back")
	require.Empty(t, h.b.calls)
	menuTo("System", "Factory reset")(t, newHand(offAir()))
}

func TestFactoryResetAsksTwice(t *testing.T) {
	h := newHand(offAir())
	menuTo("System", "Factory reset")(t, h)
	h.do("hold", "hold")
	require.Equal(t, []string{"system factory-reset"}, h.b.calls)
}

func TestTheStreamAndRecordKeys(t *testing.T) {
	h := newHand(offAir())
	h.ui.press(h.s, Press{panel.Stream, Down, 0})
	require.Equal(t, "Go on air?", h.ui.view(h.s).title)
	h.ui.press(h.s, Press{panel.Stream, Held, holdFor})
	require.NotNil(t, h.ui.wanted())
	h.ui.finished(h.s, 1, control.Result{}, nil)

	h = newHand(offAir())
	h.do("record")
	require.Equal(t, []string{"record start stream=main"}, h.b.calls)
	h = newHand(live())
	h.do("record")
	require.Empty(t, h.b.calls, "a touch does not stop a recording")
	h.do("record…")
	require.Equal(t, []string{"record stop stream=main"}, h.b.calls)
	h.ui.press(h.s, Press{panel.Record, Double, 0})
	require.Equal(t, "record mark", h.ui.wanted().request.Command)
}

func TestOneCommandAtATime(t *testing.T) {
	h := newHand(offAir())
	h.b.block = make(chan struct{})
	menuTo("Go on air")(t, h)
	h.do("hold")
	require.NotNil(t, h.ui.running)
	h.do("stream", "record", "ok", "down", "back", "ok…")
	require.Nil(t, h.ui.wanted())
	require.IsType(t, &working{}, h.ui.top())
	h.ui.finished(h.s, 99, control.Result{}, nil)
	require.NotNil(t, h.ui.running, "the end of another one is not its end")
}

func TestABadAddressIsToldAndCanBeMended(t *testing.T) {
	h := newHand(offAir())
	menuTo("Network", "eth0", "Static")(t, h)
	h.do("up", "up") // 392
	for range 15 {
		h.do("ok")
	}
	require.Equal(t, "! 392 is more than 255", h.ui.view(h.s).text)
	h.do("down", "down", "down", "up")
	for range 15 {
		h.do("ok")
	}
	require.True(t, h.ui.view(h.s).menu, "the gateway is next: %+v", h.ui.view(h.s))
}

// TestAMenuWithoutAnything: no table, no streams, odd keys; nothing breaks.
func TestAMenuWithoutAnything(t *testing.T) {
	for _, table := range []*control.Table{nil, control.New(nil, nil)} {
		u := &ui{table: table, by: Caller()}
		s := scene{status: &offAirEmpty, now: noon}
		for _, k := range []panel.Key{panel.Stream, panel.Record, panel.OK, panel.Down, panel.Up, panel.Left, panel.Right, panel.Back, "f13"} {
			for _, kind := range []PressKind{Down, Held, Long, Repeat, Up, Short, Double} {
				u.press(s, Press{k, kind, time.Second})
				for _, size := range []panel.Size{oled, small, {Columns: 16, Rows: 2}, {Columns: 8, Rows: 1}} {
					newArtist(size).draw(u.view(s), oled2())
				}
			}
		}
		require.Nil(t, u.wanted())
	}
}

// TestAnythingPressed: whatever is pressed in whatever order, something is shown, and
// nothing of it is too long.
func TestAnythingPressed(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	keys := []panel.Key{panel.OK, panel.OK, panel.Down, panel.Down, panel.Up, panel.Left, panel.Right, panel.Back, panel.Stream, panel.Record}
	sizes := []panel.Size{oled, small, {Columns: 16, Rows: 2}, {Columns: 20, Rows: 4}, {Columns: 8, Rows: 1}, {Width: 96, Height: 16}, {Width: 256, Height: 64}}
	artists := map[panel.Size]*artist{}
	for _, size := range sizes {
		artists[size] = newArtist(size)
	}
	h := newHand(live())
	for i := range 20000 {
		if i%500 == 0 {
			s := []*status.Snapshot{live(), offAir(), {}}[random.IntN(3)]
			if s.Streams == nil {
				s.Streams = []status.Stream{{Name: "ünïcode straße 日本語"}}
			}
			h.s = sceneOf(s)
		}
		h.s.now, h.s.turn = h.s.now.Add(50*time.Millisecond), h.s.turn+1
		h.ui.press(h.s, Press{keys[random.IntN(len(keys))], PressKind(random.IntN(7)), time.Duration(random.IntN(4000)) * time.Millisecond})
		if j := h.ui.wanted(); j != nil {
			r, err := h.b.table.Do(t.Context(), h.ui.by, j.request)
			h.ui.finished(h.s, j.number, r, err)
		}
		h.ui.tick(h.s)
		size := sizes[random.IntN(len(sizes))]
		for _, l := range artists[size].draw(h.ui.view(h.s), oled2()).Lines {
			require.LessOrEqual(t, len(l), size.Columns, "%q", l)
			require.Equal(t, -1, strings.IndexFunc(l, func(r rune) bool { return r < ' ' || r > '~' }), "%q", l)
		}
	}
	require.Greater(t, len(h.b.calls), 20)
}

var offAirEmpty status.Snapshot

func oled2() image.Point { return image.Pt(2, 1) }

func TestAPresetIsAppliedByHolding(t *testing.T) {
	h := newHand(offAir())
	menuTo("Presets", "fair", "Apply")(t, h)
	require.Contains(t, h.ui.view(h.s).text, "fair: from now on the box does this")
	h.do("ok", "ok")
	require.Empty(t, h.b.calls, "a tap is no answer")
	require.NoError(t, h.choose("Apply"))
	h.do("hold")
	require.Equal(t, []string{"preset apply name=fair"}, h.b.calls)
	require.Equal(t, "Done.", h.ui.view(h.s).text)
}

// A stick that is not in is told, in place of an empty list.
func TestNothingToImport(t *testing.T) {
	s := offAir()
	s.MediaPresets = []string{}
	h := newHand(s)
	menuTo("Presets", "Import")(t, h)
	require.Contains(t, h.ui.view(h.s).text, "folder presets of a USB stick")
	h.do("ok")
	require.True(t, h.ui.view(h.s).menu)
	require.Empty(t, h.b.calls)
}

// With one preset alone, its name is to be seen before anything is done with it.
func TestOnePresetIsAListToo(t *testing.T) {
	s := offAir()
	s.Presets = s.Presets[:1]
	s.Presets[0].State = status.PresetChanged
	h := newHand(s)
	menuTo("Presets")(t, h)
	require.Equal(t, row{left: "church", right: "● changed", wide: true}, h.ui.view(h.s).rows[0])
}

// What somebody noted of a preset takes the room that the preset's name leaves.
func TestANoteDoesNotCutTheNameOfAPreset(t *testing.T) {
	s := offAir()
	s.Presets = []status.Preset{
		{Name: "service", Note: "Sunday service"},
		{Name: "sunday-service", Note: "both halls", State: status.PresetApplied},
		{Name: "sunday-services", Note: "both halls"},
	}
	h := newHand(s)
	menuTo("Presets")(t, h)
	v := h.ui.view(h.s)
	for at, want := range []string{">service Sunday ser~", ">sunday-service    ●", ">sunday-services"} {
		v.selected = at
		var lines []string
		for _, l := range (grid{columns: 20, lines: 4}).lay(v) {
			lines = append(lines, l.text)
		}
		require.Contains(t, lines, want)
	}
}
