package modem

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/require"
)

// aBus is a D-Bus without restrictions.
const aBus = `<busconfig><type>session</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/></policy></busconfig>`

// newBus starts a D-Bus of the test's own, and returns its address.
func newBus(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	socket, conf := filepath.Join(folder, "bus"), filepath.Join(folder, "bus.conf")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, aBus, socket), 0o600))
	cmd := exec.Command("dbus-daemon", "--config-file="+conf, "--nofork", "--nopidfile")
	cmd.Stderr = t.Output()
	require.NoError(t, cmd.Start(), "dbus-daemon (Debian package dbus-daemon) stands for the system's bus")
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	require.Eventually(t, func() bool { _, err := os.Stat(socket); return err == nil }, atMost, 5*time.Millisecond)
	return "unix:path=" + socket
}

// fakeManager is a ModemManager by its description: objects, properties and signals as the
// API reference (1.20) has them. Modems are objects of its object manager, SIMs and bearers
// are not.
type fakeManager struct {
	t    *testing.T
	addr string

	mu      sync.Mutex
	conn    *dbus.Conn
	objects map[dbus.ObjectPath]map[string]map[string]any // properties by interface
	count   int                                           // of modems so far: a path is not used twice
	bearers int
}

func newFake(t *testing.T, addr string) *fakeManager {
	f := &fakeManager{t: t, addr: addr, objects: map[dbus.ObjectPath]map[string]map[string]any{}}
	f.start()
	t.Cleanup(f.stop)
	return f
}

// start puts it on the bus, without a modem.
func (f *fakeManager) start() {
	conn, err := dbus.Connect(f.addr)
	require.NoError(f.t, err)
	f.mu.Lock()
	f.conn, f.count, f.bearers = conn, 0, 0
	f.mu.Unlock()
	require.NoError(f.t, conn.Export(manager{f}, root, "org.freedesktop.DBus.ObjectManager"))
	reply, err := conn.RequestName(service, dbus.NameFlagDoNotQueue)
	require.NoError(f.t, err)
	require.Equal(f.t, dbus.RequestNameReplyPrimaryOwner, reply)
}

// stop takes it off the bus, with all that it knew.
func (f *fakeManager) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn != nil {
		f.conn.Close()
	}
	f.conn = nil
	clear(f.objects)
}

func variants(v map[string]any) map[string]dbus.Variant {
	all := map[string]dbus.Variant{}
	for key, value := range v {
		all[key] = dbus.MakeVariant(value)
	}
	return all
}

// manager is the object manager.
type manager struct{ *fakeManager }

func (m manager) GetManagedObjects() (map[dbus.ObjectPath]map[string]map[string]dbus.Variant, *dbus.Error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[dbus.ObjectPath]map[string]map[string]dbus.Variant{}
	for path, interfaces := range m.objects {
		if strings.HasPrefix(string(path), string(root)+"/Modem/") {
			all[path] = map[string]map[string]dbus.Variant{}
			for name, v := range interfaces {
				all[path][name] = variants(v)
			}
		}
	}
	return all, nil
}

// reader are an object's properties.
type reader struct {
	*fakeManager
	path dbus.ObjectPath
}

func (r reader) GetAll(iface string) (map[string]dbus.Variant, *dbus.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.objects[r.path][iface]
	if !ok {
		return nil, dbus.NewError("org.freedesktop.DBus.Error.InvalidArgs", []any{"No such interface"})
	}
	return variants(v), nil
}

// add adds an object with its properties; the caller holds mu.
func (f *fakeManager) add(path dbus.ObjectPath, interfaces map[string]map[string]any) {
	f.objects[path] = interfaces
	if err := f.conn.Export(reader{f, path}, path, "org.freedesktop.DBus.Properties"); err != nil {
		f.t.Error(err)
	}
}

// set changes properties and says so; the caller holds mu.
func (f *fakeManager) set(path dbus.ObjectPath, iface string, v map[string]any) {
	maps.Copy(f.objects[path][iface], v)
	f.emit(path, "org.freedesktop.DBus.Properties.PropertiesChanged", iface, variants(v), []string{})
}

func (f *fakeManager) emit(path dbus.ObjectPath, name string, values ...any) {
	if err := f.conn.Emit(path, name, values...); err != nil {
		f.t.Error(err)
	}
}

// chip is what a fake modem is like.
type chip struct {
	port    string
	sim     string // its number; "": there is no SIM
	pin     string // "": it asks for none
	left    uint32 // tries of the PIN
	network uint32 // its registration once it is enabled
	apn     string // the one that is accepted
	only4   bool   // the network gives no IPv6
	ip4     map[string]any
	ip6     map[string]any
}

func good() chip {
	return chip{
		port: "wwan0", sim: "8949001", left: 3, network: 1, apn: "internet",
		ip4: map[string]any{"method": uint32(2), "address": "10.64.3.2", "prefix": uint32(30), "gateway": "10.64.3.1", "dns1": "10.64.0.1", "dns2": "10.64.0.2", "mtu": uint32(1430)},
		ip6: map[string]any{"method": uint32(2), "address": "2001:db8:7::2", "prefix": uint32(64), "gateway": "2001:db8:7::1", "dns1": "2001:db8::53"},
	}
}

// fakeModem is a modem of the fake.
type fakeModem struct {
	*fakeManager
	chip
	path, simPath dbus.ObjectPath

	pins     []string                  // that were sent
	connects []map[string]dbus.Variant // that were asked for
	mangled  *dbus.Error               // what SendPin answers instead of the truth
}

// plug has a modem come.
func (f *fakeManager) plug(c chip) *fakeModem {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := &fakeModem{fakeManager: f, chip: c, simPath: noObject, path: root + dbus.ObjectPath(fmt.Sprintf("/Modem/%d", f.count))}
	type port struct {
		Name string
		Type uint32
	}
	type quality struct {
		Percent uint32
		Recent  bool
	}
	v := map[string]any{
		"Manufacturer": "Quectel", "Model": "EM05-G", "State": int32(3), "StateFailedReason": uint32(0), "UnlockRequired": uint32(1),
		"UnlockRetries": map[uint32]uint32{2: c.left, 4: 10}, "Ports": []port{{"cdc-wdm0", 6}, {c.port, 2}, {"ttyUSB2", 3}}, "PrimaryPort": "cdc-wdm0",
		"Bearers": []dbus.ObjectPath{}, "AccessTechnologies": uint32(0), "SignalQuality": quality{71, true}, "Sim": noObject,
	}
	interfaces := map[string]map[string]any{modemIface: v}
	if c.sim == "" {
		v["State"], v["StateFailedReason"] = int32(-1), uint32(2)
	} else {
		m.simPath = root + dbus.ObjectPath(fmt.Sprintf("/SIM/%d", f.count))
		v["Sim"] = m.simPath
		f.add(m.simPath, map[string]map[string]any{simIface: {"SimIdentifier": c.sim, "Active": true}})
		require.NoError(f.t, f.conn.Export(fakeSIM{m}, m.simPath, simIface))
		if c.pin == "" {
			interfaces[gsmIface], interfaces[simpleIface] = gsm(), map[string]any{}
		} else {
			v["State"], v["UnlockRequired"] = int32(locked), uint32(lockPIN)
		}
	}
	f.count++
	f.add(m.path, interfaces)
	require.NoError(f.t, f.conn.Export(fakeCalls{m}, m.path, modemIface))
	require.NoError(f.t, f.conn.Export(fakeSimple{m}, m.path, simpleIface))
	all := map[string]map[string]dbus.Variant{}
	for name, p := range interfaces {
		all[name] = variants(p)
	}
	f.emit(root, "org.freedesktop.DBus.ObjectManager.InterfacesAdded", m.path, all)
	return m
}

func gsm() map[string]any {
	return map[string]any{"RegistrationState": uint32(0), "OperatorName": "", "OperatorCode": ""}
}

// pull has the modem go, as a USB reset does.
func (m *fakeModem) pull() {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, m.path)
	delete(m.objects, m.simPath)
	m.emit(root, "org.freedesktop.DBus.ObjectManager.InterfacesRemoved", m.path, []string{modemIface, gsmIface, simpleIface})
}

// register has the modem in the network, or not, as it answers; the caller holds mu.
func (m *fakeModem) register(network uint32) {
	m.network = network
	v := map[string]any{"RegistrationState": network, "OperatorName": "", "OperatorCode": ""}
	s, technology := int32(searching), uint32(0)
	if network == 1 || network == 5 {
		s, technology = int32(registered), 1<<14|1<<15
		v["OperatorName"], v["OperatorCode"] = "Telefunk", "26201"
	}
	m.set(m.path, gsmIface, v)
	m.set(m.path, modemIface, map[string]any{"State": s, "AccessTechnologies": technology})
}

// drop ends the connection, as a network does.
func (m *fakeModem) drop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, path := range m.objects[m.path][modemIface]["Bearers"].([]dbus.ObjectPath) {
		m.set(path, bearerIface, map[string]any{"Connected": false, "Interface": ""})
	}
	m.set(m.path, modemIface, map[string]any{"State": int32(registered)})
}

func (m *fakeModem) state() state {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, _ := m.objects[m.path][modemIface]["State"].(int32)
	return state(s)
}

func (m *fakeModem) sent() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string{}, m.pins...)
}

func (m *fakeModem) dialled() []map[string]dbus.Variant {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]map[string]dbus.Variant{}, m.connects...)
}

func mobile(name, text string) *dbus.Error {
	return dbus.NewError(errorPrefix+"MobileEquipment."+name, []any{text})
}

func core(name, text string) *dbus.Error { return dbus.NewError(errorPrefix+"Core."+name, []any{text}) }

// fakeSIM is the SIM's own interface.
type fakeSIM struct{ m *fakeModem }

func (s fakeSIM) SendPin(pin string) *dbus.Error {
	m := s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pins = append(m.pins, pin)
	if m.mangled != nil {
		return m.mangled
	}
	if pin != m.pin {
		if m.left--; m.left == 0 {
			m.set(m.path, modemIface, map[string]any{"UnlockRequired": uint32(lockPUK), "UnlockRetries": map[uint32]uint32{4: 10}})
			return mobile("SimPuk", "SIM PUK required")
		}
		m.set(m.path, modemIface, map[string]any{"UnlockRetries": map[uint32]uint32{2: m.left, 4: 10}})
		return mobile("IncorrectPassword", "Incorrect password")
	}
	m.left = 3
	m.objects[m.path][gsmIface], m.objects[m.path][simpleIface] = gsm(), map[string]any{}
	m.emit(root, "org.freedesktop.DBus.ObjectManager.InterfacesAdded", m.path, map[string]map[string]dbus.Variant{gsmIface: variants(gsm()), simpleIface: {}})
	m.set(m.path, modemIface, map[string]any{"State": int32(disabled), "UnlockRequired": uint32(lockNone), "UnlockRetries": map[uint32]uint32{2: 3, 4: 10}})
	return nil
}

// fakeCalls are the methods of the modem's interface.
type fakeCalls struct{ m *fakeModem }

func (c fakeCalls) Enable(on bool) *dbus.Error {
	m := c.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.objects[m.path][modemIface]["State"].(int32); !on || s < int32(disabled) {
		return core("WrongState", "modem in failed or locked state")
	}
	m.set(m.path, modemIface, map[string]any{"State": int32(enabled)})
	m.register(m.network)
	return nil
}

// fakeSimple are the methods of the simple interface.
type fakeSimple struct{ m *fakeModem }

func (s fakeSimple) Connect(p map[string]dbus.Variant) (dbus.ObjectPath, *dbus.Error) {
	m := s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	m.connects = append(m.connects, p)
	v := p
	switch {
	case m.objects[m.path][simpleIface] == nil:
		return noObject, core("WrongState", "not unlocked")
	case m.network == 5 && !as[bool](v, "allow-roaming"):
		return noObject, core("Unauthorized", "Roaming not allowed")
	case as[string](v, "apn") != m.apn:
		return noObject, mobile("ServiceOptionNotSubscribed", "Service option not subscribed")
	case m.only4 && as[uint32](v, "ip-type") != 1:
		return noObject, mobile("Ipv4OnlyAllowed", "IPv4 only allowed")
	}
	path := root + dbus.ObjectPath(fmt.Sprintf("/Bearer/%d", m.bearers))
	m.bearers++
	given := map[string]any{}
	for key, value := range p {
		given[key] = value.Value()
	}
	ip6 := m.ip6
	if m.only4 {
		ip6 = map[string]any{"method": uint32(0)}
	}
	m.add(path, map[string]map[string]any{bearerIface: {
		"Connected": true, "Interface": m.port, "Ip4Config": variants(m.ip4), "Ip6Config": variants(ip6), "Properties": variants(given), "BearerType": uint32(1),
	}})
	m.set(m.path, modemIface, map[string]any{"Bearers": []dbus.ObjectPath{path}, "State": int32(isConnected)})
	return path, nil
}

func (s fakeSimple) Disconnect(path dbus.ObjectPath) *dbus.Error {
	if path != noObject {
		return core("NotFound", "Couldn't find bearer")
	}
	s.m.drop()
	return nil
}
