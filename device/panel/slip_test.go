package panel

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/device/status"
)

// A menu whose lines change as the state does: what was read is what is chosen.
func TestAMenuThatChangesUnderTheFinger(t *testing.T) {
	h := newHand(live())
	menuTo("Destinations", "youtube")(t, h)
	h.do("down")
	require.Equal(t, "Retry", selected(h))
	s := live()
	s.Streams[0].Destinations[2] = status.Destination{Name: "youtube", State: status.Disabled, Paused: true}
	h.s = sceneOf(s) // somebody paused it: where Retry was, there is Disable now
	h.do("ok")
	require.Empty(t, h.b.calls)
	require.Equal(t, "Disable", selected(h))
	h.do("ok")
	require.Equal(t, []string{"destination disable name=youtube"}, h.b.calls, "it was to be seen by then")
}

func TestALineThatMovesStaysChosen(t *testing.T) {
	s := live()
	s.Streams[0].Destinations = s.Streams[0].Destinations[1:]
	h := newHand(s)
	menuTo("Destinations")(t, h)
	h.do("down")
	require.Equal(t, "youtube", selected(h))
	h.s = sceneOf(live()) // one more before it
	h.do("ok")
	require.Equal(t, "youtube", h.ui.view(h.s).title)
}

func selected(h *hand) string {
	v := h.ui.view(h.s)
	return v.rows[v.selected].left
}

// The end of the keys comes behind what they did, also where both wait.
func TestAKeyIsUpWhoseKeyboardIsGone(t *testing.T) {
	for range 30 {
		synctest.Test(t, func(t *testing.T) {
			l := newLoop(New(Config{Status: status.NewStore("1"), Table: newBox(live()).table}).cfg)
			ctx, cancel := context.WithCancel(t.Context())
			var all sync.WaitGroup
			l.events <- panel.Event{Key: panel.OK, Down: true, At: time.Now()}
			all.Go(func() { l.released <- struct{}{} })
			synctest.Wait()
			all.Go(func() { l.run(ctx, &all) })
			time.Sleep(time.Minute / 6)
			cancel()
			all.Wait()
			require.Empty(t, l.ui.stack, "nobody holds OK")
		})
	}
}

func TestABoxWithAnErrorThatIsOnTheAirIsNotOffIt(t *testing.T) {
	s := live()
	s.Conditions = []status.Condition{{Severity: status.Error, Message: "the disk fails"}}
	require.Equal(t, AirDegraded, airOfBox(s))
	require.Equal(t, "on", senseOf(LiveLamp, s, Sign{}, "", noon))
	require.Equal(t, "error", senseOf(StatusLamp, s, Sign{}, "", noon))
	s = offAir()
	s.Conditions = []status.Condition{{Severity: status.Error, Message: "the disk fails"}}
	require.Equal(t, "dark", senseOf(LiveLamp, s, Sign{}, "", noon), "nothing is on its way to the air")
	require.Equal(t, "error", senseOf(StatusLamp, s, Sign{}, "", noon))
}

// Who presses Back three times in a row, as fast as he can, is three steps back.
func TestQuickStepsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, panel.Size{Columns: 20, Rows: 4})
		defer r.end()
		r.onTheAir()
		rest(time.Second)
		r.keys.press(panel.OK, time.Second)
		r.choose(t, "System", "Reboot")
		require.Contains(t, r.screen.line(0), "Reboot")
		for _, title := range []string{"System", "Menu", "ON AIR"} {
			r.keys.press(panel.Back, 60*time.Millisecond)
			rest(60 * time.Millisecond)
			require.Contains(t, r.screen.line(0), title)
		}
	})
}
