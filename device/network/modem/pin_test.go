package modem

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/encoderbox/encoderbox/device/config"
)

func TestASIMWithAPIN(t *testing.T) {
	r := newRig(t)
	c := good()
	c.pin = "0420"
	m := r.fake.plug(c)
	r.want(internet())
	require.Contains(t, r.problem(conditionPIN), `the SIM asks for its PIN: tell it by "network modem pin wwan0 PIN"`)
	r.want(withPIN("0420"))
	r.connected()
	require.Equal(t, []string{"0420"}, m.sent())

	// The right PIN is sent whenever the SIM asks.
	m.pull()
	m = r.fake.plug(c)
	require.Eventually(t, func() bool { return len(m.dialled()) == 1 }, atMost, time.Millisecond)
	r.connected()
	require.Equal(t, []string{"0420"}, m.sent())
}

func TestAWrongPINIsTriedOnce(t *testing.T) {
	r := newRig(t)
	c := good()
	c.pin = "0420"
	m := r.fake.plug(c)
	r.want(withPIN("1111"))
	message := r.problem(conditionPIN)
	require.Contains(t, message, `the SIM refused this PIN`)
	require.NotContains(t, message, "1111")

	look := func(m *fakeModem) { // several more looks at the modem
		for range 5 {
			r.fake.mu.Lock()
			r.fake.set(m.path, modemIface, map[string]any{"UnlockRequired": uint32(lockPIN)})
			r.fake.mu.Unlock()
			time.Sleep(5 * time.Millisecond)
		}
		r.problem(conditionPIN)
		require.Len(t, m.sent(), 1)
	}
	look(m)
	r.restart()
	r.want(withPIN("1111"))
	look(m)
	doc, err := os.ReadFile(filepath.Join(r.state, ledgerFile))
	require.NoError(t, err)
	require.NotContains(t, string(doc), "1111")

	// Plugged out and in, and with a number of the SIM that is not to be read while it is locked.
	m.pull()
	c.left, c.sim = 2, "8949001"
	m = r.fake.plug(c)
	r.problem(conditionPIN)
	require.Empty(t, m.sent())

	// Another PIN is tried; the last try is left to people.
	r.want(withPIN("2222"))
	require.Eventually(t, func() bool { return len(m.sent()) == 1 }, atMost, time.Millisecond)
	r.want(withPIN("3333"))
	r.until("the last try", func(r Report) bool { return r.Problem != nil && strings.Contains(r.Problem.Message, "1 tries left") })
	require.Equal(t, []string{"2222"}, m.sent())
}

func TestTheRightPINAfterAWrongOne(t *testing.T) {
	r := newRig(t)
	c := good()
	c.pin = "0420"
	m := r.fake.plug(c)
	r.want(withPIN("1111"))
	r.problem(conditionPIN)
	r.want(withPIN("0420"))
	r.connected()
	require.Equal(t, []string{"1111", "0420"}, m.sent())
}

// Another error than that of a wrong PIN does not say that the try was not counted.
func TestAPINOfUnknownFateIsNotTriedAgain(t *testing.T) {
	r := newRig(t)
	c := good()
	c.pin = "0420"
	m := r.fake.plug(c)
	m.mu.Lock()
	m.mangled = core("Failed", "timed out")
	m.mu.Unlock()
	r.want(withPIN("1111"))
	r.problem(conditionPIN)
	m.mu.Lock()
	m.set(m.path, modemIface, map[string]any{"UnlockRetries": map[uint32]uint32{2: 2, 4: 10}})
	m.mu.Unlock()
	r.restart()
	r.want(withPIN("1111"))
	r.problem(conditionPIN)
	require.Len(t, m.sent(), 1)
}

// The box that lost its power between the PIN and the word that it was right comes up again.
func TestAPowerCutWhileTheRightPINIsTried(t *testing.T) {
	r := newRig(t)
	c := good()
	c.pin = "0420"
	require.NoError(t, r.memory.begin(try{sim: c.sim, left: 3, told: true}, config.NewSecret("0420")))
	r.restart()
	m := r.fake.plug(c)
	r.want(withPIN("0420"))
	r.connected()
	require.Equal(t, []string{"0420"}, m.sent())
}

func TestABusySIMIsAskedAgain(t *testing.T) {
	r := newRig(t)
	c := good()
	c.pin = "0420"
	m := r.fake.plug(c)
	m.mu.Lock()
	m.mangled = mobile("SimBusy", "SIM busy")
	m.mu.Unlock()
	r.want(withPIN("0420"))
	require.Contains(t, r.problem(conditionPIN), "cannot be given its PIN (SIM busy): it is tried again")
	m.mu.Lock()
	m.mangled = nil
	m.mu.Unlock()
	r.connected()
}

func TestAPINThatCannotBeRememberedIsNotTried(t *testing.T) {
	r := newRig(t)
	file := filepath.Join(r.state, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	r.state = filepath.Join(file, "state")
	c := good()
	c.pin = "0420"
	m := r.fake.plug(c)
	r.want(withPIN("0420"))
	require.Contains(t, r.problem(conditionPIN), "not tried, since it cannot be written down")
	require.Empty(t, m.sent())
}

func TestALockedSIM(t *testing.T) {
	r := newRig(t)
	c := good()
	c.pin = "0420"
	m := r.fake.plug(c)
	m.mu.Lock()
	m.set(m.path, modemIface, map[string]any{"UnlockRequired": uint32(lockPUK)})
	m.mu.Unlock()
	r.want(withPIN("0420"))
	require.Contains(t, r.problem(conditionPIN), "enter its PUK there")
	require.Empty(t, m.sent())
}
