package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/lab/measure"
)

func TestGoals(t *testing.T) {
	r := &report{Enter: []float64{1, 2, 30}, Show: []float64{20}, Idle: []idleRound{{2, 2.5}, {2, 3.5}, {3, 3}}, Window: 20}
	for range 198 {
		r.Press = append(r.Press, 5)
	}
	r.Press = append(r.Press, 60, 70)
	r.Crowd = []crowdRow{{Surface: "HTTP API", Spread: measure.SpreadOf([]float64{5, 6}), P99: 6, Rate: 180}}
	r.Commands, r.Throughput = 10_000, 612
	r.finish()
	var lines []string
	for _, g := range r.Goals {
		lines = append(lines, g.String())
	}
	require.Equal(t, []string{
		"goal press-p99-ms 5 50 ok",
		"goal console-enter-p99-ms 30 20 short",
		"goal console-show-p99-ms 20 20 ok",
		"goal surfaces-idle-percent 0.5 1 ok",
	}, lines)
	text := r.markdown()
	require.Contains(t, text, "| key down → the picture changes | 200 | 5.00 ms | 5.00 ms | 5.00 – 70.00 ms |")
	require.Contains(t, text, "| the difference, round by round | 0.50 | 0.00 – 1.50 |")
	require.Contains(t, text, "| all, 10000 commands | 612 |")

	part := &report{Show: []float64{1}}
	part.finish()
	require.Len(t, part.Goals, 1)
	require.Len(t, part.tables(), 1)
}

// A row that changes by itself, or is sent again, is no reaction.
func TestWhatCountsAsAReaction(t *testing.T) {
	s := newScreen(&bytes.Buffer{})
	at := time.Unix(100, 0)
	say := func(text string) {
		at = at.Add(time.Second)
		s.note([]byte(text), at)
	}
	say("01 text 0 >one*aaaa\n02 text 1 two*aaaa\n03 text 3 12:00*aaaa\n04 text 2*aa")
	say("aa\n")
	before := map[string]string{"0": ">one", "1": "two", "2": "", "3": "12:00"}
	require.Equal(t, before, s.picture())
	want := map[string]string{"0": "one", "1": ">two", "2": "", "3": "12:00"}
	reacted := func() time.Time { at, _ := s.first(before, want); return at }
	say("05 text 3 12:01*aaaa\r\n06 ping*aaaa\n07 text 0 >one*aaaa\n")
	require.Zero(t, reacted())
	say("08 text 1 >t")
	require.Zero(t, reacted())
	say("wo*aaaa\n")
	first := at
	say("09 text 0 one*aaaa\n")
	require.Equal(t, first, reacted())
	require.Equal(t, 9, s.lines())
}

func TestOptions(t *testing.T) {
	o, err := parse(nil)
	require.NoError(t, err)
	require.Equal(t, 200, o.count)
	require.Equal(t, 10_000, o.commands)
	for _, args := range []string{"-count 0", "-rounds 0", "-commands 3", "-window 1ms", "-only (", "what"} {
		_, err := parse(strings.Fields(args))
		require.Error(t, err, args)
	}
}
