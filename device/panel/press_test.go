package panel

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/board/panel"
)

// play makes presses of "0+ok 100-ok 900": at so many milliseconds, a key down, up, or
// nothing.
func play(script string) (out []string) {
	var p Presses
	say := func(all []Press) {
		for _, x := range all {
			out = append(out, fmt.Sprintf("%s:%s@%d", x.Key, x.Kind, x.For.Milliseconds()))
		}
	}
	for _, word := range strings.Fields(script) {
		i := strings.IndexAny(word+"+", "+-")
		ms, _ := strconv.Atoi(word[:i])
		at := noon.Add(time.Duration(ms) * time.Millisecond)
		if i == len(word) {
			say(p.Advance(at))
			continue
		}
		say(p.Event(panel.Event{Key: panel.Key(word[i+1:]), Down: word[i] == '+', At: at}))
	}
	return out
}

func TestPresses(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"a short press is known when the key is up", "0+ok 30-ok 2000", "ok:down@0 ok:up@30 ok:short@30"},
		{"two of them", "0+ok 30-ok 200+ok 230-ok", "ok:down@0 ok:up@30 ok:short@30 ok:down@0 ok:up@30 ok:double@30"},
		{"three are a double and a new one", "0+ok 30-ok 100+ok 130-ok 200+ok 230-ok",
			"ok:down@0 ok:up@30 ok:short@30 ok:down@0 ok:up@30 ok:double@30 ok:down@0 ok:up@30 ok:short@30"},
		{"two that are too far apart", "0+ok 30-ok 500+ok 530-ok", "ok:down@0 ok:up@30 ok:short@30 ok:down@0 ok:up@30 ok:short@30"},
		{"contacts that bounce on going down", "0+ok 2-ok 4+ok 6-ok 8+ok 60-ok", "ok:down@0 ok:held@50 ok:up@60 ok:short@60"},
		{"contacts that bounce on going up", "0+ok 30-ok 33+ok 36-ok 200", "ok:down@0 ok:up@30 ok:short@30"},
		{"a press shorter than the bouncing", "0+ok 5-ok 100", "ok:down@0 ok:up@12 ok:short@12"},
		{"an Up that nobody saw go down", "0-ok 100", ""},
		{"the kernel's own repeat", "0+ok 20+ok 40+ok 45-ok", "ok:down@0 ok:up@45 ok:short@45"},
		{"two keys at once", "0+ok 10+down 20-ok 30-down", "ok:down@0 down:down@0 ok:up@20 ok:short@20 down:up@20 down:short@20"},
	} {
		require.Equal(t, c.want, strings.Join(play(c.script), " "), c.name)
	}
}

func TestALongPressIsOneAndNoShortOne(t *testing.T) {
	got := strings.Join(play("0+ok 1000 1010-ok 2000"), " ")
	require.Equal(t, 1, strings.Count(got, "long"), got)
	require.Equal(t, 20, strings.Count(got, "held"), got)
	require.Contains(t, got, "ok:long@700 ok:held@700")
	require.True(t, strings.HasSuffix(got, "ok:up@1010"), got)
}

func TestDirectionsRepeatFasterAndFaster(t *testing.T) {
	got := strings.Join(play("0+down 2400 2401-down"), " ")
	require.Equal(t, 16, strings.Count(got, "repeat"), got)
	require.Contains(t, got, "down:repeat@500")
	got = strings.Join(play("0+down 4000 4001-down"), " ")
	require.Greater(t, strings.Count(got, "repeat"), 40, got)
	require.NotContains(t, strings.Join(play("0+ok 4000"), " "), "repeat")
}

func TestAKeyThatSomethingLiesOnEnds(t *testing.T) {
	var p Presses
	p.Event(panel.Event{Key: panel.Down, Down: true, At: noon})
	p.Advance(noon.Add(stuck + time.Second))
	require.Zero(t, p.Next())
	require.Empty(t, p.Advance(noon.Add(time.Hour)))
	require.NotEmpty(t, p.Event(panel.Event{Key: panel.Down, At: noon.Add(time.Hour)}))
}

func TestKeysThatAreGoneAreUp(t *testing.T) {
	var p Presses
	p.Event(panel.Event{Key: panel.OK, Down: true, At: noon})
	p.Release()
	require.Zero(t, p.Next())
	require.Empty(t, p.Event(panel.Event{Key: panel.OK, At: noon.Add(time.Second)}))
}
