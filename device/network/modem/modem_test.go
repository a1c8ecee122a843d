package modem

import (
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/device/config"
)

const atMost = 10 * time.Second // for what must happen

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a ModemManager of the test's own, and Modems that use it.
type rig struct {
	t     *testing.T
	fake  *fakeManager
	state string
	*Modems
	end func()
}

func quick() Pace {
	return Pace{First: time.Millisecond, Most: 20 * time.Millisecond, Look: 5 * time.Second, Grace: time.Millisecond, Settle: time.Millisecond}
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, state: t.TempDir()}
	r.fake = newFake(t, newBus(t))
	r.begin()
	t.Cleanup(func() { r.end() })
	return r
}

// begin runs Modems, as a daemon's start does.
func (r *rig) begin() {
	r.Modems = New(Options{
		Log:   slog.New(slog.NewTextHandler(r.t.Output(), nil)),
		Open:  func(ctx context.Context) (*dbus.Conn, error) { return dbus.Connect(r.fake.addr, dbus.WithContext(ctx)) },
		State: func() (string, error) { return r.state, nil }, Pace: quick(),
	})
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { r.Run(ctx) })
	r.end = sync.OnceFunc(func() { cancel(); work.Wait() })
}

func (r *rig) restart() { r.end(); r.begin() }

func internet() Settings { return Settings{APN: "internet"} }

func withPIN(pin string) Settings { return Settings{APN: "internet", PIN: config.NewSecret(pin)} }

func (r *rig) want(s Settings) { r.Set(map[string]Settings{"wwan0": s}) }

// until waits for a report, and returns it.
func (r *rig) until(what string, holds func(Report) bool) (got Report) {
	r.t.Helper()
	for end := time.Now().Add(atMost); time.Now().Before(end); time.Sleep(time.Millisecond) {
		var ok bool
		if got, ok = r.Reports()["wwan0"]; ok && holds(got) {
			return got
		}
	}
	require.Fail(r.t, "not "+what, "modem %+v, problem %+v", got.Modem, got.Problem)
	return got
}

func (r *rig) connected() Report {
	r.t.Helper()
	return r.until("connected", func(r Report) bool { return r.Bearer != nil && r.Problem == nil })
}

func (r *rig) problem(code string) string {
	r.t.Helper()
	got := r.until(code, func(r Report) bool { return r.Problem != nil && r.Problem.Code == code })
	require.Nil(r.t, got.Bearer)
	require.Contains(r.t, Codes(), code)
	return got.Problem.Message
}

func TestAModemIsConnected(t *testing.T) {
	r := newRig(t)
	m := r.fake.plug(good())
	r.want(Settings{APN: "internet", User: "user", Password: config.NewSecret("geheim")})
	got := r.connected()
	require.Equal(t, "wwan0", got.Bearer.Interface)
	require.Equal(t, IP{
		Static, netip.MustParsePrefix("10.64.3.2/30"), netip.MustParseAddr("10.64.3.1"),
		[]netip.Addr{netip.MustParseAddr("10.64.0.1"), netip.MustParseAddr("10.64.0.2")}, 1430,
	}, got.Bearer.V4)
	require.Equal(t, netip.MustParsePrefix("2001:db8:7::2/64"), got.Bearer.V6.Address)
	require.Equal(t, "wwan0", got.Interface)
	require.Equal(t, "Quectel EM05-G", got.Modem.Model)
	require.Equal(t, "connected", got.Modem.State)
	require.Equal(t, "Telefunk", got.Modem.Operator)
	require.Equal(t, "5G", got.Modem.Technology)
	require.Equal(t, 71, got.Modem.Signal)
	require.Len(t, m.dialled(), 1)
	p := m.dialled()[0]
	require.Equal(t, "internet", as[string](p, "apn"))
	require.Equal(t, "user", as[string](p, "user"))
	require.Equal(t, "geheim", as[string](p, "password"))
	require.EqualValues(t, 4, as[uint32](p, "ip-type"))
	require.False(t, as[bool](p, "allow-roaming"))
	require.NotContains(t, p, "pin", "the SIM's PIN goes by its own call, whose tries are counted")
}

func TestTheOnlyModemIsTheFirstOne(t *testing.T) {
	r := newRig(t)
	c := good()
	c.port = "wwp0s20u6"
	r.fake.plug(c)
	r.want(internet())
	require.Equal(t, "wwp0s20u6", r.connected().Bearer.Interface)
}

// The modem of another interface is not taken for one that was pulled out.
func TestTwoModems(t *testing.T) {
	r := newRig(t)
	c := good()
	c.port = "wwan1"
	other := r.fake.plug(c)
	r.Set(map[string]Settings{"wwan0": internet(), "wwan1": internet()})
	require.Contains(t, r.problem(conditionMissing), "ModemManager knows only wwan1; plug it in, or remove network.interfaces.wwan0.apn")
	first := r.fake.plug(good())
	r.connected()
	require.Len(t, other.dialled(), 1)
	require.Len(t, first.dialled(), 1)
}

func TestNoSIM(t *testing.T) {
	r := newRig(t)
	c := good()
	c.sim = ""
	m := r.fake.plug(c)
	r.want(internet())
	require.Contains(t, r.problem(conditionSIM), "there is no SIM in the modem: put one in")
	m.pull() // as ModemManager does when it sees that one was put in
	r.fake.plug(good())
	r.connected()
}

func TestRoaming(t *testing.T) {
	r := newRig(t)
	c := good()
	c.network = 5
	m := r.fake.plug(c)
	r.want(internet())
	require.Contains(t, r.problem(conditionRegistration), "only Telefunk is in reach, where roaming would cost: allow it by network.interfaces.wwan0.roaming")
	require.Empty(t, m.dialled())
	r.want(Settings{APN: "internet", Roaming: true})
	require.True(t, r.connected().Modem.Roaming)
}

func TestNoNetwork(t *testing.T) {
	r := newRig(t)
	c := good()
	c.network = 2
	m := r.fake.plug(c)
	r.want(internet())
	require.Contains(t, r.problem(conditionRegistration), "check the antenna and its place; the signal is 71 %")
	m.mu.Lock()
	m.register(3)
	m.mu.Unlock()
	r.until("denied", func(r Report) bool {
		return r.Problem != nil && strings.Contains(r.Problem.Message, "the network refuses the SIM")
	})
	m.mu.Lock()
	m.register(1)
	m.mu.Unlock()
	r.connected()
}

func TestAnAPNThatIsRefused(t *testing.T) {
	r := newRig(t)
	m := r.fake.plug(good())
	r.want(Settings{APN: "intrenet"})
	require.Contains(t, r.problem(conditionConnect), "the network refuses the connection: Service option not subscribed; check network.interfaces.wwan0.apn (intrenet)")
	require.Eventually(t, func() bool { return len(m.dialled()) > 2 }, atMost, time.Millisecond, "it is tried again")
	r.want(internet())
	r.connected()
}

func TestANetworkWithoutIPv6(t *testing.T) {
	r := newRig(t)
	c := good()
	c.only4 = true
	r.fake.plug(c)
	r.want(internet())
	b := r.connected().Bearer
	require.Equal(t, Static, b.V4.Method)
	require.Equal(t, None, b.V6.Method)
}

func TestAModemThatSpeaksPPP(t *testing.T) {
	r := newRig(t)
	c := good()
	c.ip4, c.ip6 = map[string]any{"method": uint32(1)}, map[string]any{"method": uint32(0)}
	r.fake.plug(c)
	r.want(internet())
	require.Contains(t, r.problem(conditionConnect), "have it work as QMI, MBIM or Ethernet")
}

func TestAConnectionThatEndsIsMadeAgain(t *testing.T) {
	r := newRig(t)
	m := r.fake.plug(good())
	r.want(internet())
	r.connected()
	m.drop()
	require.Eventually(t, func() bool { return len(m.dialled()) == 2 }, atMost, time.Millisecond)
	r.connected()
}

func TestAModemThatIsPulledAndComesBack(t *testing.T) {
	r := newRig(t)
	m := r.fake.plug(good())
	r.want(internet())
	r.connected()
	m.pull()
	require.Contains(t, r.problem(conditionMissing), "ModemManager knows no modem; plug it in")
	m = r.fake.plug(good())
	r.connected()
	require.Len(t, m.dialled(), 1)
}

func TestModemManagerGoesAndComesBack(t *testing.T) {
	r := newRig(t)
	r.fake.plug(good())
	r.want(internet())
	r.connected()
	r.fake.stop()
	require.Contains(t, r.problem(conditionMissing), "ModemManager, which drives modems, does not answer")
	r.fake.start()
	r.fake.plug(good())
	r.connected()
}

// The daemon leaves the connection when it ends, and takes it when it comes back.
func TestTheDaemonIsRestarted(t *testing.T) {
	r := newRig(t)
	m := r.fake.plug(good())
	r.want(internet())
	before := r.connected()
	r.restart()
	require.Equal(t, isConnected, m.state())
	r.want(internet())
	require.Equal(t, before, r.connected())
	require.Len(t, m.dialled(), 1)
}

func TestOtherSettingsConnectAnew(t *testing.T) {
	r := newRig(t)
	m := r.fake.plug(good())
	r.want(internet())
	r.connected()
	r.want(withPIN("1234"))
	r.Set(map[string]Settings{"wwan0": {APN: "internet", User: "u", Password: config.NewSecret("geheim")}})
	require.Eventually(t, func() bool { return len(m.dialled()) == 2 }, atMost, time.Millisecond)
	r.connected()
	require.Equal(t, "geheim", as[string](m.dialled()[1], "password"), "the PIN alone ends no connection")
}

func TestAModemThatIsConfiguredNoMore(t *testing.T) {
	r := newRig(t)
	m := r.fake.plug(good())
	r.want(internet())
	r.connected()
	r.Set(nil)
	require.Eventually(t, func() bool { return m.state() == registered && len(r.Reports()) == 0 }, atMost, time.Millisecond)
	r.want(internet())
	r.connected()
}

func TestWithoutABus(t *testing.T) {
	r := newRig(t)
	r.fake.addr = "unix:path=" + filepath.Join(t.TempDir(), "none")
	r.want(internet())
	require.Contains(t, r.problem(conditionMissing), "ModemManager, which drives modems, does not answer")
}

func TestWhatIsNoAddressIsLeftOut(t *testing.T) {
	hostile := variants(map[string]any{"method": uint32(2), "address": "10.0.0.2\n[Route]", "prefix": uint32(24), "gateway": "::1", "dns1": "fe80::1%eth0"})
	require.Equal(t, IP{}, ipOf(hostile, false), "static without an address")
	require.False(t, (&Bearer{Interface: "wwan0\nx", V4: IP{Method: DHCP}}).usable())
	six := ipOf(variants(map[string]any{"method": uint32(3), "address": "fe80::2", "mtu": "many"}), true)
	require.Equal(t, IP{Method: DHCP, Address: netip.MustParsePrefix("fe80::2/64")}, six)
}
