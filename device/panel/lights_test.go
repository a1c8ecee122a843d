package panel

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/board/panel"
	"github.com/encoderbox/encoderbox/device/status"
)

func TestPatternsMeanWhatTheySay(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		text  string
		since time.Duration
		want  Colour
		next  time.Duration
	}{
		{"green", 7 * time.Second, Colour{Green: 1}, 0},
		{"green*0.4", 0, Colour{Green: 0.4}, 0},
		{"red/250ms off/250ms", 0, Colour{Red: 1}, 250 * ms},
		{"red/250ms off/250ms", 250 * ms, Colour{}, 500 * ms},
		{"red/250ms off/250ms", 500*ms - 1, Colour{}, 500 * ms},
		{"red/250ms off/250ms", 3600 * time.Second, Colour{Red: 1}, 3600*time.Second + 250*ms},
		{"~blue/1s ~off/1s", 0, Colour{Blue: 0.04}, 40 * ms},
		{"~blue/1s ~off/1s", 480 * ms, Colour{Blue: 0.52}, 520 * ms},
		{"~blue/1s ~off/1s", 960 * ms, Colour{Blue: 1}, 1000 * ms},
		{"~blue/1s ~off/1s", 1480 * ms, Colour{Blue: 0.48}, 1520 * ms},
	} {
		p, err := ParsePattern(c.text)
		require.NoError(t, err)
		got, next := p.At(c.since)
		require.InDelta(t, c.want.Red, got.Red, 1e-9, "%s at %v", c.text, c.since)
		require.InDelta(t, c.want.Green, got.Green, 1e-9, "%s at %v", c.text, c.since)
		require.InDelta(t, c.want.Blue, got.Blue, 1e-9, "%s at %v", c.text, c.since)
		require.Equal(t, c.next, next, "%s at %v", c.text, c.since)
	}
	for _, bad := range []string{"", "pink", "red/1ms off/1s", "red off/1s", "red/1h", "red*2", "red*x/1s", "~red", "red/", "red*NaN"} {
		_, err := ParsePattern(bad)
		require.Error(t, err, bad)
	}
}

// FuzzPattern: what is taken can be played for ever.
func FuzzPattern(f *testing.F) {
	for _, s := range Senses() {
		f.Add(s.Pattern, int64(1234))
	}
	f.Fuzz(func(t *testing.T, text string, since int64) {
		p, err := ParsePattern(text)
		if err != nil || since < 0 || since > int64(365*24*time.Hour) {
			return
		}
		c, next := p.At(time.Duration(since))
		if next != 0 && next <= time.Duration(since) {
			t.Errorf("%q at %d: the next change is at %d", text, since, next)
		}
		if b := c.brightness(); !(b >= 0 && b <= 1) {
			t.Errorf("%q at %d: brightness %v", text, since, b)
		}
	})
}

func TestWhichStateWins(t *testing.T) {
	failing := live()
	failing.Streams[0].Conditions[0].Severity = status.Error
	good := live()
	good.Streams[0].Conditions, good.Streams[0].Destinations = nil, good.Streams[0].Destinations[2:]
	quiet := *good
	quiet.Streams = []status.Stream{good.Streams[0]}
	quiet.Streams[0].Recording = nil
	alone := offAir()
	alone.Streams[0].Recording = live().Streams[0].Recording
	connecting := offAir()
	connecting.Streams[0].OffAir = ""
	connecting.Streams[0].Destinations[0].State = status.Connecting
	dead := offAir()
	dead.Streams[0].OffAir = ""
	dead.Streams[0].Destinations[0].State = status.Failed
	for _, c := range []struct {
		name                               string
		s                                  *status.Snapshot
		sign                               Sign
		status, live, record, tally, alarm string
	}{
		{"nothing runs yet", &status.Snapshot{}, Sign{}, "starting", "dark", "dark", "dark", "dark"},
		{"ready", offAir(), Sign{}, "idle", "dark", "dark", "dark", "dark"},
		{"connecting", connecting, Sign{}, "connecting", "coming", "dark", "preview", "dark"},
		{"on the air", &quiet, Sign{}, "live", "on", "dark", "program", "dark"},
		{"and recording", good, Sign{}, "live+record", "on", "on", "program", "dark"},
		{"recording alone", alone, Sign{}, "record", "dark", "on", "dark", "dark"},
		{"a destination of two is lost", live(), Sign{}, "degraded", "on", "on", "program", "warning"},
		{"an error while on the air", failing, Sign{}, "error", "on", "on", "program", "error"},
		{"the only destination failed", dead, Sign{}, "error", "coming", "dark", "dark", "error"},
		{"an update", failing, Sign{Update: &Update{}}, "updating", "on", "on", "program", "error"},
		{"identify", failing, Sign{Update: &Update{}, Identify: noon.Add(1)}, "identify", "identify", "identify", "identify", "identify"},
		{"identify is over", offAir(), Sign{Identify: noon}, "idle", "dark", "dark", "dark", "dark"},
		{"tally is told", &quiet, Sign{Tally: Preview}, "live", "on", "dark", "preview", "dark"},
		{"tally is told to be dark", &quiet, Sign{Tally: Dark}, "live", "on", "dark", "dark", "dark"},
	} {
		for lamp, want := range map[string]string{StatusLamp: c.status, LiveLamp: c.live, RecordLamp: c.record, TallyLamp: c.tally, AlarmLamp: c.alarm} {
			require.Equal(t, want, senseOf(lamp, c.s, c.sign, "", noon), "%s: lamp %s", c.name, lamp)
		}
	}
	require.Equal(t, "preview", senseOf(TallyLamp, live(), Sign{}, "backup-srt", noon), "the tally of a destination")
	require.Error(t, NewSigns().SetTally("green"))
}

func TestALampShowsWhatItCan(t *testing.T) {
	amber := colours()["amber"]
	for _, c := range []struct {
		lights string
		colour Colour
		want   map[string]float64
	}{
		{"live", amber, map[string]float64{"live": 1}},
		{"status:red status:green status:blue", amber, map[string]float64{"status:red": 1, "status:green": 0.4, "status:blue": 0}},
		{"status:red status:green", colours()["blue"], map[string]float64{"status:red": 1, "status:green": 1}},
		{"tally:red", Colour{Green: 0.4}, map[string]float64{"tally:red": 0.4}},
		{"power:white", Colour{Red: 1}, map[string]float64{"power:white": 1}},
		{"status:red status:green", Colour{}, map[string]float64{"status:red": 0, "status:green": 0}},
	} {
		require.Equal(t, c.want, levels(strings.Fields(c.lights), c.colour), c.lights)
	}
}

// lamp keeps what was set.
type lamp struct {
	mu   sync.Mutex // guards the fields below
	sets []float64
	fail error
	off  bool
}

func (l *lamp) Set(b float64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sets = append(l.sets, b)
	return l.fail
}

func (l *lamp) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.off = true
	return nil
}

// taken are what was set since the last call.
func (l *lamp) taken() []float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	sets := l.sets
	l.sets = nil
	return sets
}

func TestALampAloneSaysAll(t *testing.T) {
	one := newPlayer(map[string]panel.Light{"live:red": &lamp{}, "live:green": &lamp{}}, nil, noon)
	two := newPlayer(map[string]panel.Light{LiveLamp: &lamp{}, AlarmLamp: &lamp{}}, nil, noon)
	require.Equal(t, StatusLamp, one.says(LiveLamp))
	require.Equal(t, LiveLamp, two.says(LiveLamp))
}

func TestLightsAreSetOnlyOnChangeAndKeepTime(t *testing.T) {
	all, err := patterns()
	require.NoError(t, err)
	red, green := &lamp{}, &lamp{}
	p := newPlayer(map[string]panel.Light{"status:red": red, "status:green": green}, all, noon)
	p.senses[StatusLamp] = "error"
	now := noon
	for range 20 {
		next, err := p.play(now)
		require.NoError(t, err)
		now = next.Add(3 * time.Millisecond) // each wait ends late
	}
	require.Equal(t, noon.Add(19*250*time.Millisecond+3*time.Millisecond), now.Add(-250*time.Millisecond), "waits that end late add up to nothing")
	require.Len(t, red.sets, 20)
	require.Len(t, green.sets, 1)
	p.senses[StatusLamp] = "live"
	next, err := p.play(now)
	require.NoError(t, err)
	require.Zero(t, next)
	green.fail = errors.New("gone")
	p.senses[StatusLamp] = "idle"
	_, err = p.play(noon.Add(2 * time.Second))
	require.ErrorContains(t, err, "status:green")
	require.NoError(t, p.close())
	require.True(t, red.off && green.off)
}

// TestPatternTableInTheDocument holds docs/panel.md's table against Senses.
func TestPatternTableInTheDocument(t *testing.T) {
	const file, begin, end = "../../docs/panel.md", "<!-- patterns: made by go test ./device/panel -update -->\n", "<!-- end of patterns -->"
	doc, err := os.ReadFile(file)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(doc), begin)
	_, after, ok2 := strings.Cut(rest, end)
	require.True(t, ok && ok2, "the marks of the table are missing")
	var b strings.Builder
	b.WriteString("| | means | pattern |\n|---|---|---|\n")
	for _, s := range Senses() {
		b.WriteString("| " + s.Name + " | " + s.Means + " | `" + s.Pattern + "` |\n")
	}
	compare(t, file, []byte(before+begin+b.String()+end+after))
}
